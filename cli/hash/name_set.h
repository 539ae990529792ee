/* A set of paths. "./a//b" and "a/b" are one path. */
#ifndef CLI_HASH_NAME_SET_H
#define CLI_HASH_NAME_SET_H

#include <stdbool.h>
#include <stddef.h>

/* All-zero is an empty set. */
struct name_set {
    char **slots;
    size_t room, used;
};

/* Returns 0 or -ENOMEM. */
int name_set_add(struct name_set *set, const char *path);
/* True if the set has the path `folder` + `name`. False also if memory ran out. */
bool name_set_has(const struct name_set *set, const char *folder, const char *name);
void name_set_finish(struct name_set *set);

#endif
