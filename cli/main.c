/* `thrum`: the command. This file knows the names of the subcommands, and calls one.
 *
 * The command uses the library through its public headers alone. If a subcommand needs more, the
 * interface lacks it.
 */
#include "command.h"

#include "nearest.h"
#include "output.h"
#include "standard_files.h"
#include "trouble.h"

#include <stdio.h>
#include <string.h>
#include <thrum.h>

#define ROW(name) {#name, SUMMARY_##name},

static const struct {
    const char *name, *summary;
} rows[] = {COMMANDS(ROW)};

enum { ROW_COUNT = sizeof rows / sizeof rows[0] };

static void print_help(FILE *out)
{
    fputs("Usage: thrum COMMAND [OPTION...]\n"
          "\n"
          "Runs commands, fetches URLs and hashes files, many at a time. Measures programs\n"
          "and finds deadlocks.\n"
          "\n"
          "Commands:\n",
          out);
    for (size_t i = 0; i < ROW_COUNT; i++)
        fprintf(out, "  %-8s  %s\n", rows[i].name, rows[i].summary);
#ifdef COMMANDS_OF_JANSSON
    fputs("\nThis build lacks demo, fetch, hash, worker and cluster, which need more libraries.\n",
          out);
#endif
    fputs("\n"
          "Options:\n"
          "  -h, --help     Show this text; 'thrum COMMAND --help' describes a command.\n"
          "  -V, --version  Show the version.\n"
          "\n"
          "The library of the same name brings this to C programs: see thrum(7).\n",
          out);
}

static int complain(const char *what, const char *name)
{
    const char *names[ROW_COUNT];
    for (size_t i = 0; i < ROW_COUNT; i++)
        names[i] = rows[i].name;
    const char *nearest = name ? nearest_word(name, names, ROW_COUNT) : NULL;
    fprintf(stderr, "thrum: %s%s%s%s%s%s\n", what, name ? " " : "", name ? name : "",
            nearest ? "; did you mean " : "", nearest ? nearest : "", nearest ? "?" : "");
    fputs("Try 'thrum --help'; the commands are:", stderr);
    for (size_t i = 0; i < ROW_COUNT; i++)
        fprintf(stderr, " %s", names[i]);
    fputs(".\n", stderr);
    return STATUS_USAGE;
}

int main(int argc, char **argv)
{
    int rc = standard_files_open();
    if (rc < 0) {
        fprintf(stderr, "thrum: cannot open /dev/null: %s\n", thrum_strerror(rc));
        return STATUS_FAILED;
    }
    if (argc < 2)
        return complain("no command given", NULL);
    const char *name = argv[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
        print_help(stdout);
        return output_finish(STATUS_OK);
    }
    if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0) {
        printf("thrum %s\n", thrum_version());
        return output_finish(STATUS_OK);
    }
    for (size_t i = 0; i < ROW_COUNT; i++)
        if (strcmp(name, rows[i].name) == 0)
            return command_run(rows[i].name, argc - 1, argv + 1);
    return complain(name[0] == '-' ? "unknown option" : "unknown command", name);
}
