/* Hard links: a file with several names is read once. */
#ifndef CLI_HASH_LINKS_H
#define CLI_HASH_LINKS_H

#include "batch.h"

struct links;

struct links *links_new(void);
void links_free(struct links *links);

/* The record of the file that `about` describes. If `ret_first` is true, it is new: the caller
 * reads the file and must call link_settle. Callers for other names call link_wait. Returns NULL if
 * memory ran out: each name is then read. From any thread. */
struct link *links_find(struct links *links, const struct stat *about, bool *ret_first);

/* Sets the result and wakes the waiters. */
void link_settle(struct link *link, const struct item *item);

/* Waits for the result and copies it. Blocks while another worker reads the file. */
void link_wait(struct link *link, struct item *item);

#endif
