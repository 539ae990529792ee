#include "search/search.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#ifdef EXPLORE_COVERAGE
/* gcc's counters of branches are variables, which are reset before each run: so each run adds them to the files. */
void __gcov_dump(void);
void __gcov_reset(void);

static void keep_counters(void)
{
    __gcov_dump();
    __gcov_reset();
}
#else
static void keep_counters(void)
{
}
#endif

double thrum__search_clock(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

void thrum__search_begin(struct search *search, const thrum_explore_test *test)
{
    const thrum_explore_options *options = &test->options_;
    *search = (struct search){
        .test = test,
        .limits =
            {
                .spurious = options->spurious,
                .timeouts = options->timeouts,
                .weak = options->weak,
                .stale = options->stale,
                .refused_memory = options->no_memory,
                .refused_thread = options->no_thread,
                .ticks = options->ticks,
                .tick = options->tick ? options->tick : 2000000,
                .rescue = options->rescue,
                .idle = options->idle,
                .leaks = options->leaks,
                .steps = options->steps ? options->steps : 5000,
                .panic = options->panic,
            },
        .most_runs = options->runs ? options->runs : 1000000,
        .no_reduction = options->no_reduction,
    };
    thrum__search_expect(options->sees);
    thrum__explore_memory_close_pages();
}

void thrum__search_end(struct search *search)
{
    free(search->failure);
    free(search->path.chosen);
}

bool thrum__search_run(struct search *search, const thrum__explore_driver *driver)
{
    thrum__path_clear(&search->path);
    enum thrum__explore_outcome outcome =
        thrum__explore_run(&search->limits, driver, search->test->run_);
    keep_counters();
    search->runs++;
    search->pruned += outcome == THRUM__EXPLORE_PRUNED;
    search->panics += outcome == THRUM__EXPLORE_PANICKED;
    search->steps += thrum__explore_machine_->steps;
    search->choices += search->path.length;
    if (search->depth < search->path.length)
        search->depth = search->path.length;
    if (outcome != THRUM__EXPLORE_PRUNED)
        search->trace = thrum__explore_machine_->trace;
    if (outcome != THRUM__EXPLORE_FAILED)
        return true;
    search->failed = true;
    free(search->failure);
    search->failure = strdup(thrum__explore_machine_->failure);
    return false;
}
