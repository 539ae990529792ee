/* The condition of --fail-if. It must hold for the whole interval: a build is not to fail by chance. */
#include "condition.h"

#include "command_line.h"
#include "run/admission.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const fields[] = {"ratio", "cpu-ratio", "time", "cpu", "memory"};

static bool read_bound(enum condition_field field, const char *text, double *ret_bound)
{
    char *end;
    uint64_t bytes;
    switch (field) {
    case FIELD_RATIO:
    case FIELD_CPU_RATIO:
        *ret_bound = strtod(text, &end);
        return end != text && !*end && isfinite(*ret_bound) && *ret_bound > 0;
    case FIELD_MEMORY:
        if (!admission_parse_size(text, &bytes))
            return false;
        *ret_bound = (double)bytes;
        return true;
    default:
        return duration_parse(text, ret_bound);
    }
}

bool condition_parse(const char *text, struct condition *ret_condition, char *message, size_t size)
{
    size_t length = strcspn(text, " \t<>");
    struct condition condition = {.text = text};
    bool found = false;
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        if (strlen(fields[i]) == length && memcmp(fields[i], text, length) == 0) {
            condition.field = (enum condition_field)i;
            found = true;
        }
    const char *at = text + length + strspn(text + length, " \t");
    if (found && (*at == '<' || *at == '>')) {
        condition.above = *at == '>';
        at += 1 + strspn(at + 1, " \t");
        if (read_bound(condition.field, at, &condition.bound)) {
            *ret_condition = condition;
            return true;
        }
    }
    command_line_wrong(
        message, size,
        "--fail-if takes a condition such as 'ratio > 1.05', 'time > 200ms', 'cpu > 1s' or "
        "'memory > 100M', not '%s'",
        text);
    return false;
}

bool condition_is_shown(const struct condition *condition, const struct interval *interval)
{
    return condition->above ? interval->low > condition->bound : interval->high < condition->bound;
}
