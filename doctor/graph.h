/* The graph of lock orders: an edge for each acquisition with another lock held. */
#ifndef DOCTOR_GRAPH_H
#define DOCTOR_GRAPH_H

#include "recording.h"

struct edge {
    uint32_t from, to; /* locks: held, and taken */
    uint32_t node, thread, epoch, stack;
    uint64_t held_site, wanted_site;
};

struct graph {
    struct edge *edges; /* by `from`, then `to` */
    int count, room;
    int *first;     /* of each lock, and the end */
    uint32_t *part; /* the strongly connected component of each lock */
    uint32_t locks;
};

/* Returns 0 or -ENOMEM; graph_free is to be called in any case. */
int graph_make(const struct recording *recording, struct graph *ret);
void graph_free(struct graph *graph);

/* Calls `visit` for each circle of at most `length` locks: for each step the edges with these two
 * ends. Stops if it returns another value than 0, and returns that; else 0 or -ENOMEM. Sets *ret_cut
 * if there were too many to visit all. */
typedef int graph_visit(void *argument, const struct edge *const *edges, const int *counts,
                        int length);
int graph_circles(const struct graph *graph, int length, graph_visit *visit, void *argument,
                  bool *ret_cut);

/* True if one thread at a time holds the object, or readers, and only who holds it releases it. */
bool graph_is_lock(const struct recording *recording, uint32_t lock);

#endif
