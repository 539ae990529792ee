/* The search for potential deadlocks.
 *
 * Each recorded acquisition with other locks held is an edge from each of them to the lock it took. A
 * circle of such edges is a potential deadlock if there can be a moment at which a thread stands at each
 * edge: it holds what the edge comes from, and waits for what the next one's thread holds.
 * That is so if for each edge an acquisition can be chosen such that
 *
 *   - the threads differ,
 *   - no two of them hold a common lock, but both for reading: one lock that all hold, a gate, keeps
 *     them apart,
 *   - none is over before another begins (before.c),
 *   - what each waits for is not compatible with how it is held: a reader does not wait for a reader,
 *     unless the lock prefers writers, and has some,
 *   - none has a time limit.
 *
 * Circles are found by depth-first search inside each strongly connected component of the graph, each
 * from its lowest lock. Their number can grow without bound, so the search is bounded, and says so.
 *
 * A semaphore that was posted by a thread which did not hold it is no lock, and one with a first value
 * other than 1 is not held by one thread alone; both are left out, as is a mutex that was released by
 * another thread than took it.
 */
#include "risk.h"

#include "before.h"
#include "graph.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { CIRCLE_MOST = 12, CHOICES_MOST = 20000 };

/* What a choice must satisfy besides compatibility. */
enum {
    NEED_THREADS = 1,
    NEED_GATES = 2,
    NEED_ORDER = 4,
    NEED_NO_LIMIT = 8,
};

struct choice {
    struct recording *recording;
    struct before *before;
    const struct graph *graph;
    const struct edge *const *edges; /* of the circle: a run of edges with the same ends each */
    const int *counts;
    int length;
    int chosen[CIRCLE_MOST];
    unsigned needs;
    int steps;
};

static bool conflict(const struct recording *recording, uint32_t lock, uint64_t held,
                     uint64_t wanted)
{
    const struct lock_record *record = recording_lock(recording, lock);
    if (!(site_mode(held) & site_mode(wanted) & MODE_READ))
        return true;
    enum { WRITERS = LOCK_PREFERS_WRITER | LOCK_WRITTEN };
    return (record->flags & WRITERS) == WRITERS;
}

/* True if two threads cannot be in these contexts at once. */
static bool guarded(const struct recording *recording, uint32_t one, uint32_t other)
{
    for (uint32_t a = one, i = 0; a && i < HELD_MOST; a = recording_node(recording, a)->parent, i++)
        for (uint32_t b = other, j = 0; b && j < HELD_MOST;
             b = recording_node(recording, b)->parent, j++) {
            const struct node_record *mine = recording_node(recording, a),
                                     *theirs = recording_node(recording, b);
            if (mine->lock == theirs->lock && graph_is_lock(recording, mine->lock) &&
                !(site_mode(mine->site) & site_mode(theirs->site) & MODE_READ))
                return true;
        }
    return false;
}

static uint32_t context_of(const struct recording *recording, const struct edge *edge)
{
    return recording_node(recording, edge->node)->parent;
}

static bool fits(struct choice *choice, int at, const struct edge *edge)
{
    if (choice->needs & NEED_NO_LIMIT && site_mode(edge->wanted_site) & MODE_TIMED)
        return false;
    for (int i = 0; i < at; i++) {
        const struct edge *other = &choice->edges[i][choice->chosen[i]];
        if ((choice->needs & NEED_THREADS && other->thread == edge->thread) ||
            (choice->needs & NEED_GATES &&
             guarded(choice->recording, context_of(choice->recording, edge),
                     context_of(choice->recording, other))))
            return false;
        if (choice->needs & NEED_ORDER &&
            (before_is(choice->before, edge->thread, edge->epoch, other->thread, other->epoch) ||
             before_is(choice->before, other->thread, other->epoch, edge->thread, edge->epoch)))
            return false;
    }
    if (at > 0) {
        const struct edge *last = &choice->edges[at - 1][choice->chosen[at - 1]];
        if (!conflict(choice->recording, edge->from, edge->held_site, last->wanted_site))
            return false;
    }
    const struct edge *first = at > 0 ? &choice->edges[0][choice->chosen[0]] : edge;
    return at + 1 < choice->length ||
           conflict(choice->recording, first->from, first->held_site, edge->wanted_site);
}

static bool choose_from(struct choice *choice, int at)
{
    if (at == choice->length)
        return true;
    for (int i = 0; i < choice->counts[at]; i++) {
        if (choice->steps++ > CHOICES_MOST)
            return false;
        choice->chosen[at] = i;
        if (fits(choice, at, &choice->edges[at][i]) && choose_from(choice, at + 1))
            return true;
    }
    return false;
}

static bool choose(struct choice *choice, unsigned needs)
{
    choice->needs = needs;
    choice->steps = 0;
    return choose_from(choice, 0);
}

static bool add_risk(struct risks *risks, const struct risk *risk, const struct risk_step *steps)
{
    struct risk *list = realloc(risks->list, sizeof *list * (size_t)(risks->count + 1));
    if (!list)
        return false;
    risks->list = list;
    list[risks->count] = *risk;
    list[risks->count].steps = malloc(sizeof *steps * (size_t)risk->count);
    if (!list[risks->count].steps)
        return false;
    for (int i = 0; i < risk->count; i++)
        list[risks->count].steps[i] = steps[i];
    risks->count++;
    return true;
}

/* Judges a circle. Returns 0, or -ENOMEM. */
static int judge(struct choice *choice, struct risks *risks)
{
    static const struct {
        unsigned needs;
        enum risk_verdict verdict;
    } order[] = {
        {NEED_THREADS | NEED_GATES | NEED_ORDER | NEED_NO_LIMIT, RISK_FEASIBLE},
        {NEED_THREADS | NEED_GATES | NEED_ORDER, RISK_TIMED},
        {NEED_THREADS | NEED_GATES, RISK_ORDERED},
        {NEED_THREADS, RISK_GUARDED},
        {0, RISK_SINGLE_THREAD},
    };
    struct risk_step steps[CIRCLE_MOST];
    struct risk risk = {.kind = RISK_CYCLE, .count = choice->length};
    size_t i = 0;
    while (i < sizeof order / sizeof *order && !choose(choice, order[i].needs))
        i++;
    if (i == sizeof order / sizeof *order)
        return 0; /* readers only */
    risk.verdict = order[i].verdict;
    for (int at = 0; at < choice->length; at++) {
        const struct edge *edge = &choice->edges[at][choice->chosen[at]];
        steps[at] = (struct risk_step){edge->thread,    edge->epoch,       edge->from, edge->to,
                                       edge->held_site, edge->wanted_site, edge->stack};
    }
    return add_risk(risks, &risk, steps) ? 0 : -ENOMEM;
}

struct visit {
    struct choice choice;
    struct risks *risks;
};

static int visit_circle(void *argument, const struct edge *const *edges, const int *counts,
                        int length)
{
    struct visit *visit = argument;
    visit->choice.edges = edges;
    visit->choice.counts = counts;
    visit->choice.length = length;
    return judge(&visit->choice, visit->risks);
}

static int find_cycles(struct recording *recording, struct before *before, struct risks *risks)
{
    struct graph graph;
    int rc = graph_make(recording, &graph);
    struct visit visit = {{.recording = recording, .before = before, .graph = &graph}, risks};
    if (rc == 0)
        rc = graph_circles(&graph, CIRCLE_MOST, visit_circle, &visit, &risks->cut);
    graph_free(&graph);
    return rc;
}

static enum risk_kind risk_of(uint32_t finding)
{
    switch (finding) {
    case FINDING_SELF:
        return RISK_SELF;
    case FINDING_ENDS_HOLDING:
        return RISK_ENDS_HOLDING;
    case FINDING_DESTROYED_HELD:
        return RISK_DESTROYED_HELD;
    case FINDING_WAITS_HOLDING:
        return RISK_WAITS_HOLDING;
    case FINDING_CONDITION_HOLDING:
        return RISK_CONDITION_HOLDING;
    case FINDING_DESTROYED:
        return RISK_USED_DESTROYED;
    case FINDING_UNREAD:
        return RISK_UNREAD;
    default:
        return RISK_KINDS;
    }
}

/* What the library noticed by itself. */
static int take_findings(struct recording *recording, struct before *before, struct risks *risks)
{
    const struct region *region = recording->region;
    uint32_t count = recording_count(region->finding_count, REGION_FINDINGS);
    for (uint32_t i = 1; i < count; i++) {
        const struct finding_record *finding = &region->findings[i];
        struct risk risk = {.kind = risk_of(__atomic_load_n(&finding->kind, __ATOMIC_ACQUIRE)),
                            .count = 1,
                            .object = finding->object,
                            .other = finding->other};
        struct risk_step step = {finding->thread, finding->epoch,      finding->lock, finding->lock,
                                 finding->site,   finding->other_site, finding->stack};
        if (risk.kind == RISK_KINDS)
            continue;
        if (risk.kind == RISK_CONDITION_HOLDING || risk.kind == RISK_UNREAD)
            risk.verdict = RISK_NOTE;
        if (risk.kind == RISK_USED_DESTROYED &&
            recording_lock(recording, finding->lock)->kind >= LOCK_THRUM_LOCK)
            risk.verdict = RISK_UNPROVEN;
        if (risk.kind == RISK_WAITS_HOLDING && !graph_is_lock(recording, finding->lock))
            continue;
        /* That the other took the lock before this thread did, was so in this run. In another it may be
         * otherwise, unless what it told under the lock is what this thread has waited for. */
        if (risk.kind == RISK_WAITS_HOLDING)
            risk.verdict = before_is(before, finding->other, finding->other_epoch, finding->thread,
                                     finding->epoch - 1)
                               ? RISK_ORDERED
                               : RISK_UNPROVEN;
        if (!add_risk(risks, &risk, &step))
            return -ENOMEM;
    }
    return 0;
}

/* True if the kernel has put a frame between: a signal handler runs. One that unwinds the stack is the C
 * library's, for the cancellation of the thread: what was interrupted does not go on. */
static bool in_handler(struct recording *recording, uint32_t index)
{
    struct recorded_stack stack;
    recording_stack(recording, index, &stack);
    for (int i = 0; i < stack.count; i++) {
        const struct place *place = stack.frames[i].place;
        if (place->function && strcmp(place->function, "_Unwind_ForcedUnwind") == 0)
            return false;
        if (place->has_row && place->row.signal)
            return true;
    }
    return false;
}

/* A handler took a lock while the thread that it interrupted held another. If it comes while the thread
 * holds that lock, it waits for ever; whether the signal is blocked then, is not known. Only so many stacks are
 * unwound for this. */
static int find_handlers(struct recording *recording, struct risks *risks)
{
    enum { STACKS_MOST = 2000 };
    const struct region *region = recording->region;
    uint32_t count = recording_count(region->variant_count, REGION_VARIANTS);
    for (uint32_t i = 1; i < count && i < STACKS_MOST; i++) {
        struct variant_record variant = region->variants[i];
        const struct node_record *node = recording_node(recording, variant.node);
        const struct risk risk = {.kind = RISK_HANDLER, .verdict = RISK_UNPROVEN, .count = 1};
        const struct risk_step step = {.thread = variant.thread,
                                       .epoch = variant.epoch,
                                       .held = node->lock,
                                       .wanted = node->lock,
                                       .held_site = node->site,
                                       .stack = variant.stack};
        if (!node->lock || !in_handler(recording, variant.stack))
            continue;
        if (!add_risk(risks, &risk, &step))
            return -ENOMEM;
    }
    return 0;
}

/* Threads that ended, and that nobody joined or detached: their stacks are kept. */
static int find_leaks(struct recording *recording, struct risks *risks)
{
    const struct region *region = recording->region;
    uint32_t count = recording_count(region->thread_count, REGION_THREADS);
    for (uint32_t i = 1; i < count; i++) {
        const struct thread_record *thread = &region->threads[i];
        struct risk_step step = {.thread = i, .held_site = thread->site};
        struct risk risk = {
            .kind = RISK_LEAKED_THREAD, .verdict = RISK_NOTE, .count = 1, .other = i};
        if (!(thread->flags & THREAD_HAS_ENDED) ||
            thread->flags & (THREAD_DETACHED | THREAD_JOINED | THREAD_MAIN) || !thread->site)
            continue;
        if (!add_risk(risks, &risk, &step))
            return -ENOMEM;
    }
    return 0;
}

int risks_find(struct recording *recording, struct risks *ret)
{
    *ret = (struct risks){0};
    struct before *before = before_new(recording);
    int rc = before ? find_cycles(recording, before, ret) : -ENOMEM;
    if (rc == 0)
        rc = take_findings(recording, before, ret);
    if (rc == 0)
        rc = find_handlers(recording, ret);
    if (rc == 0)
        rc = find_leaks(recording, ret);
    before_free(before);
    if (rc < 0)
        risks_free(ret);
    return rc;
}

void risks_free(struct risks *risks)
{
    for (int i = 0; i < risks->count; i++)
        free(risks->list[i].steps);
    free(risks->list);
    *risks = (struct risks){0};
}
