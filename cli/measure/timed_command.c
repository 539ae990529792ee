/* A run and its cost.
 *
 * Wall time is from before the process is made until its end has been noticed: making a process and loading a
 * program belong to what a command costs. Processor time and memory are what the system counted for the command and
 * for those of its children that it waited for (wait4).
 *
 * A shell costs about a millisecond. So a command line in which nothing is special to a shell is split at blanks and
 * run directly. If its first word is no program, it may be a builtin of the shell, and the shell gets it.
 */
#include "timed_command.h"

#include "child/child.h"
#include "child/job_control.h"
#include "interrupt.h"
#include "others.h"
#include "progress.h"
#include "run_delay.h"
#include "trouble.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

const char *const shell_uses[] = {"auto", "always", "never", NULL};

static const double grace_seconds = 2, first_look = 0.01, next_look = 1.8;

/* True if a shell would not take the text for plain words. */
static bool is_for_shell(const char *text)
{
    size_t first = strcspn(text, " \t");
    return strpbrk(text, "|&;<>()$`\\\"'*?[]#~{}\n!") || memchr(text, '=', first);
}

static int use_shell(struct timed_command *command)
{
    static char shell[] = "/bin/sh", flag[] = "-c";
    free(command->words);
    command->words = calloc(4, sizeof(char *));
    if (!command->words)
        return -ENOMEM;
    command->words[0] = shell;
    command->words[1] = flag;
    command->words[2] = command->text;
    command->shell = true;
    command->may_need_shell = false;
    return 0;
}

/* Splits the copy of the text at blanks. Returns 0, -EINVAL if there is no word, or -ENOMEM. */
static int split(struct timed_command *command)
{
    size_t count = 0;
    char *rest = NULL;
    command->words = calloc(strlen(command->copy) / 2 + 2, sizeof(char *));
    if (!command->words)
        return -ENOMEM;
    for (char *word = strtok_r(command->copy, " \t", &rest); word;
         word = strtok_r(NULL, " \t", &rest))
        command->words[count++] = word;
    return count > 0 ? 0 : -EINVAL;
}

int timed_command_init(struct timed_command *command, const char *text, enum shell_use use)
{
    *command = (struct timed_command){.text = strdup(text), .copy = strdup(text)};
    int rc = command->text && command->copy ? 0 : -ENOMEM;
    if (rc == 0 && text[strspn(text, " \t\n")] == '\0')
        rc = -EINVAL;
    if (rc == 0)
        rc = use == SHELL_ALWAYS || (use == SHELL_AUTO && is_for_shell(text)) ? use_shell(command)
                                                                              : split(command);
    command->may_need_shell = use == SHELL_AUTO && !command->shell;
    if (rc < 0)
        timed_command_finish(command);
    return rc;
}

int timed_command_init_words(struct timed_command *command, char *const *words)
{
    size_t count = 0, size = 1;
    for (; words[count]; count++)
        size += strlen(words[count]) + 1;
    *command = (struct timed_command){.text = calloc(1, size),
                                      .copy = calloc(1, size),
                                      .words = calloc(count + 1, sizeof(char *))};
    if (!command->text || !command->copy || !command->words) {
        timed_command_finish(command);
        return -ENOMEM;
    }
    char *at = command->copy;
    for (size_t i = 0; i < count; i++) {
        command->words[i] = at;
        at = stpcpy(at, words[i]) + 1;
        strcat(strcat(command->text, i ? " " : ""), words[i]);
    }
    return 0;
}

void timed_command_finish(struct timed_command *command)
{
    free(command->text);
    free(command->copy);
    free(command->words);
    *command = (struct timed_command){0};
}

/* The memory of a command. The system counts what a process had before it became another program, and that was a
 * copy of this one: a command that had less than this program has is not known. */
static uint64_t memory_of(const struct rusage *usage)
{
    struct rusage own;
    if (getrusage(RUSAGE_SELF, &own) != 0 || usage->ru_maxrss <= own.ru_maxrss)
        return 0;
    return (uint64_t)usage->ru_maxrss * 1024;
}

static double seconds_of(const struct timeval *time)
{
    return (double)time->tv_sec + (double)time->tv_usec * 1e-6;
}

/* Starts it; a word that is no program is tried as a builtin of the shell. */
static int start(struct timed_command *command, struct child *child, int out)
{
    struct child_options options = {.words = command->words, .out = out, .err = out};
    int rc = child_start(child, &options);
    if (rc != -ENOENT || !command->may_need_shell)
        return rc;
    rc = use_shell(command);
    options.words = command->words;
    return rc < 0 ? rc : child_start(child, &options);
}

/* Waits for the child's end, and looks meanwhile how long it waits for a core. */
static int wait_and_look(struct child *child, thrum_time begin, struct cost *cost)
{
    struct run_delay delay = {0};
    int rc;
    for (double after = first_look;; after *= next_look) {
        rc = child_wait(child, thrum_at(begin + (thrum_time)(after * 1e9)), &cost->status);
        if (rc != -ETIMEDOUT)
            break;
        run_delay_look(&delay, child->pid);
    }
    cost->delay = run_delay_ratio(&delay);
    run_delay_finish(&delay);
    return rc;
}

int timed_command_run(struct timed_command *command, int out, struct cost *ret_cost,
                      thrum_error *ret_error)
{
    struct child child;
    struct cost cost = {0};
    if (interrupt_asked())
        return -ECANCELED;
    struct cpu_use before = cpu_use_now();
    thrum_time begin = thrum_now();
    int rc = start(command, &child, out);
    if (rc == -ECANCELED)
        return rc;
    if (rc < 0)
        return trouble(ret_error, rc, "cannot run %.160s: %s", command->text, thrum_strerror(rc));
    rc = command->watch_delay ? wait_and_look(&child, begin, &cost)
                              : child_wait(&child, THRUM_FOREVER, &cost.status);
    cost.seconds = (double)(thrum_now() - begin) * 1e-9;
    if (rc < 0)
        return trouble(ret_error, rc, "cannot wait for %.160s: %s", command->text,
                       thrum_strerror(rc));
    struct cpu_use after = cpu_use_now();
    cost.others = others_share(&before, &after);
    cost.user = seconds_of(&child.usage.ru_utime);
    cost.system = seconds_of(&child.usage.ru_stime);
    cost.memory = memory_of(&child.usage);
    *ret_cost = cost;
    return 0;
}

static void note_interrupt(int number)
{
    if (children_count() > 0 && number != SIGHUP)
        trouble_print("waiting for the command to end; once more ends it");
}

static void end_children(int number)
{
    children_end_all(number == SIGHUP ? SIGHUP : SIGTERM, grace_seconds);
}

int timed_commands_begin(int *ret_null, thrum_error *ret_error)
{
    int rc = interrupt_hold(ret_error);
    if (rc == 0)
        rc = interrupt_watch(
            (struct interrupt_answers){note_interrupt, end_children, children_kill_all}, ret_error);
    if (rc == 0)
        rc = job_control_start(progress_clear, NULL, ret_error);
    if (rc < 0)
        return rc;
    *ret_null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    return *ret_null < 0
               ? trouble(ret_error, -errno, "cannot open /dev/null: %s", thrum_strerror(-errno))
               : 0;
}

void cost_describe_status(int status, char *ret_text, size_t size)
{
    if (WIFSIGNALED(status))
        snprintf(ret_text, size, "signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
    else
        snprintf(ret_text, size, "exit status %d", WEXITSTATUS(status));
}
