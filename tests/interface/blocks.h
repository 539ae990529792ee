/* What the code fragments in headers and docs use and do not declare; see tools/check_blocks.sh. Fragments are run:
 * BLOCK_MAIN runs one as a task. For a fragment with the number N in the file F, IN_F and IN_F_N are defined, and then
 *
 *     BEFORE    makes what the fragment uses, in the task that runs it
 *     LEFT_OUT  is the code that "..." stands for
 *     AFTER     checks what the fragment did, or calls the functions that it defines; uses CHECK
 *
 * A name that has one meaning in all fragments stands at the top. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <thrum.h>
#include <unistd.h>

static thrum_executor *pool; /* of threads */
static const char *url = "https://example.org/", *path = "/etc/passwd", *title = "home",
                  *host = "example.org";
static const char *key = "key";
static const char *urls[] = {"https://example.org/1", "https://example.org/2",
                             "https://example.org/3"};
static size_t length;
static thrum_queue *q;
static int amount = 5;

#define CHECK(condition) ((condition) ? (void)0 : (void)printf("not true: %s\n", #condition))

/* Three helpers, which run the same task beside the fragment. */
static thrum_thread *helpers[3];

static inline void helpers_start(thrum_task_fn *function, const void *arg, size_t size)
{
    for (int i = 0; i < 3; i++)
        helpers[i] = thrum_thread_start(function, arg, size);
}

static inline void helpers_join(void)
{
    for (int i = 0; i < 3; i++) {
        CHECK(thrum_thread_join(helpers[i], THRUM_FOREVER) == 0);
        thrum_thread_free(helpers[i]);
    }
}

static int rounds; /* how often print_round was called, by whichever party */

static inline void print_round(void)
{
    __atomic_add_fetch(&rounds, 1, __ATOMIC_SEQ_CST);
}

#ifdef IN_include_thrum_lock_h
static int balance;
#define AFTER CHECK(balance == 5)
#endif

#ifdef IN_include_thrum_with_h
static thrum_lock lock;
static int balance = 7;
#define AFTER CHECK(balance == 7 && !thrum_lock_locked(&lock))
#endif

#ifdef IN_include_thrum_barrier_h
static int party(thrum_task *self)
{
    int index = thrum_barrier_wait(thrum_arg(self, thrum_barrier *), THRUM_FOREVER);
    if (index == 0)
        print_round();
    return index < 0 ? index : 0;
}
#define LEFT_OUT helpers_start(party, thrum_value(thrum_barrier *, &barrier))
#define AFTER    helpers_join(), CHECK(rounds == 1)
#endif

#ifdef IN_include_thrum_shared_barrier_h
static struct common {
    thrum_shared_barrier barrier;
} the_common, *common = &the_common;
static int party(thrum_task *self)
{
    (void)self;
    int index = thrum_shared_barrier_wait(&common->barrier, THRUM_FOREVER);
    if (index == 0)
        print_round();
    return index < 0 ? index : 0;
}
#define LEFT_OUT helpers_start(party, THRUM_NOTHING)
#define AFTER    helpers_join(), CHECK(rounds == 1)
#endif

#ifdef IN_include_thrum_circuit_breaker_h
struct page {
    int status;
};
static struct page *page, kept = {304};
static inline int get(const char *address, struct page **ret_page)
{
    (void)address, (void)ret_page;
    return -EHOSTDOWN;
}
static inline struct page *cached(const char *address)
{
    (void)address;
    return &kept;
}
#define AFTER CHECK(page == &kept)
#endif

#ifdef IN_include_thrum_condition_h
static int count = 1;
#define AFTER CHECK(count == 1)
#endif

#ifdef IN_include_thrum_deque_h_2
static thrum_deque *last;
static inline void fill(void)
{
    last = thrum_deque_new(sizeof(int), NULL);
    for (int i = 3; i <= 5; i++)
        CHECK(thrum_deque_append(last, &i) == 0);
}
#define BEFORE fill()
#define AFTER  thrum_deque_free(last)
#endif

#ifdef IN_include_thrum_executor_h
struct square {
    int64_t n;
};
struct page {
    int status;
};
static int square(thrum_task *self)
{
    int64_t n = thrum_arg(self, struct square).n;
    return thrum_return(self, thrum_value(int64_t, n * n));
}
static int fetch(thrum_task *self)
{
    return thrum_return(self, thrum_value(struct page, thrum_arg(self, int)));
}
static int open_database(thrum_task *self)
{
    CHECK(strcmp(thrum_arg_text(self), path) == 0);
    return 0;
}
static inline int64_t result_of(thrum_future *future)
{
    int64_t result = 0;
    CHECK(thrum_future_result(future, &result, sizeof result, THRUM_FOREVER) == 0);
    return result;
}
static int statuses[] = {200, 301, 404}, sum_of_statuses;
static thrum_map_options items;
static inline void show(const struct page *page)
{
    sum_of_statuses += page->status;
}
#endif
#if defined IN_include_thrum_executor_h_1 || defined IN_include_thrum_executor_h_3
#define LEFT_OUT CHECK(result_of(f) == 49)
#endif
#ifdef IN_include_thrum_executor_h_5
static inline void choose_items(void)
{
    items.count = 3, items.args = statuses, items.arg_size = sizeof(int),
    items.result_size = sizeof(struct page);
}
#define BEFORE choose_items()
#define AFTER  CHECK(sum_of_statuses == 905)
#endif

#ifdef IN_include_thrum_error_h
static thrum_future *f;
static int count_bytes(thrum_task *self)
{
    return thrum_return(self, thrum_value(size_t, 512));
}
#define BEFORE f = thrum_submit(pool, count_bytes, THRUM_NOTHING)
#define AFTER  thrum_future_free(f)
#endif

#ifdef IN_include_thrum_fiber_h_2
static int serve(thrum_task *self)
{
    (void)self;
    CHECK(thrum_fiber_pool_current() != NULL);
    return 0;
}
#endif

#ifdef IN_include_thrum_future_h
struct fetch {
    const char *url;
};
static inline int fetch(thrum_task *self)
{
    return thrum_fail(self, -EHOSTUNREACH, "%s: no route to host",
                      thrum_arg(self, struct fetch).url);
}
static thrum_future *f, *futures[3];
static size_t count = 3, reports;
static inline void submit_all(void)
{
    for (size_t i = 0; i < count; i++)
        futures[i] = thrum_submit(pool, fetch, thrum_value(struct fetch, urls[i]));
}
static inline void free_all(void)
{
    for (size_t i = 0; i < count; i++)
        thrum_future_free(futures[i]);
}
static inline void report(const char *address, thrum_future *future)
{
    reports += strncmp(thrum_future_error(future)->message, address, strlen(address)) == 0;
}
static inline int load(thrum_task *self)
{
    return thrum_return(self, thrum_text("<html>"));
}
static inline void write_page(const void *page, size_t size)
{
    CHECK(size == 7 && strcmp((const char *)page, "<html>") == 0);
}
static struct job *job;
#endif
#ifdef IN_include_thrum_future_h_2
#define BEFORE f = thrum_submit(pool, load, THRUM_NOTHING)
#define AFTER  thrum_future_free(f)
#endif
#ifdef IN_include_thrum_future_h_3
#define BEFORE                                                                                     \
    static struct job the_job;                                                                     \
    job = &the_job, the_job.future = thrum_future_new(), the_job.n = 7
#define AFTER                                                                                      \
    int result = 0,                                                                                \
        rc_of_result = thrum_future_result(job->future, &result, sizeof result, THRUM_FOREVER);    \
    CHECK(rc_of_result == 0 && result == 49);                                                      \
    thrum_future_free(job->future)
#endif
#ifdef IN_include_thrum_future_h_4
#define BEFORE submit_all()
#define AFTER  CHECK(reports == 3), free_all()
#endif

#ifdef IN_include_thrum_group_h
struct fetch {
    const char *url;
};
static size_t count = 3;
static int fetch(thrum_task *self)
{
    const char *address = thrum_arg(self, struct fetch).url;
    return address == urls[1] ? thrum_fail(self, -EHOSTUNREACH, "%s: no route to host", address)
                              : 0;
}
#endif

#ifdef IN_include_thrum_keyed_rate_limiter_h
static int refuse(int status)
{
    return status;
}
#endif

#ifdef IN_include_thrum_local_h
static void *session_new(void)
{
    return malloc(1);
}
static void session_free(void *value)
{
    free(value);
}
#define AFTER CHECK(thrum_local_get(&session) != NULL)
#endif

#ifdef IN_include_thrum_name_h
struct account {
    thrum_lock lock;
};
static struct account *account;
#define BEFORE   account = (struct account *)calloc(1, sizeof *account)
#define LEFT_OUT CHECK(rc == 0)
#endif

#ifdef IN_include_thrum_once_h
static struct database *database;
static int opened;
static int open_database(void *ret_database)
{
    CHECK(ret_database == &database);
    opened++;
    return 0;
}
#define AFTER CHECK(opened == 1)
#endif

#ifdef IN_include_thrum_parallel_h_1
static double ones[5000];
#define AFTER                                                                                      \
    for (int i = 0; i < 5000; i++)                                                                 \
        ones[i] = 1;                                                                               \
    struct sum all = {ones, 5000, 0};                                                              \
    CHECK(sum(&all) == 0 && all.total == 5000)
#endif
#ifdef IN_include_thrum_parallel_h_2
struct walk {
    const char *folder;
};
enum { MOST = 16 };
static int count = 3, walked;
static int walk(void *arg)
{
    (void)arg;
    __atomic_add_fetch(&walked, 1, __ATOMIC_SEQ_CST);
    return 0;
}
#define AFTER CHECK(walked == 3)
#endif

#ifdef IN_include_thrum_periodic_h
static int check_health(thrum_task *self)
{
    return thrum_fail(self, -EIO, "the disk is full");
}
#define LEFT_OUT                                                                                   \
    while (thrum_periodic_running(health))                                                         \
    usleep(1000)
#endif

#ifdef IN_include_thrum_pipe_h
struct report {
    int number;
};
#define LEFT_OUT                                                                                   \
    struct report sent = {7};                                                                      \
    CHECK(thrum_pipe_send(there, &sent, sizeof sent, THRUM_FOREVER) == 0);                         \
    thrum_pipe_free(there)

#endif

#if defined IN_include_thrum_process_h || defined IN_include_thrum_process_pool_h
struct document {
    int id;
};
struct outline {
    int chapters;
};
static int parse(thrum_task *self)
{
#ifdef IN_include_thrum_process_pool_h
    raise(SIGKILL);
#endif
    return thrum_fail(self, -EINVAL, "document %d has no heading",
                      thrum_arg(self, struct document).id);
}
static struct document document = {7};
static struct outline outline;
#endif

#ifdef IN_include_thrum_queue_h
struct job {
    int level;
};
#endif

#ifdef IN_include_thrum_rate_limiter_h
static int fetch(const char *address)
{
    return address == url ? 0 : -EINVAL;
}
#endif

#ifdef IN_include_thrum_retry_h
struct response {
    int status;
    double retry_after;
};
static struct response page;
static int tries;
static inline int fetch(const char *address, struct response *ret_page)
{
    (void)address;
    ret_page->status = 200;
    return ++tries < 2 ? -ECONNREFUSED : 0;
}
static inline struct response request(const char *address)
{
    (void)address;
    struct response busy = {503, 0.01}, good = {200, 0};
    return ++tries < 2 ? busy : good;
}
#define AFTER CHECK(tries == 2)
#endif
#ifdef IN_include_thrum_retry_h_2
static thrum_retry retry = THRUM_RETRY(.attempts = 5, .base = 0.01);
#endif

#ifdef IN_include_thrum_rlock_h
static struct item *find(const char *name)
{
    return name == key ? (struct item *)&amount : NULL;
}
#define AFTER CHECK(cache_get(key) != NULL && !thrum_rlock_locked(&lock))
#endif

#ifdef IN_include_thrum_rwlock_h
static struct table {
    int value;
} the_table = {7}, *table = &the_table;
static int value;
static int find(struct table *in, const char *name)
{
    return name == key ? in->value : 0;
}
static void insert(struct table *in, const char *name, int what)
{
    in->value = name == key ? what + 1 : 0;
}
#define AFTER CHECK(value == 7 && table->value == 8 && thrum_rwlock_readers(&lock) == 0)
#endif

#ifdef IN_include_thrum_select_h
struct job {
    int number;
};
static thrum_queue *jobs;
static thrum_event stop;
static int got;
static void run(struct job *job)
{
    got = job->number;
}
static inline void put_job(void)
{
    struct job job = {7};
    jobs = thrum_queue_new(sizeof job, NULL);
    CHECK(thrum_queue_put(jobs, &job, THRUM_FOREVER) == 0);
}
#define BEFORE put_job()
#define AFTER  CHECK(got == 7), thrum_queue_free(jobs)
#endif

#ifdef IN_include_thrum_semaphore_h
static const char *sql = "SELECT 1";
static int queries;
static int query(const char *text)
{
    return queries += text == sql;
}
#define AFTER CHECK(queries == 1 && thrum_semaphore_value(&connections) == 3)
#endif

#ifdef IN_include_thrum_shared_condition_h
static struct mailbox {
    thrum_shared_lock lock;
    thrum_shared_condition changed;
    int count;
} the_mailbox, *mailbox = &the_mailbox;
static void repair(struct mailbox *broken)
{
    broken->count = 0;
}
static int put_one(thrum_task *self)
{
    (void)self;
    CHECK(thrum_shared_lock_acquire(&mailbox->lock) == 0);
    mailbox->count++;
    thrum_shared_condition_notify_all(&mailbox->changed);
    thrum_shared_lock_release(&mailbox->lock);
    return 0;
}
#define BEFORE helpers_start(put_one, THRUM_NOTHING)
#define AFTER  helpers_join(), CHECK(mailbox->count == 2)
#endif

#ifdef IN_include_thrum_shared_event_h
static struct common {
    thrum_shared_event ready;
} the_common, *common = &the_common;
#endif

#ifdef IN_include_thrum_shared_lock_h
static struct account *account;
#define BEFORE                                                                                     \
    static struct account the_account;                                                             \
    account = &the_account
#define AFTER CHECK(account->balance == 5)
#endif

#ifdef IN_include_thrum_shared_memory_h
struct results {
    int count;
};
#endif

#ifdef IN_include_thrum_shared_queue_h
struct job {
    int number;
};
#define LEFT_OUT CHECK(rc == 0)
#endif

#ifdef IN_include_thrum_shared_rlock_h
static struct store {
    thrum_shared_rlock lock;
    int updates;
} the_store, *store = &the_store;
static void repair(struct store *broken)
{
    broken->updates = 0;
}
static void update(struct store *which)
{
    CHECK(thrum_shared_rlock_acquire(&which->lock) == 0);
    which->updates++;
    thrum_shared_rlock_release(&which->lock);
}
#define AFTER CHECK(store->updates == 1 && thrum_shared_rlock_depth(&store->lock) == 0)
#endif

#ifdef IN_include_thrum_shared_semaphore_h
static struct common {
    thrum_shared_semaphore licences;
} the_common, *common = &the_common;
static int runs;
static void run_tool(void)
{
    CHECK(thrum_shared_semaphore_value(&common->licences) == 2);
    runs++;
}
#define AFTER CHECK(runs == 1)
#endif

#ifdef IN_include_thrum_signals_h
static thrum_socket *listener;
#define BEFORE   CHECK(thrum_socket_listen("127.0.0.1", 0, NULL, &listener) == 0)
#define LEFT_OUT kill(getpid(), SIGTERM)
#define AFTER    thrum_socket_free(listener)
#endif

#ifdef IN_include_thrum_stream_h
#define AFTER                                                                                      \
    thrum_socket *here, *there;                                                                    \
    char echo[7] = "";                                                                             \
    CHECK(thrum_socket_pair(&here, &there) == 0);                                                  \
    thrum_future *served = thrum_submit(pool, serve, thrum_value(thrum_socket *, there));          \
    CHECK(thrum_socket_write(here, "hello\n", 6, THRUM_FOREVER) == 0);                             \
    CHECK(thrum_socket_read(here, echo, 6, THRUM_FOREVER) == 6 && strcmp(echo, "hello\n") == 0);   \
    thrum_socket_free(here);                                                                       \
    thrum_future_free(served)
#endif

#ifdef IN_include_thrum_task_h
struct peer {
    thrum_socket *socket;
};
struct page {
    int status;
};
#endif
#ifdef IN_include_thrum_task_h_1
#define AFTER                                                                                      \
    int64_t result = 0;                                                                            \
    thrum_future *seven = thrum_submit(pool, square, thrum_value(struct square, 7));               \
    thrum_future *negative = thrum_submit(pool, square, thrum_value(struct square, -7));           \
    CHECK(thrum_future_result(seven, &result, sizeof result, THRUM_FOREVER) == 0 && result == 49); \
    CHECK(thrum_future_wait(negative, THRUM_FOREVER) == 0);                                        \
    CHECK(strcmp(thrum_future_error(negative)->message, "bad input: -7") == 0);                    \
    thrum_future_free(seven), thrum_future_free(negative)
#endif
#ifdef IN_include_thrum_task_h_2
static int load(thrum_task *self)
{
    return strcmp(thrum_arg_text(self), path) == 0 ? 0 : -EINVAL;
}
#define AFTER thrum_executor_shutdown(pool), pool = NULL
#endif
#ifdef IN_include_thrum_task_h_3
static thrum_socket *socket, *other;
static int serve(thrum_task *self)
{
    thrum_socket_free(thrum_arg(self, struct peer).socket);
    return 0;
}
#define BEFORE CHECK(thrum_socket_pair(&socket, &other) == 0)
#define AFTER  thrum_socket_free(other)
#endif
#ifdef IN_include_thrum_task_h_4
static const void *bytes = "bytes";
#endif
#ifdef IN_include_thrum_task_h_5
static thrum_future *f;
static struct page page;
static int load(thrum_task *self)
{
    return thrum_return(self, thrum_value(struct page, 200));
}
#define BEFORE f = thrum_submit(pool, load, THRUM_NOTHING)
#define AFTER  CHECK(page.status == 200), thrum_future_free(f)
#endif

#ifdef IN_include_thrum_thread_h
struct file {
    const char *name;
};
static inline int download(thrum_task *self)
{
    return thrum_fail(self, -ENOENT, "%s: not found", thrum_arg(self, struct file).name);
}
#endif

#ifdef IN_include_thrum_time_h
static int shown;
static void show(int item)
{
    shown = item;
}
static inline void fill(void)
{
    q = thrum_queue_new(sizeof shown, NULL);
    int item = 7;
    CHECK(thrum_queue_put(q, &item, THRUM_FOREVER) == 0);
}
#define BEFORE fill()
#define AFTER  CHECK(shown == 7), thrum_queue_free(q)
#endif

#ifdef IN_include_thrum_timer_h
static int give_up(thrum_task *self)
{
    (void)self;
    puts("gave up");
    return 0;
}
#endif

#ifdef IN_adapter_cluster_thrum_cluster_h
#include <thrum_cluster.h>
static int fetch(thrum_task *self)
{
    return thrum_return(self, thrum_text(thrum_arg_text(self)));
}
#endif

#ifdef IN_include_thrum_driver_h
static thrum_executor *executor;
void send_to_engine(thrum_driven *task);
static thrum_event woken;
#endif

#ifdef IN_adapter_curl_thrum_curl_h
#include "thrum_curl.h"
#endif

#ifdef IN_adapter_pq_thrum_pq_h
#include "thrum_pq.h"
#endif
#ifdef IN_adapter_pq_thrum_pq_h_2
extern int rc;
extern const char *slow;
extern PGconn *connection;
extern PGresult *result;
void give_up(PGconn *connection);
#endif

#ifdef IN_adapter_tls_thrum_tls_h
#include "thrum_tls.h"
int talk(thrum_stream *stream);
#endif

#ifdef IN_docs_explorer_md
#include "explore.h"
#endif

#ifndef BEFORE
#define BEFORE
#endif
#ifndef LEFT_OUT
#define LEFT_OUT
#endif
#ifndef AFTER
#define AFTER
#endif

#define BLOCK_MAIN                                                                                 \
    static int run_block(thrum_task *self)                                                         \
    {                                                                                              \
        BEFORE;                                                                                    \
        int code = BLOCK_RUN(self);                                                                \
        if (code == 0) {                                                                           \
            AFTER;                                                                                 \
        }                                                                                          \
        return code;                                                                               \
    }                                                                                              \
                                                                                                   \
    int main(void)                                                                                 \
    {                                                                                              \
        setvbuf(stdout, NULL, _IOLBF, 0);                                                          \
        pool = thrum_thread_pool_new(NULL);                                                        \
        thrum_thread *thread = thrum_thread_start(run_block, THRUM_NOTHING);                       \
        int rc_of_join = thrum_thread_join(thread, THRUM_FOREVER);                                 \
        thrum_thread_free(thread);                                                                 \
        if (pool)                                                                                  \
            thrum_executor_shutdown(pool);                                                         \
        return rc_of_join != 0;                                                                    \
    }
