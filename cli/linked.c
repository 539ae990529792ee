/* All subcommands in one program, in place of modules.c: for static builds, and for tests that replace functions of the
 * subcommands at link time. */
#include "command.h"

#include "output.h"
#include "trouble.h"

#include <string.h>

#define ROW(name) {#name, name##_run},

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
} rows[] = {COMMANDS(ROW)};

int command_run(const char *name, int argc, char **argv)
{
    size_t i = 0;
    while (strcmp(rows[i].name, name) != 0)
        i++;
    trouble_speaker(name);
    return output_finish(rows[i].run(argc, argv));
}
