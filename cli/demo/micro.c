/* The rows are those of ./dev bench, and so is all that measures and prints them (bench/). Peers in other languages are
 * programs in a folder, which an installed command does not have; they are then left out with a word. */
#include "micro.h"

#include "bench/sets.h"

#include <string.h>

static const struct bench_set *find(const char *name, size_t length)
{
    for (size_t i = 0; bench_sets[i]; i++)
        if (strlen(bench_sets[i]->name) == length && memcmp(bench_sets[i]->name, name, length) == 0)
            return bench_sets[i];
    return NULL;
}

bool micro_has(const char *name, size_t length)
{
    return find(name, length) != NULL;
}

void micro_names(char *ret_text, size_t size)
{
    size_t used = 0;
    ret_text[0] = '\0';
    for (size_t i = 0; bench_sets[i] && used < size; i++)
        used += (size_t)snprintf(ret_text + used, size - used, "%s%s", i ? ", " : "",
                                 bench_sets[i]->name);
}

/* True if a list of the options has the name, or if there is none. */
static bool is_chosen(const struct demo_options *options, const char *name)
{
    for (int i = 0; i < options->only_count; i++)
        for (const char *at = options->only[i]; *at; at += strcspn(at, ","), at += *at == ',')
            if (strcspn(at, ",") == strlen(name) && strncmp(at, name, strlen(name)) == 0)
                return true;
    return options->only_count == 0;
}

int micro_run(const struct demo_options *options)
{
    const struct bench_set *chosen[32];
    size_t count = 0;
    for (size_t i = 0; bench_sets[i] && count < sizeof chosen / sizeof chosen[0]; i++)
        if (is_chosen(options, bench_sets[i]->name))
            chosen[count++] = bench_sets[i];
    struct bench_settings settings = {
        .rounds = options->repeats > 1 ? options->repeats
                  : options->quick     ? 3
                                       : BENCH_ROUNDS,
        .deadline = BENCH_DEADLINE,
        .json = options->json,
    };
    return bench_measure("thrum demo --micro", chosen, count, &settings);
}
