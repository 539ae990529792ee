/* The status of a pool: what the server says of its streams and consumers, and what its workers say of themselves. */
#include "link.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <thrum/lock.h>
#include <thrum/thread.h>
#include <thrum/with.h>
#include <time.h>

struct question {
    struct link link;
    thrum_lock lock;
    thrum_cluster_status status;
    struct buffer pools; /* their names, each with a zero byte */
};

typedef int ask_function(struct question *question, thrum_error *ret_error);

/* An answer of a worker. */
static void receive(void *context, const char *token, natsMsg *message)
{
    struct question *question = context;
    const char *text = natsMsg_GetData(message);
    size_t size = (size_t)natsMsg_GetDataLength(message);
    if (!token || *token != 'w' || natsMsg_IsNoResponders(message))
        return;
    thrum_with (&question->lock) {
        question->status.workers++;
        question->status.running += thrum_cluster__json_number(text, size, "running");
        question->status.capacity += thrum_cluster__json_number(text, size, "capacity");
        question->status.done += thrum_cluster__json_number(text, size, "done");
        question->status.replaced += thrum_cluster__json_number(text, size, "replaced");
    }
}

static void reconnected(void *context)
{
    (void)context;
}

/* Sums the numbers of a key over an answer with a list of consumers. */
static uint64_t sum(const char *text, size_t size, const char *key)
{
    uint64_t all = 0;
    for (const char *at = text;
         (at = thrum_cluster__json_find(at, size - (size_t)(at - text), key));) {
        all += strtoull(at, NULL, 10);
    }
    return all;
}

/* The same of a key inside of another. */
static uint64_t sum_inside(const char *text, size_t size, const char *outer, const char *key)
{
    uint64_t all = 0;
    for (const char *at = text;
         (at = thrum_cluster__json_find(at, size - (size_t)(at - text), outer));)
        all += thrum_cluster__json_number(at, size - (size_t)(at - text), key);
    return all;
}

/* The age of a stream's oldest message, from "first_ts":"2026-11-30T04:50:00.123Z" and the server's clock, which is that of
 * the answer: the time of the state is not told, so this machine's clock stands for it. */
static double age_of(const char *text, size_t size)
{
    struct tm tm = {0};
    const char *at = thrum_cluster__json_find(text, size, "first_ts");
    char copy[32] = "";
    if (!at || size - (size_t)(at - text) < sizeof copy)
        return 0;
    memcpy(copy, at + 1, sizeof copy - 1);
    if (!strptime(copy, "%Y-%m-%dT%H:%M:%S", &tm) || tm.tm_year < 100)
        return 0;
    double age = difftime(time(NULL), timegm(&tm));
    return age > 0 ? age : 0;
}

/* What is asked of a stream. */
struct stream_state {
    uint64_t messages, last;
    double age;
};

static int ask_stream(struct question *question, const char *kind, struct stream_state *ret_state,
                      thrum_error *ret_error)
{
    char subject[SUBJECT_SIZE];
    natsMsg *answer = NULL;
    snprintf(subject, sizeof subject, "$JS.API.STREAM.INFO.thrum-%s-%s",
             question->link.settings.pool, kind);
    int rc = thrum_cluster__link_ask(&question->link, subject, "", &answer);
    if (rc < 0)
        return thrum_cluster__link_no_answer(ret_error, rc);
    const char *text = natsMsg_GetData(answer);
    size_t size = (size_t)natsMsg_GetDataLength(answer);
    const char *state = thrum_cluster__json_find(text, size, "state");
    if (!state) {
        rc = thrum_cluster__link_error(ret_error, -ENOENT, "the server has no pool %s",
                                       question->link.settings.pool);
    } else {
        size -= (size_t)(state - text);
        ret_state->messages = thrum_cluster__json_number(state, size, "messages");
        ret_state->last = thrum_cluster__json_number(state, size, "last_seq");
        ret_state->age = ret_state->messages ? age_of(state, size) : 0;
    }
    natsMsg_Destroy(answer);
    return rc;
}

/* Asks for each page of a list, and has `take` read it. Returns 0 or a negative errno. */
static int ask_pages(struct question *question, const char *subject, const char *more,
                     void (*take)(struct question *question, const char *text, size_t size),
                     thrum_error *ret_error)
{
    uint64_t total = 1, limit = 0;
    for (uint64_t offset = 0; offset < total; offset += limit) {
        char request[100];
        natsMsg *answer = NULL;
        snprintf(request, sizeof request, "{\"offset\":%llu%s}", (unsigned long long)offset, more);
        int rc = thrum_cluster__link_ask(&question->link, subject, request, &answer);
        if (rc < 0)
            return thrum_cluster__link_no_answer(ret_error, rc);
        const char *text = natsMsg_GetData(answer);
        size_t size = (size_t)natsMsg_GetDataLength(answer);
        take(question, text, size);
        total = thrum_cluster__json_number(text, size, "total");
        limit = thrum_cluster__json_number(text, size, "limit");
        natsMsg_Destroy(answer);
        if (!limit)
            break;
    }
    return 0;
}

static void take_consumers(struct question *question, const char *text, size_t size)
{
    question->status.delivered += sum(text, size, "num_ack_pending");
    question->status.redelivered += sum(text, size, "num_redelivered");
    question->status.deliveries += sum_inside(text, size, "delivered", "consumer_seq");
}

static int ask_status(struct question *question, thrum_error *ret_error)
{
    char subject[SUBJECT_SIZE];
    struct stream_state tasks = {0}, results = {0};
    thrum_cluster_status *status = &question->status;
    const char *pool = question->link.settings.pool;
    int rc = ask_stream(question, "t", &tasks, ret_error);
    if (rc == 0)
        rc = ask_stream(question, "r", &results, ret_error);
    snprintf(subject, sizeof subject, "$JS.API.CONSUMER.LIST.thrum-%s-t", pool);
    if (rc == 0)
        rc = ask_pages(question, subject, "", take_consumers, ret_error);
    if (rc < 0)
        return rc;
    status->queued = tasks.messages;
    status->oldest = tasks.age;
    status->published = tasks.last;
    status->results = results.messages;
    snprintf(subject, sizeof subject, "thrum.%s.s", pool);
    thrum_cluster__link_publish(&question->link, subject, "w", NULL, "", 0);
    (void)!thrum_sleep(thrum_in(0.25));
    return 0;
}

/* Names of streams are thrum-POOL-t. */
static void take_streams(struct question *question, const char *text, size_t size)
{
    static const char before[] = "\"thrum-", after[] = "-t\"";
    const char *at = thrum_cluster__json_find(text, size, "streams"), *end = text + size;
    while (at && (at = memmem(at, (size_t)(end - at), before, sizeof before - 1))) {
        at += sizeof before - 1;
        const char *quote = memchr(at, '"', (size_t)(end - at));
        size_t length = quote ? (size_t)(quote + 1 - at) : 0;
        if (length <= sizeof after - 1 || length - (sizeof after - 1) > POOL_MOST ||
            memcmp(quote + 1 - (sizeof after - 1), after, sizeof after - 1) != 0)
            continue;
        thrum_cluster__buffer_add(&question->pools, at, length - (sizeof after - 1));
        thrum_cluster__buffer_add(&question->pools, "", 1);
    }
}

static int ask_pools(struct question *question, thrum_error *ret_error)
{
    int rc = ask_pages(question, "$JS.API.STREAM.NAMES", ",\"subject\":\"thrum.>\"", take_streams,
                       ret_error);
    if (rc == 0 && question->pools.failed)
        rc = thrum_cluster__link_error(ret_error, -ENOMEM, "out of memory");
    return rc;
}

struct asking {
    struct question *question;
    ask_function *ask;
    thrum_error error;
    int rc;
};

static int run_question(thrum_task *self)
{
    struct asking *asking = thrum_arg(self, struct asking *);
    asking->rc = thrum_cluster__link_open(&asking->question->link, 5, &asking->error);
    if (asking->rc == 0) {
        asking->rc = asking->ask(asking->question, &asking->error);
        thrum_cluster__link_close(&asking->question->link);
    }
    return 0;
}

/* libnats blocks, so a thread asks, and the caller may be a fiber. */
static int ask(const thrum_cluster_options *options, struct question *question, ask_function *what,
               thrum_error *ret_error)
{
    *question = (struct question){
        .link = {.receive = receive, .reconnected = reconnected, .makes_nothing = true}};
    question->link.context = question;
    int rc = thrum_cluster__settings_take(&question->link.settings, options, ret_error);
    if (rc < 0)
        return rc;
    struct asking asking = {.question = question, .ask = what};
    thrum_thread *thread = thrum_thread_start(run_question, thrum_value(struct asking *, &asking));
    const thrum_error *error = thrum_thread_error(thread);
    if (error)
        rc = thrum_cluster__link_error(ret_error, error->code, "%s", error->message);
    thrum_shield_begin();
    if (!error)
        (void)!thrum_thread_join(thread, THRUM_FOREVER);
    thrum_shield_end();
    thrum_thread_free(thread);
    if (rc == 0 && asking.rc < 0 && ret_error)
        *ret_error = asking.error;
    return rc == 0 ? asking.rc : rc;
}

int thrum_cluster_status_get(const thrum_cluster_options *options, thrum_cluster_status *ret_status,
                             thrum_error *ret_error)
{
    struct question question;
    int rc = ask(options, &question, ask_status, ret_error);
    if (rc == 0)
        *ret_status = question.status;
    return rc;
}

int thrum_cluster_pools_visit(const thrum_cluster_options *options,
                              int (*visit)(const char *pool, void *context), void *context,
                              thrum_error *ret_error)
{
    struct question question;
    int rc = ask(options, &question, ask_pools, ret_error);
    const char *end = question.pools.bytes + question.pools.size;
    for (const char *pool = question.pools.bytes; rc == 0 && pool && pool < end;
         pool += strlen(pool) + 1)
        rc = visit(pool, context);
    thrum_cluster__buffer_free(&question.pools);
    return rc;
}
