/* Finds our libraries, and makes environments that preload them. */
#include "preload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern char **environ;

bool preload_find(const char *name, char *path, size_t size)
{
    static const char *const places[] = {"../doctor", "../cli",
                                         "../adapter", /* in the build tree */
                                         "../lib"};
    char own[4096];
    ssize_t length = readlink("/proc/self/exe", own, sizeof own - 1);
    if (length > 0) {
        own[length] = 0;
        *strrchr(own, '/') = 0;
        for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
            snprintf(path, size, "%s/%s/%s", own, places[i], name);
            if (access(path, R_OK) == 0)
                return true;
        }
    }
    snprintf(path, size, "%s/%s", LIBRARY_FOLDER, name);
    return access(path, R_OK) == 0;
}

static bool sets(const char *entry, const char *variable)
{
    size_t length = strlen(variable);
    return strncmp(entry, variable, length) == 0 && entry[length] == '=';
}

char **preload_environment(const char *library, const char *variable, const char *value)
{
    const char *others = getenv("LD_PRELOAD");
    size_t count = 0, at = 0;
    while (environ[count])
        count++;
    size_t text =
        strlen(library) + (others ? strlen(others) : 0) + strlen(variable) + strlen(value) + 64;
    char **list = malloc((count + 3) * sizeof *list + text);
    if (!list)
        return NULL;
    char *first = (char *)(list + count + 3);
    int length = snprintf(first, text, "LD_PRELOAD=%s%s%s", library, others && *others ? ":" : "",
                          others ? others : "");
    char *second = first + length + 1;
    snprintf(second, text - (size_t)length - 1, "%s=%s", variable, value);
    for (size_t i = 0; i < count; i++)
        if (!sets(environ[i], "LD_PRELOAD") && !sets(environ[i], variable))
            list[at++] = environ[i];
    list[at++] = first;
    list[at++] = second;
    list[at] = NULL;
    return list;
}
