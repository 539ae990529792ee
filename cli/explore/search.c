/* Seeds, depth-first search, and shrinking.
 *
 * Each job has a server of its own and takes the next seed. The search ends with the first failure;
 * seeds that were taken before are finished, and of several failures the smallest seed counts, so
 * the answer does not depend on the number of jobs.
 *
 * Memory points need the words that threads share. The first schedules of a search make each access a point
 * and find them. So each server runs these schedules once before all others, also to repeat a failure: what
 * a seed means does not depend on the search that it was found in.
 *
 * Depth-first: a run repeats the options of the stack, and takes the usual one (number 0) after them. The
 * library notes for each choice how many options it had, and whether taking another one was a
 * preemption. Then the last choice that has another option within the bound takes it, and all after
 * it are forgotten.
 *
 * Shrinking: a run that failed is the list of its departures from the usual options. Halves, quarters
 * and so on of the list are left out as long as the run still fails in the same way (Zeller and
 * Hildebrandt, "Simplifying and isolating failure-inducing input", 2002). A departure that names a
 * thread that cannot run is ignored by the library, so each part of a list is a valid schedule.
 *
 * What remains needs each of its departures, and may still have more preemptions than another schedule that fails. So a
 * depth-first search follows, without preemptions, then with one, and so on, as long as that is fewer. What it finds is made
 * shorter in turn.
 */
#include "search.h"

#include "interrupt.h"
#include "progress.h"
#include "trouble.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { SHRINK_RUNS_MOST = 2000, FEWER_RUNS_MOST = 4000, LEARNING = 4 };

static enum schedule_strategy strategy_of(const struct explore_options *options, uint64_t seed)
{
    switch ((enum explore_strategy)options->strategy) {
    case EXPLORE_RANDOM:
        return STRATEGY_RANDOM;
    case EXPLORE_PCT:
        return STRATEGY_PCT;
    case EXPLORE_POS:
        return STRATEGY_POS;
    case EXPLORE_DEPTH:
        return STRATEGY_DEPTH;
    case EXPLORE_MIX:
        break;
    }
    return seed == 0       ? STRATEGY_USUAL
           : seed % 10 < 4 ? STRATEGY_POS
           : seed % 10 < 7 ? STRATEGY_RANDOM
                           : STRATEGY_PCT;
}

enum schedule_memory search_memory(const struct schedule_region *region,
                                   const struct explore_options *options, uint64_t seed)
{
    switch ((enum explore_memory)options->memory) {
    case POINTS_OFF:
        return MEMORY_OFF;
    case POINTS_SHARED:
        return MEMORY_SHARED;
    case POINTS_ALL:
        return MEMORY_ALL;
    case POINTS_AUTO:
        break;
    }
    if (options->strategy == EXPLORE_DEPTH)
        return MEMORY_OFF;
    if (seed < LEARNING)
        return MEMORY_ALL;
    if (region->instrumented)
        return seed % 3 == 0 || region->shared_count == 0 ? MEMORY_ALL : MEMORY_SHARED;
    if (region->shared_count > 0) /* without points, nothing but a timer ends such a loop */
        return seed % 3 == 0 && !region->loops ? MEMORY_OFF : MEMORY_SHARED;
    return seed % 8 == 5 ? MEMORY_ALL : MEMORY_OFF; /* a rare path may share something */
}

void search_plan(struct schedule_region *region, const struct explore_options *options,
                 const struct recipe *recipe)
{
    region->plan = (struct schedule_plan){
        .seed = recipe->seed,
        .patience_ns = (uint64_t)(options->patience * 1e9),
        .compute_ns = (uint64_t)(options->compute * 1e9),
        .strategy = recipe->by_list ? STRATEGY_USUAL : strategy_of(options, recipe->seed),
        .depth = options->depth ? (uint32_t)options->depth : 2 + (uint32_t)(recipe->seed / 10 % 3),
        .step_limit = (uint32_t)options->steps,
        .choice_count = recipe->by_list ? recipe->count : 0,
        .early = options->early,
        .signal = (uint32_t)options->signal,
        .races = !options->no_races,
        .memory = recipe->by_list ? recipe->memory
                                  : (uint8_t)search_memory(region, options, recipe->seed),
    };
    if (recipe->by_list && recipe->count)
        memcpy(region->plan_choices, recipe->list, recipe->count * sizeof *recipe->list);
}

int search_learn(struct runner *runner, const struct explore_options *options, char *message,
                 size_t size)
{
    int rc = 0;
    bool wanted = options->memory == POINTS_AUTO ? options->strategy != EXPLORE_DEPTH
                                                 : options->memory == POINTS_SHARED;
    static const uint8_t shorter[] = {MEMORY_SHARED, MEMORY_OFF}; /* run to find their length */
    for (uint64_t seed = 0; wanted && seed < LEARNING + sizeof shorter && rc == 0; seed++) {
        struct outcome outcome;
        struct schedule_region *region = runner->region;
        search_plan(region, options, &(struct recipe){.seed = seed});
        region->plan.learn = seed < LEARNING;
        region->plan.memory = region->plan.learn ? MEMORY_ALL : shorter[seed - LEARNING];
        if (region->plan.memory == MEMORY_OFF &&
            region->loops) /* no schedule will be without points */
            break;
        uint32_t *length = &region->lengths[region->plan.memory];
        rc = runner_run(runner, NULL, NULL, &outcome, message, size);
        if (rc == 0 && *length < region->choices)
            *length = region->choices;
        if (rc == 0 && (outcome.kind == OUTCOME_BLOCKED || outcome.kind == OUTCOME_COMPUTES ||
                        outcome.kind == OUTCOME_WAITS))
            break; /* the others would take as long */
    }
    return rc;
}

int recipe_of_run(const struct runner *runner, struct recipe *ret)
{
    const struct schedule_region *region = runner->region;
    uint32_t count =
        region->taken_count < SCHEDULE_CHOICES ? region->taken_count : SCHEDULE_CHOICES;
    struct schedule_choice *list = malloc((count + 1) * sizeof *list);
    if (!list)
        return -ENOMEM;
    memcpy(list, region->taken, count * sizeof *list);
    *ret = (struct recipe){.by_list = true,
                           .memory = region->plan.memory,
                           .list = list,
                           .count = count,
                           .preemptions = region->preemptions};
    return 0;
}

void recipe_free(struct recipe *recipe)
{
    free(recipe->list);
    recipe->list = NULL;
}

void recipe_print(const struct recipe *recipe, FILE *out)
{
    for (uint32_t i = 0; i < recipe->count; i++)
        fprintf(out, "%s%u:%u", i ? "," : "", recipe->list[i].index, recipe->list[i].option);
}

static void count_run(struct search *search, const struct runner *runner,
                      const struct outcome *outcome)
{
    search->done++;
    search->counts[outcome->kind]++;
    search->steps += runner->region->steps;
    search->uncontrolled += runner->region->uncontrolled != 0;
    search->children += runner->region->free_children != 0;
    search->worn += runner->region->memory_worn != 0;
    if (runner->region->memory_error)
        search->memory_error = runner->region->memory_error;
    if (search->longest < runner->region->steps)
        search->longest = runner->region->steps;
}

static bool take_seed(struct search *search, uint64_t *ret_seed)
{
    bool more;
    thrum_with (&search->lock) {
        more = search->next < (uint64_t)search->options->runs && !interrupt_asked() &&
               (!search->found || search->options->all);
        if (more)
            *ret_seed = search->next++;
    }
    return more;
}

static void note_run(struct search *search, const struct runner *runner, uint64_t seed,
                     const struct outcome *outcome)
{
    thrum_with (&search->lock) {
        if (outcome->kind != OUTCOME_STOPPED)
            count_run(search, runner, outcome);
        if (outcome_worth(outcome->kind) > outcome_worth(search->outcome.kind) ||
            (outcome_worth(outcome->kind) > 0 &&
             outcome_worth(outcome->kind) == outcome_worth(search->outcome.kind) &&
             seed < search->first.seed)) {
            search->found = outcome_fails(outcome->kind);
            search->first = (struct recipe){.seed = seed};
            search->outcome = *outcome;
        }
        progress_show(search->done, 0);
    }
}

struct job {
    struct search *search;
    uint32_t index;
};

static int run_job(thrum_task *self)
{
    struct search *search = thrum_arg(self, struct job).search;
    struct runner runner;
    char message[512];
    uint64_t seed;
    int rc = runner_open(&runner, search->options->words, search->options->instrument, message,
                         sizeof message);
    if (rc < 0)
        return thrum_fail(self, rc, "%s", message);
    rc = search_learn(&runner, search->options, message, sizeof message);
    while (rc == 0 && take_seed(search, &seed)) {
        struct outcome outcome;
        struct recipe recipe = {.seed = seed};
        search_plan(runner.region, search->options, &recipe);
        runner.region->plan.processor = thrum_arg(self, struct job).index;
        rc = runner_run(&runner, search->options->check, NULL, &outcome, message, sizeof message);
        if (rc == 0)
            note_run(search, &runner, seed, &outcome);
    }
    runner_close(&runner);
    return rc < 0 ? thrum_fail(self, rc, "%s", message) : 0;
}

static int search_seeds(struct search *search, thrum_error *ret_error)
{
    int jobs = search->options->jobs ? search->options->jobs : thrum_cpu_count(), rc = 0;
    if (jobs > search->options->runs)
        jobs = search->options->runs;
    thrum_thread **threads = calloc((size_t)jobs, sizeof *threads);
    if (!threads)
        return trouble(ret_error, -ENOMEM, "no memory");
    for (int i = 0; i < jobs; i++)
        threads[i] = thrum_thread_start(run_job, thrum_value(struct job, search, (uint32_t)i));
    for (int i = 0; i < jobs; i++) {
        int joined = trouble_join(threads[i]);
        if (joined < 0 && rc == 0)
            rc = trouble(ret_error, joined, "%s", thrum_thread_error(threads[i])->message);
        thrum_thread_free(threads[i]);
    }
    free(threads);
    return rc;
}

/* ---- depth-first ---- */

struct stack {
    struct schedule_choice *list; /* of the choices that are not the usual one */
    uint8_t *options;
    uint32_t count;
};

static uint32_t preemptions_before(const struct stack *stack, const uint8_t *options,
                                   uint32_t index)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < stack->count && stack->list[i].index < index; i++)
        count += options[stack->list[i].index] >> 7;
    return count;
}

/* Moves on to the next schedule; false if there is none. */
static bool advance(struct stack *stack, const uint8_t *options, uint32_t count, uint32_t bound)
{
    for (uint32_t index = count; index-- > 0;) {
        uint32_t last = stack->count;
        while (last > 0 && stack->list[last - 1].index > index)
            last--;
        bool departs = last > 0 && stack->list[last - 1].index == index;
        uint32_t option = departs ? stack->list[last - 1].option : 0;
        if (option + 1 >= (options[index] & 127u) ||
            (options[index] >> 7 && preemptions_before(stack, options, index) >= bound))
            continue;
        stack->count = departs ? last - 1 : last;
        stack->list[stack->count++] =
            (struct schedule_choice){.index = index, .option = option + 1};
        return true;
    }
    return false;
}

/* The plan of the schedule on the stack. */
static void stack_plan(struct schedule_region *region, const struct explore_options *options,
                       const struct stack *stack)
{
    search_plan(region, options, &(struct recipe){0});
    region->plan.strategy = STRATEGY_DEPTH;
    region->plan.choice_count = stack->count;
    memcpy(region->plan_choices, stack->list, stack->count * sizeof *stack->list);
}

static bool stack_next(struct stack *stack, const struct schedule_region *region, uint32_t bound)
{
    uint32_t count = region->options_count;
    return advance(stack, region->options, count < SCHEDULE_CHOICES ? count : SCHEDULE_CHOICES,
                   bound);
}

static int search_depth(struct search *search, thrum_error *ret_error)
{
    struct runner runner;
    char message[512] = "no memory";
    struct stack stack = {.list = malloc(SCHEDULE_CHOICES * sizeof *stack.list)};
    int rc = stack.list ? runner_open(&runner, search->options->words, search->options->instrument,
                                      message, sizeof message)
                        : -ENOMEM;
    uint64_t seed;
    bool opened = rc == 0, more = true;
    if (opened)
        rc = search_learn(&runner, search->options, message, sizeof message);
    while (more && rc == 0 && take_seed(search, &seed)) {
        struct outcome outcome;
        stack_plan(runner.region, search->options, &stack);
        rc = runner_run(&runner, search->options->check, NULL, &outcome, message, sizeof message);
        if (rc != 0)
            break;
        bool first = outcome_worth(outcome.kind) > outcome_worth(search->outcome.kind);
        note_run(search, &runner, seed, &outcome);
        if (first && (rc = recipe_of_run(&runner, &search->first)) < 0)
            break;
        more = stack_next(&stack, runner.region, (uint32_t)search->options->bound);
        search->exhausted = !more;
    }
    free(stack.list);
    if (opened)
        runner_close(&runner);
    return rc < 0 ? trouble(ret_error, rc, "%s", message) : 0;
}

int search_all(struct search *search, thrum_error *ret_error)
{
    bool depth = search->options->strategy == EXPLORE_DEPTH;
    progress_begin("schedules", "schedules");
    progress_expect((uint64_t)search->options->runs, 0);
    int rc = depth ? search_depth(search, ret_error) : search_seeds(search, ret_error);
    progress_end();
    return rc;
}

/* ---- shrinking ---- */

/* Runs without `count` departures from `from` on. If it fails alike, that is the new list. */
static int try_without(struct search *search, struct runner *runner, uint32_t from, uint32_t count,
                       bool *ret_kept, char *message, size_t size)
{
    struct recipe *first = &search->first, shorter;
    struct recipe part = {.by_list = true, .memory = first->memory};
    struct outcome outcome;
    *ret_kept = false;
    part.list = malloc((first->count + 1) * sizeof *part.list);
    if (!part.list)
        return -ENOMEM;
    for (uint32_t i = 0; i < first->count; i++)
        if (i < from || i >= from + count)
            part.list[part.count++] = first->list[i];
    search_plan(runner->region, search->options, &part);
    recipe_free(&part);
    int rc = runner_run(runner, search->options->check, NULL, &outcome, message, size);
    if (rc != 0 || outcome.kind != search->outcome.kind)
        return rc;
    rc = recipe_of_run(runner, &shorter);
    if (rc == 0 && shorter.count < first->count && shorter.preemptions <= first->preemptions) {
        recipe_free(first);
        *first = shorter;
        *ret_kept = true;
    } else if (rc == 0)
        recipe_free(&shorter);
    return rc;
}

static int leave_out(struct search *search, struct runner *runner, int *runs, char *message,
                     size_t size)
{
    int rc = 0;
    for (uint32_t part = search->first.count; part > 0 && rc == 0 && !interrupt_asked();) {
        bool any = false;
        for (uint32_t from = 0;
             from < search->first.count && rc == 0 && *runs < SHRINK_RUNS_MOST;) {
            bool kept;
            rc = try_without(search, runner, from, part, &kept, message, size);
            *runs += 1;
            progress_show((uint64_t)(*runs), 0);
            any |= kept;
            if (!kept)
                from += part;
        }
        if (*runs >= SHRINK_RUNS_MOST)
            break;
        part = any && part == 1 ? 1 : part / 2;
    }
    return rc;
}

/* Looks for a run with at most `bound` preemptions that fails alike: it takes the place of the recipe then. */
static int try_bound(struct search *search, struct runner *runner, uint32_t bound, int *runs,
                     char *message, size_t size)
{
    struct recipe *first = &search->first, found;
    struct stack stack = {.list = malloc(SCHEDULE_CHOICES * sizeof *stack.list)};
    struct outcome outcome;
    int rc = stack.list ? 0 : -ENOMEM;
    bool more = true;
    while (more && rc == 0 && *runs < FEWER_RUNS_MOST && !interrupt_asked()) {
        stack_plan(runner->region, search->options, &stack);
        runner->region->plan.memory = first->memory;
        rc = runner_run(runner, search->options->check, NULL, &outcome, message, size);
        *runs += 1;
        progress_show((uint64_t)(*runs), 0);
        if (rc == 0 && outcome.kind == search->outcome.kind) {
            rc = recipe_of_run(runner, &found);
            if (rc == 0) {
                recipe_free(first);
                *first = found;
            }
            break;
        }
        more = stack_next(&stack, runner->region, bound);
    }
    free(stack.list);
    return rc;
}

int search_shrink(struct search *search, struct runner *runner, char *message, size_t size)
{
    int runs = 0;
    progress_begin("shrinking", "runs");
    int rc = leave_out(search, runner, &runs, message, size);
    const uint32_t before = search->first.preemptions;
    runs = 0;
    for (uint32_t bound = 0; rc == 0 && bound < search->first.preemptions && !interrupt_asked();
         bound++)
        rc = try_bound(search, runner, bound, &runs, message, size);
    runs = 0;
    if (rc == 0 && search->first.preemptions < before)
        rc = leave_out(search, runner, &runs, message, size);
    progress_end();
    return rc;
}
