/* Admission.
 *
 * The load is the number of processes that run or wait for a disk now, as the kernel counts them in
 * /proc/stat, without this one. The load average is too slow: it takes a minute to show the jobs
 * that have just started.
 *
 * The kernel has no event for these numbers, nor for available memory. So while a job waits for
 * them, and only then, they are read ten times a second.
 *
 * If a file cannot be read, the job starts: a missing /proc must not delay it for ever.
 */
#include "admission.h"

#include "stop.h"
#include "trouble.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double look_seconds = 0.1, patience_seconds = 5;

/* The sum of the numbers behind the names in a file of lines "NAME NUMBER"; false if there are
 * none. */
static bool read_numbers(const char *path, const char *const *names, uint64_t *ret_sum)
{
    char line[256];
    FILE *file = fopen(path, "re");
    bool found = false;
    *ret_sum = 0;
    while (file && fgets(line, sizeof line, file))
        for (const char *const *name = names; *name; name++)
            if (strncmp(line, *name, strlen(*name)) == 0) {
                *ret_sum += strtoull(line + strlen(*name), NULL, 10);
                found = true;
            }
    if (file)
        (void)fclose(file);
    return found;
}

static bool is_loaded(const struct run_options *options)
{
    static const char *const names[] = {"procs_running ", "procs_blocked ", NULL};
    uint64_t running;
    return options->load > 0 && read_numbers("/proc/stat", names, &running) &&
           (double)running - 1 >= options->load;
}

static bool is_full(const struct run_options *options)
{
    static const char *const names[] = {"MemAvailable:", NULL};
    uint64_t available;
    return options->memory > 0 && read_numbers("/proc/meminfo", names, &available) &&
           available * 1024 < options->memory;
}

static thrum_time later(thrum_time moment, double seconds)
{
    return seconds > 1e9 ? INT64_MAX : moment + (thrum_time)(seconds * 1e9);
}

void admission_wait(struct admission *admission, const struct run_options *options)
{
    thrum_time begin = thrum_now();
    bool said = options->quiet;
    if (options->delay > 0 && admission->started)
        stop_wait(thrum_at(later(admission->last, options->delay)));
    while (!stop_is_set()) {
        bool loaded = is_loaded(options), full = !loaded && is_full(options);
        if (!loaded && !full)
            break;
        if (!said && thrum_now() > later(begin, patience_seconds)) {
            trouble_print("the next job waits: %s",
                          loaded ? "--load is reached" : "less memory than --memfree is available");
            said = true;
        }
        stop_wait(thrum_in(look_seconds));
    }
    admission->last = thrum_now();
    admission->started = true;
}

bool admission_parse_size(const char *text, uint64_t *ret_bytes)
{
    static const char units[] = "KMGTPE";
    char *end;
    errno = 0;
    if (strspn(text, "0123456789") == 0)
        return false;
    unsigned long long number = strtoull(text, &end, 10);
    uint64_t bytes = number;
    const char *unit = *end ? strchr(units, *end) : NULL;
    if (errno || number == 0 || (*end && (!unit || end[1])))
        return false;
    for (ptrdiff_t times = unit ? unit - units + 1 : 0; times > 0; times--)
        if (__builtin_mul_overflow(bytes, UINT64_C(1024), &bytes))
            return false;
    *ret_bytes = bytes;
    return true;
}
