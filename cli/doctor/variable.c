/* `thrum doctor watch SYMBOL -p PID`: each write to a variable, with the thread, its stack, and the value.
 *
 * The value is read when the access is told. By then it may have changed again, and the report says "now". Symbols that
 * are found late, and lines, cost milliseconds; accesses that come faster wait in the ring of the kernel, or are counted as lost.
 */
#include "variable.h"

#include "../command.h"
#include "doctor/lines.h"
#include "doctor/stop.h"
#include "doctor/watchpoint.h"
#include "interrupt.h"
#include "json_text.h"
#include "options.h"
#include "output.h"
#include "pidfd.h"
#include "report.h"
#include "style.h"
#include "trouble.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define INTO(field) offsetof(struct variable_options, field)

struct variable_options {
    int pid, count;
    bool reads, json;
    const char *symbol;
};

static const struct option_row rows[] = {
    {'p', "pid", "PID", "The process.", NULL, OPTION_COUNT, INTO(pid), 1, INT_MAX},
    {'n', "count", "N", "End after N accesses.", NULL, OPTION_COUNT, INTO(count), 1, INT_MAX},
    {'r', "reads", NULL, "Show reads, too. Reads and writes cannot be told apart then.", NULL,
     OPTION_FLAG, INTO(reads)},
    {'j', "json", NULL,
     "Print a JSON object for the variable and one for each access, on lines of their own.", NULL,
     OPTION_FLAG, INTO(json)},
    OPTION_ROWS_COMMON,
};

static const struct help_section sections[] = {
    {.title = "Permission",
     .text =
         "The system must allow performance events: /proc/sys/kernel/perf_event_paranoid is at most 2, or the user "
         "is root or has the capability PERFMON. And it must allow the user to trace the process."},
    {0},
};

static const struct help_term examples[] = {
    {"thrum doctor watch balance -p 4711", "Show who writes the variable balance, until Ctrl-C."},
    {"thrum doctor watch queue+16:8 -n 1 -p 4711",
     "Show the next write to 8 bytes of the struct queue."},
    {0},
};

static const struct command_line variable_line = {
    .name = "doctor watch",
    .summary = "",
    .title = "show who writes a variable of a running process",
    .usages = (const char *const[]){"SYMBOL[+OFFSET][:SIZE] -p PID [OPTION...]",
                                    "ADDRESS:SIZE -p PID [OPTION...]", NULL},
    .about =
        "Shows each write to a global or static variable, with the thread, its stack, and the value. The processor notices "
        "the writes, and the process is not stopped. At most 32 bytes can be watched. Writes by the kernel are "
        "not seen. It ends with the process, by Ctrl-C, or after --count.",
    .options = rows,
    .sections = sections,
    .examples = examples,
    .fails = "The process or the variable was not found, or the system refuses.",
    .interrupted = "A signal ends the watch.",
    .operands = OPERANDS_ANY,
};

struct variable {
    const struct variable_options *options;
    struct process process;
    struct watchpoints *watchpoints;
    uint64_t address, size, before;
    int seen;
    bool failed;
};

/* ---- the variable ---- */

static bool number_of(const char **text, uint64_t *ret)
{
    char *end;
    errno = 0;
    *ret = strtoull(*text, &end, 0);
    bool fine = end != *text && errno == 0;
    *text = end;
    return fine;
}

static bool find_symbol(struct variable *variable, const char *name)
{
    struct modules *modules = &variable->process.modules;
    struct symbol symbol;
    for (int i = 0; i < modules->count; i++) {
        const struct module *module = modules_find(modules, modules->list[i].start);
        if (module && module_named(module, name, &symbol)) {
            variable->address = symbol.start;
            variable->size = symbol.size;
            return true;
        }
    }
    return false;
}

/* Reads "NAME+OFFSET:SIZE". Returns false with the reason in `message`. */
static bool locate(struct variable *variable, char *message, size_t size)
{
    const char *text = variable->options->symbol, *rest = text;
    uint64_t offset = 0, length = 0;
    char name[256];
    if (*text >= '0' && *text <= '9') {
        if (!number_of(&rest, &variable->address))
            rest = "?";
        variable->size = 0;
    } else {
        size_t end = strcspn(text, "+:");
        snprintf(name, sizeof name, "%.*s", (int)(end < sizeof name ? end : sizeof name - 1), text);
        rest = text + end;
        if (!find_symbol(variable, name)) {
            snprintf(
                message, size,
                "process %d has no variable %s: name one that is global or static, or an address",
                variable->options->pid, name);
            return false;
        }
    }
    bool fine = *rest != '+' || (rest++, number_of(&rest, &offset));
    fine = fine && (*rest != ':' || (rest++, number_of(&rest, &length)));
    if (!fine || *rest || offset > INT_MAX || (*text <= '9' && length == 0)) {
        snprintf(message, size,
                 "it must be SYMBOL, SYMBOL+OFFSET, SYMBOL+OFFSET:SIZE or ADDRESS:SIZE, not '%s'",
                 text);
        return false;
    }
    variable->address += offset;
    variable->size = length ? length : variable->size > offset ? variable->size - offset : 0;
    if (variable->size == 0 || variable->size > WATCHPOINT_BYTES) {
        snprintf(message, size, "%s has %" PRIu64 " bytes, and 1 to %d can be watched: add :SIZE",
                 text, variable->size, WATCHPOINT_BYTES);
        return false;
    }
    return true;
}

/* As a number, if it has the size of one. */
static uint64_t value_of(const struct variable *variable)
{
    uint64_t value = 0;
    size_t size = variable->size < sizeof value ? variable->size : sizeof value;
    (void)memory_read(&variable->process.memory, variable->address, &value, size);
    return value;
}

/* ---- an access ---- */

static struct thread *thread_of(struct process *process, int tid)
{
    for (int i = 0; i < process->count; i++)
        if (process->threads[i].tid == tid)
            return &process->threads[i];
    struct thread *thread = process_add(process, tid);
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/comm", tid);
    FILE *file = thread ? fopen(path, "r") : NULL;
    if (file && fgets(thread->name, sizeof thread->name, file))
        thread->name[strcspn(thread->name, "\n")] = 0;
    if (file)
        (void)fclose(file);
    return thread;
}

/* The processor stops behind the instruction. One byte back is inside of it. */
static bool find_frames(struct process *process, struct thread *thread,
                        const struct watchpoint_access *access)
{
    free(thread->frames);
    thread->frames = NULL;
    thread->frame_count = 0;
    if (!access->placed)
        return true;
    registers_take(thread, &access->registers);
    thread->registers.pc--;
    const struct stack_copy copy = {thread->registers.value[REGISTER_STACK], access->stack_size,
                                    access->stack};
    if (process_unwind(process, thread, &copy) < 0)
        return false;
    lines_find(process);
    return true;
}

static void put_json(const struct variable *variable, const struct thread *thread,
                     const struct watchpoint_access *access, uint64_t now)
{
    printf("{\"time\":%" PRIu64 ",\"thread\":%d,\"name\":", access->time, thread->tid);
    json_put_string(stdout, thread->name);
    printf(",\"before\":%" PRIu64 ",\"now\":%" PRIu64 ",\"frames\":[", variable->before, now);
    for (int i = 0; i < thread->frame_count; i++) {
        const struct place *place = thread->frames[i].place;
        fputs(i ? ",{\"function\":" : "{\"function\":", stdout);
        json_put_string(stdout, place->function ? place->function : "");
        fputs(",\"file\":", stdout);
        json_put_string(stdout, place->file ? place->file : "");
        printf(",\"line\":%d}", place->line);
    }
    fputs("]}\n", stdout);
}

static void put_text(const struct variable *variable, const struct thread *thread,
                     const struct watchpoint_access *access, uint64_t now)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return;
    fprintf(out, "%" PRIu64 ".%06u " MARK_BOLD "thread %d (%s)" MARK_PLAIN " %s %s",
            access->time / 1000000000, (unsigned)(access->time % 1000000000 / 1000), thread->tid,
            thread->name, variable->options->reads ? "accesses" : "writes",
            variable->options->symbol);
    if (variable->size <= 8)
        fprintf(out, ": was %" PRIu64 ", now %" PRIu64, variable->before, now);
    fputc('\n', out);
    for (int i = 0; i < thread->frame_count; i++)
        doctor_report_frame(out, thread->frames, thread->frame_count, i);
    if (fclose(out) == 0)
        doctor_report_styled(text, stdout, style_wanted(STDOUT_FILENO));
    free(text);
}

static bool see(void *argument, const struct watchpoint_access *access)
{
    struct variable *variable = argument;
    struct thread *thread = thread_of(&variable->process, access->tid);
    if (!thread || !find_frames(&variable->process, thread, access)) {
        variable->failed = true;
        return false;
    }
    uint64_t now = value_of(variable);
    (variable->options->json ? put_json : put_text)(variable, thread, access, now);
    variable->before = now;
    return ++variable->seen != variable->options->count && fflush(stdout) == 0;
}

/* Until the process ends, a signal comes, or there were enough. */
static int watch(struct variable *variable, int ended)
{
    enum { MOST = 256 };
    int list[MOST], count = watchpoints_descriptors(variable->watchpoints, list, MOST), rc = 0;
    struct pollfd ready[MOST + 2] = {{.fd = ended, .events = POLLIN},
                                     {.fd = interrupt_descriptor(), .events = POLLIN}};
    for (int i = 0; i < count; i++)
        ready[i + 2] = (struct pollfd){.fd = list[i], .events = POLLIN};
    while (rc == 0 && !interrupt_asked() && !ready[0].revents && !ferror(stdout) &&
           (variable->options->count == 0 || variable->seen < variable->options->count)) {
        if (poll(ready, (nfds_t)count + 2, -1) < 0 && errno != EINTR)
            rc = -errno;
        for (int i = 0; i < count; i++)
            if (ready[i + 2].revents & (POLLHUP | POLLERR))
                ready[i + 2].fd = -1; /* its thread has ended; those that inherited go on */
        if (rc == 0)
            rc = watchpoints_read(variable->watchpoints, see, variable);
    }
    return variable->failed ? -ENOMEM : rc;
}

static int run(struct variable *variable, int ended)
{
    char message[512] = "";
    int rc =
        watchpoints_open(&variable->watchpoints, &variable->process, variable->address,
                         (size_t)variable->size, variable->options->reads, message, sizeof message);
    if (rc < 0) {
        trouble_print("%s", message);
        return STATUS_FAILED;
    }
    variable->before = value_of(variable);
    if (variable->options->json) {
        fputs("{\"watching\":", stdout);
        json_put_string(stdout, variable->options->symbol);
        printf(",\"address\":%" PRIu64 ",\"size\":%" PRIu64 ",\"value\":%" PRIu64 "}\n",
               variable->address, variable->size, variable->before);
    } else
        printf("watching %s: %" PRIu64 " bytes at 0x%" PRIx64 "\n", variable->options->symbol,
               variable->size, variable->address);
    (void)fflush(stdout);
    rc = watch(variable, ended);
    uint64_t lost = watchpoints_lost(variable->watchpoints);
    if (lost)
        trouble_print("%" PRIu64 " more accesses came too fast to be recorded", lost);
    watchpoints_close(variable->watchpoints);
    if (rc < 0)
        trouble_print("cannot watch: %s", strerror(-rc));
    return rc < 0 ? STATUS_FAILED : STATUS_OK;
}

static enum options_verdict parse(int argc, char **argv, struct variable_options *ret,
                                  char *message, size_t size)
{
    int first;
    *ret = (struct variable_options){0};
    enum options_verdict verdict =
        command_line_parse(&variable_line, argc, argv, ret, &first, message, size);
    if (verdict != OPTIONS_RUN)
        return verdict;
    if (argc - first != 1)
        return command_line_wrong(message, size, "give one variable");
    if (ret->pid == 0)
        return command_line_wrong(message, size, "--pid PID is missing");
    ret->symbol = argv[first];
    return OPTIONS_RUN;
}

int variable_run(int argc, char **argv)
{
    struct variable_options options;
    struct variable variable = {.options = &options};
    char message[512];
    thrum_error error;
    enum options_verdict verdict = parse(argc, argv, &options, message, sizeof message);
    if (verdict != OPTIONS_RUN)
        return command_line_answer(&variable_line, verdict, message);
    trouble_speaker("doctor");
    if (interrupt_hold(&error) < 0 || interrupt_watch((struct interrupt_answers){0}, &error) < 0) {
        trouble_print("%s", error.message);
        return STATUS_FAILED;
    }
    int ended = pidfd_open(options.pid, 0);
    int rc = process_open(&variable.process, options.pid, message, sizeof message);
    int status = STATUS_FAILED;
    if (rc < 0)
        trouble_print("%s", message);
    else if (!locate(&variable, message, sizeof message))
        trouble_print("%s", message);
    else
        status = run(&variable, ended);
    if (rc == 0)
        process_close(&variable.process);
    if (ended >= 0)
        (void)close(ended);
    if (interrupt_signal() && status == STATUS_OK)
        status = STATUS_SIGNAL + interrupt_signal();
    return output_finish(status);
}
