/* One program under exploration: its server, and a run of it. */
#ifndef CLI_EXPLORE_RUNNER_H
#define CLI_EXPLORE_RUNNER_H

#include "doctor/schedule/region.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct runner {
    struct schedule_region *region;
    int memory, channel, output, errors, null;
    pid_t server;
};

enum outcome_kind {
    OUTCOME_GOOD,
    OUTCOME_UNFINISHED, /* the limit of steps */
    OUTCOME_BLOCKED,    /* a call that is not controlled waits */
    OUTCOME_COMPUTES,   /* a thread computed for longer than it may without a call */
    OUTCOME_WAITS,      /* it waits for input or a signal from outside */
    OUTCOME_STOPPED,    /* by a signal to the command */
    /* The failures: */
    OUTCOME_DEADLOCK,
    OUTCOME_CRASH,
    OUTCOME_MISUSE,
    OUTCOME_EXIT,
    OUTCOME_CHECK,
    OUTCOME_RACE,
};

struct outcome {
    enum outcome_kind kind;
    int status; /* the exit status or the signal */
};

static inline bool outcome_fails(enum outcome_kind kind)
{
    return kind >= OUTCOME_DEADLOCK;
}

/* What is told, if runs end in several ways: a failure, or else that a thread computes or waits for something
 * outside; 0 is not told. */
static inline int outcome_worth(enum outcome_kind kind)
{
    return outcome_fails(kind) ? 2 : kind == OUTCOME_COMPUTES || kind == OUTCOME_WAITS;
}

/* One word for it: "deadlock". */
const char *outcome_name(enum outcome_kind kind);

/* Starts the server. `instrument`: the program is compiled with -fsanitize=thread, and the library takes the place of the
 * compiler's runtime. Returns 0, or a negative errno with the reason in `message`. */
int runner_open(struct runner *runner, char **words, bool instrument, char *message, size_t size);
void runner_close(struct runner *runner);

/* Called while the process of a run that has failed is stopped. */
struct runner_look {
    void (*look)(void *argument, pid_t pid);
    void *argument;
};

/* Runs the plan in runner->region once. `check` is a command line or NULL, `look` may be NULL.
 * Returns 0, or a negative errno with the reason in `message` if the server is gone. */
int runner_run(struct runner *runner, const char *check, const struct runner_look *look,
               struct outcome *ret_outcome, char *message, size_t size);

#endif
