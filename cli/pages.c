/* Makes the manual pages and the completions at build time, from the tables by which the command
 * reads its options. So they always agree. Not installed.
 *
 *     pages manual DATE          thrum.1
 *     pages manual DATE NAME     thrum-NAME.1
 *     pages completion SHELL
 *     pages names                the subcommands, one a line
 */
#include "command.h"

#include "bench/options.h"
#include "cluster/options.h"
#include "demo/options.h"
#include "doctor/options.h"
#include "every/options.h"
#include "explore/options.h"
#include "fetch/options.h"
#include "hash/options.h"
#include "report/options.h"
#include "run/options.h"
#include "trace/options.h"
#include "tune/options.h"
#include "worker/options.h"

#include <stdlib.h>
#include <string.h>
#include <thrum/version.h>

#define LINE(name) &name##_line,

int main(int argc, char **argv)
{
    const struct command_line *lines[] = {COMMANDS(LINE) NULL};
    if (argc == 2 && strcmp(argv[1], "names") == 0) {
        for (size_t i = 0; lines[i]; i++)
            puts(lines[i]->name);
        return EXIT_SUCCESS;
    }
    if (argc == 3 && strcmp(argv[1], "completion") == 0)
        return command_lines_completion(lines, argv[2], stdout) ? EXIT_SUCCESS : EXIT_FAILURE;
    if (argc == 3 && strcmp(argv[1], "manual") == 0) {
        command_lines_manual(lines, argv[2], THRUM_VERSION, stdout);
        return EXIT_SUCCESS;
    }
    for (size_t i = 0; argc == 4 && strcmp(argv[1], "manual") == 0 && lines[i]; i++)
        if (strcmp(argv[3], lines[i]->name) == 0) {
            command_line_manual(lines[i], argv[2], THRUM_VERSION, stdout);
            return EXIT_SUCCESS;
        }
    fputs("usage: pages manual DATE [NAME] | completion SHELL | names\n", stderr);
    return EXIT_FAILURE;
}
