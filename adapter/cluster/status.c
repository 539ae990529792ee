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
};

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

static int ask_stream(struct question *question, const char *kind, uint64_t *ret_messages,
                      double *ret_age, thrum_error *ret_error)
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
    if (!state)
        rc = thrum_cluster__link_error(ret_error, -ENOENT, "the server has no pool %s",
                                       question->link.settings.pool);
    *ret_messages =
        state ? thrum_cluster__json_number(state, size - (size_t)(state - text), "messages") : 0;
    *ret_age = state && *ret_messages ? age_of(state, size - (size_t)(state - text)) : 0;
    natsMsg_Destroy(answer);
    return rc;
}

static void ask_consumers(struct question *question)
{
    char subject[SUBJECT_SIZE];
    natsMsg *answer = NULL;
    snprintf(subject, sizeof subject, "$JS.API.CONSUMER.LIST.thrum-%s-t",
             question->link.settings.pool);
    if (thrum_cluster__link_ask(&question->link, subject, "", &answer) < 0)
        return;
    const char *text = natsMsg_GetData(answer);
    size_t size = (size_t)natsMsg_GetDataLength(answer);
    question->status.delivered = sum(text, size, "num_ack_pending");
    question->status.redelivered = sum(text, size, "num_redelivered");
    natsMsg_Destroy(answer);
}

static int ask_all(struct question *question, thrum_error *ret_error)
{
    char subject[SUBJECT_SIZE];
    double age = 0;
    thrum_cluster_status *status = &question->status;
    int rc = ask_stream(question, "t", &status->queued, &status->oldest, ret_error);
    if (rc == 0)
        rc = ask_stream(question, "r", &status->results, &age, ret_error);
    if (rc < 0)
        return rc;
    ask_consumers(question);
    snprintf(subject, sizeof subject, "thrum.%s.s", question->link.settings.pool);
    thrum_cluster__link_publish(&question->link, subject, "w", NULL, "", 0);
    (void)!thrum_sleep(thrum_in(0.25));
    return 0;
}

struct asking {
    struct question *question;
    thrum_error error;
    int rc;
};

static int run_question(thrum_task *self)
{
    struct asking *asking = thrum_arg(self, struct asking *);
    asking->rc = thrum_cluster__link_open(&asking->question->link, 5, &asking->error);
    if (asking->rc == 0) {
        asking->rc = ask_all(asking->question, &asking->error);
        thrum_cluster__link_close(&asking->question->link);
    }
    return 0;
}

int thrum_cluster_status_get(const thrum_cluster_options *options, thrum_cluster_status *ret_status,
                             thrum_error *ret_error)
{
    struct settings settings;
    int rc = thrum_cluster__settings_take(&settings, options, ret_error);
    if (rc < 0)
        return rc;
    struct question question = {.link = {.settings = settings,
                                         .receive = receive,
                                         .reconnected = reconnected,
                                         .makes_nothing = true}};
    struct asking asking = {.question = &question};
    question.link.context = &question;
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
    rc = rc == 0 ? asking.rc : rc;
    if (rc == 0)
        *ret_status = question.status;
    return rc;
}
