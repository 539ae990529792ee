/* Progress on stderr: a bar on a terminal, now and then a line elsewhere. */
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

/* Checks whether stderr is a terminal that can draw. Call it before other threads start. */
void progress_open(enum progress_wish wish);

/* True if bars are drawn. */
bool progress_draws(void);

/* Shows a step without a count, such as calibrating. On a terminal it stays until the next step;
 * elsewhere it is a line. */
void progress_step(const char *what);

/* Begins something that is counted. `noun` is the plural of what is counted. Both texts are copied.
 * The total is unknown at first. */
void progress_begin(const char *label, const char *noun);

/* Sets the totals; 0 means unknown. If bytes are given, they and not the number give the length of
 * the bar. Totals may grow. */
void progress_expect(uint64_t total, uint64_t total_bytes);

/* Sets how much is done. The first bar is drawn half a second after the begin, others at most ten
 * times a second. A smaller number than before is ignored. */
void progress_show(uint64_t done, uint64_t bytes);

/* When the next bar or line, and so the next progress_show, is due: a deadline for a wait.
 * THRUM_FOREVER if nothing is shown. */
thrum_deadline progress_due(void);

/* Ends it and clears the bar. */
void progress_end(void);

/* Clears the bar, so other text may be printed on the terminal. */
void progress_clear(void);

/* Clears the bar and prints the text on stderr. */
void progress_print(const char *text);

/* Seconds since progress_begin. */
double progress_seconds(void);

#endif
