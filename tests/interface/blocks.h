/* What the code fragments in headers and docs use and do not declare; see tools/check_blocks.sh. Nothing of it is
 * defined: fragments are compiled, not linked. A name that has one meaning in all of them stands at the top. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <thrum.h>

extern thrum_executor *pool;
extern const char *url, *path, *title, *host, *key;
extern const char *urls[];
extern size_t length;
extern thrum_queue *q;
extern int amount;

#ifdef IN_include_thrum_lock_h
extern int balance;
#endif

#ifdef IN_include_thrum_with_h
extern thrum_lock lock;
extern int balance;
#endif

#if defined IN_include_thrum_barrier_h || defined IN_include_thrum_shared_barrier_h
void print_round(void);
extern struct common {
    thrum_shared_barrier barrier;
} * common;
#endif

#ifdef IN_include_thrum_circuit_breaker_h
extern struct page *page;
int get(const char *url, struct page **ret_page);
struct page *cached(const char *url);
#endif

#ifdef IN_include_thrum_condition_h
extern int count;
#endif

#ifdef IN_include_thrum_deque_h
extern thrum_deque *last;
extern int item;
#endif

#ifdef IN_include_thrum_executor_h
struct square {
    int64_t n;
};
struct page {
    int status;
};
thrum_task_fn square, fetch, open_database;
extern const char *path;
extern thrum_map_options items;
void show(const struct page *page);
#endif

#ifdef IN_include_thrum_error_h
extern thrum_future *f;
#endif

#ifdef IN_include_thrum_fiber_h
thrum_task_fn serve;
#endif

#ifdef IN_include_thrum_future_h
struct fetch {
    const char *url;
};
thrum_task_fn fetch;
extern thrum_future *f, *futures[];
extern size_t count;
extern struct job *job;
void write_page(const void *page, size_t size);
void report(const char *url, thrum_future *future);
#endif

#ifdef IN_include_thrum_group_h
struct fetch {
    const char *url;
};
thrum_task_fn fetch;
extern size_t count;
#endif

#ifdef IN_include_thrum_keyed_rate_limiter_h
int refuse(int status);
#endif

#ifdef IN_include_thrum_local_h
void *session_new(void);
void session_free(void *session);
#endif

#ifdef IN_include_thrum_name_h
struct account {
    thrum_lock lock;
};
extern struct account *account;
#endif

#ifdef IN_include_thrum_once_h
extern struct database *database;
int open_database(void *database);
#endif

#ifdef IN_include_thrum_parallel_h
struct walk {
    const char *folder;
};
enum { MOST = 16 };
thrum_part_fn walk;
extern int count;
#endif

#ifdef IN_include_thrum_periodic_h
thrum_task_fn check_health;
#endif

#ifdef IN_include_thrum_pipe_h
struct report {
    int number;
};
#endif

#if defined IN_include_thrum_process_h || defined IN_include_thrum_process_pool_h
struct document {
    int id;
};
struct outline {
    int chapters;
};
thrum_task_fn parse;
extern struct document document;
extern struct outline outline;
#endif

#ifdef IN_include_thrum_queue_h
struct job {
    int level;
};
extern int item;
#endif

#ifdef IN_include_thrum_rate_limiter_h
int fetch(const char *url);
#endif

#ifdef IN_include_thrum_retry_h
struct response {
    int status;
    double retry_after;
};
int fetch(const char *url, struct response *ret_page);
struct response request(const char *url);
extern struct response page;
#endif
#ifdef IN_include_thrum_retry_h_2
extern thrum_retry retry;
#endif

#ifdef IN_include_thrum_rlock_h
struct item *find(const char *key);
#endif

#ifdef IN_include_thrum_rwlock_h
extern struct table *table;
extern int value;
int find(struct table *table, const char *key);
void insert(struct table *table, const char *key, int value);
#endif

#ifdef IN_include_thrum_select_h
struct job {
    int number;
};
extern thrum_queue *jobs;
extern thrum_event stop;
void run(struct job *job);
#endif

#ifdef IN_include_thrum_semaphore_h
int query(const char *sql);
extern const char *sql;
#endif

#ifdef IN_include_thrum_shared_condition_h
extern struct mailbox {
    thrum_shared_lock lock;
    thrum_shared_condition changed;
    int count;
} * mailbox;
void repair(struct mailbox *mailbox);
#endif

#ifdef IN_include_thrum_shared_event_h
extern struct common {
    thrum_shared_event ready;
} * common;
#endif

#ifdef IN_include_thrum_shared_lock_h
extern struct account *account;
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
#endif

#ifdef IN_include_thrum_shared_rlock_h
extern struct store {
    thrum_shared_rlock lock;
} * store;
void repair(struct store *store);
void update(struct store *store);
#endif

#ifdef IN_include_thrum_shared_semaphore_h
extern struct common {
    thrum_shared_semaphore licences;
} * common;
void run_tool(void);
#endif

#ifdef IN_include_thrum_signals_h
extern thrum_socket *listener;
#endif

#ifdef IN_include_thrum_task_h
struct peer {
    thrum_socket *socket;
};
struct page {
    int status;
};
thrum_task_fn load, serve;
extern thrum_socket *socket;
extern const void *bytes;
extern thrum_future *f;
#endif
#ifdef IN_include_thrum_task_h_5
extern struct page page;
#endif

#ifdef IN_include_thrum_thread_h
struct file {
    const char *name;
};
thrum_task_fn download;
#endif

#ifdef IN_include_thrum_time_h
void show(int item);
#endif

#ifdef IN_include_thrum_timer_h
thrum_task_fn give_up;
#endif

#ifdef IN_adapter_curl_thrum_curl_h
#include "thrum_curl.h"
extern thrum_curl *client;
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
