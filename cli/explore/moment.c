/* Finds the steps of a failing schedule that matter.
 *
 * A failure that is no deadlock mostly needs that something was not atomic: a thread was preempted between two accesses
 * to the same word, or between two critical sections of the same lock, and another thread came between. So the last
 * preemption with such an access around it is taken. Not each order of three accesses is wrong: if the result
 * is that of the three accesses of one thread before or after the other's, nothing was torn (Lu and others, "AVIO: detecting
 * atomicity violations via access interleaving invariants", 2006). What a critical section did is not known, so each one
 * counts. It is a hint for the reader, and nothing is decided by it. A schedule that was made short by --shrink has few
 * preemptions, and the hint is then the better.
 */
#include "moment.h"

enum { PREEMPTIONS_MOST = 32, WINDOW = 1024 };

struct steps {
    const struct schedule_step *ring;
    uint32_t first, count;
};

static const struct schedule_step *at(const struct steps *steps, uint32_t index)
{
    return &steps->ring[index % SCHEDULE_STEPS];
}

static bool is_access(const struct schedule_step *step)
{
    return step->kind == STEP_READ || step->kind == STEP_WRITE || step->kind == STEP_ATOMIC;
}

static bool is_section(const struct schedule_step *step)
{
    enum { HELD = STEP_THRUM + STEP_THRUM_KINDS * THRUM_ACQUIRED };
    bool locks = step->kind == STEP_LOCK || step->kind == STEP_READ_LOCK ||
                 step->kind == STEP_WRITE_LOCK || step->kind == HELD || step->kind == HELD + 1;
    return locks && !(step->flags & STEP_BLOCKS);
}

/* True if no order of the threads, one after the other, has the same result. */
static bool is_torn(const struct schedule_step *before, const struct schedule_step *between,
                    const struct schedule_step *after)
{
    bool first = before->kind != STEP_READ, last = after->kind != STEP_READ;
    return between->kind != STEP_READ ? !(first && last) : first && last;
}

static bool is_alike(const struct schedule_step *a, const struct schedule_step *b)
{
    return a->object == b->object &&
           ((is_access(a) && is_access(b)) || (is_section(a) && is_section(b)));
}

/* What came between the step `after` of a thread and its step for the same object before `preempted`. */
static struct moment around(const struct steps *steps, uint32_t preempted, uint32_t after)
{
    const struct schedule_step *last = at(steps, after);
    uint32_t before = preempted;
    while (before > steps->first && preempted - before < WINDOW) {
        const struct schedule_step *step = at(steps, --before);
        if (step->thread != last->thread || !is_alike(step, last))
            continue;
        for (uint32_t between = after; between-- > preempted;) {
            const struct schedule_step *other = at(steps, between);
            if (other->thread != last->thread && is_alike(other, last) &&
                (is_section(last) || is_torn(step, other, last)))
                return (struct moment){.kind = is_section(last) ? MOMENT_TWICE : MOMENT_TORN,
                                       .count = 3,
                                       .steps = {before, between, after}};
        }
        break;
    }
    return (struct moment){0};
}

/* Around the preemption before the step `preempted`. Memory counts more than locks. */
static struct moment at_preemption(const struct steps *steps, uint32_t preempted)
{
    uint8_t thread = at(steps, preempted - 1)->thread;
    struct moment sections = {0};
    for (uint32_t i = preempted; i < steps->count && i - preempted < WINDOW; i++) {
        const struct schedule_step *step = at(steps, i);
        if (step->thread != thread || !(is_access(step) || is_section(step)))
            continue;
        struct moment found = around(steps, preempted, i);
        if (found.kind == MOMENT_TORN)
            return found;
        if (found.kind == MOMENT_TWICE && sections.kind == MOMENT_NONE)
            sections = found;
    }
    return sections;
}

static struct moment preempted_between(const struct steps *steps)
{
    int seen = 0;
    for (uint32_t i = steps->count; i-- > steps->first + 1 && seen < PREEMPTIONS_MOST;) {
        if (!(at(steps, i)->flags & STEP_PREEMPTS))
            continue;
        struct moment found = at_preemption(steps, i);
        if (found.kind != MOMENT_NONE)
            return found;
        seen++;
    }
    return (struct moment){0};
}

/* The use is the last step. */
static struct moment end_of_object(const struct steps *steps, uint64_t object)
{
    for (uint32_t i = steps->count - 1; i-- > steps->first;)
        if (at(steps, i)->kind == STEP_DESTROY && at(steps, i)->object == object)
            return (struct moment){
                .kind = MOMENT_DESTROYED, .count = 2, .steps = {i, steps->count - 1}};
    return (struct moment){0};
}

static struct moment of_race(const struct steps *steps, const struct schedule_access *race)
{
    struct moment moment = {.kind = MOMENT_RACE};
    for (int i = 0; i < 2; i++)
        if (race[i].step > steps->first && race[i].step <= steps->count)
            moment.steps[moment.count++] = race[i].step - 1;
    return moment;
}

struct moment moment_find(const struct schedule_region *region, enum outcome_kind outcome)
{
    struct steps steps = {.ring = region->ring, .count = region->steps};
    steps.first = steps.count > SCHEDULE_STEPS ? steps.count - SCHEDULE_STEPS : 0;
    if (steps.count == 0)
        return (struct moment){0};
    switch (outcome) {
    case OUTCOME_RACE:
        return of_race(&steps, region->race);
    case OUTCOME_MISUSE:
        return end_of_object(&steps, region->object);
    case OUTCOME_CRASH:
    case OUTCOME_EXIT:
    case OUTCOME_CHECK:
        return preempted_between(&steps);
    default:
        return (struct moment){0};
    }
}

bool moment_has(const struct moment *moment, uint32_t step)
{
    for (uint32_t i = 0; i < moment->count; i++)
        if (moment->steps[i] == step)
            return true;
    return false;
}
