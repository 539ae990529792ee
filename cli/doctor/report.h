/* The report on a look, as text and as JSON. */
#ifndef CLI_DOCTOR_REPORT_H
#define CLI_DOCTOR_REPORT_H

#include "doctor/look.h"

#include <stdio.h>

/* The exit status for a deadlock that has happened or can happen. */
enum { STATUS_DEADLOCK = 66 };

/* Marks in a text for styles; doctor_report_styled writes them. */
#define MARK_BOLD  "\1"
#define MARK_DIM   "\2"
#define MARK_RED   "\3"
#define MARK_GREEN "\4"
#define MARK_PLAIN "\5"

/* Writes a text with its styles, or without. Other control characters are replaced. */
void doctor_report_styled(const char *text, FILE *file, bool colours);

/* Adds a line for a frame. */
void doctor_report_frame(FILE *file, const struct frame *frames, int count, int index);

/* A clause about what a thread waits for or does: "waits to lock mutex a, held by thread 12
 * (main)". */
void doctor_report_wait(const struct process *process, const struct thread *thread, char *text,
                        size_t size);

/* The words between an object and its owner: ", held by". */
const char *doctor_report_held(const struct wait *wait);

/* "thread" or "fiber". */
const char *doctor_report_kind(const struct thread *thread);

/* The name of a frame's function, or of the function that was called to get there; never NULL. */
const char *doctor_report_function(const struct frame *frames, int count, int index);

/* Both return 0 or -ENOMEM. */
int doctor_report_text(const struct look *look, FILE *out, bool colours);
int doctor_report_json(const struct look *look, FILE *out, bool one_line);

/* The fibers alone that are likely leaked, as text. Returns 0 or -ENOMEM. */
int doctor_report_leaks(const struct look *look, FILE *file, bool colours);

#endif
