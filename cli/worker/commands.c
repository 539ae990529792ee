/* `thrum worker --commands`: a task is a command, and its result is what the command printed and how it ended.
 *
 * A client that may publish to the pool may run any command as the user of the worker. So nothing but the option registers this
 * task, and with the option the worker has no other.
 *
 * The command runs in the directory of the worker and with its environment, and reads /dev/null. Its output goes to two files
 * without names, and is sent when it has ended. So a command that prints too much is not stopped in the middle; its task fails
 * at the end.
 *
 * The end. A client that no longer wants the command cancels the task. The command and all processes that it has started then
 * get SIGTERM, and SIGKILL two seconds later. The same happens after the time that the client gives the command. A worker that is
 * ended at once kills its commands. A worker that is killed leaves them; systemd's unit ends them.
 *
 * A lost worker. `max_deliveries` is 1 here: the next worker does not run the command again, but fails its task with -ECHILD.
 * So the client learns of the loss, tells its user, and decides.
 *
 * Commands mostly wait, so one thread with fibers serves them all. */
#include "commands.h"

#include "child/child.h"
#include "child/job_control.h"
#include "child/output_file.h"
#include "cluster/command_task.h"
#include "cluster/library.h"
#include "run/budget.h"
#include "service.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <thrum.h>
#include <unistd.h>

static const double grace_seconds = 2, room_seconds = 5, room_pause_seconds = 0.1;

static bool lacks_room(int rc)
{
    return rc == -EAGAIN || rc == -EMFILE || rc == -ENFILE || rc == -ENOMEM;
}

/* Starts the command; waits a while for the room that it needs. Returns 0 or a negative errno. */
static int start(struct child *child, char *const *words, int out, int err)
{
    thrum_deadline deadline = thrum_in(room_seconds);
    for (;;) {
        int rc = child_start(child,
                             &(const struct child_options){.words = words, .out = out, .err = err});
        if (!lacks_room(rc) || thrum_now() > deadline.ns)
            return rc;
        if ((rc = thrum_sleep(thrum_in(room_pause_seconds))) < 0)
            return rc;
    }
}

/* Runs the command. Returns 0, or -ECANCELED if the task was cancelled. */
static int run(char *const *words, double timeout, int out, int err,
               struct command_outcome *outcome)
{
    struct child child;
    thrum_time begin = thrum_now();
    outcome->error = start(&child, words, out, err);
    if (outcome->error < 0)
        return outcome->error == -ECANCELED ? -ECANCELED : 0;
    int rc = child_wait(&child, timeout > 0 ? thrum_in(timeout) : THRUM_FOREVER, &outcome->status);
    if (rc < 0) { /* for any reason: the command must not be left */
        outcome->timed_out = rc == -ETIMEDOUT;
        thrum_shield_begin();
        outcome->error = child_end(&child, grace_seconds, &outcome->status);
        thrum_shield_end();
    }
    outcome->wanted_terminal = child.wants_terminal;
    outcome->seconds = (double)(thrum_now() - begin) * 1e-9;
    return rc == -ECANCELED ? rc : 0;
}

/* Reads all of a file. Returns 0 or a negative errno. */
static int read_all(int file, char *bytes, size_t size)
{
    for (size_t at = 0; at < size;) {
        ssize_t got = pread(file, bytes + at, size - at, (off_t)at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return got < 0 ? -errno : -EIO;
        at += (size_t)got;
    }
    return 0;
}

/* The size of a file, if processes that the command has left still write to it: now. */
static int size_of(int file, size_t *ret_size)
{
    struct stat about;
    if (fstat(file, &about) != 0)
        return -errno;
    *ret_size = (size_t)about.st_size;
    return 0;
}

/* Leaves the outcome with what stands in the two files. */
static int send(thrum_task *self, struct command_outcome *outcome, int out, int err)
{
    int rc = size_of(out, &outcome->out_size);
    if (rc == 0)
        rc = size_of(err, &outcome->err_size);
    size_t most = COMMAND_OUTPUT_MOST;
    if (rc == 0 && (outcome->out_size > most || outcome->err_size > most - outcome->out_size))
        return thrum_fail(self, -EMSGSIZE,
                          "it printed %zu bytes, and a cluster takes %zu: let it write to a file",
                          outcome->out_size + outcome->err_size, most);
    size_t head = command_head_size(outcome);
    char *bytes = rc == 0 ? malloc(head + outcome->out_size + outcome->err_size) : NULL;
    if (rc == 0)
        rc = bytes ? read_all(out, bytes + head, outcome->out_size) : -ENOMEM;
    if (rc == 0)
        rc = read_all(err, bytes + head + outcome->out_size, outcome->err_size);
    if (rc < 0) {
        free(bytes);
        return thrum_fail(self, rc, "the worker cannot read its output: %s", thrum_strerror(rc));
    }
    command_head_pack(outcome, bytes);
    return thrum_return_memory(self, bytes, head + outcome->out_size + outcome->err_size);
}

static void name_host(char *host)
{
    if (gethostname(host, COMMAND_HOST_SIZE) != 0 || !*host)
        memcpy(host, "worker", sizeof "worker");
    host[COMMAND_HOST_SIZE - 1] = '\0';
}

static int run_words(thrum_task *self, char *const *words, double timeout)
{
    struct command_outcome outcome = {0};
    int out = output_file_open(), err = out < 0 ? out : output_file_open();
    int rc = err;
    name_host(outcome.host);
    if (err < 0)
        thrum_fail(self, err, "the worker cannot keep its output in %.100s: %s",
                   output_file_folder(), thrum_strerror(err));
    else
        rc = run(words, timeout, out, err, &outcome);
    if (rc >= 0)
        rc = send(self, &outcome, out, err);
    if (out >= 0)
        (void)close(out);
    if (err >= 0)
        (void)close(err);
    return rc;
}

static int run_command(thrum_task *self)
{
    size_t size = thrum_task_arg_size(self);
    double timeout = 0;
    char **words = NULL, *bytes = size ? malloc(size) : NULL;
    int rc = size && !bytes ? -ENOMEM : -EINVAL;
    if (bytes) {
        memcpy(bytes, thrum_task_arg(self, size), size);
        rc = command_unpack(bytes, size, &words, &timeout);
    }
    rc = rc < 0 ? thrum_fail(self, rc, "the worker cannot read the command: %s", thrum_strerror(rc))
                : run_words(self, words, timeout);
    free(words);
    free(bytes);
    return rc;
}

static void do_nothing(void)
{
}

int worker_commands_serve(const struct worker_options *options)
{
    static char password[CLUSTER_PASSWORD_SIZE];
    struct worker_options given = *options;
    thrum_error error = {0};
    const struct cluster_library *library = cluster_library(&error);
    thrum_cluster_options cluster = {
        .pool = options->pool,
        .lease = options->lease,
        .max_deliveries = 1,
        .max_queued = (size_t)options->max_queued,
        .replicas = options->replicas,
    };
    if (!library || cluster_login_take(&options->login, &cluster, password, &error) < 0)
        return worker_complain("%s", error.message);
    if (job_control_start(do_nothing, NULL, &error) < 0)
        return worker_complain("%s", error.message);
    int jobs = options->jobs ? options->jobs : thrum_cpu_count();
    size_t window;
    int rc = budget_choose(&jobs, &window, false);
    if (rc < 0)
        return worker_complain("cannot begin: %s; raise the limit of descriptors (ulimit -n)",
                               thrum_strerror(rc));
    given.registered_only = true;
    command_task_register(run_command);
    return worker_serve(&(struct worker_service){
        .serve = library->serve,
        .options = &given,
        .cluster = &cluster,
        .executor = thrum_fiber_pool_new(
            &(thrum_fiber_pool_options){.max_workers = 1, .name_prefix = "worker"}),
        .jobs = jobs,
        .what = "thrum run",
        .at_once = children_kill_all,
    });
}
