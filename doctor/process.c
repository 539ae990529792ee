/* Looking at threads without stopping them.
 *
 * A thread that is stopped by ptrace notices: epoll_wait, semop, a timed recv and others return
 * EINTR. So nothing is stopped. For each thread, in this order:
 *
 *   1. /proc/PID/task/T/schedstat   its third number counts how often it was given a processor
 *   2. /proc/PID/task/T/syscall     the system call in which it sleeps, arguments, stack and code pointer
 *   3. process_vm_readv             64 KiB of its stack from the stack pointer on
 *   4. schedstat again
 *
 * If 1 and 4 are equal, the thread did not run in between, so 2 and 3 belong together: the copy is
 * exact, as its stack is changed by nothing but the thread itself (or a program that writes into
 * another thread's stack, which cannot hurt more than a wrong name). Otherwise it is tried again,
 * and after four tries the thread is said to be running. Reads that come later, of stack beyond the
 * copy or of a lock, are covered by asking again at the end (process_unmoved): look.c does that
 * before it calls anything proven.
 *
 * A kernel without schedstat has voluntary_ctxt_switches in `status`, which also counts.
 *
 * Traps:
 *   - The first thread may have ended while others run; then /proc/PID/maps is empty, and that of
 *     any living thread is read.
 *   - In a container threads have other numbers inside: NSpid in `status` has them, the innermost last. Locks
 *     hold the inner ones.
 *   - The number given may be that of a thread: Tgid is its process.
 */
#include "process.h"

#include "core.h"
#include "thrum_objects.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { TRIES = 4 };

/* Reads a small file of /proc, and ends it with 0. Returns the length or a negative errno. */
static int read_file(int folder, const char *name, char *text, size_t size)
{
    int file = openat(folder, name, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return -errno;
    ssize_t length = read(file, text, size - 1);
    int rc = length < 0 ? -errno : (int)length;
    close(file);
    if (rc >= 0)
        text[rc] = 0;
    return rc;
}

/* The text after "NAME:" in a `status` file, or NULL. */
static const char *field(const char *text, const char *name)
{
    size_t length = strlen(name);
    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, name, length) == 0 && line[length] == ':')
            return line + length + 1 + strspn(line + length + 1, " \t");
    }
    return NULL;
}

/* The last number on a line. */
static int last_number(const char *text)
{
    int value = 0;
    while (*text && *text != '\n') {
        if (*text >= '0' && *text <= '9')
            value = (int)strtol(text, (char **)&text, 10);
        else
            text++;
    }
    return value;
}

int process_thread(const struct process *process, int inner_tid)
{
    for (int i = 0; i < process->count; i++)
        if (process->threads[i].inner_tid == inner_tid && process->threads[i].where != THREAD_ENDED)
            return i;
    return -1;
}

struct thread *process_add(struct process *process, int tid)
{
    if (process->count == process->room) {
        int room = process->room ? process->room * 2 : 16;
        struct thread *threads = realloc(process->threads, (size_t)room * sizeof *threads);
        if (!threads)
            return NULL;
        process->threads = threads;
        process->room = room;
    }
    struct thread *thread = &process->threads[process->count++];
    *thread = (struct thread){.tid = tid, .inner_tid = tid};
    thread->wait.owner = -1;
    thread->carrier = -1;
    return thread;
}

static int list_threads(struct process *process)
{
    int copy = dup(process->tasks);
    if (copy < 0)
        return -errno;
    DIR *folder = fdopendir(copy);
    if (!folder) {
        int rc = -errno;
        close(copy);
        return rc;
    }
    int rc = 0;
    rewinddir(folder);
    for (struct dirent *entry; rc == 0 && (entry = readdir(folder));) {
        int tid = atoi(entry->d_name);
        if (tid > 0 && !process_add(process, tid))
            rc = -ENOMEM;
    }
    closedir(folder);
    return rc;
}

/* Name, state and the inner number. False if the thread is gone. */
static bool describe(struct process *process, struct thread *thread)
{
    char name[64], text[4096];
    snprintf(name, sizeof name, "%d/stat", thread->tid);
    if (read_file(process->tasks, name, text, sizeof text) < 0)
        return false;
    char *begin = strchr(text, '('), *end = strrchr(text, ')');
    if (!begin || !end || end < begin || !end[1])
        return false;
    snprintf(thread->name, sizeof thread->name, "%.*s", (int)(end - begin - 1), begin + 1);
    thread->state = end[2];
    if (process->container) {
        snprintf(name, sizeof name, "%d/status", thread->tid);
        const char *numbers = NULL;
        if (read_file(process->tasks, name, text, sizeof text) > 0)
            numbers = field(text, "NSpid");
        if (numbers)
            thread->inner_tid = last_number(numbers);
    }
    return true;
}

int process_refusal(int pid, int error, char *message, size_t size)
{
    char text[16] = "";
    if (error == -ENOENT || error == -ESRCH)
        snprintf(message, size, "there is no process %d, or it has just ended", pid);
    else if (error == -EPERM || error == -EACCES) {
        read_file(AT_FDCWD, "/proc/sys/kernel/yama/ptrace_scope", text, sizeof text);
        snprintf(
            message, size,
            "the system does not let this user examine process %d%s; run it as root (sudo thrum "
            "doctor -p %d)%s",
            pid,
            text[0] > '0' ? ": /proc/sys/kernel/yama/ptrace_scope allows it for child processes "
                            "or for nobody"
                          : "",
            pid,
            text[0] == '1' ? ", or set ptrace_scope to 0"
                           : ", in a container with --cap-add SYS_PTRACE");
    } else
        snprintf(message, size, "cannot examine process %d: %s", pid, strerror(-error));
    return error;
}

/* By its file; the first thread may have been given another name. */
static void name_program(struct process *process)
{
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/%d/exe", process->pid);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length <= 0)
        return;
    path[length] = 0;
    const char *slash = strrchr(path, '/');
    snprintf(process->name, sizeof process->name, "%.*s", (int)sizeof process->name - 1,
             slash ? slash + 1 : path);
}

/* What is said of the process as a whole. */
static int describe_process(struct process *process)
{
    char name[64], text[8192];
    snprintf(name, sizeof name, "/proc/%d/status", process->pid);
    int rc = read_file(AT_FDCWD, name, text, sizeof text);
    if (rc < 0)
        return rc;
    const char *found = field(text, "Tgid");
    if (found && atoi(found) != process->pid && atoi(found) > 0) {
        process->pid = atoi(found);
        return describe_process(process);
    }
    if ((found = field(text, "Name")))
        snprintf(process->name, sizeof process->name, "%.*s", (int)strcspn(found, "\n"), found);
    name_program(process);
    if ((found = field(text, "State")))
        process->state = *found;
    if ((found = field(text, "PPid")))
        process->parent = atoi(found);
    if ((found = field(text, "SigCgt")))
        process->caught = strtoull(found, NULL, 16);
    process->inner_pid = process->pid;
    if ((found = field(text, "NSpid"))) {
        process->inner_pid = last_number(found);
        process->container = strcspn(found, "\t\n") != strcspn(found, "\n");
    }
    return 0;
}

/* Memory and files, by way of a thread that lives. */
static int open_memory(struct process *process)
{
    for (int i = 0; i < process->count; i++) {
        struct thread *thread = &process->threads[i];
        if (!describe(process, thread) || thread->state == 'Z' || thread->state == 'X') {
            thread->where = THREAD_ENDED;
            continue;
        }
        if (process->memory.read)
            continue;
        process->memory = memory_live(thread->tid);
        int rc = modules_read(&process->modules, thread->tid, &process->memory);
        if (rc < 0)
            return rc;
        if (process->modules.map_count == 0)
            process->memory.read = NULL;
    }
    return process->memory.read ? 0 : -ESRCH;
}

struct module *process_program(struct process *process)
{
    struct module *first = NULL;
    for (int i = 0; i < process->modules.count; i++) {
        struct module *module = &process->modules.list[i];
        const char *slash = strrchr(module->path, '/');
        if (!module->code || !slash)
            continue;
        if (!first)
            first = module;
        if (strncmp(slash + 1, process->name, sizeof process->name - 1) == 0)
            return modules_find(&process->modules, module->start);
    }
    return first ? modules_find(&process->modules, first->start) : NULL;
}

/* musl is told by its file, or by a function that only it has. */
bool process_is_musl(struct process *process)
{
    struct symbol symbol;
    for (int i = 0; i < process->modules.count; i++)
        if (strstr(process->modules.list[i].path, "musl"))
            return true;
    const struct module *program = process_program(process);
    return program && !program->has_interpreter && module_named(program, "__init_libc", &symbol);
}

int process_open(struct process *process, int pid, char *message, size_t size)
{
    char name[64];
    *process = (struct process){.pid = pid, .tasks = -1};
    int rc = describe_process(process);
    if (rc == 0) {
        snprintf(name, sizeof name, "/proc/%d/task", process->pid);
        process->tasks = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        rc = process->tasks < 0 ? -errno : list_threads(process);
    }
    if (rc == 0) {
        rc = open_memory(process);
        if (rc == -ESRCH && process->state == 'Z') {
            snprintf(message, size,
                     "process %d has ended; its parent, %d, has not collected it yet", process->pid,
                     process->parent);
            process_close(process);
            return rc;
        }
        if (rc == -ESRCH && process->count > 0 && process->threads[0].where != THREAD_ENDED) {
            snprintf(
                message, size,
                "process %d is a thread of the kernel, which has no memory of its own, or it is "
                "about to end",
                process->pid);
            process_close(process);
            return rc;
        }
    }
    if (rc < 0) {
        process_refusal(process->pid, rc, message, size);
        process_close(process);
        return rc;
    }
    process->modules.memory = &process->memory;
    process->places.modules = &process->modules;
    const struct module *program = process_program(process);
    if (program && program->foreign) {
        snprintf(
            message, size,
            "process %d runs a program for another kind of processor, or a 32-bit one, which is not "
            "supported",
            process->pid);
        process_close(process);
        return -ENOEXEC;
    }
    process->musl = process_is_musl(process);
    return 0;
}

void process_close(struct process *process)
{
    for (int i = 0; i < process->count; i++) {
        free(process->threads[i].frames);
        free(process->threads[i].script);
    }
    free(process->threads);
    places_free(&process->places);
    modules_free(&process->modules);
    core_close(process->core);
    if (process->tasks >= 0)
        close(process->tasks);
    *process = (struct process){.tasks = -1};
}

/* What changes whenever the thread runs. */
static int read_slices(const struct process *process, int tid, char *ret, size_t size)
{
    char name[64], text[4096];
    snprintf(name, sizeof name, "%d/schedstat", tid);
    int rc = read_file(process->tasks, name, ret, size);
    if (rc != -ENOENT)
        return rc;
    snprintf(name, sizeof name, "%d/status", tid);
    rc = read_file(process->tasks, name, text, sizeof text);
    if (rc < 0)
        return rc;
    const char *count = field(text, "voluntary_ctxt_switches");
    const char *more = field(text, "nonvoluntary_ctxt_switches");
    snprintf(ret, size, "%d %d", count ? atoi(count) : -1, more ? atoi(more) : -1);
    return 0;
}

/* Parses "running", "-1 SP PC" or "NUMBER A B C D E F SP PC". */
static bool parse_call(struct thread *thread, const char *text)
{
    uint64_t numbers[8];
    int length = 0, count = 0;
    if (sscanf(text, "%ld%n", &thread->call, &length) != 1)
        return false;
    for (const char *at = text + length; count < 8; count++) {
        int step = 0;
        if (sscanf(at, " %" SCNx64 "%n", &numbers[count], &step) != 1)
            break;
        at += step;
    }
    thread->registers = (struct registers){0};
    if (thread->call < 0 && count == 2)
        thread->where = THREAD_OUTSIDE;
    else if (count == 8) {
        thread->where = THREAD_IN_CALL;
        memcpy(thread->arguments, numbers, sizeof thread->arguments);
    } else
        return false;
    register_set(&thread->registers, REGISTER_STACK, numbers[count - 2]);
    thread->registers.pc = numbers[count - 1];
    return true;
}

static int capture(struct process *process, struct thread *thread, uint8_t *buffer,
                   struct stack_copy *ret)
{
    char name[64], text[256], slices[sizeof thread->slices];
    snprintf(name, sizeof name, "%d/syscall", thread->tid);
    for (int i = 0; i < TRIES; i++) {
        int rc = read_slices(process, thread->tid, thread->slices, sizeof thread->slices);
        if (rc >= 0)
            rc = read_file(process->tasks, name, text, sizeof text);
        if (rc < 0)
            return rc;
        thread->where = THREAD_RUNNING;
        if (!parse_call(thread, text))
            continue;
        uint64_t sp = thread->registers.value[REGISTER_STACK];
        size_t size = 0;
        const struct mapping *map = modules_map(&process->modules, sp);
        if (!map || map->end - sp >= STACK_COPY)
            size = memory_read_some(&process->memory, sp, buffer, STACK_COPY);
        else
            size = memory_read_some(&process->memory, sp, buffer, map->end - sp);
        *ret = (struct stack_copy){sp, size, buffer};
        rc = read_slices(process, thread->tid, slices, sizeof slices);
        if (rc < 0)
            return rc;
        if (strcmp(slices, thread->slices) == 0) {
            thread->exact = true;
            return 0;
        }
    }
    thread->where = THREAD_RUNNING;
    return 0;
}

int process_unwind(struct process *process, struct thread *thread, const struct stack_copy *copy)
{
    struct frame frames[FRAMES_MOST];
    int count =
        unwind(&process->places, &process->memory, copy, thread->registers, frames, &thread->end);
    thread->frames = malloc(sizeof *frames * (size_t)(count + 1));
    if (!thread->frames)
        return -ENOMEM;
    /* The preload library stands between the program and the C library; nobody asked for its frames. */
    for (int i = 0; i < count; i++)
        if (!place_is_preload(frames[i].place))
            thread->frames[thread->frame_count++] = frames[i];
    return 0;
}

int process_look(struct process *process, int index, uint8_t *buffer)
{
    struct thread *thread = &process->threads[index];
    struct stack_copy copy;
    if (thread->where == THREAD_ENDED)
        return 0;
    int rc = capture(process, thread, buffer, &copy);
    if (rc == -ENOENT || rc == -ESRCH) {
        thread->where = THREAD_ENDED;
        return 0;
    }
    if (rc < 0 || thread->where == THREAD_RUNNING)
        return rc;
    return process_unwind(process, thread, &copy);
}

bool process_unmoved(const struct process *process, int index)
{
    const struct thread *thread = &process->threads[index];
    struct thread now = {.where = THREAD_RUNNING};
    char name[64], text[256], slices[sizeof thread->slices];
    if (process->tasks < 0)
        return true;
    if (thread->fiber)
        return thread->exact && thrum_fiber_unmoved(process, thread) &&
               (thread->carrier < 0 || process_unmoved(process, thread->carrier));
    snprintf(name, sizeof name, "%d/syscall", thread->tid);
    return thread->exact && read_slices(process, thread->tid, slices, sizeof slices) >= 0 &&
           strcmp(slices, thread->slices) == 0 &&
           read_file(process->tasks, name, text, sizeof text) >= 0 && parse_call(&now, text) &&
           now.where == thread->where && now.call == thread->call;
}

bool process_same_threads(const struct process *process)
{
    struct process now = {.tasks = process->tasks};
    bool same = true;
    if (process->tasks < 0)
        return true;
    if (list_threads(&now) < 0)
        same = false;
    for (int i = 0; same && i < now.count; i++) {
        bool found = false;
        for (int j = 0; j < process->count && !found; j++)
            found = !process->threads[j].fiber && process->threads[j].tid == now.threads[i].tid;
        same = found;
    }
    free(now.threads);
    return same;
}

void process_descriptor(const struct process *process, int descriptor, char *text, size_t size)
{
    char name[64];
    snprintf(name, sizeof name, "/proc/%d/fd/%d", process->pid, descriptor);
    ssize_t length = process->tasks < 0 ? -1 : readlink(name, text, size - 1);
    text[length < 0 ? 0 : length] = 0;
}
