/* What things are called in reports. */
#include "explorer/machine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAMES = 256 };

static struct names {
    unsigned count;
    struct {
        const char *from;
        size_t size;
        const char *name;
    } name[NAMES];
    char thread[THRUM__EXPLORE_THREADS][64];
} * names; /* made before the first run */

void thrum__explore_names_reset(void)
{
    if (!names)
        names = calloc(1, sizeof *names);
    if (!names)
        abort();
    names->count = 0;
}

void thrum__explore_name(const void *address, size_t size, const char *name)
{
    if (names->count == NAMES)
        return;
    names->name[names->count].from = address;
    names->name[names->count].size = size;
    names->name[names->count++].name = name;
}

void thrum__explore_name_thread(unsigned thread, const char *name)
{
    thrum__explore_machine_->thread[thread].name = name;
}

const char *thrum__explore_thread_name(unsigned thread)
{
    const thrum__explore_machine *m = thrum__explore_machine_;
    char *text = names->thread[thread];
    const char *name = thread < m->threads ? m->thread[thread].name : NULL;
    snprintf(text, sizeof names->thread[thread], "T%u%s%s%s", thread, name ? " (" : "",
             name ? name : "", name ? ")" : "");
    return text;
}

const char *thrum__explore_file(const char *path)
{
    while (strncmp(path, "../", 3) == 0)
        path += 3;
    return path;
}

void thrum__explore_describe(char *text, size_t size, const void *address)
{
    const char *at = address;
    for (unsigned i = names->count; i-- > 0;) {
        const char *from = names->name[i].from;
        if (at < from || at >= from + names->name[i].size)
            continue;
        if (at == from)
            snprintf(text, size, "%s", names->name[i].name);
        else
            snprintf(text, size, "%s+%zu", names->name[i].name, (size_t)(at - from));
        return;
    }
    thrum__explore_memory_region(text, size, address);
}
