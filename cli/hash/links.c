/* Hard links.
 *
 * A table, by device and inode, of the files that have more than one name. A worker that has opened
 * such a file finds or makes the record. The worker that made it reads the file and settles the
 * record; the others wait for that. No wait is endless: a worker that reads waits for no other
 * worker.
 *
 * A record stays to the end of the run. Another name may always come, or lie outside the tree.
 */
#include "links.h"

#include <stdlib.h>
#include <string.h>

struct link {
    struct link *next; /* in its chain */
    dev_t device;
    ino_t inode;
    thrum_event settled; /* `result` is there */
    struct item result;
};

struct links {
    thrum_lock lock;    /* over what follows */
    size_t count, room; /* room is a power of two */
    struct link **chains;
};

enum { ROOM_FIRST = 256 };

static size_t chain_of(const struct links *links, dev_t device, ino_t inode)
{
    uint64_t mixed = ((uint64_t)device << 32 ^ (uint64_t)inode) * UINT64_C(0x9e3779b97f4a7c15);
    return (size_t)(mixed >> 32) & (links->room - 1);
}

struct links *links_new(void)
{
    struct links *links = malloc(sizeof *links);
    if (!links)
        return NULL;
    *links = (struct links){.room = ROOM_FIRST};
    links->chains = calloc(links->room, sizeof(struct link *));
    if (links->chains)
        return links;
    free(links);
    return NULL;
}

void links_free(struct links *links)
{
    for (size_t i = 0; links && i < links->room; i++)
        for (struct link *link = links->chains[i], *next; link; link = next) {
            next = link->next;
            thrum_event_finish(&link->settled);
            free(link);
        }
    if (links)
        free(links->chains);
    free(links);
}

/* Doubles the table. If memory ran out, the chains get longer instead. */
static void grow(struct links *links)
{
    struct links larger = {.room = 2 * links->room};
    larger.chains = calloc(larger.room, sizeof(struct link *));
    if (!larger.chains)
        return;
    for (size_t i = 0; i < links->room; i++)
        for (struct link *link = links->chains[i], *next; link; link = next) {
            next = link->next;
            size_t chain = chain_of(&larger, link->device, link->inode);
            link->next = larger.chains[chain];
            larger.chains[chain] = link;
        }
    free(links->chains);
    links->chains = larger.chains;
    links->room = larger.room;
}

/* links_find, under the lock. */
static struct link *find(struct links *links, const struct stat *about, bool *ret_first)
{
    size_t chain = chain_of(links, about->st_dev, about->st_ino);
    for (struct link *link = links->chains[chain]; link; link = link->next)
        if (link->device == about->st_dev && link->inode == about->st_ino)
            return link;
    struct link *link = malloc(sizeof *link);
    if (!link)
        return NULL;
    *link = (struct link){
        .next = links->chains[chain], .device = about->st_dev, .inode = about->st_ino};
    links->chains[chain] = link;
    *ret_first = true;
    if (++links->count > links->room)
        grow(links);
    return link;
}

struct link *links_find(struct links *links, const struct stat *about, bool *ret_first)
{
    struct link *link = NULL;
    *ret_first = false;
    thrum_with (&links->lock)
        link = find(links, about, ret_first);
    return link;
}

void link_settle(struct link *link, const struct item *item)
{
    link->result = *item;
    thrum_event_set(&link->settled);
}

void link_wait(struct link *link, struct item *item)
{
    (void)!thrum_event_wait(&link->settled, THRUM_FOREVER); /* nobody cancels the caller */
    item->state = link->result.state;
    item->error = link->result.error;
    item->missing = link->result.missing;
    item->bytes = link->result.bytes;
    memcpy(item->digest, link->result.digest, sizeof item->digest);
}
