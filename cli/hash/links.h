/* Hard links: a file with several names is read once. */
#ifndef CLI_HASH_LINKS_H
#define CLI_HASH_LINKS_H

#include "batch.h"

struct links;

struct links *links_new(void);
void links_free(struct links *links);

/* The record of the file that `about` describes. `ret_first` tells whether it is new: then whoever is
 * given it reads the file and calls link_settle, which is owed; all others call link_wait. NULL if
 * memory is out, and then each name is read for itself. For the walker alone. */
struct link *links_find(struct links *links, const struct stat *about, bool *ret_first);

/* Tells the result to those who wait. */
void link_settle(struct link *link, const struct item *item);

/* Waits for the result and copies it. Blocks while another worker reads the file. */
void link_wait(struct link *link, struct item *item);

#endif
