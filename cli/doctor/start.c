/* Runs a program and watches it.
 *
 * The library in the program only records. This process, its parent, looks from outside every TICK.
 * It reads which files are mapped if there are new stacks. If a thread has waited for a lock or a
 * join for a while, it finds the reason, as `thrum doctor -p` does. A deadlock is reported when two
 * looks in a row prove it. After a look without a deadlock, the next one comes when other threads
 * wait, or after a pause that grows. So a program whose threads wait by design costs little. If all
 * threads wait, and none has moved for three ticks, a look finds out whether any of them can go on.
 *
 * When a process of the program's tree ends, it is reported on at once, and the memory of its
 * record is freed. When the program itself ends, the records of its children are reported as they
 * are, and the command ends.
 */
#include "start.h"

#include "../command.h"
#include "array.h"
#include "findings.h"
#include "launch.h"
#include "live.h"
#include "report.h"
#include "style.h"
#include "suppress.h"
#include "trace/record.h"
#include "trouble.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TICK_MS = 50, TICK_ALL_MS = 5, SAMPLE_MS = 2 };

struct program {
    struct recording recording;
    struct live live;
    struct advice advice;
    struct growth growth;
    struct trace_program *trace; /* or NULL */
};

struct watch {
    const struct doctor_options *options;
    struct launch launch;
    struct suppressions suppressions;
    struct program **programs; /* those that run */
    size_t room;
    int count;
    int reported, refused; /* processes; those whose records could not be taken */
    char refusal[64];      /* why the last of these could not */
    char nameless[512];    /* a file without which names are missing, and why; or empty */
    bool main_seen;
    FILE *out, *folded;
    struct trace_writer *trace; /* or NULL */
    bool colours;
    struct findings_seen seen;
    bool failed; /* the report could not be written */
};

/* Before the recording is closed. */
static void note_nameless(struct watch *watch, const struct recording *recording)
{
    int error;
    const struct module *module = modules_trouble(&recording->process.modules, &error);
    if (error && !watch->nameless[0])
        snprintf(watch->nameless, sizeof watch->nameless, "%s%s%s", module ? module->path : "",
                 module ? ": " : "", strerror(error));
}

static void finish(struct watch *watch, int index)
{
    struct program *program = watch->programs[index];
    const struct findings_options how = {.strict = watch->options->strict,
                                         .contention = watch->options->contention,
                                         .lines = !watch->options->no_lines,
                                         .json = watch->options->json,
                                         .colours = watch->colours,
                                         .advice = watch->options->advice ? &program->advice : NULL,
                                         .rate = watch->options->rate,
                                         .growth = &program->growth,
                                         .folded = watch->folded,
                                         .suppressions = &watch->suppressions};
    if (!watch->options->trace_only &&
        findings_report(&program->recording, &how, watch->out, &watch->seen) < 0)
        watch->failed = true;
    trace_program_close(program->trace, &program->recording, how.lines);
    watch->reported++;
    note_nameless(watch, &program->recording);
    recording_close(&program->recording);
    free(program);
    watch->programs[index] = watch->programs[--watch->count];
}

/* Takes the record that a process has sent. Returns the program, or NULL with a negative errno in *ret_rc. */
static struct program *take_record(struct watch *watch, int descriptor, pid_t pid, int *ret_rc)
{
    *ret_rc = -ENOMEM;
    struct program *program = calloc(1, sizeof *program);
    if (!program || !array_has_room(&watch->programs, (size_t)watch->count, &watch->room,
                                    sizeof *watch->programs))
        (void)close(descriptor);
    else if ((*ret_rc = recording_open(&program->recording, descriptor, pid)) == 0)
        return program;
    free(program);
    return NULL;
}

static void receive(struct watch *watch)
{
    pid_t pid = 0;
    int descriptor;
    while ((descriptor = launch_receive(&watch->launch, &pid)) != -EAGAIN) {
        int rc = descriptor;
        if (descriptor == -ECONNRESET)
            continue;
        struct program *program = descriptor >= 0 ? take_record(watch, descriptor, pid, &rc) : NULL;
        watch->main_seen |= pid == watch->launch.pid;
        if (!program) {
            watch->refused++;
            watch->failed |= rc != -EPROTO; /* which is the other's fault */
            snprintf(watch->refusal, sizeof watch->refusal, "%s", strerror(-rc));
            continue;
        }
        /* It may end before the next tick, and without telling which files it had mapped. */
        recording_note_files(&program->recording);
        /* A process that executes another program has the same number as before. */
        for (int i = 0; i < watch->count; i++)
            if (watch->programs[i]->recording.pid == pid)
                finish(watch, i--);
        program->trace = trace_program_open(watch->trace, &program->recording);
        watch->programs[watch->count++] = program;
    }
}

static void end_process(const struct watch *watch, pid_t pid)
{
    if (watch->options->on_deadlock == ON_DEADLOCK_CORE)
        live_end_with_core(pid);
    else if (watch->options->on_deadlock == ON_DEADLOCK_ABORT)
        kill(pid, SIGKILL);
}

static void report_leaks(struct watch *watch, struct program *program)
{
    struct look look;
    if (!live_leaks(&program->live, &program->recording, !watch->options->no_lines, &look))
        return;
    int rc = watch->options->json ? doctor_report_json(&look, watch->out, true)
                                  : doctor_report_leaks(&look, watch->out, watch->colours);
    watch->failed |= rc < 0 || fflush(watch->out) != 0;
    watch->seen.leaks += look.leaked;
    look_free(&look);
}

static void tick(struct watch *watch)
{
    for (int i = 0; i < watch->count; i++) {
        struct program *program = watch->programs[i];
        pid_t pid = program->recording.pid;
        struct look look;
        if (pid != watch->launch.pid && kill(pid, 0) != 0 && errno == ESRCH) {
            finish(watch, i--);
            continue;
        }
        recording_note_files(&program->recording);
        growth_sample(&program->growth, &program->recording);
        trace_program_drain(program->trace);
        if (watch->options->leaks)
            report_leaks(watch, program);
        if (watch->options->trace_only ||
            !live_look(&program->live, &program->recording, !watch->options->no_lines, &look))
            continue;
        int rc = watch->options->json ? doctor_report_json(&look, watch->out, true)
                                      : doctor_report_text(&look, watch->out, watch->colours);
        watch->failed |= rc < 0 || fflush(watch->out) != 0;
        bool proven = look.verdict == VERDICT_DEADLOCK;
        watch->seen.deadlocks += proven;
        look_free(&look);
        if (proven)
            end_process(watch, pid);
    }
}

/* Passes on a signal to this process alone. A signal from the terminal has reached the program,
 * too. */
static void pass_on(const struct watch *watch, int signals)
{
    struct signalfd_siginfo info;
    while (read(signals, &info, sizeof info) == sizeof info)
        if (info.ssi_code != SI_KERNEL)
            kill(watch->launch.pid, (int)info.ssi_signo);
}

/* Watches until the program has ended. Returns its status as waitpid does. */
static int watch_until_end(struct watch *watch, int signals)
{
    int status = 0;
    double next = 0;
    for (;;) {
        struct pollfd ready[] = {{watch->launch.process, POLLIN, 0},
                                 {watch->launch.arrivals, POLLIN, 0},
                                 {signals, POLLIN, 0}};
        double left = next - live_now();
        if (watch->options->advice && left > SAMPLE_MS / 1e3)
            left = SAMPLE_MS / 1e3;
        poll(ready, 3, left > 0 ? (int)(left * 1000) + 1 : 0);
        for (int i = 0; watch->options->advice && i < watch->count; i++)
            advice_sample(&watch->programs[i]->advice, &watch->programs[i]->recording);
        receive(watch);
        pass_on(watch, signals);
        if (live_now() >= next) {
            tick(watch);
            next = live_now() + (watch->options->trace_all ? TICK_ALL_MS : TICK_MS) / 1e3;
        }
        if (ready[0].revents) {
            while (waitpid(watch->launch.pid, &status, 0) < 0 && errno == EINTR)
                ;
            return status;
        }
    }
}

static int status_of(const struct watch *watch, int status)
{
    int fail_on = watch->options->fail_on;
    if (watch->failed)
        return STATUS_FAILED;
    if ((fail_on >= FAIL_ON_DEADLOCK && watch->seen.deadlocks > 0) ||
        (fail_on >= FAIL_ON_POTENTIAL && watch->seen.potential > 0) ||
        (fail_on >= FAIL_ON_LEAK && watch->seen.leaks > 0))
        return STATUS_DEADLOCK;
    return WIFSIGNALED(status) ? STATUS_SIGNAL + WTERMSIG(status) : WEXITSTATUS(status);
}

static void summarise_trace(struct watch *watch, const char *speaker)
{
    uint64_t lost, count = trace_writer_count(watch->trace, &lost);
    fprintf(watch->out, "thrum %s: %lu events in %s", speaker, (unsigned long)count,
            watch->options->trace);
    if (lost && watch->options->trace_all)
        fprintf(watch->out, "; %lu more came faster than they could be read, and are lost",
                (unsigned long)lost);
    else if (lost)
        fprintf(watch->out, "; %lu earlier ones are not kept (--all keeps all)",
                (unsigned long)lost);
    if (trace_writer_unseen(watch->trace))
        fprintf(watch->out, "; there were more threads than have room: %d at a time, %d in all",
                REGION_SLOTS, REGION_THREADS - 1);
    fputc('\n', watch->out);
}

static void summarise(struct watch *watch)
{
    const char *speaker = watch->options->trace_only ? "trace" : "doctor";
    if (watch->options->json)
        return;
    if (!watch->main_seen)
        fprintf(watch->out,
                "thrum %s: the program did not load the library, so nothing is known of it: it is "
                "static, has another C library, or rights that its user has not, or a limit "
                "(ulimit -f, ulimit -v) leaves no room for records\n",
                speaker);
    if (watch->refused)
        fprintf(watch->out, "thrum %s: the records of %d processes could not be read: %s\n",
                speaker, watch->refused, watch->refusal);
    if (watch->nameless[0])
        fprintf(watch->out, "thrum %s: some names are missing: %s\n", speaker, watch->nameless);
    if (watch->trace)
        summarise_trace(watch, speaker);
    if (watch->options->trace_only)
        return;
    fprintf(
        watch->out,
        "thrum doctor: %d process%s, %d thread%s, %d locks held together with others: %d deadlock%s, "
        "%d potential\n",
        watch->reported, watch->reported == 1 ? "" : "es", watch->seen.threads,
        watch->seen.threads == 1 ? "" : "s", watch->seen.locks, watch->seen.deadlocks,
        watch->seen.deadlocks == 1 ? "" : "s", watch->seen.potential);
}

static int open_files(struct watch *watch)
{
    const struct doctor_options *options = watch->options;
    const char *names[] = {options->output, options->folded};
    FILE **files[] = {&watch->out, &watch->folded};
    for (int i = 0; i < 2; i++)
        if (names[i] && !(*files[i] = fopen(names[i], "we"))) {
            trouble_print("cannot write %s: %s", names[i], strerror(errno));
            return -1;
        }
    if (options->trace && !(watch->trace = trace_writer_open(options->trace, options->trace_all)))
        return -1;
    if (!watch->out) {
        int copy = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
        watch->colours = style_wanted(STDERR_FILENO);
        watch->out = copy >= 0 ? fdopen(copy, "w") : NULL;
        if (!watch->out) {
            trouble_print("cannot write to standard error: %s", strerror(errno));
            return -1;
        }
    }
    return 0;
}

static int run(struct watch *watch)
{
    static const int taken[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2};
    char message[512];
    sigset_t block, before;
    sigemptyset(&block);
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
        sigaddset(&block, taken[i]);
    sigprocmask(SIG_BLOCK, &block, &before);
    int signals = signalfd(-1, &block, SFD_CLOEXEC | SFD_NONBLOCK);
    int rc = signals < 0 ? -errno : 0;
    if (rc < 0)
        snprintf(message, sizeof message, "cannot watch signals: %s", strerror(-rc));
    else
        rc = launch(&watch->launch, watch->options->words, &before,
                    watch->trace ? watch->options->ring_bits : 0, message, sizeof message);
    if (rc < 0) {
        trouble_print("%s", message);
        if (signals >= 0)
            (void)close(signals);
        return STATUS_FAILED;
    }
    int status = watch_until_end(watch, signals);
    receive(watch);
    while (watch->count > 0)
        finish(watch, 0);
    summarise(watch);
    launch_close(&watch->launch);
    (void)close(signals);
    return status_of(watch, status);
}

int doctor_start(const struct doctor_options *options)
{
    char message[512];
    struct watch watch = {.options = options};
    int status = STATUS_FAILED;
    if (options->suppressions && suppressions_read(&watch.suppressions, options->suppressions,
                                                   message, sizeof message) < 0) {
        trouble_print("%s", message);
        return STATUS_FAILED;
    }
    if (open_files(&watch) == 0)
        status = run(&watch);
    FILE *files[] = {watch.out, watch.folded};
    for (int i = 0; i < 2; i++)
        if (files[i] && fclose(files[i]) != 0) {
            trouble_print("cannot write the report");
            status = STATUS_FAILED;
        }
    if (watch.trace && !trace_writer_close(watch.trace))
        status = STATUS_FAILED;
    suppressions_free(&watch.suppressions);
    free(watch.programs);
    return status;
}
