/* Batches and folders.
 *
 * A file by itself would be too little to pass between threads: taking it from a queue would cost as
 * much as reading a small one. So they travel by up to 64, or as many as make a megabyte, so that
 * large ones are spread over the workers.
 *
 * Files are opened relative to an open directory, which is quicker than by a long path and knows no
 * limit for its length. How many directories are open at a time is limited: the walker takes a
 * permit for each, and the last who may open something in it gives it back.
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
    if (batch)
        memset(batch, 0, offsetof(struct batch, items));
    return batch;
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
