/* Depth first: every interleaving with at most so many preemptions.
 *
 * The search keeps the choices of the present run as a path of nodes. A run follows the path and,
 * past its end, takes the first option of each new choice. Then the last node that has an option
 * left takes it, what lies behind is cut off, and the next run begins. Option 0 costs no
 * preemption, so every path can be completed within the bound. When no node is left, all has been
 * tried: the search is exhausted.
 *
 * Reduction: at each choice of a thread the machine gives a number that stands for the past up to
 * the order of independent steps (base/explore_trace.c), and for who can run. If the search
 * was at that number before, with at least as many preemptions left, everything from here on has
 * been tried from there, and the run is cut short. This is sound together with the preemption
 * bound, for the running thread then is a part of the number: what costs a preemption from here
 * did from there. Sleep sets and persistent sets are not, without amends: the representative that
 * they keep of a class of interleavings may need more preemptions than the one that they drop.
 *
 * The bound: most faults need few preemptions, and the number of interleavings grows with the
 * number of steps to the power of the bound, not exponentially (CHESS, Musuvathi and Qadeer 2007).
 */
#include "search.h"

#include <stdlib.h>

struct node {
    uint8_t chosen, count;
    int left;          /* preemptions, before this choice */
    uint64_t preempts; /* a bit for each option that costs one */
};

struct dfs {
    struct search *search;
    struct node *node;
    size_t length, capacity;
    struct states *states; /* NULL without reduction */
    int bound;
};

static int left_after(const struct node *node)
{
    return node->left - (int)(node->preempts >> node->chosen & 1);
}

static bool was_there(struct dfs *dfs, const thrum__explore_choice *choice, int left)
{
    uint64_t state = choice->state;
    if (choice->ready && dfs->search->bound != EXPLORE_ALL)
        state = thrum__explore_trace_hash(state, choice->running + 1);
    return states_visit(dfs->states, state, left);
}

static int choose(void *context, const thrum__explore_choice *choice)
{
    struct dfs *dfs = context;
    size_t at = dfs->search->path.length;
    if (at == dfs->length) {
        int left = at ? left_after(&dfs->node[at - 1]) : dfs->bound;
        if (choice->options && dfs->states && was_there(dfs, choice, left))
            return THRUM__EXPLORE_PRUNE;
        if (dfs->length == dfs->capacity) {
            dfs->capacity = dfs->capacity ? 2 * dfs->capacity : 256;
            dfs->node = realloc(dfs->node, dfs->capacity * sizeof *dfs->node);
            if (!dfs->node)
                abort();
        }
        struct node *node = &dfs->node[dfs->length++];
        *node = (struct node){.count = (uint8_t)choice->count, .left = left};
        for (unsigned i = 0; choice->options && i < choice->count; i++)
            node->preempts |= (uint64_t)choice->options[i].preempts << i;
    }
    path_add(&dfs->search->path, dfs->node[at].chosen);
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

void search_dfs(struct search *search, int bound)
{
    struct dfs dfs = {.search = search, .bound = bound == EXPLORE_ALL ? 1 << 20 : bound};
    if (!search->no_reduction)
        dfs.states = states_new();
    thrum__explore_driver driver = {.choose = choose, .context = &dfs};
    search->strategy = "dfs";
    search->bound = bound;
    double began = search_clock();
    bool more = true;
    while (more && search_run(search, &driver) && search->runs < search->most_runs)
        more = advance(&dfs);
    search->exhausted = !more;
    search->seconds = search_clock() - began;
    if (dfs.states)
        search->states = states_count(dfs.states);
    states_free(dfs.states);
    free(dfs.node);
}
