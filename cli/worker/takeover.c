/* libthrum-cluster-worker: the library that `thrum worker` preloads into a program. It makes the program a worker of a cluster.
 *
 *     thrum worker OPTIONS -- ./program ARGUMENTS
 *         exec ./program ARGUMENTS    with LD_PRELOAD=libthrum-cluster-worker.so THRUM_CLUSTER_WORKER=OPTIONS
 *             constructors of the program and its libraries
 *             work() below, in place of main: thrum_cluster_serve
 *
 * When. A worker of a process pool is taken over by a constructor of libthrum (src/process/worker.c), which runs before those
 * of the program. That is too early here: constructors register the names of tasks (THRUM_TASK). So this library replaces
 * __libc_start_main, which the start code of each program calls with the address of main, and passes another one on. All
 * constructors run as always, and main does not.
 *
 * Who obeys the environment. libthrum itself does not: nothing in a program makes it a worker of a cluster, but this library,
 * and it is there only if the loader was told so. The loader ignores LD_PRELOAD where a program has rights that its caller
 * does not have (AT_SECURE). As a library in a system folder can be preloaded there too, the variable is ignored a second time
 * here, and main runs. In other programs a user who can set the variable can run anything anyway. Both variables are removed
 * before the first constructor of the program: what a task starts is no worker, nor is a process of the pool.
 *
 * What is linked. This library needs libthrum-cluster and so libnats; the command `thrum` needs neither. It is built and
 * installed where libthrum-cluster is.
 *
 * Which libthrum. The names are in the copy of libthrum that the program uses. If that is a static one, the names cannot be
 * found from here, and the worker would have no functions: it stops with a message instead.
 *
 * Signals. service.c answers them: the first drains the worker, the second ends it by that signal. Signals that were ignored at
 * the start stay so, as SIGINT is in the background of a shell.
 *
 * Rejected:
 *   - A variable that libthrum obeys. Each program would be able to load libthrum-cluster by it, and the constructor would come
 *     too early.
 *   - The command as a parent process: signals, status and number of the worker would have to be passed on.
 *   - A constructor of this library: too early, as above. A destructor, or a symbol `main` found by name: programs export none.
 */
#include "service.h"
#include "settings.h"

#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <thrum.h>
#include <thrum_cluster.h>
#include <unistd.h>

typedef int main_function(int argc, char **argv, char **environment);
typedef int start_function(main_function *main, int argc, char **argv, void (*init)(void),
                           void (*fini)(void), void (*loader_fini)(void), void *stack_end);

enum { FIBERS_AT_ONCE = 256 };

static struct worker_options options; /* set before the program's constructors run */
static bool sound;                    /* they could be read */

/* --------------------------------------------------------------------------------- the program */

/* Whether an object asks for the shared libthrum. The loader has turned the address of the texts into one of memory, where
 * it may write. */
static bool needs_thrum(const struct link_map *map)
{
    const char *texts = NULL;
    for (const ElfW(Dyn) *entry = map->l_ld; entry && entry->d_tag != DT_NULL; entry++)
        if (entry->d_tag == DT_STRTAB)
            texts = (const char *)(entry->d_un.d_ptr < map->l_addr ? map->l_addr + entry->d_un.d_ptr
                                                                   : entry->d_un.d_ptr);
    for (const ElfW(Dyn) *entry = map->l_ld; texts && entry->d_tag != DT_NULL; entry++)
        if (entry->d_tag == DT_NEEDED &&
            strncmp(texts + entry->d_un.d_val, "libthrum.so", strlen("libthrum.so")) == 0)
            return true;
    return false;
}

/* Whether the program or a library of it uses the libthrum that this library uses. */
static bool program_uses_thrum(void)
{
    struct link_map *map = NULL;
    Dl_info own, cluster;
    void *program = dlopen(NULL, RTLD_LAZY);
    if (!program || dlinfo(program, RTLD_DI_LINKMAP, &map) != 0 ||
        !dladdr((void *)(uintptr_t)program_uses_thrum, &own) ||
        !dladdr(dlsym(RTLD_DEFAULT, "thrum_cluster_serve"), &cluster))
        return true; /* not known: the names will tell */
    bool used = needs_thrum(map);
    for (map = map->l_next; map && !used; map = map->l_next)
        used = strcmp(map->l_name, own.dli_fname) != 0 &&
               strcmp(map->l_name, cluster.dli_fname) != 0 && needs_thrum(map);
    return used;
}

static int count_name(const char *name, void *context)
{
    size_t *count = context;
    *count += !options.registered_only || strchr(name, '@');
    return 0;
}

/* Returns false, with a message, if the program has no functions for tasks. */
static bool has_functions(const char *program)
{
    size_t count = 0;
    if (!program_uses_thrum()) {
        worker_complain("%s does not use the shared library libthrum: link it with -lthrum, or "
                        "call thrum_cluster_serve in it",
                        program);
        return false;
    }
    (void)!thrum_task_names_visit(count_name, &count);
    if (!count)
        worker_complain("%s has no functions for tasks: register them by THRUM_TASK%s", program,
                        options.registered_only ? "" : ", or link it with --build-id");
    return count > 0;
}

/* --------------------------------------------------------------------------------- the worker */

static int jobs_at_once(void)
{
    return options.jobs                        ? options.jobs
           : options.executor == WORKER_FIBERS ? FIBERS_AT_ONCE
                                               : thrum_cpu_count();
}

static thrum_executor *open_executor(int jobs)
{
    switch (options.executor) {
    case WORKER_PROCESSES:
        return thrum_process_pool_new(
            &(thrum_process_pool_options){.max_workers = jobs, .name_prefix = "worker"});
    case WORKER_FIBERS:
        return thrum_fiber_pool_new(&(thrum_fiber_pool_options){.name_prefix = "worker"});
    default:
        return thrum_thread_pool_new(
            &(thrum_thread_pool_options){.max_workers = jobs, .name_prefix = "worker"});
    }
}

/* In place of main. */
static int work(int argc, char **argv, char **environment)
{
    static char password[CLUSTER_PASSWORD_SIZE];
    thrum_error error = {0};
    (void)environment;
    const char *program = argc > 0 ? argv[0] : "the program";
    if (!sound)
        return worker_complain(WORKER_VARIABLE " has no options of thrum worker");
    thrum_cluster_options cluster = {
        .pool = options.pool,
        .lease = options.lease,
        .max_deliveries = options.max_deliveries,
        .max_queued = (size_t)options.max_queued,
        .replicas = options.replicas,
    };
    if (!has_functions(program))
        return EXIT_FAILURE;
    if (cluster_login_take(&options.login, &cluster, password, &error) < 0)
        return worker_complain("%s", error.message);
    int jobs = jobs_at_once();
    return worker_serve(&(struct worker_service){.serve = thrum_cluster_serve,
                                                 .options = &options,
                                                 .cluster = &cluster,
                                                 .executor = open_executor(jobs),
                                                 .jobs = jobs,
                                                 .what = program});
}

/* --------------------------------------------------------------------------------- the start */

/* Removes this library, which is the first, from the list of what is preloaded. */
static void leave_preload(void)
{
    const char *list = getenv("LD_PRELOAD");
    size_t length = list ? strcspn(list, ": ") : 0;
    if (list && list[length])
        setenv("LD_PRELOAD", list + length + 1, 1);
    else
        unsetenv("LD_PRELOAD");
}

/* Takes the options out of the environment. Returns false if there are none: then main runs. */
static bool take_options(void)
{
    const char *text = getauxval(AT_SECURE) ? NULL : getenv(WORKER_VARIABLE);
    char *copy = text ? strdup(text) : NULL; /* it stays: the options point into it */
    if (!text)
        return false;
    sound = copy && worker_settings_read(copy, &options);
    unsetenv(WORKER_VARIABLE);
    leave_preload();
    return true;
}

__attribute__((visibility("default"))) int
__libc_start_main(main_function *main, int argc, char **argv, void (*init)(void),
                  void (*fini)(void), void (*loader_fini)(void), void *stack_end);

int __libc_start_main(main_function *main, int argc, char **argv, void (*init)(void),
                      void (*fini)(void), void (*loader_fini)(void), void *stack_end)
{
    start_function *next = NULL;
    *(void **)&next = dlsym(RTLD_NEXT, "__libc_start_main");
    if (!next)
        _exit(worker_complain("the C library has no __libc_start_main"));
    return next(take_options() ? work : main, argc, argv, init, fini, loader_fini, stack_end);
}
