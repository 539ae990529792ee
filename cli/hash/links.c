/* Hard links.
 *
 * A table by device and inode of the files that have more than one name. The walker finds or makes
 * the record, the worker that reads the first name settles it, the others wait for that. They
 * cannot wait for ever: batches are taken in the order of the walk, so that the first name is with a
 * worker, or done, before the second is looked at, and within a batch it stands before it.
 *
 * A record stays to the end of the run: whether another name will come is not known, as it may lie
 * outside the tree.
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

/* Doubles the table; where memory is out the chains only get longer. */
static void grow(struct links *links)
{
    struct links larger = {.count = links->count, .room = 2 * links->room};
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
    *links = larger;
}

struct link *links_find(struct links *links, const struct stat *about, bool *ret_first)
{
    size_t chain = chain_of(links, about->st_dev, about->st_ino);
    *ret_first = false;
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

void link_settle(struct link *link, const struct item *item)
{
    link->result = *item;
    thrum_event_set(&link->settled);
}

void link_wait(struct link *link, struct item *item)
{
    thrum_event_wait(&link->settled, THRUM_FOREVER);
    item->state = link->result.state;
    item->error = link->result.error;
    item->missing = link->result.missing;
    item->bytes = link->result.bytes;
    memcpy(item->digest, link->result.digest, sizeof item->digest);
}
