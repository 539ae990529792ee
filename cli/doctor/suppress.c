#include "suppress.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int add(struct suppressions *suppressions, const char *kind, const char *pattern)
{
    struct suppression *list =
        realloc(suppressions->list, sizeof *list * (size_t)(suppressions->count + 1));
    if (!list)
        return -ENOMEM;
    suppressions->list = list;
    struct suppression one = {strdup(kind), strdup(pattern)};
    list[suppressions->count++] = one;
    return one.kind && one.pattern ? 0 : -ENOMEM;
}

int suppressions_read(struct suppressions *suppressions, const char *path, char *message,
                      size_t size)
{
    char *line = NULL;
    size_t room = 0;
    int rc = 0, number = 0;
    *suppressions = (struct suppressions){0};
    FILE *file = fopen(path, "re");
    if (!file) {
        rc = -errno;
        snprintf(message, size, "cannot read %s: %s", path, strerror(-rc));
        return rc;
    }
    while (rc == 0 && getline(&line, &room, file) > 0) {
        char *rest = NULL, *kind = strtok_r(line, " \t\n", &rest);
        char *pattern = kind ? strtok_r(NULL, "\n", &rest) : NULL;
        number++;
        if (!kind || kind[0] == '#')
            continue;
        if (!pattern) {
            snprintf(message, size, "%s:%d: a pattern is missing after '%s'", path, number, kind);
            rc = -EINVAL;
        } else if ((rc = add(suppressions, kind, pattern + strspn(pattern, " \t"))) < 0)
            snprintf(message, size, "cannot read %s: %s", path, strerror(-rc));
    }
    if (rc == 0 && ferror(file)) {
        rc = -EIO;
        snprintf(message, size, "cannot read %s: %s", path, strerror(-rc));
    }
    free(line);
    (void)fclose(file);
    if (rc < 0)
        suppressions_free(suppressions);
    return rc;
}

void suppressions_free(struct suppressions *suppressions)
{
    for (int i = 0; i < suppressions->count; i++) {
        free(suppressions->list[i].kind);
        free(suppressions->list[i].pattern);
    }
    free(suppressions->list);
    *suppressions = (struct suppressions){0};
}

bool suppressions_fit(const struct suppressions *suppressions, const char *kind, const char *name)
{
    for (int i = 0; i < suppressions->count; i++) {
        const struct suppression *one = &suppressions->list[i];
        if ((strcmp(one->kind, "*") == 0 || strcmp(one->kind, kind) == 0) &&
            fnmatch(one->pattern, name, 0) == 0)
            return true;
    }
    return false;
}
