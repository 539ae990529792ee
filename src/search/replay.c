/* Paths as text, and running one again with every step told. */
#include "search/search.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void thrum__path_add(struct path *path, unsigned chosen)
{
    if (path->length == path->capacity) {
        path->capacity = path->capacity ? 2 * path->capacity : 256;
        path->chosen = realloc(path->chosen, path->capacity);
        if (!path->chosen)
            abort();
    }
    path->chosen[path->length++] = (uint8_t)chosen;
}

void thrum__path_clear(struct path *path)
{
    path->length = 0;
}

char *thrum__path_write(const struct path *path, const char *test)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        abort();
    fprintf(out, "%s:", test);
    size_t skipped = 0;
    const char *dot = "";
    for (size_t i = 0; i < path->length; i++) {
        if (!path->chosen[i]) {
            skipped++;
            continue;
        }
        fprintf(out, "%s%zu.%u", dot, skipped, path->chosen[i]);
        dot = ".";
        skipped = 0;
    }
    if (fclose(out))
        abort();
    return text;
}

bool thrum__path_read(struct path *path, const char *text)
{
    thrum__path_clear(path);
    while (*text) {
        char *end;
        unsigned long skipped = strtoul(text, &end, 10);
        if (end == text || *end != '.' || skipped > 1000000)
            return false;
        text = end + 1;
        unsigned long chosen = strtoul(text, &end, 10);
        if (end == text || (*end && *end != '.') || chosen > UINT8_MAX)
            return false;
        text = *end ? end + 1 : end;
        while (skipped--)
            thrum__path_add(path, 0);
        thrum__path_add(path, (unsigned)chosen);
    }
    return true;
}

struct replay {
    struct search *search;
    const struct path *path;
    unsigned number; /* of the step */
    unsigned alike;  /* how often the last one was repeated */
    thrum__explore_step last;
};

static void print_alike(struct replay *replay)
{
    if (replay->alike)
        printf("#        ... and %u more like this\n", replay->alike);
    replay->alike = 0;
}

static bool is_alike(const thrum__explore_step *a, const thrum__explore_step *b)
{
    return a->thread == b->thread && a->line == b->line && a->file == b->file &&
           a->verb == b->verb && a->address == b->address && a->before == b->before &&
           a->after == b->after;
}

static int choose(void *context, const thrum__explore_choice *choice)
{
    struct replay *replay = context;
    size_t at = replay->search->path.length;
    unsigned chosen = at < replay->path->length ? replay->path->chosen[at] : 0;
    if (chosen >= choice->count) {
        fprintf(stderr,
                "explorer: the replay string does not fit the test: choice %zu has %u "
                "options\n",
                at + 1, choice->count);
        exit(2);
    }
    thrum__path_add(&replay->search->path, chosen);
    return (int)chosen;
}

static void step(void *context, const thrum__explore_step *step)
{
    struct replay *replay = context;
    replay->number++;
    if (is_alike(step, &replay->last)) {
        replay->alike++;
        return;
    }
    print_alike(replay);
    replay->last = *step;
    char place[256], name[128] = "", values[64] = "";
    snprintf(place, sizeof place, "%s:%d", thrum__explore_file(step->file), step->line);
    if (step->address)
        thrum__explore_describe(name, sizeof name, step->address);
    if (step->valued && step->before == step->after)
        snprintf(values, sizeof values, " = %" PRIu64, step->after);
    else if (step->valued)
        snprintf(values, sizeof values, " %" PRIu64 " -> %" PRIu64, step->before, step->after);
    printf("#  %4u  %-14s %-32s %s %s%s\n", replay->number,
           thrum__explore_thread_name(step->thread), place, step->verb, name, values);
}

void thrum__search_replay(struct search *search, const struct path *path, bool loud)
{
    struct replay replay = {.search = search, .path = path};
    thrum__explore_driver driver = {
        .choose = choose,
        .step = loud ? step : NULL,
        .context = &replay,
    };
    search->strategy = "replay";
    search->bound = THRUM_EXPLORE_ALL;
    thrum__search_run(search, &driver);
    print_alike(&replay);
}
