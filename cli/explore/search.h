/* The search for a schedule that fails, and for a shorter one. */
#ifndef CLI_EXPLORE_SEARCH_H
#define CLI_EXPLORE_SEARCH_H

#include "options.h"
#include "runner.h"

#include <thrum.h>

enum { OUTCOME_KINDS = OUTCOME_RACE + 1 };

/* What a run is repeated by: a seed, or the choices that differ from the usual ones. */
struct recipe {
    bool by_list;
    uint8_t memory; /* of a list: an enum schedule_memory */
    uint64_t seed;
    struct schedule_choice *list; /* malloced, or NULL */
    uint32_t count, preemptions;
};

struct search {
    const struct explore_options *options;
    thrum_lock lock;
    uint64_t next, done; /* seeds */
    uint64_t counts[OUTCOME_KINDS];
    uint64_t steps, uncontrolled, children;
    uint64_t worn;         /* runs that had too many memory points */
    uint32_t memory_error; /* why there are no memory points: an errno, or 0 */
    uint32_t longest;
    bool exhausted; /* a depth-first search has tried all */
    bool found;
    struct recipe first; /* what is told: the failure with the smallest seed */
    struct outcome outcome;
};

/* Fills in the plan of a run. */
void search_plan(struct schedule_region *region, const struct explore_options *options,
                 const struct recipe *recipe);

/* Finds the words that threads share, by the runs that a search begins with. Returns 0, or a negative errno with
 * the reason in `message`. */
int search_learn(struct runner *runner, const struct explore_options *options, char *message,
                 size_t size);

/* The memory points of the schedule with that seed. */
enum schedule_memory search_memory(const struct schedule_region *region,
                                   const struct explore_options *options, uint64_t seed);

/* Copies the departures of the last run. Returns 0 or -ENOMEM. */
int recipe_of_run(const struct runner *runner, struct recipe *ret);
void recipe_free(struct recipe *recipe);

/* Writes "12:2,30:1". */
void recipe_print(const struct recipe *recipe, FILE *out);

/* Tries schedules until one fails, all are tried, or a signal comes. Returns 0 or a negative errno. */
int search_all(struct search *search, thrum_error *ret_error);

/* Leaves out departures while the run still fails in the same way, and looks for a run with fewer preemptions. Returns 0 or a negative errno with the reason
 * in `message`. */
int search_shrink(struct search *search, struct runner *runner, char *message, size_t size);

#endif
