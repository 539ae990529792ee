/* Depth first: every interleaving with at most so many preemptions.
 *
 * The search keeps the choices of the present run as a path of nodes. A run follows the path and,
 * past its end, takes the first option of each new choice. Then the last node that has an option
 * left takes it, what lies behind is cut off, and the next run begins. Option 0 costs no
 * preemption, so every path can be completed within the bound. When no node is left, all has been
 * tried: the search is exhausted.
 *
 * Reduction: at each choice of a thread the machine gives a number that stands for the state
 * (explorer/snapshot.c). If the search was in that state before, with at least as many preemptions
 * left, everything from here on has been tried from there, and the run is cut short. This is sound
 * together with the preemption bound, for the running thread then is a part of the state: what costs
 * a preemption from here did from there. Sleep sets and persistent sets are not, without amends: the
 * representative that they keep of a class of interleavings may need more preemptions than the one
 * that they drop.
 *
 * A state that recurs on the present path, with nothing spent in between, is a loop in which the
 * program can stay for ever. It is not cut short but followed round, by the choices of the first
 * time, until the run has more steps than it may: a livelock, which fails.
 *
 * With `moves` the search checks what the reduction rests on. It notes each choice with the state
 * in which it was made, and with the state to which it led: if equal numbers stand for equal futures,
 * both are as many.
 *
 * The bound: most faults need few preemptions, and the number of interleavings grows with the
 * number of steps to the power of the bound, not exponentially (CHESS, Musuvathi and Qadeer 2007).
 */
#include "search/search.h"

#include <stdlib.h>

enum { NOTHING_FOUND = -2 };

struct node {
    uint8_t chosen, count;
    int left;          /* preemptions, before this choice */
    uint64_t preempts; /* a bit for each option that costs one */
    uint64_t state;    /* for a choice of a thread; else 0 */
};

struct dfs {
    struct search *search;
    struct node *node;
    size_t length, capacity;
    struct states *states;
    int bound;
};

static int left_after(const struct node *node)
{
    return node->left - (int)(node->preempts >> node->chosen & 1);
}

static uint64_t state_of(const struct dfs *dfs, const thrum__explore_choice *choice)
{
    uint64_t state = thrum__explore_state_number();
    if (dfs->search->moves || (choice->ready && dfs->search->bound != THRUM_EXPLORE_ALL))
        state = thrum__explore_trace_hash(state, 2 * choice->running + choice->ready + 1);
    return state | (state == 0);
}

/* The node of the present path at which the search was in this state, with nothing spent since; NULL
 * if there is none. */
static const struct node *recurs_from(const struct dfs *dfs, uint64_t state, int left)
{
    for (size_t i = dfs->length; i-- > 0;) {
        const struct node *node = &dfs->node[i];
        if (node->state == state)
            return dfs->search->bound == THRUM_EXPLORE_ALL || node->left == left ? node : NULL;
    }
    return NULL;
}

/* The last choices, from that of a thread on, have led to the given state. */
static void note_arrival(struct dfs *dfs, uint64_t state)
{
    uint64_t move = 0;
    for (size_t i = dfs->length; i-- > 0;) {
        move = thrum__explore_trace_hash(move, dfs->node[i].chosen);
        if (!dfs->node[i].state)
            continue;
        move = thrum__explore_trace_hash(move, dfs->node[i].state);
        thrum__states_visit(dfs->search->moves, move, 0);
        thrum__states_visit(dfs->search->arrivals, thrum__explore_trace_hash(move, state), 0);
        return;
    }
}

/* Whether the run is to be cut short here; else the option to take, in a loop, or none. */
static int look_back(struct dfs *dfs, uint64_t state, int left)
{
    if (dfs->search->moves)
        note_arrival(dfs, state);
    if (!thrum__states_visit(dfs->states, state, left) || dfs->search->no_reduction)
        return NOTHING_FOUND;
    const struct node *node = recurs_from(dfs, state, left);
    return node ? node->chosen : THRUM__EXPLORE_PRUNE;
}

static struct node *add_node(struct dfs *dfs)
{
    if (dfs->length == dfs->capacity) {
        dfs->capacity = dfs->capacity ? 2 * dfs->capacity : 256;
        dfs->node = realloc(dfs->node, dfs->capacity * sizeof *dfs->node);
        if (!dfs->node)
            abort();
    }
    return &dfs->node[dfs->length++];
}

static int choose(void *context, const thrum__explore_choice *choice)
{
    struct dfs *dfs = context;
    size_t at = dfs->search->path.length;
    if (at == dfs->length) {
        int left = at ? left_after(&dfs->node[at - 1]) : dfs->bound;
        uint64_t state = choice->options ? state_of(dfs, choice) : 0;
        int again = state ? look_back(dfs, state, left) : NOTHING_FOUND;
        if (again == THRUM__EXPLORE_PRUNE)
            return THRUM__EXPLORE_PRUNE;
        struct node *node = add_node(dfs);
        *node = (struct node){.count = (uint8_t)choice->count, .left = left, .state = state};
        if (again != NOTHING_FOUND) { /* round the loop as before, and nothing else */
            node->chosen = (uint8_t)again;
            node->count = (uint8_t)(again + 1);
        }
        for (unsigned i = 0; choice->options && i < choice->count; i++)
            node->preempts |= (uint64_t)choice->options[i].preempts << i;
    }
    thrum__path_add(&dfs->search->path, dfs->node[at].chosen);
    return dfs->node[at].chosen;
}

/* Moves on to the next path; false when there is none. */
static bool advance(struct dfs *dfs)
{
    while (dfs->length) {
        struct node *node = &dfs->node[dfs->length - 1];
        while (++node->chosen < node->count)
            if (left_after(node) >= 0)
                return true;
        dfs->length--;
    }
    return false;
}

void thrum__search_dfs(struct search *search, int bound)
{
    struct dfs dfs = {
        .search = search,
        .bound = bound == THRUM_EXPLORE_ALL ? 1 << 20 : bound,
        .states = thrum__states_new(),
    };
    thrum__explore_driver driver = {.choose = choose, .context = &dfs};
    search->strategy = "dfs";
    search->bound = bound;
    double began = thrum__search_clock();
    bool more = true;
    while (more && thrum__search_run(search, &driver) && search->runs < search->most_runs) {
        if (search->moves && thrum__explore_machine_->outcome == THRUM__EXPLORE_PASSED)
            note_arrival(&dfs, thrum__explore_state_number());
        more = advance(&dfs);
    }
    search->exhausted = !more;
    search->seconds = thrum__search_clock() - began;
    search->states = thrum__states_count(dfs.states);
    thrum__states_free(dfs.states);
    free(dfs.node);
}
