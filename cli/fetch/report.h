/* What is said of each URL: counted, printed, in the order of the list if that is wanted. */
#ifndef CLI_FETCH_REPORT_H
#define CLI_FETCH_REPORT_H

#include "line_writer.h"
#include "options.h"
#include "outcome.h"

enum { ORDER_MOST = 512 };

struct report {
    const struct fetch_options *options;
    struct line_writer *out;
    bool to_terminal; /* lines share it with the progress */

    thrum_lock lock; /* over what follows, and over what is printed */
    thrum_condition moved;
    uint64_t fetched, failed, unfinished;
    uint64_t cut_off; /* unfinished, but begun */
    bool broken;      /* nothing more can be printed */
    bool stopped;
    uint64_t turn; /* the number that is printed next */
    struct result *waiting[ORDER_MOST];
};

/* Returns 0 or -ENOMEM. */
int report_init(struct report *report, const struct fetch_options *options);

/* Counts and prints an outcome, and finishes the body, which may be NULL. Returns false if nothing more can be
 * printed. */
bool report_add(struct report *report, const struct job *job, const struct outcome *outcome,
                struct body *body);

/* Waits until a job of that number is not too far ahead of those that are still to be printed, or until
 * report_stop. */
void report_await_room(struct report *report, uint64_t number);

/* From now on nobody waits for room. */
void report_stop(struct report *report);

/* Prints what still waits for its turn, and ends. Returns the exit status: `status`, or what the output makes of
 * it. */
int report_finish(struct report *report, int status);

#endif
