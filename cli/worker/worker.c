/* `thrum worker`: replaces itself by the program, with the library of takeover.c preloaded, which makes it a worker.
 *
 * The command does not stay as a parent process: signals, the number of the process and its exit status are then the
 * worker's own, for a shell as for systemd. The module is linked with neither libnats nor libthrum-cluster. The preloaded
 * library is, and is there if libthrum-cluster is. With --commands the command is the worker itself (commands.c). */
#include "../command.h"

#include "child/preload.h"
#include "commands.h"
#include "options.h"
#include "program.h"
#include "settings.h"
#include "trouble.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The loader would ignore a library that it cannot load, and the program would run its main. So it is loaded here first. */
static int check_library(const char *library, thrum_error *ret_error)
{
    if (strpbrk(library, ": "))
        return trouble(ret_error, -EINVAL,
                       "the loader takes no library from %.160s: its path has a space or a colon",
                       library);
    void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
    const char *why = handle ? NULL : dlerror();
    return handle ? 0
                  : trouble(ret_error, -ELIBACC, "cannot load the worker: %.200s",
                            why ? why : library);
}

/* Returns only if the program cannot be started. */
static int become(const struct worker_options *options, thrum_error *ret_error)
{
    char program[PATH_MAX], library[PRELOAD_PATH_SIZE];
    if (!preload_find(WORKER_LIBRARY, library, sizeof library))
        return trouble(ret_error, -ENOENT,
                       "cannot find " WORKER_LIBRARY
                       ": install libthrum-cluster, or build thrum where libnats is installed");
    int rc = worker_program_find(options->words[0], program, ret_error);
    if (rc == 0)
        rc = check_library(library, ret_error);
    if (rc < 0)
        return rc;
    char *text = worker_settings_write(options);
    if (!text && errno == EINVAL)
        return trouble(ret_error, -EINVAL, "an option has a line break");
    char **environment = text ? preload_environment(library, WORKER_VARIABLE, text) : NULL;
    free(text);
    if (!environment)
        return trouble(ret_error, -ENOMEM, "out of memory");
    execve(program, options->words, environment);
    rc = -errno;
    free(environment);
    return trouble(ret_error, rc, "cannot start %.160s: %s", program, strerror(-rc));
}

int worker_run(int argc, char **argv)
{
    struct worker_options options;
    thrum_error error = {0};
    char message[256];
    enum options_verdict verdict =
        worker_options_parse(argc, argv, &options, message, sizeof message);
    if (verdict != OPTIONS_RUN)
        return command_line_answer(&worker_line, verdict, message);
    if (options.commands)
        return worker_commands_serve(&options);
    (void)!become(&options, &error);
    trouble_print("%s", error.message);
    return STATUS_FAILED;
}
