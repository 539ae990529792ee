/* Which thread goes on: the strategies, and the plan of a run.
 *
 * A choice with one option is none. The choices of a run are numbered. Each has a usual option: the
 * thread that ran goes on, or else the next in order. A run is repeated by the same strategy and
 * seed, or by the list of its departures from the usual options: the list remains meaningful if
 * some are left out, which is how a failure is made shorter.
 *
 * Strategies: a random walk; PCT (Burckhardt and others, "A randomized scheduler with probabilistic
 * guarantees of finding bugs", 2010); POS (Yuan, Yang and Gu, "Partial order aware
 * concurrency sampling", 2018). A thread that yields or sleeps goes behind all others: else a thread
 * that polls would keep its high priority, and starve the thread that it waits for.
 *
 * The change points of PCT are counted in choices: a change where one thread alone can go on changes nothing. The first runs
 * of a search tell how many choices a run has. Three of four change points are evenly distributed over them. For the others,
 * and if the length is not known, all orders of magnitude are equally likely: a run may be shorter or longer than those.
 *
 * In half of the runs, sixteen of each thirty-two seeds, the strategies are balanced: all threads with the same start
 * function, a group, have together the chance of one thread. A fair choice among a hundred threads seldom lets a certain
 * thread come between two steps of another. The threads of a group do the same work, so it matters less which of them goes on.
 * A random walk draws a group first, and then a thread of it. With priorities, each thread has a random, exponentially
 * distributed time, multiplied by the size of its group, and the shortest time goes first. That is a draw by weights whose
 * order stays the same until another thread is made.
 *
 * In an eighth of the runs, threads that hold fewer locks go first. So each philosopher has a fork before any has
 * two: a fair choice seldom leads there if they are many.
 */
#include "choices.h"

enum { CHANGES_MOST = 16 };

static uint64_t random_state;
static uint32_t changes[CHANGES_MOST], change_count; /* a change that was made is 0 */
static uint32_t planned;                             /* the next of the plan's choices */

static bool balanced, holders_last;
static struct {
    uint64_t start;
    uint32_t size; /* how many threads had that function */
} kin[SCHEDULE_THREADS];
static uint32_t kin_count;

/* Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014. */
uint64_t thrum__turn_random(void)
{
    uint64_t x = random_state += 0x9e3779b97f4a7c15;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
    x = (x ^ x >> 27) * 0x94d049bb133111eb;
    return x ^ x >> 31;
}

static bool chosen_before(uint32_t index, uint32_t *ret_option)
{
    const struct schedule_region *region = thrum__turn_region;
    uint32_t count = region->plan.choice_count;
    while (planned < count && planned < SCHEDULE_CHOICES &&
           region->plan_choices[planned].index < index)
        planned++;
    if (planned >= count || planned >= SCHEDULE_CHOICES ||
        region->plan_choices[planned].index != index)
        return false;
    *ret_option = region->plan_choices[planned].option;
    return true;
}

static void note_choice(uint32_t options, bool could_stay, uint32_t option, bool usual)
{
    struct schedule_region *region = thrum__turn_region;
    uint32_t index = region->choices++;
    if (index < SCHEDULE_CHOICES) {
        region->options[index] =
            (uint8_t)((options < 127 ? options : 127) | (could_stay ? 128 : 0));
        region->options_count = index + 1;
    }
    if (!usual && region->taken_count < SCHEDULE_CHOICES)
        region->taken[region->taken_count++] =
            (struct schedule_choice){.index = index, .option = option};
}

uint32_t thrum__turn_choose(uint32_t count)
{
    struct schedule_region *region = thrum__turn_region;
    uint32_t option = 0;
    if (count < 2)
        return 0;
    if (region->plan.strategy == STRATEGY_USUAL || region->plan.strategy == STRATEGY_DEPTH) {
        if (!chosen_before(region->choices, &option) || option >= count)
            option = 0;
    } else
        option = (uint32_t)(thrum__turn_random() % count);
    note_choice(count, false, option, option == 0);
    return option;
}

void thrum__choice_created(struct turn_thread *thread)
{
    uint32_t i = 0;
    while (i < kin_count && kin[i].start != thread->shown->start)
        i++;
    if (i == SCHEDULE_THREADS)
        i = 0;
    if (i == kin_count)
        kin[kin_count++].start = thread->shown->start;
    kin[i].size++;
    thread->kin = i;
}

static struct turn_thread *any_of(struct turn_thread *const *list, uint32_t count)
{
    uint32_t ready[SCHEDULE_THREADS] = {0}, groups = 0;
    if (!balanced)
        return list[thrum__turn_random() % count];
    for (uint32_t i = 0; i < count; i++)
        groups += ready[list[i]->kin]++ == 0;
    uint32_t group = (uint32_t)(thrum__turn_random() % groups), index = 0;
    while (ready[index] == 0 || group-- > 0)
        index++;
    uint32_t rank = (uint32_t)(thrum__turn_random() % ready[index]);
    for (uint32_t i = 0; i < count; i++)
        if (list[i]->kin == index && rank-- == 0)
            return list[i];
    return list[0];
}

/* -log2 of the priority as a fraction, in 2^-16: the logarithm is linear between powers of two. */
static uint64_t waiting_time(uint64_t priority)
{
    uint64_t fraction = priority << 1 | 1;
    uint32_t zeros = (uint32_t)__builtin_clzll(fraction);
    uint64_t rest = zeros == 63 ? 0 : fraction << (zeros + 1) >> 48;
    return ((uint64_t)zeros << 16) + 0xffff - rest;
}

static bool goes_before(const struct turn_thread *a, const struct turn_thread *b)
{
    if (!balanced || a->priority <= CHANGES_MOST || b->priority <= CHANGES_MOST)
        return a->priority > b->priority;
    return waiting_time(a->priority) * kin[a->kin].size <
           waiting_time(b->priority) * kin[b->kin].size;
}

/* Leaves those that hold the fewest locks. */
static uint32_t without_holders(struct turn_thread **list, uint32_t count)
{
    uint32_t least = SCHEDULE_HELD, kept = 0;
    for (uint32_t i = 0; i < count; i++)
        least = list[i]->shown->held_count < least ? list[i]->shown->held_count : least;
    for (uint32_t i = 0; i < count; i++)
        if (list[i]->shown->held_count <= least)
            list[kept++] = list[i];
    return kept;
}

static struct turn_thread *by_strategy(struct turn_thread *const *list, uint32_t count,
                                       struct turn_thread *usual)
{
    const struct schedule_region *region = thrum__turn_region;
    struct turn_thread *best = list[0];
    uint32_t option;
    switch (region->plan.strategy) {
    case STRATEGY_RANDOM:
        return any_of(list, count);
    case STRATEGY_PCT:
    case STRATEGY_POS:
        for (uint32_t i = 1; i < count; i++)
            if (goes_before(list[i], best))
                best = list[i];
        return best;
    default:
        if (!chosen_before(region->choices, &option) || option == 0)
            return usual;
        for (uint32_t i = 0; i < count; i++)
            if (list[i] != usual && --option == 0)
                return list[i];
        return usual;
    }
}

static struct turn_thread *usual_of(struct turn_thread *const *list, uint32_t count,
                                    struct turn_thread *current)
{
    for (uint32_t i = 0; i < count; i++)
        if (list[i] == current)
            return current;
    for (uint32_t i = 0; i < count; i++)
        if (list[i]->index > current->index)
            return list[i];
    return list[0];
}

/* Threads that do not stand behind; if all do, the thread that has stood there longest. */
static uint32_t in_front(struct turn_thread *const *list, uint32_t count,
                         struct turn_thread **front)
{
    uint32_t kept = 0;
    struct turn_thread *longest = list[0];
    for (uint32_t i = 0; i < count; i++) {
        if (list[i]->behind == 0)
            front[kept++] = list[i];
        if (list[i]->behind < longest->behind)
            longest = list[i];
    }
    if (kept == 0)
        front[kept++] = longest;
    return kept;
}

/* A strategy takes a thread in front. The random walk lets the others forward now and then. */
static struct turn_thread *chosen(struct turn_thread **list, uint32_t count,
                                  struct turn_thread **front, uint32_t first,
                                  struct turn_thread *usual)
{
    bool forward =
        thrum__turn_region->plan.strategy == STRATEGY_RANDOM && thrum__turn_random() % 8 == 0;
    if (forward)
        return by_strategy(list, holders_last ? without_holders(list, count) : count, usual);
    return by_strategy(front, holders_last ? without_holders(front, first) : first, usual);
}

/* What is usual does not depend on the strategy: a list of departures is repeated without one. The plan may name a
 * thread that stands behind. */
struct turn_thread *thrum__choice_thread(struct turn_thread **list, uint32_t count,
                                         struct turn_thread *current)
{
    struct schedule_region *region = thrum__turn_region;
    struct turn_thread *front[SCHEDULE_THREADS + 2];
    if (count == 1)
        return list[0];
    uint32_t first = in_front(list, count, front);
    struct turn_thread *usual = usual_of(front, first, current), *thread = usual;
    uint32_t option;
    if (region->plan.strategy != STRATEGY_USUAL)
        thread = chosen(list, count, front, first, usual);
    else if (chosen_before(region->choices, &option))
        for (uint32_t i = 0; i < count; i++)
            if (list[i]->index == option)
                thread = list[i];
    note_choice(first, usual == current, thread->index, thread == usual);
    if (usual == current && thread != current)
        region->preemptions++;
    return thread;
}

void thrum__choice_taken(struct turn_thread *threads, uint32_t count, struct turn_thread *taken)
{
    struct schedule_region *region = thrum__turn_region;
    if (region->plan.strategy == STRATEGY_PCT) {
        for (uint32_t i = 0; i < change_count; i++)
            if (changes[i] && region->choices >= changes[i]) {
                taken->priority = i + 1;
                changes[i] = 0;
            }
    } else if (region->plan.strategy == STRATEGY_POS && taken->act.object)
        for (uint32_t i = 0; i < count; i++)
            if (&threads[i] != taken && threads[i].act.object == taken->act.object &&
                (taken->act.writes || threads[i].act.writes))
                threads[i].priority = thrum__turn_random();
}

void thrum__choice_begin(void)
{
    random_state = thrum__turn_region->plan.seed;
    uint32_t strategy = thrum__turn_region->plan.strategy;
    uint64_t seed = thrum__turn_region->plan.seed;
    balanced = seed >> 4 & 1;
    holders_last = (seed >> 3) % 8 == 7 && strategy != STRATEGY_USUAL && strategy != STRATEGY_DEPTH;
    kin[0].size = 1; /* the first thread */
    kin_count = 1;
    uint32_t depth = thrum__turn_region->plan.depth;
    change_count = depth > 1 ? depth - 1 : 0;
    if (change_count > CHANGES_MOST)
        change_count = CHANGES_MOST;
    uint32_t length = thrum__turn_region->lengths[thrum__turn_region->plan.memory];
    for (uint32_t i = 0; i < change_count; i++) {
        uint32_t most = 2u << thrum__turn_random() % 13;
        if (length && thrum__turn_random() % 4)
            most = length;
        changes[i] = 1 + (uint32_t)(thrum__turn_random() % most);
    }
}
