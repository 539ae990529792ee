/* A job queue: commands of a list run on several machines, each at least once.
 *
 *     job_queue work [-u URL] [-j JOBS] [-l LEASE]      a worker; runs on each machine until Ctrl-C
 *     job_queue run [-u URL] [-l LEASE] <commands       a command per line; prints what each has printed
 *     job_queue status [-u URL]                         what the queue has
 *
 * URL is that of a NATS server with JetStream, nats://127.0.0.1:4222 by default. The server keeps the jobs. A job whose
 * worker is lost goes to another worker after LEASE seconds, 30 by default. The tutorial docs/tutorials/job-queue.md
 * builds it step by step.
 *
 * A worker runs any command that a client of the server sends: docs/cluster.md says how to restrict clients.
 *
 * `run` ends with 0 if all commands have ended with 0, with 1 if one has not, and with 130 after Ctrl-C. Each ends with 2
 * if it cannot begin.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <thrum.h>
#include <thrum_cluster.h>
#include <unistd.h>

enum { OUTPUT_LIMIT = 500000 }; /* a message of the server has at most 1 MiB */

extern char **environ;

/* The result of a job: the status of its command, then what it has printed. */
struct outcome {
    int32_t status; /* 128 and the number, if a signal has ended it */
    char output[];
};

/* ---------------------------------------------------------------------------------------- the job */

/* Starts a shell in a process group of its own. What it prints comes from `*ret_output`. */
static int start_shell(const char *command, pid_t *ret_shell, int *ret_output)
{
    char shell[] = "sh", option[] = "-c";
    char *words[] = {shell, option, (char *)command, NULL};
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&files, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&files, ends[1], STDERR_FILENO);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
    int rc = -posix_spawn(ret_shell, "/bin/sh", &files, &attributes, words, environ);
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attributes);
    close(ends[1]);
    if (rc < 0)
        close(ends[0]);
    else
        *ret_output = ends[0];
    return rc;
}

/* Reads up to the end, and drops what is too much. Takes the descriptor over. */
static int read_output(int descriptor, char *text, size_t capacity, size_t *ret_size)
{
    thrum_stream *stream;
    char dropped[4096];
    ptrdiff_t got;
    *ret_size = 0;
    int rc = thrum_stream_from_descriptor(descriptor, NULL, &stream);
    if (rc < 0) {
        close(descriptor);
        return rc;
    }
    do {
        bool full = *ret_size == capacity;
        got = thrum_stream_read(stream, full ? dropped : text + *ret_size,
                                full ? sizeof dropped : capacity - *ret_size, THRUM_FOREVER);
        *ret_size += got > 0 && !full ? (size_t)got : 0;
    } while (got > 0);
    thrum_stream_free(stream);
    return (int)got;
}

/* Waits until a process has ended, without reaping it. A cancel ends the wait. */
static int wait_for(pid_t process)
{
    int descriptor = pidfd_open(process, 0);
    if (descriptor < 0)
        return -errno;
    int rc = thrum_wait_readable(descriptor, THRUM_FOREVER);
    close(descriptor);
    return rc;
}

/* The task. A command that fails is a result: it would fail on another worker, too. */
static int run_command(thrum_task *self)
{
    struct outcome *outcome = malloc(sizeof *outcome + OUTPUT_LIMIT);
    size_t size = 0;
    pid_t shell;
    int output, status;
    int rc = outcome ? start_shell(thrum_arg_text(self), &shell, &output) : -ENOMEM;
    if (rc < 0) {
        free(outcome);
        return thrum_fail(self, rc, "cannot start a shell: %s", thrum_strerror(rc));
    }
    rc = read_output(output, outcome->output, OUTPUT_LIMIT, &size);
    if (rc == 0)
        rc = wait_for(shell);
    if (rc < 0)
        kill(-shell, SIGKILL); /* the job was cancelled, or the machine has a problem */
    while (waitpid(shell, &status, 0) < 0 && errno == EINTR)
        ;
    if (rc < 0) {
        free(outcome);
        return rc;
    }
    outcome->status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    return thrum_return_memory(self, outcome, sizeof *outcome + size);
}
THRUM_TASK(run_command)

/* -------------------------------------------------------------------------------------- the worker */

struct worker {
    const thrum_cluster_options *cluster;
    thrum_executor *executor;
    int jobs;
    thrum_event stop;
};

static int serve(thrum_task *self)
{
    struct worker *worker = thrum_arg(self, struct worker *);
    thrum_error error;
    const thrum_cluster_serve_options options = {
        .max_running = worker->jobs, .registered_only = true, .stop = &worker->stop};
    int rc = thrum_cluster_serve(worker->cluster, worker->executor, &options, &error);
    return rc < 0 ? thrum_fail(self, rc, "%s", error.message) : 0;
}

/* Works until a signal. Jobs that run are finished; a second signal ends the program at once. */
static int work(const thrum_cluster_options *cluster, int jobs, thrum_signals *stop)
{
    struct worker worker = {.cluster = cluster, .jobs = jobs};
    int number, status = 0;
    worker.executor = thrum_fiber_pool_new(&(thrum_fiber_pool_options){.max_workers = 1});
    if (!worker.executor)
        errx(2, "out of memory");
    thrum_thread *thread = thrum_thread_start(serve, thrum_value(struct worker *, &worker));
    thrum_case cases[] = {thrum_case_thread(thread), thrum_case_signals(stop, &number)};
    if (thrum_select(cases, 2, THRUM_FOREVER) == 1) {
        fprintf(stderr, "finishing the jobs that run\n");
        thrum_signals_free(stop);
        thrum_event_set(&worker.stop);
    } else {
        thrum_signals_free(stop);
    }
    if (thrum_thread_join(thread, THRUM_FOREVER) == THRUM_FAILED) {
        warnx("%s", thrum_thread_error(thread)->message);
        status = 2;
    }
    thrum_thread_free(thread);
    thrum_executor_shutdown(worker.executor);
    return status;
}

/* -------------------------------------------------------------------------------------- the client */

struct list {
    char **commands;
    thrum_future **futures;
    size_t count;
};

/* Reads the whole list before the first job is sent. */
static void read_list(struct list *list)
{
    char *line = NULL;
    size_t capacity = 0;
    ssize_t size;
    while ((size = getline(&line, &capacity, stdin)) > 0) {
        if (line[size - 1] == '\n')
            line[size - 1] = 0;
        list->commands = realloc(list->commands, (list->count + 1) * sizeof *list->commands);
        if (!list->commands || !(list->commands[list->count++] = strdup(line)))
            errx(2, "out of memory");
    }
    if (ferror(stdin))
        err(2, "cannot read the commands");
    free(line);
}

/* Prints what came of a job. Returns whether its command has succeeded. */
static bool print_outcome(const char *command, thrum_future *future)
{
    void *bytes = NULL;
    size_t size = 0;
    int rc = thrum_future_take(future, &bytes, &size, THRUM_FOREVER);
    if (rc == 0 && size < sizeof(struct outcome))
        rc = -EBADMSG;
    printf("== %s\n", command);
    if (rc != 0) {
        printf("no result: %s\n",
               rc == THRUM_FAILED ? thrum_future_error(future)->message : thrum_strerror(rc));
        free(bytes);
        return false;
    }
    const struct outcome *outcome = bytes;
    int status = outcome->status;
    fwrite(outcome->output, 1, size - sizeof *outcome, stdout);
    if (status != 0)
        printf("ended with status %d\n", status);
    fflush(stdout);
    free(bytes);
    return status == 0;
}

/* Prints each job as it ends. Returns the status of the program. */
static int print_all(struct list *list, thrum_signals *stop)
{
    size_t i, good = 0;
    int number;
    thrum_as_completed *done = thrum_as_completed_new(list->futures, list->count);
    if (!done)
        errx(2, "out of memory");
    thrum_case cases[] = {thrum_case_as_completed(done, &i), thrum_case_signals(stop, &number)};
    int first;
    while ((first = thrum_select(cases, 2, THRUM_FOREVER)) == 0 && cases[0].code == 0)
        good += print_outcome(list->commands[i], list->futures[i]);
    thrum_as_completed_free(done);
    if (first == 1) {
        fprintf(stderr, "cancelling\n");
        for (i = 0; i < list->count; i++) {
            thrum_future_cancel(list->futures[i]);
            (void)!thrum_future_wait(list->futures[i], thrum_in(2));
            (void)!thrum_future_error(list->futures[i]); /* it is no news */
        }
        return 130;
    }
    fprintf(stderr, "%zu of %zu commands succeeded\n", good, list->count);
    return good == list->count ? 0 : 1;
}

static int run(const thrum_cluster_options *options, thrum_signals *stop)
{
    struct list list = {0};
    thrum_executor *cluster;
    thrum_error error;
    read_list(&list);
    list.futures = calloc(list.count + 1, sizeof(thrum_future *));
    if (!list.futures)
        errx(2, "out of memory");
    if (thrum_cluster_new(options, &cluster, &error, thrum_in(10)) < 0)
        errx(2, "%s", error.message);
    for (size_t i = 0; i < list.count; i++)
        list.futures[i] = thrum_submit(cluster, run_command, thrum_text(list.commands[i]));
    int status = print_all(&list, stop);
    thrum_executor_shutdown_with(
        cluster, &(thrum_shutdown_options){.cancel_pending = true, .cancel_running = true});
    for (size_t i = 0; i < list.count; i++) {
        thrum_future_free(list.futures[i]);
        free(list.commands[i]);
    }
    free(list.futures);
    free(list.commands);
    thrum_signals_free(stop);
    return status;
}

static int show_status(const thrum_cluster_options *options)
{
    thrum_cluster_status status;
    thrum_error error;
    int rc = thrum_cluster_status_get(options, &status, &error);
    if (rc == -ENOENT) {
        printf("no job was ever sent\n");
        return 0;
    }
    if (rc < 0)
        errx(2, "%s", error.message);
    printf("%llu jobs, %zu of them running; %zu workers for %zu jobs at a time\n",
           (unsigned long long)status.queued, status.running, status.workers, status.capacity);
    return 0;
}

int main(int argc, char **argv)
{
    static const char usage[] = "usage: job_queue work|run|status [-u URL] [-j JOBS] [-l LEASE]";
    thrum_cluster_options options = {.servers = "nats://127.0.0.1:4222", .pool = "jobs"};
    const char *what = argc > 1 ? argv[1] : "";
    int option, jobs = thrum_cpu_count();
    thrum_signals *stop;
    optind = 2;
    while (argc > 1 && (option = getopt(argc, argv, "u:j:l:")) != -1) {
        if (option == 'u')
            options.servers = optarg;
        else if (option == '?' || (option == 'j' && (jobs = atoi(optarg)) < 1) ||
                 (option == 'l' && (options.lease = atof(optarg)) <= 0))
            errx(2, "%s", usage);
    }
    bool works = strcmp(what, "work") == 0;
    if (argc < 2 || optind != argc ||
        (!works && strcmp(what, "run") != 0 && strcmp(what, "status") != 0))
        errx(2, "%s", usage);
    if (strcmp(what, "status") == 0)
        return show_status(&options);
    int rc = thrum_signals_new((int[]){SIGINT, SIGTERM}, 2, &stop);
    if (rc < 0)
        errx(2, "cannot wait for signals: %s", thrum_strerror(rc));
    return works ? work(&options, jobs, stop) : run(&options, stop);
}
