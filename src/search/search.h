/* A search: which of a test's interleavings are run, and what came of it. */
#ifndef THRUM_SEARCH_SEARCH_H
#define THRUM_SEARCH_SEARCH_H

#include "explorer/machine.h"

#include <stddef.h>
#include <thrum/explore.h>

/* The choices of one run, in order: the index of each chosen option. */
struct path {
    uint8_t *chosen;
    size_t length, capacity;
};

void thrum__path_add(struct path *path, unsigned chosen);
void thrum__path_clear(struct path *path);

/* As text, CLIENT:SKIPPED.CHOSEN.SKIPPED.CHOSEN...: so many times option 0, then that option, and
 * so on; option 0 after the end. The text is the caller's to free. */
char *thrum__path_write(const struct path *path, const char *test);

/* Reads what follows the colon; false if it is not such a text. */
bool thrum__path_read(struct path *path, const char *text);

struct search {
    const thrum_explore_test *test;
    thrum__explore_limits limits;
    const char *strategy;
    int bound; /* of preemptions; THRUM_EXPLORE_ALL for none */
    struct path path;
    /* what came of it */
    bool exhausted, failed, sees_all;
    char *failure;
    uint64_t runs, pruned, panics, steps, choices, states;
    uint64_t trace; /* of the last run that was not pruned: to see whether a replay is the same */
    size_t depth;   /* the most choices in one run */
    double seconds;
    uint64_t most_runs;
    bool no_reduction;
    /* To check the reduction, or NULL: the choices that were made, each with the state in which, and
     * the same with the state to which it led. */
    struct states *moves, *arrivals;
    uint64_t seed;
};

void thrum__search_begin(struct search *search, const thrum_explore_test *test);
void thrum__search_end(struct search *search);

/* Runs the test once with the given driver, whose choices path_add has noted, and counts. False
 * if the run has failed. */
bool thrum__search_run(struct search *search, const thrum__explore_driver *driver);

/* The strategies. */
void thrum__search_dfs(struct search *search, int bound);
void thrum__search_random(struct search *search, uint64_t runs);
void thrum__search_pct(struct search *search, uint64_t runs, unsigned depth);

/* Runs the path again; with `loud` it prints every step. The path is then what was really chosen. */
void thrum__search_replay(struct search *search, const struct path *path, bool loud);

/* States that were visited, with the most preemptions that were left there. */
struct states;
struct states *thrum__states_new(void);
void thrum__states_free(struct states *states);
uint64_t thrum__states_count(const struct states *states);

/* True if the state was there with as many left before; else notes it. */
bool thrum__states_visit(struct states *states, uint64_t state, int left);

/* client.c */
const thrum_explore_test *thrum__search_tests(void);
void thrum__search_expect(const char *wanted);
bool thrum__search_was_seen(void);

double thrum__search_clock(void);

#endif
