/* Circles are searched only inside strongly connected components (found by Tarjan's method, with a
 * stack of its own, as chains of locks can be long), and from the lowest lock of each circle, so each
 * is found once. */
#include "graph.h"

#include <errno.h>
#include <stdlib.h>

bool graph_is_lock(const struct recording *recording, uint32_t index)
{
    const struct lock_record *lock = recording_lock(recording, index);
    switch (lock->kind) {
    case LOCK_MUTEX:
    case LOCK_RWLOCK:
    case LOCK_SPIN:
    case LOCK_ONCE:
    case LOCK_THRUM_LOCK:
    case LOCK_THRUM_RWLOCK:
        return !(lock->flags & LOCK_HANDED);
    case LOCK_SEMAPHORE:
    case LOCK_THRUM_SEMAPHORE:
        return !(lock->flags & LOCK_HANDED) && (lock->site || lock->flags & LOCK_VALUED) &&
               lock->argument == 1;
    default:
        return false;
    }
}

static int by_ends(const void *a, const void *b)
{
    const struct edge *first = a, *second = b;
    if (first->from != second->from)
        return first->from < second->from ? -1 : 1;
    if (first->to != second->to)
        return first->to < second->to ? -1 : 1;
    return first->thread < second->thread ? -1 : first->thread > second->thread;
}

static bool add_edge(struct graph *graph, struct edge edge)
{
    if (graph->count == graph->room) {
        int room = graph->room ? graph->room * 2 : 256;
        struct edge *list = realloc(graph->edges, sizeof *list * (size_t)room);
        if (!list)
            return false;
        graph->edges = list;
        graph->room = room;
    }
    graph->edges[graph->count++] = edge;
    return true;
}

/* The edges of one acquisition: from each lock that was held. */
static bool add_acquisition(const struct recording *recording, struct graph *graph,
                            const struct variant_record *variant)
{
    const struct node_record *last = recording_node(recording, variant->node);
    if (!graph_is_lock(recording, last->lock))
        return true;
    uint32_t at = last->parent;
    for (int i = 0; at && i < HELD_MOST; i++, at = recording_node(recording, at)->parent) {
        const struct node_record *node = recording_node(recording, at);
        if (node->lock == last->lock || !graph_is_lock(recording, node->lock))
            continue;
        struct edge edge = {node->lock,     last->lock,     variant->node, variant->thread,
                            variant->epoch, variant->stack, node->site,    last->site};
        if (!add_edge(graph, edge))
            return false;
    }
    return true;
}

static bool index_edges(struct graph *graph)
{
    graph->first = calloc((size_t)graph->locks + 2, sizeof *graph->first);
    graph->part = calloc((size_t)graph->locks + 1, sizeof *graph->part);
    if (!graph->first || !graph->part)
        return false;
    if (graph->count > 0)
        qsort(graph->edges, (size_t)graph->count, sizeof *graph->edges, by_ends);
    for (int i = 0; i < graph->count; i++)
        graph->first[graph->edges[i].from + 1]++;
    for (uint32_t i = 0; i <= graph->locks; i++)
        graph->first[i + 1] += graph->first[i];
    return true;
}

struct tarjan {
    const struct graph *graph;
    int *number, *low, *at; /* at: the next edge of each lock that is being worked on */
    uint32_t *path, *stack;
    int count, path_count, stack_count;
};

static void close_part(struct tarjan *tarjan, uint32_t root)
{
    uint32_t lock;
    do {
        lock = tarjan->stack[--tarjan->stack_count];
        tarjan->graph->part[lock] = root + 1;
    } while (lock != root);
}

static void enter_lock(struct tarjan *tarjan, uint32_t lock)
{
    tarjan->number[lock] = tarjan->low[lock] = ++tarjan->count;
    tarjan->at[lock] = tarjan->graph->first[lock];
    tarjan->path[tarjan->path_count++] = lock;
    tarjan->stack[tarjan->stack_count++] = lock;
}

static void walk_from(struct tarjan *tarjan, uint32_t start)
{
    const struct graph *graph = tarjan->graph;
    enter_lock(tarjan, start);
    while (tarjan->path_count > 0) {
        uint32_t lock = tarjan->path[tarjan->path_count - 1];
        if (tarjan->at[lock] < graph->first[lock + 1]) {
            uint32_t next = graph->edges[tarjan->at[lock]++].to;
            if (!tarjan->number[next])
                enter_lock(tarjan, next);
            else if (!graph->part[next] && tarjan->number[next] < tarjan->low[lock])
                tarjan->low[lock] = tarjan->number[next];
            continue;
        }
        if (tarjan->low[lock] == tarjan->number[lock])
            close_part(tarjan, lock);
        tarjan->path_count--;
        if (tarjan->path_count > 0) {
            uint32_t above = tarjan->path[tarjan->path_count - 1];
            if (tarjan->low[lock] < tarjan->low[above])
                tarjan->low[above] = tarjan->low[lock];
        }
    }
}

static bool find_parts(const struct graph *graph)
{
    size_t room = (size_t)graph->locks + 1;
    struct tarjan tarjan = {.graph = graph,
                            .number = calloc(room, sizeof(int)),
                            .low = calloc(room, sizeof(int)),
                            .at = calloc(room, sizeof(int)),
                            .path = calloc(room, sizeof(uint32_t)),
                            .stack = calloc(room, sizeof(uint32_t))};
    bool done = tarjan.number && tarjan.low && tarjan.at && tarjan.path && tarjan.stack;
    for (uint32_t i = 0; done && i < graph->locks; i++)
        if (!tarjan.number[i])
            walk_from(&tarjan, i);
    free(tarjan.number);
    free(tarjan.low);
    free(tarjan.at);
    free(tarjan.path);
    free(tarjan.stack);
    return done;
}

int graph_make(const struct recording *recording, struct graph *ret)
{
    const struct region *region = recording->region;
    uint32_t count = recording_count(region->variant_count, REGION_VARIANTS);
    *ret = (struct graph){.locks = recording_count(region->lock_count, REGION_LOCKS)};
    for (uint32_t i = 1; i < count; i++) {
        /* One that is just being written has no thread yet. */
        struct variant_record variant = region->variants[i];
        if (variant.node && variant.thread && !add_acquisition(recording, ret, &variant))
            return -ENOMEM;
    }
    /* A lock that came after the locks were counted. */
    for (int i = 0; i < ret->count; i++)
        if (ret->edges[i].from >= ret->locks || ret->edges[i].to >= ret->locks)
            ret->edges[i--] = ret->edges[--ret->count];
    return index_edges(ret) && find_parts(ret) ? 0 : -ENOMEM;
}

void graph_free(struct graph *graph)
{
    free(graph->edges);
    free(graph->first);
    free(graph->part);
    *graph = (struct graph){0};
}

enum { VISITS_MOST = 20000, TURNS_MOST = 2000000 };

struct walk {
    const struct graph *graph;
    graph_visit *visit;
    void *argument;
    uint32_t start;
    int length, visits, turns;
    const struct edge **edges;
    int *counts;
    bool *on_path;
};

/* Goes on from a lock at depth `depth`. Returns 0, or what a visit returned. */
static int go_on(struct walk *walk, uint32_t lock, int depth)
{
    const struct graph *graph = walk->graph;
    int end = graph->first[lock + 1], rc = 0;
    for (int i = graph->first[lock], next; rc == 0 && i < end; i = next) {
        const struct edge *edge = &graph->edges[i];
        next = i + 1;
        while (next < end && graph->edges[next].to == edge->to)
            next++;
        if (edge->to < walk->start || graph->part[edge->to] != graph->part[lock] ||
            walk->turns++ > TURNS_MOST || walk->visits > VISITS_MOST)
            continue;
        walk->edges[depth] = edge;
        walk->counts[depth] = next - i;
        if (edge->to == walk->start) {
            walk->visits++;
            rc = walk->visit(walk->argument, walk->edges, walk->counts, depth + 1);
        } else if (!walk->on_path[edge->to] && depth + 1 < walk->length) {
            walk->on_path[edge->to] = true;
            rc = go_on(walk, edge->to, depth + 1);
            walk->on_path[edge->to] = false;
        }
    }
    return rc;
}

int graph_circles(const struct graph *graph, int length, graph_visit *visit, void *argument,
                  bool *ret_cut)
{
    struct walk walk = {.graph = graph,
                        .visit = visit,
                        .argument = argument,
                        .length = length,
                        .edges = calloc((size_t)length, sizeof(struct edge *)),
                        .counts = calloc((size_t)length, sizeof(int)),
                        .on_path = calloc((size_t)graph->locks + 1, sizeof(bool))};
    int rc = walk.edges && walk.counts && walk.on_path ? 0 : -ENOMEM;
    for (uint32_t i = 0; rc == 0 && i < graph->locks; i++) {
        walk.start = i;
        rc = go_on(&walk, i, 0);
    }
    *ret_cut = walk.turns > TURNS_MOST || walk.visits > VISITS_MOST;
    free(walk.edges);
    free(walk.counts);
    free(walk.on_path);
    return rc;
}
