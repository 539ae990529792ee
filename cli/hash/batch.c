/* Batches and folders.
 *
 * To take one file from a queue costs as much as to read a small file. So files travel in batches
 * of up to 64, and a worker takes the items of its batch one by one. Before it reads a file that
 * takes long, it offers the items that are left to another worker: it puts the batch into the queue
 * once more. Each worker that has the batch, and each offer in the queue, is a holder. The last
 * holder that leaves knows that all items are done. At most one offer of a batch is in the queue.
 *
 * Files are opened relative to an open directory. That is faster than a long path, and the length
 * of a path has no limit. The number of open directories is bounded: the walker takes a permit for
 * each, and the last user of the directory gives it back.
 */
#include "batch.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct folder *folder_new(int descriptor, thrum_semaphore *budget, const char *path)
{
    size_t size = strlen(path) + 1;
    struct folder *folder = malloc(sizeof *folder + size);
    if (!folder)
        return NULL;
    *folder =
        (struct folder){.users = 1, .references = 1, .descriptor = descriptor, .budget = budget};
    memcpy(folder->path, path, size);
    return folder;
}

void folder_use(struct folder *folder)
{
    thrum_with (&folder->lock) {
        folder->users++;
        folder->references++;
    }
}

void folder_leave(struct folder *folder)
{
    bool last = false;
    thrum_with (&folder->lock)
        last = --folder->users == 0;
    if (!last || folder->descriptor < 0)
        return;
    (void)close(folder->descriptor);
    if (folder->budget)
        thrum_semaphore_release(folder->budget, 1);
}

void folder_drop(struct folder *folder)
{
    bool last = false;
    thrum_with (&folder->lock)
        last = --folder->references == 0;
    if (last)
        free(folder);
}

struct batch *batch_new(void)
{
    struct batch *batch = malloc(sizeof *batch);
    if (!batch)
        return NULL;
    memset(batch, 0, offsetof(struct batch, items));
    batch->holders = 1; /* for the queue that it is put into when it is full */
    batch->offered = true;
    return batch;
}

struct item *batch_take(struct batch *batch)
{
    struct item *item = NULL;
    thrum_with (&batch->lock)
        if (batch->next < batch->count)
            item = &batch->items[batch->next++];
    return item;
}

bool batch_offer(struct batch *batch)
{
    bool offered = false;
    thrum_with (&batch->lock)
        if (!batch->offered && batch->next < batch->count) {
            batch->holders++;
            batch->offered = offered = true;
        }
    return offered;
}

void batch_take_back(struct batch *batch)
{
    thrum_with (&batch->lock) {
        batch->holders--;
        batch->offered = false;
    }
}

void batch_begin(struct batch *batch)
{
    thrum_with (&batch->lock)
        batch->offered = false;
}

bool batch_leave(struct batch *batch)
{
    bool last = false;
    thrum_with (&batch->lock)
        last = --batch->holders == 0;
    return last;
}

struct item *batch_add(struct batch *batch, struct folder *folder, const char *name)
{
    size_t size = strlen(name) + 1;
    if (batch->text_size + size > batch->text_room) {
        size_t room = 2 * (batch->text_room + size);
        char *text = realloc(batch->text, room);
        if (!text)
            return NULL;
        batch->text = text;
        batch->text_room = room;
    }
    struct item *item = &batch->items[batch->count++];
    *item = (struct item){.folder = folder, .name = batch->text_size};
    memcpy(batch->text + batch->text_size, name, size);
    batch->text_size += size;
    folder_use(folder);
    return item;
}

void batch_free(struct batch *batch)
{
    for (size_t i = 0; i < batch->count; i++)
        folder_drop(batch->items[i].folder);
    free(batch->text);
    free(batch);
}
