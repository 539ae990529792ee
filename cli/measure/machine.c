/* The machine, from uname(2) and /proc. */
#include "machine.h"

#include "trouble.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <thrum.h>
#include <time.h>

/* The value of the first line of /proc/cpuinfo that begins with the name. */
static void read_processor(char *ret_text, size_t size)
{
    FILE *file = fopen("/proc/cpuinfo", "re");
    char line[256];
    while (file && !*ret_text && fgets(line, sizeof line, file)) {
        char *colon = strchr(line, ':');
        if (strncmp(line, "model name", 10) != 0 || !colon)
            continue;
        colon += 1 + strspn(colon + 1, " ");
        snprintf(ret_text, size, "%.*s", (int)strcspn(colon, "\n"), colon);
    }
    if (file)
        (void)fclose(file); /* it was only read */
}

void machine_look(struct machine *ret_machine)
{
    struct utsname name;
    struct tm utc;
    time_t now = time(NULL);
    *ret_machine = (struct machine){.cores = thrum_cpu_count(), .load = -1};
    read_processor(ret_machine->processor, sizeof ret_machine->processor);
    if (uname(&name) == 0)
        snprintf(ret_machine->kernel, sizeof ret_machine->kernel, "%.30s %.60s %.30s", name.sysname,
                 name.release, name.machine);
    if (getloadavg(&ret_machine->load, 1) != 1)
        ret_machine->load = -1;
    if (gmtime_r(&now, &utc))
        strftime(ret_machine->began, sizeof ret_machine->began, "%Y-%m-%dT%H:%M:%SZ", &utc);
}

json_t *json_text(const char *text)
{
    if (!text)
        return json_null();
    json_t *value = json_string(text);
    char *plain = value ? NULL : strdup(text);
    for (char *at = plain; at && *at; at++)
        if (*at & 0x80)
            *at = '?';
    if (plain)
        value = json_string(plain);
    free(plain);
    return value;
}

json_t *machine_json(const struct machine *machine)
{
    return json_pack("{s:s, s:o, s:o, s:i, s:o, s:s}", "thrum", thrum_version(), "processor",
                     json_text(machine->processor), "kernel", json_text(machine->kernel), "cores",
                     machine->cores, "load",
                     machine->load < 0 ? json_null() : json_real(machine->load), "began",
                     machine->began);
}

void machine_warn(const struct machine *machine)
{
    static const double busy = 0.5;
    if (machine->load > busy * machine->cores)
        trouble_print(
            "the machine is busy: a load of %.1f on %d core%s; times of others take part in the figures",
            machine->load, machine->cores, machine->cores == 1 ? "" : "s");
}
