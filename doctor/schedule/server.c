/* The server: the program as it is when `main` begins, from which each run is forked.
 *
 * The loader and the constructors run once. The library replaces __libc_start_main and has the C library
 * call `serve` in place of `main`. For each byte that the command sends, it forks a child, which calls
 * the program's own `main` under the schedule of the plan, and reports the child's status. Threads
 * that a constructor made are not in the child; then the command is told that it cannot be done so.
 *
 * The processes that a run has made end with the run. They run free. If one of them waited in a loop for its dead parent, it
 * would compute for ever, beside all later runs. The server is the reaper of its descendants (PR_SET_CHILD_SUBREAPER), so
 * they are its children as soon as the run is over. It kills them, and again their children, until there are none. If a
 * constructor has made a process, the server cannot tell it from a process of a run, and kills none.
 */
#include "hooks.h"
#include "inside.h"
#include "kernel.h"
#include "memory.h"
#include "race.h"

#include "preload/real.h"

#include <dirent.h>
#include <errno.h>
#include <link.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

enum { TICK_US = 20000, TICKS_IDLE = 2, RANGES_MOST = 8 };

static int (*program_main)(int, char **, char **);
static int channel = -1;

/* Code in which a thread is never stopped: it may hold a lock that no hook knows. */
static struct {
    uintptr_t start, end;
} private_code[RANGES_MOST];
static int private_count;

static uint32_t ticks_at, idle_ticks;

/* ---- signals of a run ---- */

static uintptr_t pc_of(const void *context)
{
    const ucontext_t *user = context;
#if defined(__x86_64__)
    return (uintptr_t)user->uc_mcontext.gregs[REG_RIP];
#else
    return (uintptr_t)user->uc_mcontext.pc;
#endif
}

static void at_crash(int number, siginfo_t *info, void *context)
{
    struct schedule_region *region = thrum__turn_region;
    if (thrum__memory_signal(number, info, context))
        return;
    if (thrum__signal_pass(number, info, context))
        return;
    thrum__memory_leave();
    if (region->verdict == VERDICT_RUNNING && thrum__turn_on()) {
        region->signal = (uint32_t)number;
        if (region->plan.look)
            thrum__turn_fail(VERDICT_CRASH, number == SIGABRT ? NULL : info->si_addr,
                             (const void *)pc_of(context), "");
        region->verdict = VERDICT_CRASH;
        region->place = pc_of(context);
        region->object = number == SIGABRT ? 0 : (uint64_t)(uintptr_t)info->si_addr;
    }
    /* Not by `signal`, which would only note what the program wants. */
    (void)REAL(sigaction)(number, &(struct sigaction){.sa_handler = SIG_DFL}, NULL);
    if (info->si_code <= 0) /* sent, so returning does not repeat it */
        raise(number);
}

static bool is_private(uintptr_t pc)
{
    for (int i = 0; i < private_count; i++)
        if (pc >= private_code[i].start && pc < private_code[i].end)
            return true;
    return false;
}

/* The thread has computed for a tick without a call. */
static void count_tick(const void *place)
{
    struct turn_thread *self = thrum__turn_self;
    self->ticks++;
    if (self->ticks * (TICK_US * 1000ull) < thrum__turn_region->plan.compute_ns)
        return;
    self->act.kind = STEP_SPIN;
    self->act.object = 0;
    self->act.place = (uint64_t)(uintptr_t)place;
    thrum__turn_fail(VERDICT_COMPUTES, NULL, place, "a thread computes without a call");
}

/* A tick of processor time. The kernel sends it to any thread of the process. One without the turn passes it on, by calls
 * that are never watched. */
static void at_tick(int number, siginfo_t *info, void *context)
{
    int error = errno;
    uint32_t running = thrum__turn_running();
    (void)info;
    if (!thrum__turn_on() || thrum__turn_self->tid != running) {
        if (running)
            (void)thrum__kernel(SYS_tgkill, thrum__kernel(SYS_getpid, 0, 0, 0, 0, 0), running,
                                number, 0, 0);
        errno = error;
        return;
    }
    count_tick((const void *)pc_of(context));
    if (ticks_at != thrum__turn_region->steps) {
        ticks_at = thrum__turn_region->steps;
        idle_ticks = 0;
    } else if (++idle_ticks >= TICKS_IDLE && !is_private(pc_of(context)) &&
               !thrum__memory_steps()) {
        idle_ticks = 0;
        thrum__turn_stopped((const void *)pc_of(context));
    }
    errno = error;
}

static int note_private(struct dl_phdr_info *info, size_t size, void *unused)
{
    const char *name = strrchr(info->dlpi_name, '/');
    (void)size;
    (void)unused;
    if (!name || (strncmp(name, "/libc.so", 8) != 0 && strncmp(name, "/ld-linux", 9) != 0 &&
                  strncmp(name, "/libthrum-schedule", 18) != 0 &&
                  strncmp(name, "/libstdc++", 10) != 0 && strncmp(name, "/libgcc_s", 9) != 0))
        return 0;
    for (int i = 0; i < info->dlpi_phnum && private_count < RANGES_MOST; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        if (part->p_type == PT_LOAD && part->p_flags & PF_X) {
            private_code[private_count].start = info->dlpi_addr + part->p_vaddr;
            private_code[private_count++].end = info->dlpi_addr + part->p_vaddr + part->p_memsz;
            if (strncmp(name, "/libthrum-schedule", 18) == 0)
                thrum__memory_code(private_code[private_count - 1].start,
                                   private_code[private_count - 1].end);
        }
    }
    return 0;
}

/* ---- the processor of a run ---- */

/* Those that the program may use, as far as it is told. */
static cpu_set_t allowed;

/* One thread runs at a time. On one processor, the turn goes from one to the next without waking another
 * processor, which takes several times as long. */
static void take_processor(void)
{
    cpu_set_t one;
    if (REAL(sched_getaffinity)(0, sizeof allowed, &allowed) != 0 || CPU_COUNT(&allowed) < 2)
        return;
    uint32_t rank = thrum__turn_region->plan.processor % (uint32_t)CPU_COUNT(&allowed);
    CPU_ZERO(&one);
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET(cpu, &allowed) && rank-- == 0) {
            CPU_SET(cpu, &one);
            (void)sched_setaffinity(0, sizeof one, &one); /* without it, it is slower */
            return;
        }
}

HOOK int sched_getaffinity(pid_t pid, size_t size, cpu_set_t *set)
{
    if (!thrum__turn_on() || pid != 0 || size < sizeof allowed || !CPU_COUNT(&allowed))
        return REAL(sched_getaffinity)(pid, size, set);
    memset(set, 0, size);
    memcpy(set, &allowed, sizeof allowed);
    return 0;
}

/* ---- the server ---- */

static int run_child(int argc, char **argv, char **environment)
{
    static const int crashes[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP, SIGSYS};
    struct itimerval tick = {{0, TICK_US}, {0, TICK_US}};
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    take_processor();
    for (size_t i = 0; i < sizeof crashes / sizeof crashes[0]; i++)
        thrum__signal_take(crashes[i], at_crash, SA_NODEFER);
    thrum__signal_take(SIGPROF, at_tick, SA_RESTART);
    setitimer(ITIMER_PROF, &tick, NULL);
    thrum__turn_main();
    return program_main(argc, argv, environment);
}

static bool is_alone(void)
{
    int threads = 0;
    DIR *list = opendir("/proc/self/task");
    for (struct dirent *entry; list && (entry = readdir(list)) != NULL;)
        threads += entry->d_name[0] != '.';
    if (list)
        closedir(list);
    return threads == 1;
}

static bool report(enum schedule_event event, int pid, int status)
{
    struct schedule_report message = {.event = event, .pid = pid, .status = status};
    return REAL(send)(channel, &message, sizeof message, MSG_NOSIGNAL) == sizeof message;
}

/* True if this process has a child, dead or alive. Dead ones are forgotten. */
static bool has_child(void)
{
    pid_t pid;
    do {
        pid = waitpid(-1, NULL, WNOHANG);
    } while (pid > 0 || (pid < 0 && errno == EINTR));
    return pid == 0;
}

/* The parent of a process; 0 if there is no such process. Its name, in parentheses, may have any characters. */
static int parent_of(const char *pid)
{
    char path[64], text[512];
    int parent = 0;
    snprintf(path, sizeof path, "/proc/%.20s/stat", pid);
    FILE *file = fopen(path, "re");
    size_t length = file ? fread(text, 1, sizeof text - 1, file) : 0;
    if (file)
        (void)fclose(file);
    text[length] = 0;
    const char *rest = strrchr(text, ')');
    return rest && sscanf(rest + 1, " %*c %d", &parent) == 1 ? parent : 0;
}

/* Kills the children that live now. Not every kernel lists them, so all processes are looked at. Returns false if there
 * was none that this process may kill: a child may have become another user. */
static bool kill_children(void)
{
    bool killed = false;
    int own = getpid();
    DIR *list = opendir("/proc");
    if (!list)
        return false;
    for (struct dirent *entry; (entry = readdir(list)) != NULL;)
        if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9' && parent_of(entry->d_name) == own)
            killed |=
                thrum__kernel(SYS_kill, strtol(entry->d_name, NULL, 10), SIGKILL, 0, 0, 0) == 0;
    closedir(list);
    return killed;
}

static void end_what_a_run_left(void)
{
    while (has_child() && kill_children())
        (void)waitpid(-1, NULL, 0);
}

static int serve(int argc, char **argv, char **environment)
{
    char order;
    bool reaps = !has_child() && prctl(PR_SET_CHILD_SUBREAPER, 1UL) == 0;
    dl_iterate_phdr(note_private, NULL);
    thrum__turn_region->instrumented = thrum__race_instrumented;
    if (!report(is_alone() ? EVENT_READY : EVENT_REFUSED, getpid(), EBUSY))
        _exit(1);
    while (REAL(recv)(channel, &order, 1, 0) == 1) {
        int status = 0;
        pid_t pid = REAL(fork)();
        if (pid == 0) {
            (void)close(channel);
            /* What main returns goes to exit by way of the hook, as in any program. */
            exit(run_child(argc, argv, environment));
        }
        if (!report(pid < 0 ? EVENT_REFUSED : EVENT_STARTED, pid, errno))
            break;
        while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
            ;
        if (reaps)
            end_what_a_run_left();
        if (pid > 0 && !report(EVENT_ENDED, pid, status))
            break;
    }
    _exit(0);
}

static bool descriptors(int *ret_region, int *ret_channel)
{
    const char *text = getenv(SCHEDULE_VARIABLE);
    char *end;
    if (!text)
        return false;
    *ret_region = (int)strtol(text, &end, 10);
    if (*end != ',')
        return false;
    *ret_channel = (int)strtol(end + 1, &end, 10);
    return *end == 0;
}

/* True if this process is the server: the descriptors are there, and the region is one of ours. */
static bool open_region(void)
{
    int file;
    if (!descriptors(&file, &channel))
        return false;
    struct schedule_region *region =
        mmap(NULL, sizeof *region, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (region == MAP_FAILED || region->magic != SCHEDULE_MAGIC)
        return false;
    (void)close(file);
    unsetenv(SCHEDULE_VARIABLE); /* what the program executes runs free */
    thrum__turn_region = region;
    thrum__inside_begin();
    return true;
}

int __libc_start_main(int (*main)(int, char **, char **), int argc, char **argv, void (*init)(void),
                      void (*fini)(void), void (*loader_fini)(void), void *stack_end);

HOOK int __libc_start_main(int (*main)(int, char **, char **), int argc, char **argv,
                           void (*init)(void), void (*fini)(void), void (*loader_fini)(void),
                           void *stack_end)
{
    program_main = main;
    return REAL(__libc_start_main)(open_region() ? serve : main, argc, argv, init, fini,
                                   loader_fini, stack_end);
}
