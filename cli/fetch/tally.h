/* A count for each of many texts. Only a hash of a text is kept, so a log of a million URLs takes
 * some megabytes. The probability that two of a million texts have the same hash is 10^-8. */
#ifndef CLI_FETCH_TALLY_H
#define CLI_FETCH_TALLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All-zero is an empty tally. */
struct tally {
    struct tally_slot *slots;
    size_t room, used;
};

void tally_finish(struct tally *tally);

/* The text's count, 0 at first. It may be read and changed until the next call. NULL if memory ran
 * out. */
uint32_t *tally_of(struct tally *tally, const char *text);

/* Subtracts one from the text's count. Returns false if it is 0. */
bool tally_take(struct tally *tally, const char *text);

#endif
