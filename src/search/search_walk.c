/* Random searches, for programs that are too large to exhaust.
 *
 * A random walk takes any option with equal chance, bad luck seldom. PCT (probabilistic
 * concurrency testing) gives each thread a random priority and always runs the ready thread with
 * the highest; at d - 1 random steps the running thread's priority drops below all others. For a
 * fault that needs d ordering constraints, n threads and k steps, one run finds it with a chance
 * of at least 1 / (n * k^(d-1)), which a plain random walk is far from. A thread that is passed
 * over while it could go on costs nothing here.
 *
 * Every run has its own seed, from the search's seed and the run's number; a failure is reported
 * by its choices, so that its replay needs neither.
 *
 * Source: Burckhardt, Kothari, Musuvathi and Nagarakatte, "A randomized scheduler with probabilistic
 * guarantees of finding bugs" (2010).
 */
#include "search/search.h"

enum { DEPTH = 8, SELDOM = 16 };

struct walk {
    struct search *search;
    uint64_t random;
    uint64_t length; /* of a typical run, in choices of a thread */
    uint64_t at;     /* such choices so far */
    unsigned depth;  /* 0 for a random walk */
    uint64_t change[DEPTH];
    uint64_t priority[THRUM__EXPLORE_THREADS];
};

/* splitmix64 */
static uint64_t next_random(uint64_t *state)
{
    uint64_t x = *state += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

static unsigned below(struct walk *walk, uint64_t count)
{
    return (unsigned)(next_random(&walk->random) % count);
}

/* Among the options that are not bad luck; now and then among those that are. */
static unsigned any_option(struct walk *walk, const thrum__explore_choice *choice)
{
    unsigned usual = 0;
    while (usual < choice->count && choice->options[usual].how == THRUM__EXPLORE_RUN)
        usual++;
    if (usual < choice->count && (!usual || below(walk, SELDOM) == 0))
        return usual + below(walk, choice->count - usual);
    return below(walk, usual);
}

static unsigned by_priority(struct walk *walk, const thrum__explore_choice *choice)
{
    for (unsigned i = 1; i < walk->depth; i++)
        if (walk->change[i - 1] == walk->at)
            walk->priority[choice->running] = walk->depth - i;
    if (!choice->ready)
        walk->priority[choice->running] = 0; /* it waits or spins: let others go ahead */
    unsigned best = 0;
    for (unsigned i = 1; i < choice->count; i++)
        if (choice->options[i].how == THRUM__EXPLORE_RUN &&
            walk->priority[choice->options[i].thread] >
                walk->priority[choice->options[best].thread])
            best = i;
    return best;
}

static int choose(void *context, const thrum__explore_choice *choice)
{
    struct walk *walk = context;
    unsigned chosen;
    if (!choice->options) {
        bool bad_luck = choice->kind != THRUM__EXPLORE_CHOOSE_CLIENT;
        chosen = bad_luck && below(walk, SELDOM / 2) ? 0 : below(walk, choice->count);
    } else {
        walk->at++;
        bool luck_only = walk->depth && below(walk, SELDOM);
        chosen = luck_only ? by_priority(walk, choice) : any_option(walk, choice);
        if (walk->depth && !luck_only && choice->options[chosen].how == THRUM__EXPLORE_RUN)
            chosen = by_priority(walk, choice);
    }
    thrum__path_add(&walk->search->path, chosen);
    return (int)chosen;
}

static void search_walk(struct search *search, uint64_t runs, unsigned depth)
{
    struct walk walk = {.search = search, .depth = depth, .length = 50};
    thrum__explore_driver driver = {.choose = choose, .context = &walk};
    double began = thrum__search_clock();
    search->bound = THRUM_EXPLORE_ALL;
    for (uint64_t run = 0; run < runs; run++) {
        walk.random = search->seed + run * UINT64_C(0x2545f4914f6cdd1d);
        walk.at = 0;
        for (unsigned i = 0; i < THRUM__EXPLORE_THREADS; i++)
            walk.priority[i] = DEPTH + (next_random(&walk.random) >> 8);
        for (unsigned i = 0; i + 1 < depth; i++)
            walk.change[i] = 1 + below(&walk, walk.length);
        if (!thrum__search_run(search, &driver))
            break;
        if (walk.length < walk.at)
            walk.length = walk.at;
    }
    search->seconds = thrum__search_clock() - began;
}

void thrum__search_random(struct search *search, uint64_t runs)
{
    search->strategy = "random";
    search_walk(search, runs, 0);
}

void thrum__search_pct(struct search *search, uint64_t runs, unsigned depth)
{
    search->strategy = "pct";
    search_walk(search, runs, depth < 1 ? 1 : depth > DEPTH ? DEPTH : depth);
}
