/* Which URL has which file name: so that a second URL with the name is told of the first. */
#ifndef CLI_FETCH_HOLDERS_H
#define CLI_FETCH_HOLDERS_H

#include <stdint.h>

enum { HOLDERS_MOST = 16384 };

/* All-zero is empty. What is in it may be forgotten: the file itself is what counts. */
struct holders {
    struct holder {
        uint64_t key; /* of the name */
        char *url;
    } * slots;
};

/* Notes that the URL has the name. Returns NULL, or the URL that has it, good until the next call; it then keeps
 * the name. */
const char *holders_take(struct holders *holders, const char *name, const char *url);

/* The URL gives the name back. */
void holders_give(struct holders *holders, const char *name, const char *url);

/* The URL that has the name, good until the next call; NULL if it is not known. */
const char *holders_find(const struct holders *holders, const char *name);
void holders_finish(struct holders *holders);

#endif
