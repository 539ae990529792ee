/* Subcommands are modules: `thrum fetch` opens thrum-fetch.so and calls it.
 *
 * All subcommands together need more than forty shared libraries. To load them takes 5 ms and 600 page faults, and most
 * calls use none of them. So the program itself needs libthrum alone, and each subcommand is a module (module.c) that is
 * linked to the libraries that it uses. Nothing else differs: a module has its own copy of cli/common, and shares no state
 * with the program but that of the C library. So it needs no symbol of the program, and the program exports none.
 *
 * A module is beside the program in a build directory, and in ../lib/thrum of an installed one. The path is relative to the
 * program, so an installed tree may be moved as a whole. A packager sees ordinary shared objects in a directory of their
 * own; their DT_NEEDED entries give the dependencies of the package. A library that is missing fails only the subcommands
 * that use it, with the dynamic linker's own words.
 *
 * A module is never closed: its threads may still run while the program exits.
 *
 * Task functions of the demo are in its module. A worker process finds them: libthrum names a function by its module, and
 * opens a module that the worker lacks. Those of the rows without libcurl and libpq are in a library of their own, which
 * the module is linked to (thrum-demo-tasks.so). A worker that opened the whole module for them would take 6 ms for libraries that it
 * does not use, and the start of the workers is in the figures.
 *
 * Rejected:
 *   - A program of its own for each subcommand (libexec). It costs a second exec, and twice the start of a sanitizer.
 *   - dlopen of each library, and a table of pointers to its functions. There are 130 of them; their types would be repeated
 *     by hand, and the dependencies of the package, too.
 *   - One module for several subcommands. bench would load what demo needs.
 *   - To leave the search to the RUNPATH of the program. Sanitizers call dlopen in the program's place, and have another.
 *
 * A static build has no dlopen. It links all subcommands into the program: linked.c.
 */
#include "command.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The directory of the program, without the last slash. Returns false if it is not known. */
static bool find_program(char folder[PATH_MAX])
{
    ssize_t length = readlink("/proc/self/exe", folder, PATH_MAX);
    if (length <= 0 || length == PATH_MAX)
        return false;
    folder[length] = '\0';
    *strrchr(folder, '/') = '\0';
    return true;
}

/* MODULE_FOLDER, from meson.build, is relative to the directory of the program, or absolute. */
static void *open_module(const char *name)
{
    char program[PATH_MAX], path[2 * PATH_MAX];
    if (!find_program(program))
        return NULL;
    snprintf(path, sizeof path, "%s/thrum-%s.so", program, name);
    if (access(path, F_OK) != 0)
        snprintf(path, sizeof path, "%s/" MODULE_FOLDER "/thrum-%s.so",
                 *MODULE_FOLDER == '/' ? "" : program, name);
    return dlopen(path, RTLD_LAZY | RTLD_LOCAL);
}

int command_run(const char *name, int argc, char **argv)
{
    int (*run)(int, char **) = NULL;
    void *module = open_module(name);
    if (module)
        *(void **)&run = dlsym(module, "thrum_command");
    if (run)
        return run(argc, argv);
    const char *why = dlerror();
    fprintf(stderr,
            "thrum: cannot load the command %s: %s; install thrum and its libraries again\n", name,
            why ? why : "/proc does not tell where the program is");
    return STATUS_FAILED;
}
