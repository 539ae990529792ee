/* The processes that a child has started, whatever groups or sessions they are in. */
#ifndef CLI_CHILD_DESCENDANTS_H
#define CLI_CHILD_DESCENDANTS_H

#include <stddef.h>
#include <sys/types.h>

/* A process; its start time tells it from a later one with the same number. */
struct descendant {
    pid_t pid;
    unsigned long long start;
};

/* All-zero is empty. */
struct descendants {
    struct descendant *items;
    size_t count, room;
};

/* Adds the processes below `root` and below those in the set. Returns the number of new ones; 0
 * also if /proc cannot be read. */
size_t descendants_find(struct descendants *set, pid_t root);

/* Sends the signal to the processes from index `first` on that still exist, except members of
 * `group`. */
void descendants_signal(const struct descendants *set, size_t first, pid_t group, int number);

void descendants_finish(struct descendants *set);

#endif
