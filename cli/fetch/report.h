/* The reports of URLs: counts and prints outcomes, with --in-order in the order of the list. */
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
    bool broken;      /* the output has failed */
    bool stopped;
    uint64_t turn; /* the number of the next result to print */
    struct result *waiting[ORDER_MOST];
};

/* Returns 0 or -ENOMEM. */
int report_init(struct report *report, const struct fetch_options *options);

/* Counts and prints an outcome, and finishes the body, which may be NULL. Returns false if the
 * output has failed. */
bool report_add(struct report *report, const struct job *job, const struct outcome *outcome,
                struct body *body);

/* Waits until the job of that number is less than ORDER_MOST ahead of the next result, or until
 * report_stop. */
void report_await_room(struct report *report, uint64_t number);

/* Ends waits for room, now and later. */
void report_stop(struct report *report);

/* Prints the results that wait, and ends. Returns the exit status: `status`, or that of a failed
 * output. */
int report_finish(struct report *report, int status);

#endif
