/* The entries of a directory, in a stable order. */
#ifndef CLI_HASH_LISTING_H
#define CLI_HASH_LISTING_H

#include <stdbool.h>
#include <stddef.h>

struct entry {
    size_t name;        /* in the listing's text */
    unsigned char type; /* DT_REG and so on, or DT_UNKNOWN */
};

struct listing {
    char *text;
    struct entry *entries;
    size_t count;
};

/* Reads the open directory, which stays the caller's, into `ret`. With `sorted`, the entries are in
 * the order of the paths of all files below them, by bytes. Returns 0 or a negative errno. */
int listing_read(int descriptor, bool sorted, struct listing *ret);
void listing_finish(struct listing *listing);

#endif
