/* Tasks of a worker: how they come out of messages, run, and end. worker.c has the essay. */
#include "worker.h"

#include <thrum/with.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* `jobs` has each job but those in `done`: while its argument is on its way, while it runs, while its result is on its
 * way. Under the lock. */
static void list_job(struct worker *worker, struct job *job)
{
    job->prev = NULL;
    job->next = worker->jobs;
    if (job->next)
        job->next->prev = job;
    worker->jobs = job;
}

static void unlist_job(struct worker *worker, struct job *job)
{
    *(job->prev ? &job->prev->next : &worker->jobs) = job->next;
    if (job->next)
        job->next->prev = job->prev;
}

/* The last of a job: its result goes into an answer. Under the lock. */
static void end_job(struct worker *worker, struct job *job, const struct result_record *record)
{
    worker->held--;
    worker->ended += record->kind != RESULT_LOST;
    thrum_cluster__add_result(worker, job->client, job->lease, record);
    thrum_cluster__value_free(&worker->values, job->transfer);
    free(job);
}

static int job_done(thrum_future *future, void *context)
{
    (void)future;
    struct job *job = context;
    struct worker *worker = job->worker;
    thrum_with (&worker->lock) {
        unlist_job(worker, job);
        job->next = worker->done;
        worker->done = job;
        thrum_event_set(&worker->wake); /* under the lock: the worker ends when it has no job */
    }
    return 0;
}

static uint64_t estimate(const struct worker *worker, const struct job *job)
{
    uint64_t passed = (uint64_t)(thrum_now() - job->lease->since);
    uint64_t at_once = (uint64_t)worker->serve.max_running;
    return job->lease->all > at_once ? passed * at_once / job->lease->all : passed;
}

static void client_text(const unsigned char *client, char text[2 * CLIENT_SIZE + 1])
{
    for (size_t i = 0; i < CLIENT_SIZE; i++)
        snprintf(text + 2 * i, 3, "%02x", client[i]);
}

/* Begins to send a large result. Under the lock. Returns false without memory. */
static bool send_result(struct worker *worker, struct job *job, const void *bytes, size_t size)
{
    char client[2 * CLIENT_SIZE + 1], name[VALUE_NAME_SIZE];
    client_text(job->client, client);
    snprintf(name, sizeof name, "%s-%llu", worker->id, (unsigned long long)++worker->numbers);
    job->transfer = thrum_cluster__value_send(&worker->values, client, name, bytes, size, job);
    if (!job->transfer)
        return false;
    job->future = NULL;
    list_job(worker, job);
    return true;
}

/* Puts the outcome of a job into an answer, or sends it in chunks first. */
static void finish_job(struct worker *worker, struct job *job)
{
    void *bytes = NULL;
    struct result_record record = {.number = job->number, .kind = RESULT_VALUE};
    thrum_future *future = job->future;
    int rc = thrum_future_take(future, &bytes, &record.size, THRUM_NOW);
    const thrum_error *error = rc == THRUM_FAILED ? thrum_future_error(future) : NULL;
    record.bytes = bytes;
    if (rc != 0 || record.size > VALUE_MOST) {
        const char *message = error     ? error->message
                              : rc == 0 ? "the result is larger than 1 GiB"
                                        : thrum_strerror(rc);
        record.code = error ? error->code : rc == 0 ? -EMSGSIZE : rc;
        record.kind = thrum_future_cancelled(future) ? RESULT_UNRUN : RESULT_ERROR;
        record.bytes = message;
        record.size = strlen(message);
    }
    thrum_with (&worker->lock) {
        job->run = record.run = estimate(worker, job);
        worker->average = worker->average ? (7 * worker->average + record.run) / 8 : record.run;
        if (thrum_cluster__value_is_large(&worker->link, record.size)) {
            if (send_result(worker, job, bytes, record.size)) {
                bytes = NULL; /* thrum_cluster__worker_chunk frees it */
                break;
            }
            record = (struct result_record){
                .number = job->number, .kind = RESULT_ERROR, .code = -ENOMEM, .bytes = ""};
        }
        end_job(worker, job, &record);
    }
    free(bytes);
    thrum_future_free(future);
}

void thrum_cluster__finish_jobs(struct worker *worker)
{
    struct job *done = NULL, *next;
    thrum_with (&worker->lock) {
        done = worker->done;
        worker->done = NULL;
    }
    for (; done; done = next) {
        next = done->next;
        finish_job(worker, done);
    }
}

static thrum_deadline deadline_of(const struct worker *worker, uint64_t left)
{
    double limit = worker->serve.run_limit;
    if (left && (limit <= 0 || (double)left < limit * 1e9))
        return thrum_in((double)left * 1e-9);
    return limit > 0 ? thrum_in(limit) : (thrum_deadline){0};
}

/* Runs a job on the executor. It is in `jobs`. */
static void run_job(struct worker *worker, struct job *job, const void *arg, size_t arg_size)
{
    const thrum_submit_options options = {.deadline = job->deadline};
    thrum_future *future =
        thrum_submit_with(worker->executor, &options, job->function, arg, arg_size);
    thrum_with (&worker->lock)
        job->future = future;
    if (thrum_future_add_done_callback(future, job_done, job) < 0) {
        (void)!thrum_future_wait(future, THRUM_FOREVER);
        (void)job_done(future, job);
    }
}

/* Begins to fetch a large argument. Under the lock. Returns 0, or the code with which the task fails. */
static int fetch_argument(struct worker *worker, struct job *job, const struct task_record *record)
{
    char client[2 * CLIENT_SIZE + 1];
    struct value_record reference;
    if (!thrum_cluster__value_record_read(record->arg, record->arg_size, &reference))
        return -EPROTO;
    client_text(job->client, client);
    job->transfer = thrum_cluster__value_fetch(&worker->values, client, &reference, job);
    return job->transfer ? 0 : -ENOMEM;
}

static void start_job(struct worker *worker, const unsigned char *client, struct lease *lease,
                      const struct task_record *record)
{
    struct job *job = calloc(1, sizeof *job);
    if (!job) {
        thrum_with (&worker->lock)
            lease->dead = true, worker->held--;
        return;
    }
    *job = (struct job){.worker = worker,
                        .lease = lease,
                        .number = record->number,
                        .deadline = deadline_of(worker, record->left)};
    memcpy(job->client, client, CLIENT_SIZE);
    size_t length = record->name_size < sizeof job->name ? record->name_size : 0;
    memcpy(job->name, record->name, length);
    bool inside = record->form == ARG_INSIDE;
    int rc = worker->serve.registered_only && strchr(job->name, '+')
                 ? -ENOENT
                 : thrum_task_find(job->name, &job->function);
    const char *message = "the worker does not have the function of the task";
    thrum_with (&worker->lock) {
        if (rc == 0 && !inside) {
            rc = fetch_argument(worker, job, record);
            message = "the worker cannot fetch the argument";
        }
        if (rc == 0)
            list_job(worker, job);
        else
            end_job(worker, job,
                    &(struct result_record){.number = record->number,
                                            .kind = RESULT_ERROR,
                                            .code = rc,
                                            .bytes = message,
                                            .size = strlen(message)});
    }
    if (rc == 0 && inside)
        run_job(worker, job, record->arg, record->arg_size);
    else
        thrum_cluster__worker_wake(worker);
}

/* A job whose transfer is over: the argument is there or gone, or the result is stored. */
void thrum_cluster__worker_chunk(struct worker *worker, const char *token, natsMsg *message)
{
    void *bytes = NULL;
    struct job *ready = NULL;
    size_t size = 0;
    thrum_with (&worker->lock) {
        int rc = 0;
        struct transfer *transfer =
            thrum_cluster__values_take(&worker->values, token, message, &rc);
        if (!transfer)
            break;
        struct job *job = transfer->owner;
        if (transfer->sends && rc < 0) {
            char text[200];
            snprintf(text, sizeof text, "the server does not store the result: %s",
                     transfer->refusal);
            bytes = transfer->bytes;
            thrum_cluster__value_drop(&worker->values, transfer);
            unlist_job(worker, job);
            end_job(worker, job,
                    &(struct result_record){.number = job->number,
                                            .kind = RESULT_ERROR,
                                            .code = rc,
                                            .run = job->run,
                                            .bytes = text,
                                            .size = strlen(text)});
        } else if (transfer->sends) {
            char reference[REFERENCE_MOST];
            size_t reference_size = thrum_cluster__value_refer(transfer, reference);
            bytes = transfer->bytes;
            unlist_job(worker, job);
            end_job(worker, job,
                    &(struct result_record){.number = job->number,
                                            .kind = RESULT_LARGE,
                                            .run = job->run,
                                            .bytes = reference,
                                            .size = reference_size});
        } else if (rc < 0) {
            unlist_job(worker, job);
            end_job(worker, job,
                    &(struct result_record){.number = job->number, .kind = RESULT_LOST});
        } else {
            ready = job;
            bytes = transfer->bytes;
            size = transfer->size;
            transfer->bytes = NULL;
            job->transfer = NULL;
            thrum_cluster__value_free(&worker->values, transfer);
        }
    }
    if (ready)
        run_job(worker, ready, bytes, size);
    free(bytes);
    thrum_cluster__worker_wake(worker);
}

/* Ends jobs whose values are on their way, without an outcome: another worker gets them. */
void thrum_cluster__give_up_values(struct worker *worker)
{
    thrum_with (&worker->lock) {
        for (struct job *job = worker->jobs, *next; job; job = next) {
            struct transfer *transfer = job->transfer;
            next = job->next;
            if (!transfer)
                continue;
            if (transfer->sends)
                free(transfer->bytes);
            thrum_cluster__value_free(&worker->values, transfer);
            unlist_job(worker, job);
            worker->held--;
            free(job);
        }
    }
}

/* Publishes a task of a message that came again as a message of its own. Under the lock. */
static void publish_alone(struct worker *worker, const char *subject, const unsigned char *client,
                          struct lease *lease, const struct task_record *record)
{
    struct answer *answer = calloc(1, sizeof *answer);
    if (!answer || !thrum_cluster__answer_holds(answer, lease)) {
        free(answer);
        lease->dead = true;
        return;
    }
    answer->number = ++worker->numbers;
    snprintf(answer->subject, sizeof answer->subject, "%s", subject);
    int used = 0;
    for (size_t i = 0; i < CLIENT_SIZE; i++)
        used += snprintf(answer->id + used, 3, "%02x", client[i]);
    snprintf(answer->id + used, sizeof answer->id - (size_t)used, "-s%llu",
             (unsigned long long)record->number);
    thrum_cluster__buffer_add(&answer->buffer, "THT1", 4);
    thrum_cluster__buffer_add(&answer->buffer, client, CLIENT_SIZE);
    thrum_cluster__buffer_add_number(&answer->buffer, 1, 4);
    thrum_cluster__task_record_write(&answer->buffer, record);
    answer->next = worker->answers;
    worker->answers = answer;
}

/* What becomes of one task of a message. */
static void take_task(struct worker *worker, const char *subject, const unsigned char *client,
                      struct lease *lease, const struct delivery *delivery,
                      struct task_record *record)
{
    record->lost += (uint32_t)(delivery->count - 1);
    if (record->lost >= (uint32_t)worker->link.settings.given.max_deliveries) {
        char message[100];
        snprintf(message, sizeof message, "the worker of the task was lost, %u times in all",
                 record->lost);
        thrum_with (&worker->lock)
            thrum_cluster__fail_task(worker, client, lease, record->number, -ECHILD, message);
        thrum_cluster__worker_wake(worker);
    } else if (delivery->count > 1 && lease->all > 1) {
        thrum_with (&worker->lock)
            publish_alone(worker, subject, client, lease, record);
        thrum_cluster__worker_wake(worker);
    } else {
        thrum_with (&worker->lock)
            worker->held++;
        start_job(worker, client, lease, record);
    }
}

/* A lease for a message that has come; NULL if there is one, or no memory. */
static struct lease *new_lease(struct worker *worker, const char *reply,
                               const struct delivery *delivery, size_t count)
{
    struct lease *lease = NULL;
    thrum_with (&worker->lock) {
        struct lease *old = thrum_cluster__find_lease(worker, delivery);
        if (old) {
            snprintf(old->reply, sizeof old->reply, "%s", reply);
            break;
        }
        lease = calloc(1, sizeof *lease);
        if (!lease)
            break;
        /* The one beyond the tasks is given up when all of them were read. */
        *lease = (struct lease){.sequence = delivery->sequence,
                                .count = count + 1,
                                .all = count,
                                .since = thrum_now(),
                                .next = worker->leases};
        snprintf(lease->reply, sizeof lease->reply, "%s", reply);
        worker->leases = lease;
        worker->batch = (3 * worker->batch + count) / 4;
    }
    return lease;
}

void thrum_cluster__take_tasks(struct worker *worker, const char *subject, const char *reply,
                               const struct delivery *delivery, natsMsg *message)
{
    struct reader reader = {(const unsigned char *)natsMsg_GetData(message),
                            (size_t)natsMsg_GetDataLength(message), false};
    bool sound = thrum_cluster__reader_magic(&reader, "THT1");
    const unsigned char *client = thrum_cluster__reader_bytes(&reader, CLIENT_SIZE);
    uint64_t count = thrum_cluster__reader_number(&reader, 4);
    if (!sound || !client || count == 0 || count > BATCH_MOST) {
        thrum_cluster__link_answer(&worker->link, reply,
                                   "+TERM"); /* no client has sent this: nobody waits for it */
        return;
    }
    struct lease *lease = new_lease(worker, reply, delivery, count);
    struct task_record record;
    size_t left = count;
    while (lease && left > 0 && thrum_cluster__task_record_read(&reader, &record)) {
        left--;
        take_task(worker, subject, client, lease, delivery, &record);
    }
    thrum_with (&worker->lock) {
        for (left++; lease && left > 1; left--)
            lease->count--; /* records that were not there */
        if (lease)
            thrum_cluster__release(worker, lease);
    }
}

/* Keeps a cancel for the I/O thread. It alone frees futures of jobs, so it alone may cancel them. */
void thrum_cluster__take_cancels(natsConnection *connection, natsSubscription *subscription,
                                 natsMsg *message, void *context)
{
    (void)connection, (void)subscription;
    struct worker *worker = context;
    size_t size = (size_t)natsMsg_GetDataLength(message);
    struct request *request = malloc(sizeof *request + size);
    if (request) { /* else the client repeats it */
        request->size = size;
        memcpy(request->bytes, natsMsg_GetData(message), size);
        thrum_with (&worker->lock) {
            request->next = worker->requests;
            worker->requests = request;
        }
        thrum_cluster__worker_wake(worker);
    }
    thrum_cluster__link_spend(&worker->link, message);
}

/* Asks a job to stop. The future is cancelled without the lock: only this thread frees it. */
static void cancel_job(struct worker *worker, const unsigned char *client, uint64_t number)
{
    thrum_future *future = NULL;
    thrum_with (&worker->lock) {
        struct job *job = worker->jobs;
        while (job && (job->number != number || memcmp(job->client, client, CLIENT_SIZE) != 0))
            job = job->next;
        if (!job)
            break;
        future = job->future;
        if (!job->transfer || job->transfer->sends)
            break;
        unlist_job(worker, job); /* its argument is on its way: it has not begun */
        end_job(worker, job, &(struct result_record){.number = number, .kind = RESULT_UNRUN});
    }
    if (future)
        (void)thrum_future_cancel(future);
}

/* Asks the jobs that clients name to stop. */
void thrum_cluster__cancel_jobs(struct worker *worker)
{
    struct request *request = NULL, *next;
    thrum_with (&worker->lock) {
        request = worker->requests;
        worker->requests = NULL;
    }
    for (; request; request = next) {
        next = request->next;
        struct reader reader = {request->bytes, request->size, false};
        bool sound = thrum_cluster__reader_magic(&reader, "THC1");
        const unsigned char *client = thrum_cluster__reader_bytes(&reader, CLIENT_SIZE);
        uint64_t count = thrum_cluster__reader_number(&reader, 4);
        while (sound && client && count-- > 0 && !reader.bad) {
            uint64_t number = thrum_cluster__reader_number(&reader, 8);
            if (!reader.bad)
                cancel_job(worker, client, number);
        }
        free(request);
    }
}
