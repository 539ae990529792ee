/* A command is a task whose function only workers have (worker/commands.c). Here it is a name.
 *
 * A worker that is lost. The server gives the task to another worker when the lease is over, and that worker fails it with
 * -ECHILD. So this end learns of the loss, says so, and submits the command again, up to LOST_MOST times. The command may
 * still run where the worker was: at least once is the promise, not exactly once.
 *
 * The end of all. An event is part of each wait. When it is set, each waiter cancels its task: that deletes the task from the
 * queue, or has its worker end the command. Then it waits for the answer.
 *
 * Without workers the commands wait, for workers may come. A thread asks once whether there are some, and says so if not. */
#include "remote.h"

#include "cluster/library.h"
#include "trouble.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { LOST_MOST = 3 };

static const double connect_seconds = 10, hint_seconds = 2;

static struct {
    const struct cluster_library *library;
    thrum_cluster_options options;
    thrum_executor *executor;
    thrum_thread *hinter;
    thrum_event ended;    /* all commands are to end */
    thrum_event answered; /* a worker has answered, or nobody waits for one */
    thrum_lock lock;
    size_t count; /* under the lock */
} remote;

static int run_elsewhere(thrum_task *self)
{
    return thrum_fail(self, -ENOSYS, "a command runs on workers alone");
}

/* Says that there is no worker, if no answer comes for a while. */
static int hint(thrum_task *self)
{
    (void)self;
    thrum_cluster_status status;
    thrum_error error;
    if (thrum_event_wait(&remote.answered, thrum_in(hint_seconds)) == 0 || remote_count() == 0)
        return 0;
    int rc = remote.library->status_get(&remote.options, &status, &error);
    if (rc == 0 && status.workers == 0 && !thrum_event_is_set(&remote.answered))
        trouble_print(
            "no worker answers for the pool \"%s\": start some by thrum worker --commands",
            remote.options.pool ? remote.options.pool : "default");
    return 0;
}

int remote_open(const struct cluster_login *login, const char *pool, bool quiet,
                thrum_error *ret_error)
{
    static char password[CLUSTER_PASSWORD_SIZE];
    remote.library = cluster_library(ret_error);
    if (!remote.library)
        return -ELIBACC;
    remote.options = (thrum_cluster_options){.pool = pool, .name_prefix = "run"};
    int rc = cluster_login_take(login, &remote.options, password, ret_error);
    if (rc < 0)
        return rc;
    command_task_register(run_elsewhere);
    rc = remote.library->make(&remote.options, &remote.executor, ret_error,
                              thrum_in(connect_seconds));
    if (rc == 0 && !quiet)
        remote.hinter =
            thrum_thread_start_with(&(thrum_thread_options){.name = "hint"}, hint, THRUM_NOTHING);
    return rc;
}

void remote_close(void)
{
    thrum_event_set(&remote.answered);
    if (remote.hinter)
        (void)!thrum_thread_join(remote.hinter, THRUM_FOREVER);
    thrum_thread_free(remote.hinter);
    thrum_executor_shutdown(remote.executor);
    remote.hinter = NULL;
    remote.executor = NULL;
}

void remote_end_all(void)
{
    thrum_event_set(&remote.ended);
}

size_t remote_count(void)
{
    size_t count = 0;
    thrum_with (&remote.lock)
        count = remote.count;
    return count;
}

static void await(thrum_future *future)
{
    enum { DONE, END, CASES };
    thrum_case cases[CASES] = {
        [DONE] = thrum_case_future(future), [END] = thrum_case_event(&remote.ended)};
    if (thrum_select(cases, CASES, THRUM_FOREVER) == END)
        (void)thrum_future_cancel(future);
    (void)!thrum_future_wait(future, THRUM_FOREVER); /* it is done, or memory ran out */
}

/* One run of the task. Returns 0 or a negative errno. */
static int submit(const char *arg, size_t arg_size, struct command_outcome *ret_outcome,
                  char **ret_bytes, thrum_error *ret_error)
{
    void *bytes = NULL;
    size_t size = 0;
    thrum_future *future = thrum_submit(remote.executor, run_elsewhere, arg, arg_size);
    await(future);
    int rc = thrum_future_take(future, &bytes, &size, THRUM_NOW);
    const thrum_error *error = rc == THRUM_FAILED ? thrum_future_error(future) : NULL;
    if (error) {
        *ret_error = *error;
        rc = error->code;
    } else if (rc < 0) {
        trouble(ret_error, rc, "cannot take its output: %s", thrum_strerror(rc));
    } else if ((rc = command_outcome_unpack(bytes, size, ret_outcome)) < 0) {
        trouble(ret_error, rc, "the worker has sent a result that makes no sense");
    }
    thrum_future_free(future);
    if (rc == 0)
        *ret_bytes = bytes;
    else
        free(bytes);
    return rc;
}

int remote_run(uint64_t number, char *const *words, double timeout,
               struct command_outcome *ret_outcome, char **ret_bytes, thrum_error *ret_error)
{
    size_t size = 0;
    char *arg = command_pack(words, timeout, &size);
    int rc = arg ? -ECHILD : trouble(ret_error, -ENOMEM, "out of memory");
    thrum_with (&remote.lock)
        remote.count++;
    for (int lost = 0; rc == -ECHILD && lost < LOST_MOST; lost++) {
        if (lost > 0)
            trouble_print("job %ju: its worker was lost; it runs again", (uintmax_t)number);
        rc = thrum_event_is_set(&remote.ended)
                 ? -ECANCELED
                 : submit(arg, size, ret_outcome, ret_bytes, ret_error);
    }
    if (rc == -ECHILD)
        trouble(ret_error, rc, "its worker was lost %d times", LOST_MOST);
    thrum_with (&remote.lock)
        remote.count--;
    thrum_event_set(&remote.answered);
    free(arg);
    return rc;
}
