/* A program with tasks, for tests of `thrum worker`: it submits one to the pool $POOL of the servers in $NATS_URL and prints the
 * outcome. The lease of the pool "brief" is a second, that of others a minute.
 *
 *     cluster_sample squares N       "N results" if each is right
 *     cluster_sample environment     what a task finds: whether constructors ran, and what is preloaded
 *     cluster_sample hold FOLDER     a task that makes FOLDER/begun longer by a byte, and ends when FOLDER/go is there
 *     cluster_sample crash           a task that kills its process
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <thrum.h>
#include <thrum_cluster.h>
#include <unistd.h>

static bool constructed;

__attribute__((constructor)) static void construct(void)
{
    constructed = true;
}

static int square(thrum_task *self)
{
    int64_t n = thrum_arg(self, int64_t);
    return thrum_return(self, thrum_value(int64_t, n * n));
}
THRUM_TASK(square)

static int tell_environment(thrum_task *self)
{
    char text[512];
    const char *preload = getenv("LD_PRELOAD"), *options = getenv("THRUM_CLUSTER_WORKER");
    snprintf(text, sizeof text, "constructed %d, preload '%s', options '%s'", constructed,
             preload ? preload : "", options ? options : "");
    return thrum_return(self, thrum_text(text));
}
THRUM_TASK(tell_environment)

static int hold(thrum_task *self)
{
    char path[512];
    const char *folder = thrum_arg_text(self);
    snprintf(path, sizeof path, "%s/begun", folder);
    int file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (file < 0 || write(file, "x", 1) != 1)
        return thrum_fail(self, -EIO, "cannot write %s", path);
    close(file);
    snprintf(path, sizeof path, "%s/go", folder);
    while (access(path, F_OK) != 0) {
        int rc = thrum_sleep(thrum_in(0.01));
        if (rc < 0)
            return rc;
    }
    return 0;
}
THRUM_TASK(hold)

static int crash(thrum_task *self)
{
    (void)self;
    (void)kill(getpid(), SIGKILL);
    return 0;
}
THRUM_TASK(crash)

/* Prints the failure, and returns the exit status. */
static int tell_failure(thrum_future *future, int rc)
{
    const thrum_error *error = thrum_future_error(future);
    if (rc != 0)
        printf("failed: %s: %s\n", thrum_strerror(error ? error->code : rc),
               error ? error->message : "");
    return rc != 0;
}

static int run_squares(thrum_executor *cluster, int64_t count)
{
    int64_t right = 0;
    thrum_future **futures = calloc((size_t)count, sizeof(thrum_future *));
    for (int64_t i = 0; futures && i < count; i++)
        futures[i] = thrum_submit(cluster, square, thrum_value(int64_t, i));
    for (int64_t i = 0; futures && i < count; i++) {
        int64_t result = -1;
        int rc = thrum_future_result(futures[i], &result, sizeof result, thrum_in(600));
        right += rc == 0 && result == i * i;
        thrum_future_free(futures[i]);
    }
    free(futures);
    printf("%lld results\n", (long long)right);
    return right != count;
}

static int run_one(thrum_executor *cluster, thrum_task_fn *function, const char *arg, bool has_text)
{
    char *text = NULL;
    thrum_future *future = thrum_submit(cluster, function, thrum_text(arg));
    int rc = has_text ? thrum_future_take_text(future, &text, thrum_in(600))
                      : thrum_future_wait(future, thrum_in(600));
    if (rc == 0 && !has_text)
        rc = thrum_future_result(future, NULL, 0, THRUM_NOW);
    int status = tell_failure(future, rc);
    if (rc == 0)
        puts(text ? text : "done");
    free(text);
    thrum_future_free(future);
    return status;
}

int main(int argc, char **argv)
{
    thrum_executor *cluster;
    thrum_error error;
    const char *role = argc > 1 ? argv[1] : "", *arg = argc > 2 ? argv[2] : "";
    const char *pool = getenv("POOL");
    const thrum_cluster_options options = {.servers = getenv("NATS_URL"),
                                           .pool = pool,
                                           .lease = pool && strcmp(pool, "brief") == 0 ? 1 : 60};
    if (thrum_cluster_new(&options, &cluster, &error, thrum_in(60)) < 0) {
        fprintf(stderr, "cluster_sample: %s\n", error.message);
        return 1;
    }
    int status = 2;
    if (strcmp(role, "squares") == 0)
        status = run_squares(cluster, strtoll(arg, NULL, 10));
    else if (strcmp(role, "environment") == 0)
        status = run_one(cluster, tell_environment, "", true);
    else if (strcmp(role, "hold") == 0)
        status = run_one(cluster, hold, arg, false);
    else if (strcmp(role, "crash") == 0)
        status = run_one(cluster, crash, "", false);
    thrum_executor_shutdown(cluster);
    return status;
}
