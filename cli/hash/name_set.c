/* Open addressing. The whole paths are kept. With hashes alone, a file could be made whose name
 * collides with that of another. */
#include "name_set.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROOM_FIRST = 1024 };

/* Removes "." and empty parts, in place. */
static void normalize(char *path)
{
    char *to = path;
    const char *from = path;
    if (*from == '/')
        *to++ = *from++;
    while (*from) {
        size_t length = strcspn(from, "/");
        bool keep = length > 0 && !(length == 1 && from[0] == '.');
        if (keep) {
            memmove(to, from, length);
            to += length;
        }
        from += length;
        from += strspn(from, "/");
        if (keep && *from)
            *to++ = '/';
    }
    if (to > path + 1 && to[-1] == '/')
        to--;
    *to = '\0';
}

static char **find(char **slots, size_t room, const char *path)
{
    uint64_t hash = UINT64_C(14695981039346656037);
    for (const char *at = path; *at; at++)
        hash = (hash ^ (unsigned char)*at) * UINT64_C(1099511628211);
    size_t slot = (size_t)(hash ^ hash >> 32) & (room - 1);
    while (slots[slot] && strcmp(slots[slot], path) != 0)
        slot = (slot + 1) & (room - 1);
    return &slots[slot];
}

static int grow(struct name_set *set)
{
    if (4 * (set->used + 1) <= 3 * set->room)
        return 0;
    size_t room = set->room ? 2 * set->room : ROOM_FIRST;
    char **slots = calloc(room, sizeof *slots);
    if (!slots)
        return -ENOMEM;
    for (size_t i = 0; i < set->room; i++)
        if (set->slots[i])
            *find(slots, room, set->slots[i]) = set->slots[i];
    free(set->slots);
    set->slots = slots;
    set->room = room;
    return 0;
}

int name_set_add(struct name_set *set, const char *path)
{
    char *copy = strdup(path);
    if (!copy || grow(set) < 0) {
        free(copy);
        return -ENOMEM;
    }
    normalize(copy);
    char **slot = find(set->slots, set->room, copy);
    if (*slot) {
        free(copy);
        return 0;
    }
    *slot = copy;
    set->used++;
    return 0;
}

bool name_set_has(const struct name_set *set, const char *folder, const char *name)
{
    char *path;
    if (set->used == 0 || asprintf(&path, "%s%s", folder, name) < 0)
        return false;
    normalize(path);
    bool found = *find(set->slots, set->room, path);
    free(path);
    return found;
}

void name_set_finish(struct name_set *set)
{
    for (size_t i = 0; i < set->room; i++)
        free(set->slots[i]);
    free(set->slots);
    *set = (struct name_set){0};
}
