/* The URL of each file name, for the message about a second URL with that name. */
#ifndef CLI_FETCH_HOLDERS_H
#define CLI_FETCH_HOLDERS_H

#include <stdint.h>

enum { HOLDERS_MOST = 16384 };

/* All-zero is empty. Entries may be dropped: the file itself decides. */
struct holders {
    struct holder {
        uint64_t key; /* of the name */
        char *url;
    } * slots;
};

/* Stores that the URL has the name, and returns NULL. If another URL has it, returns that URL,
 * valid until the next call, and changes nothing. */
const char *holders_take(struct holders *holders, const char *name, const char *url);

/* The URL gives the name back. */
void holders_give(struct holders *holders, const char *name, const char *url);

/* The URL that has the name, valid until the next call; NULL if it is not known. */
const char *holders_find(const struct holders *holders, const char *name);
void holders_finish(struct holders *holders);

#endif
