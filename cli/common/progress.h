/* What is going on, on stderr: a bar on a terminal, now and then a line elsewhere. */
#ifndef CLI_COMMON_PROGRESS_H
#define CLI_COMMON_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <thrum.h>

enum progress_wish {
    PROGRESS_AUTO,   /* a bar on a terminal; elsewhere a line each ten seconds */
    PROGRESS_ALWAYS, /* the same, and elsewhere also a line at the end */
    PROGRESS_NEVER,
};

/* Finds out whether stderr is a terminal that can draw, and how wide. Before other threads start. */
void progress_open(enum progress_wish wish);

/* True if bars are drawn. */
bool progress_draws(void);

/* A step that has no count, such as calibrating. It stands until the next step; elsewhere than on a
 * terminal it is a line. */
void progress_step(const char *what);

/* Something that is counted begins. `noun` is what there are many of, in the plural. Both texts are
 * copied. Nothing is known yet of how many there will be. */
void progress_begin(const char *label, const char *noun);

/* How much there is, as far as is known; 0 for unknown. If bytes are given they, not the
 * number, decide how far the bar is. May grow as it goes on. */
void progress_expect(uint64_t total, uint64_t total_bytes);

/* So much is done. The first bar is drawn half a second after the begin, others at most ten times a
 * second. May go back, which is not shown. */
void progress_show(uint64_t done, uint64_t bytes);

/* When the next bar or line is due, and so the next progress_show: a deadline for a wait. Never, if
 * nothing is shown. */
thrum_deadline progress_due(void);

/* It has ended; the bar is taken away. */
void progress_end(void);

/* Takes away what is drawn, so that other text may be printed on the terminal. */
void progress_clear(void);

/* Prints the text on stderr in place of what is drawn. */
void progress_print(const char *text);

/* Seconds since progress_begin. */
double progress_seconds(void);

#endif
