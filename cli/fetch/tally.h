/* A count for each of many texts, of which only a number is kept: a log of a million URLs is to fit into
 * some megabytes. Two texts would be taken for one with a probability of 10^-8 for a million of them. */
#ifndef CLI_FETCH_TALLY_H
#define CLI_FETCH_TALLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All-zero memory is an empty one. */
struct tally {
    struct tally_slot *slots;
    size_t room, used;
};

void tally_finish(struct tally *tally);

/* The text's count, 0 at first, to be read and changed until the next call. NULL if memory is out. */
uint32_t *tally_of(struct tally *tally, const char *text);

/* Takes one from the text's count; false if it is 0. */
bool tally_take(struct tally *tally, const char *text);

#endif
