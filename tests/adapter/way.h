/* A way to the server of a test, by a process that passes the bytes on, and can cut a connection at a byte. */
#ifndef TESTS_ADAPTER_WAY_H
#define TESTS_ADAPTER_WAY_H

#include <stdint.h>
#include <sys/types.h>

enum way_direction { WAY_UP, WAY_DOWN, WAY_DIRECTIONS }; /* to the server, and from it */

/* What the test shares with the process. */
struct way_counts {
    uint64_t passed[WAY_DIRECTIONS]; /* bytes, ever */
    uint64_t cut_at[WAY_DIRECTIONS]; /* of `passed`; 0 for none */
    uint64_t cuts;
};

struct way {
    pid_t pid;
    int port, target;
    char url[64];
    struct way_counts *counts;
};

/* Begins a way to the port `target` of this machine, for one connection at a time. It listens when this returns. */
void way_start(struct way *way, int target);

/* Ends it, and the connection. way_again begins it again, at the same port. */
void way_end(struct way *way);
void way_again(struct way *way);

/* Has the connection end when so many more bytes have passed in that direction. The next connection is whole. */
void way_cut_after(struct way *way, enum way_direction direction, uint64_t size);

/* Waits until the connection was cut so often. */
void way_await_cuts(const struct way *way, uint64_t count);

#endif
