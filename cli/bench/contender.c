/* Contenders.
 *
 * A ratio is that of two runs of one round, which were close to each other in time: what slows the machine for longer
 * than a round slows both. What is shorter hits one of the two at random, and gives a ratio far from the others, on
 * either side. The mean of the middle three fifths of the logarithms leaves these out. Logarithms, so that it does not
 * matter which of the two is called the first.
 *
 * Processor time is compared in the same way. On a busy machine it tells more than wall time: a program that waits for a
 * core is not charged for it.
 */
#include "contender.h"

#include "trouble.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------------------------------ parameters */

/* The value number `index` of a parameter, malloced. Returns 0, -ENODATA if there is none, -EINVAL for a range that is
 * none, or -ENOMEM. */
static int parameter_value(const struct parameter *parameter, size_t index, char **ret_value)
{
    long first, last;
    int length = 0;
    if (sscanf(parameter->values, "%ld..%ld%n", &first, &last, &length) == 2 &&
        !parameter->values[length]) {
        if (last < first || last - first >= COMMANDS_MOST)
            return -EINVAL;
        if (first + (long)index > last)
            return -ENODATA;
        return asprintf(ret_value, "%ld", first + (long)index) < 0 ? -ENOMEM : 0;
    }
    const char *at = parameter->values;
    for (; index > 0; index--) {
        at = strchr(at, ',');
        if (!at)
            return -ENODATA;
        at++;
    }
    *ret_value = strndup(at, strcspn(at, ","));
    return *ret_value ? 0 : -ENOMEM;
}

/* Where {name} stands in the text; NULL if it does not. */
static const char *find_parameter(const char *text, const struct parameter *parameter)
{
    size_t length = (size_t)parameter->name_length;
    for (const char *at = text; (at = strchr(at, '{')); at++)
        if (strncmp(at + 1, parameter->name, length) == 0 && at[1 + length] == '}')
            return at;
    return NULL;
}

/* The text with a value in place of each {name}; malloced, or NULL. */
static char *replace(const char *text, const struct parameter *parameter, const char *value)
{
    const char *at = find_parameter(text, parameter);
    char *result, *rest;
    if (!at)
        return strdup(text);
    rest = replace(at + parameter->name_length + 2, parameter, value);
    int length = rest ? asprintf(&result, "%.*s%s%s", (int)(at - text), text, value, rest) : -1;
    free(rest);
    return length < 0 ? NULL : result;
}

/* ------------------------------------------------------------------------------------------ beginning */

/* The four texts of a contender: the command, and what runs around it. */
enum { TEXT_COMMAND, TEXT_PREPARE, TEXT_SETUP, TEXT_CONCLUDE, TEXTS };

static int prepare_command(struct timed_command *command, const char *option, const char *text,
                           enum shell_use use, thrum_error *ret_error)
{
    if (!text)
        return 0;
    int rc = timed_command_init(command, text, use);
    if (rc == -EINVAL)
        return trouble(ret_error, rc, "%s is empty; give a command such as 'sleep 0.1'", option);
    return rc < 0 ? trouble(ret_error, rc, "out of memory") : 0;
}

static int add(struct contenders *all, const struct bench_options *options,
               const char *const texts[TEXTS], thrum_error *ret_error)
{
    if (all->count == COMMANDS_MOST)
        return trouble(ret_error, -E2BIG, "%d commands are the most, parameters included",
                       COMMANDS_MOST);
    struct contender *contender = &all->items[all->count];
    const char *name =
        all->count < options->name_count ? options->names[all->count] : texts[TEXT_COMMAND];
    enum shell_use use = (enum shell_use)options->shell;
    all->count++;
    contender->name = strdup(name);
    if (!contender->name)
        return trouble(ret_error, -ENOMEM, "out of memory");
    int rc = prepare_command(&contender->command, "a command", texts[TEXT_COMMAND], use, ret_error);
    if (rc == 0)
        rc = prepare_command(&contender->prepare, "--prepare", texts[TEXT_PREPARE], SHELL_AUTO,
                             ret_error);
    if (rc == 0)
        rc =
            prepare_command(&contender->setup, "--setup", texts[TEXT_SETUP], SHELL_AUTO, ret_error);
    if (rc == 0)
        rc = prepare_command(&contender->conclude, "--conclude", texts[TEXT_CONCLUDE], SHELL_AUTO,
                             ret_error);
    return rc;
}

/* Adds the command with each value of the parameters from `index` on that it contains. */
static int expand(struct contenders *all, const struct bench_options *options,
                  const char *const texts[TEXTS], size_t index, thrum_error *ret_error)
{
    while (index < options->parameter_count &&
           !find_parameter(texts[TEXT_COMMAND], &options->parameters[index]))
        index++;
    if (index == options->parameter_count)
        return add(all, options, texts, ret_error);
    const struct parameter *parameter = &options->parameters[index];
    int rc = 0;
    for (size_t i = 0; rc == 0; i++) {
        char *filled[TEXTS] = {0}, *value = NULL;
        rc = parameter_value(parameter, i, &value);
        if (rc == -ENODATA)
            return 0;
        if (rc == -EINVAL)
            return trouble(ret_error, rc, "--parameter: %.80s is no range of at most %d numbers",
                           parameter->values, COMMANDS_MOST);
        for (int t = 0; rc == 0 && t < TEXTS; t++)
            if (texts[t] && !(filled[t] = replace(texts[t], parameter, value)))
                rc = trouble(ret_error, -ENOMEM, "out of memory");
        if (rc == 0)
            rc = expand(all, options, (const char *const *)filled, index + 1, ret_error);
        for (int t = 0; t < TEXTS; t++)
            free(filled[t]);
        free(value);
    }
    return rc == -ENOMEM ? trouble(ret_error, rc, "out of memory") : rc;
}

int contenders_init(struct contenders *all, const struct bench_options *options,
                    thrum_error *ret_error)
{
    int rc = 0;
    *all = (struct contenders){.confidence = options->confidence / 100.0};
    for (size_t i = 0; rc == 0 && i < options->command_count; i++)
        rc = expand(all, options,
                    (const char *const[TEXTS]){options->commands[i], options->prepare,
                                               options->setup, options->conclude},
                    0, ret_error);
    if (rc == 0 && options->name_count > all->count)
        rc = trouble(ret_error, -EINVAL, "--name: %zu names for %zu command%s", options->name_count,
                     all->count, all->count == 1 ? "" : "s");
    return rc;
}

void contenders_finish(struct contenders *all)
{
    for (size_t i = 0; i < all->count; i++) {
        struct contender *contender = &all->items[i];
        timed_command_finish(&contender->command);
        timed_command_finish(&contender->prepare);
        timed_command_finish(&contender->setup);
        timed_command_finish(&contender->conclude);
        free(contender->name);
        free(contender->runs);
    }
}

/* -------------------------------------------------------------------------------------------- figures */

int contender_add(struct contender *contender, const struct cost *cost)
{
    if (contender->run_count == contender->room) {
        size_t room = contender->room ? 2 * contender->room : 32;
        struct cost *runs = realloc(contender->runs, room * sizeof *runs);
        if (!runs)
            return -ENOMEM;
        contender->runs = runs;
        contender->room = room;
    }
    contender->runs[contender->run_count++] = *cost;
    return 0;
}

/* A figure of logarithms, as an interval of what they are the logarithms of. */
static int settle_figure(const double *logs, size_t count, statistic_fn *statistic,
                         double confidence, struct interval *ret_interval)
{
    int rc = bootstrap(logs, count, statistic, confidence, ret_interval);
    if (rc < 0)
        return rc;
    bool known = count >= ROUNDS_FOR_INTERVALS;
    *ret_interval = (struct interval){.low = known ? exp(ret_interval->low) : 0,
                                      .middle = exp(ret_interval->middle),
                                      .high = known ? exp(ret_interval->high) : INFINITY};
    return 0;
}

static double cpu_of(const struct cost *cost)
{
    return cost->user + cost->system;
}

static int settle(struct contender *contender, const struct contender *first, size_t rounds,
                  double confidence, double *values)
{
    for (size_t i = 0; i < rounds; i++)
        values[i] = cpu_of(&contender->runs[i]);
    contender->cpu = median_of(values, rounds);
    for (size_t i = 0; i < rounds; i++)
        values[i] = (double)contender->runs[i].memory;
    contender->memory = median_of(values, rounds);
    for (size_t i = 0; i < rounds; i++)
        values[i] = contender->runs[i].seconds;
    double median = median_of(values, rounds);
    for (size_t i = 0; i < rounds; i++)
        values[i] = log(contender->runs[i].seconds); /* no time is negative, nor is its interval */
    int rc = settle_figure(values, rounds, median_of, confidence, &contender->seconds);
    contender->seconds.middle = median;
    contender->seconds.low = fmin(contender->seconds.low, median);
    contender->seconds.high = fmax(contender->seconds.high, median);
    contender->ratio = (struct interval){1, 1, 1};
    contender->cpu_ratio = contender == first ? contender->ratio : (struct interval){0};
    if (rc < 0 || contender == first)
        return rc;
    for (size_t i = 0; i < rounds; i++)
        values[i] = log(contender->runs[i].seconds / first->runs[i].seconds);
    rc = settle_figure(values, rounds, trimmed_mean_of, confidence, &contender->ratio);
    bool counted = true;
    for (size_t i = 0; i < rounds; i++) {
        double own = cpu_of(&contender->runs[i]), others = cpu_of(&first->runs[i]);
        counted &= own > 0 && others > 0;
        values[i] = counted ? log(own / others) : 0;
    }
    if (rc == 0 && counted)
        rc = settle_figure(values, rounds, trimmed_mean_of, confidence, &contender->cpu_ratio);
    return rc;
}

int contenders_settle(struct contenders *all)
{
    int rc = 0;
    all->rounds = all->count ? all->items[0].run_count : 0;
    for (size_t i = 1; i < all->count; i++)
        if (all->items[i].run_count < all->rounds)
            all->rounds = all->items[i].run_count;
    if (all->rounds == 0)
        return 0;
    double *values = malloc(all->rounds * sizeof *values);
    if (!values)
        return -ENOMEM;
    for (size_t i = 0; rc == 0 && i < all->count; i++)
        rc = settle(&all->items[i], &all->items[0], all->rounds, all->confidence, values);
    free(values);
    return rc;
}

enum verdict verdict_of(const struct interval *ratio)
{
    return ratio->middle <= 0 ? VERDICT_NONE
           : ratio->high < 1  ? VERDICT_FASTER
           : ratio->low > 1   ? VERDICT_SLOWER
                              : VERDICT_NONE;
}
