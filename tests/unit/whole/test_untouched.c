/* Output parameters are untouched by a call that fails: each public function with a `ret_` parameter fails in every
 * way that can be had here, and what its outputs point to is compared with what was there before.
 *
 * `ret_error` and `needed_size` are the exceptions: they exist for failures. Fork and signals have tests of their own. */
#include "base/fault.h"
#include "harness.h"
#include "support.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <thrum.h>

enum { POISON = 0xA5, ROOM = 256 };

/* Where outputs point to. */
static _Alignas(16) unsigned char room[2][ROOM];

#define FIRST  ((void *)room[0])
#define SECOND ((void *)room[1])

static void poison(void)
{
    memset(room, POISON, sizeof room);
}

static bool is_poisoned(void)
{
    for (size_t i = 0; i < sizeof room; i++)
        if (room[i / ROOM][i % ROOM] != POISON)
            return false;
    return true;
}

/* Makes a call whose outputs are in the room, and that fails. */
#define FAILS(call, code)                                                                          \
    do {                                                                                           \
        poison();                                                                                  \
        CHECK_INT(call, ==, code);                                                                 \
        CHECK(is_poisoned());                                                                      \
    } while (0)

/* The same with the n-th allocation failing, for n = 1, 2, ... until the call succeeds. */
#define FAILS_WITHOUT_MEMORY(call, undo)                                                           \
    do {                                                                                           \
        int rc_ = -ENOMEM;                                                                         \
        for (uint32_t n_ = 1; rc_ != 0; n_++) {                                                    \
            poison();                                                                              \
            thrum__fault_arm(THRUM__FAULT_ALLOC, n_, 1);                                           \
            rc_ = (call);                                                                          \
            thrum__fault_disarm(THRUM__FAULT_ALLOC);                                               \
            CHECK(rc_ == 0 || (rc_ == -ENOMEM && is_poisoned()));                                  \
        }                                                                                          \
        undo;                                                                                      \
    } while (0)

#define AT_FIRST(type) (*(type *)FIRST)

static int fail(thrum_task *self)
{
    return thrum_fail(self, -ERANGE, "on purpose");
}

static int give(thrum_task *self)
{
    return thrum_return(self, thrum_value(uint64_t, UINT64_MAX)); /* no text */
}

static thrum_event gate;

static int wait_for_gate(thrum_task *self)
{
    (void)self;
    return thrum_event_wait(&gate, THRUM_FOREVER);
}

/* ------------------------------------------------------------------------------- outcomes of tasks */

/* What a handle's calls return, given its join. */
struct handle {
    void *handle;
    int (*result)(void *handle, void *ret, size_t size, thrum_deadline deadline);
    int (*copy)(void *handle, void *ret, size_t capacity, size_t *needed, thrum_deadline deadline);
    int (*take)(void *handle, void **ret, size_t *ret_size, thrum_deadline deadline);
    int (*take_text)(void *handle, char **ret, thrum_deadline deadline);
};

#define HANDLE(kind)                                                                               \
    static int kind##_result(void *handle, void *ret, size_t size, thrum_deadline deadline)        \
    {                                                                                              \
        return thrum_##kind##_result(handle, ret, size, deadline);                                 \
    }                                                                                              \
    static int kind##_copy(void *handle, void *ret, size_t capacity, size_t *needed,               \
                           thrum_deadline deadline)                                                \
    {                                                                                              \
        return thrum_##kind##_copy(handle, ret, capacity, needed, deadline);                       \
    }                                                                                              \
    static int kind##_take(void *handle, void **ret, size_t *ret_size, thrum_deadline deadline)    \
    {                                                                                              \
        return thrum_##kind##_take(handle, ret, ret_size, deadline);                               \
    }                                                                                              \
    static int kind##_take_text(void *handle, char **ret, thrum_deadline deadline)                 \
    {                                                                                              \
        return thrum_##kind##_take_text(handle, ret, deadline);                                    \
    }

HANDLE(future)
HANDLE(thread)
HANDLE(process)

/* All four fail with `code`. */
static void all_fail(const struct handle *h, thrum_deadline deadline, int code)
{
    FAILS(h->result(h->handle, FIRST, sizeof(uint64_t), deadline), code);
    FAILS(h->copy(h->handle, FIRST, ROOM, NULL, deadline), code);
    FAILS(h->take(h->handle, FIRST, SECOND, deadline), code);
    FAILS(h->take_text(h->handle, FIRST, deadline), code);
}

/* One that has failed; then one that has a result, which is asked for wrongly, taken, and asked for again. */
static void use_ended(const struct handle *failed, const struct handle *given)
{
    void *bytes;
    size_t size;
    all_fail(failed, THRUM_FOREVER, THRUM_FAILED);
    FAILS(given->result(given->handle, FIRST, 1, THRUM_FOREVER), -EMSGSIZE);
    FAILS(given->copy(given->handle, FIRST, 1, NULL, THRUM_FOREVER), -EMSGSIZE);
    CHECK_INT(given->copy(given->handle, &bytes, 1, &size, THRUM_FOREVER), ==, -EMSGSIZE);
    CHECK_INT(size, ==, sizeof(uint64_t));
    FAILS(given->take_text(given->handle, FIRST, THRUM_FOREVER), -EMSGSIZE);
    thrum__fault_arm(THRUM__FAULT_ALLOC, 1, 1);
    FAILS(given->take(given->handle, FIRST, SECOND, THRUM_NOW), -ENOMEM);
    thrum__fault_disarm(THRUM__FAULT_ALLOC);
    CHECK_INT(given->take(given->handle, &bytes, &size, THRUM_NOW), ==, 0);
    free(bytes);
    all_fail(given, THRUM_NOW, -ENODATA);
}

static void use_pending(const struct handle *pending)
{
    all_fail(pending, THRUM_NOW, -EAGAIN);
    all_fail(pending, thrum_in(0.001), -ETIMEDOUT);
}

TEST(outcomes_of_futures)
{
    thrum_executor *pool = thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = 1});
    thrum_future *futures[] = {thrum_submit(pool, fail, THRUM_NOTHING),
                               thrum_submit(pool, give, THRUM_NOTHING),
                               thrum_submit(pool, wait_for_gate, THRUM_NOTHING)};
    struct handle handles[3];
    for (int i = 0; i < 3; i++)
        handles[i] =
            (struct handle){futures[i], future_result, future_copy, future_take, future_take_text};
    use_ended(&handles[0], &handles[1]);
    use_pending(&handles[2]);
    thrum_event_set(&gate);
    for (int i = 0; i < 3; i++)
        thrum_future_free(futures[i]);
    thrum_executor_shutdown(pool);
}

TEST(outcomes_of_threads)
{
    thrum_thread *threads[] = {thrum_thread_start(fail, THRUM_NOTHING),
                               thrum_thread_start(give, THRUM_NOTHING),
                               thrum_thread_start(wait_for_gate, THRUM_NOTHING)};
    struct handle handles[3];
    for (int i = 0; i < 3; i++)
        handles[i] =
            (struct handle){threads[i], thread_result, thread_copy, thread_take, thread_take_text};
    use_ended(&handles[0], &handles[1]);
    use_pending(&handles[2]);
    thrum_event_set(&gate);
    CHECK_INT(thrum_thread_join(threads[2], THRUM_FOREVER), ==, 0);
    for (int i = 0; i < 3; i++)
        thrum_thread_free(threads[i]);
}

TEST(outcomes_of_processes)
{
    thrum_process *processes[] = {thrum_process_start(fail, THRUM_NOTHING),
                                  thrum_process_start(give, THRUM_NOTHING),
                                  thrum_process_start(wait_for_gate, THRUM_NOTHING)};
    struct handle handles[3];
    for (int i = 0; i < 3; i++)
        handles[i] = (struct handle){processes[i], process_result, process_copy, process_take,
                                     process_take_text};
    use_ended(&handles[0], &handles[1]);
    use_pending(&handles[2]);
    FAILS(thrum_process_exit_code(processes[2], FIRST), -EAGAIN);
    thrum_process_kill(processes[2]);
    for (int i = 0; i < 3; i++)
        thrum_process_free(processes[i]);
}

static int block(thrum_task *self)
{
    void *bytes;
    size_t size;
    (void)self;
    FAILS(thrum_blocking(fail, THRUM_NOTHING, FIRST, 8, NULL, THRUM_FOREVER), THRUM_FAILED);
    FAILS(thrum_blocking(give, THRUM_NOTHING, FIRST, 1, NULL, THRUM_FOREVER), -EMSGSIZE);
    FAILS(thrum_blocking_take(fail, THRUM_NOTHING, FIRST, SECOND, NULL, THRUM_FOREVER),
          THRUM_FAILED);
    FAILS(thrum_blocking_take_text(fail, THRUM_NOTHING, FIRST, NULL, THRUM_FOREVER), THRUM_FAILED);
    FAILS(thrum_blocking_take_text(give, THRUM_NOTHING, FIRST, NULL, THRUM_FOREVER), -EMSGSIZE);
    poison();
    CHECK_INT(thrum_blocking_take(give, THRUM_NOTHING, &bytes, &size, FIRST, THRUM_FOREVER), ==, 0);
    CHECK(is_poisoned()); /* no failure, no error */
    free(bytes);
    return 0;
}

TEST(blocking_calls_in_threads_and_fibers)
{
    CHECK_INT(thrum_blocking(block, THRUM_NOTHING, NULL, 0, NULL, THRUM_FOREVER), ==, 0);
    CHECK_INT(thrum_run(block, THRUM_NOTHING), ==, 0);
}

TEST(maps)
{
    thrum_executor *pool = thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = 1});
    thrum_map_options items = {.count = 3, .result_size = sizeof(uint64_t), .results = FIRST};
    FAILS(thrum_map(pool, fail, &items), THRUM_FAILED);
    for (size_t chunk = 1; chunk < 3; chunk++) {
        items.chunk = chunk;
        thrum_mapping *mapping = thrum_mapping_new(pool, fail, &items);
        FAILS(thrum_mapping_next(mapping, FIRST, THRUM_FOREVER), THRUM_FAILED);
        FAILS(thrum_mapping_next(mapping, FIRST, THRUM_FOREVER), -ENODATA);
        thrum_mapping_free(mapping);
    }
    items.result_size = 1;
    thrum_mapping *mapping = thrum_mapping_new(pool, give, &items);
    FAILS(thrum_mapping_next(mapping, FIRST, THRUM_FOREVER), -EMSGSIZE);
    thrum_mapping_free(mapping);
    mapping = thrum_mapping_new(pool, wait_for_gate, &items);
    FAILS(thrum_mapping_next(mapping, FIRST, THRUM_NOW), -EAGAIN);
    FAILS(thrum_mapping_next(mapping, FIRST, thrum_in(0.001)), -ETIMEDOUT);
    thrum_event_set(&gate);
    thrum_mapping_free(mapping);
    thrum_executor_shutdown(pool);
}

TEST(as_completed)
{
    thrum_future *future = thrum_future_new();
    thrum_as_completed *done = thrum_as_completed_new(&future, 1);
    FAILS(thrum_as_completed_next(done, FIRST, THRUM_NOW), -EAGAIN);
    FAILS(thrum_as_completed_next(done, FIRST, thrum_in(0.001)), -ETIMEDOUT);
    thrum_case late[] = {thrum_case_as_completed(done, FIRST),
                         thrum_case_deadline(thrum_in(0.001))};
    FAILS(thrum_select(late, 2, THRUM_FOREVER), 1);
    CHECK_INT(thrum_future_set_result(future, THRUM_NOTHING), ==, 0);
    size_t index;
    CHECK_INT(thrum_as_completed_next(done, &index, THRUM_NOW), ==, 0);
    FAILS(thrum_as_completed_next(done, FIRST, THRUM_NOW), -ENODATA);
    FAILS(thrum_select(late, 1, THRUM_FOREVER), 0);
    CHECK_INT(late[0].code, ==, -ENODATA);
    thrum_as_completed_free(done);
    thrum_future_free(future);
}

/* -------------------------------------------------------------------------------- queues and deques */

TEST(queues)
{
    for (size_t bound = 0; bound < 9; bound += 8) {
        thrum_queue *queue =
            thrum_queue_new(sizeof(uint64_t), &(thrum_queue_options){.max_size = bound});
        thrum_queue *both[] = {queue, queue};
        for (int closed = 0; closed < 2; closed++) {
            int code = closed ? -EPIPE : -EAGAIN;
            thrum_deadline soon = thrum_in(0.001);
            FAILS(thrum_queue_get(queue, FIRST, THRUM_NOW), code);
            FAILS(thrum_queue_get_many(queue, FIRST, 4, SECOND, THRUM_NOW), code);
            FAILS(thrum_queue_get_any(both, 2, FIRST, SECOND, THRUM_NOW), code);
            FAILS(thrum_queue_get(queue, FIRST, soon), closed ? -EPIPE : -ETIMEDOUT);
            FAILS(thrum_queue_get_many(queue, FIRST, 4, SECOND, soon),
                  closed ? -EPIPE : -ETIMEDOUT);
            FAILS(thrum_queue_get_any(both, 2, FIRST, SECOND, soon), closed ? -EPIPE : -ETIMEDOUT);
            thrum_case get = thrum_case_get(queue, FIRST);
            FAILS(thrum_select(&get, 1, THRUM_NOW), closed ? 0 : -EAGAIN);
            thrum_queue_close(queue);
        }
        thrum_queue_free(queue);
    }
}

TEST(deques)
{
    thrum_deque *deque = thrum_deque_new(sizeof(uint64_t), 0);
    FAILS(thrum_deque_pop(deque, FIRST), -EAGAIN);
    FAILS(thrum_deque_pop_left(deque, FIRST), -EAGAIN);
    FAILS(thrum_deque_at(deque, 0, FIRST), -EAGAIN);
    CHECK_INT(thrum_deque_append(deque, &(uint64_t){1}), ==, 0);
    FAILS(thrum_deque_at(deque, 1, FIRST), -EAGAIN);
    FAILS(thrum_deque_at(deque, -2, FIRST), -EAGAIN);
    FAILS_WITHOUT_MEMORY(thrum_deque_snapshot(deque, FIRST, SECOND), free(AT_FIRST(void *)));
    thrum_deque_free(deque);
}

/* --------------------------------------------------------------------------------------- the network */

TEST(sockets)
{
    char path[] = "/nowhere/at/all";
    FAILS(thrum_socket_listen("no.such.address.invalid!", 1, NULL, FIRST), -ENOENT);
    FAILS(thrum_socket_listen_unix(path, NULL, FIRST), -ENOENT);
    FAILS(thrum_socket_connect_unix(path, FIRST, THRUM_FOREVER), -ENOENT);
    thrum_socket *listener, *ends[2];
    CHECK_INT(thrum_socket_listen("127.0.0.1", 0, NULL, &listener), ==, 0);
    uint16_t port = (uint16_t)thrum_socket_port(listener);
    FAILS(thrum_socket_accept(listener, FIRST, THRUM_NOW), -EAGAIN);
    FAILS(thrum_socket_accept(listener, FIRST, thrum_in(0.001)), -ETIMEDOUT);
    FAILS(thrum_socket_address(listener, FIRST, 3), -EMSGSIZE);
    FAILS(thrum_socket_peer(listener, FIRST, ROOM), -ENOTCONN);
    FAILS_WITHOUT_MEMORY(thrum_socket_connect("127.0.0.1", port, FIRST, THRUM_FOREVER),
                         thrum_socket_free(AT_FIRST(thrum_socket *)));
    FAILS_WITHOUT_MEMORY(thrum_socket_accept(listener, FIRST, THRUM_FOREVER),
                         thrum_socket_free(AT_FIRST(thrum_socket *)));
    thrum_socket_close(listener);
    FAILS(thrum_socket_accept(listener, FIRST, THRUM_FOREVER), -EBADF);
    thrum_socket_free(listener);
    FAILS(thrum_socket_connect("127.0.0.1", port, FIRST, THRUM_FOREVER), -ECONNREFUSED);
    FAILS_WITHOUT_MEMORY(
        thrum_socket_pair(FIRST, SECOND),
        (thrum_socket_free(AT_FIRST(thrum_socket *)), thrum_socket_free(*(thrum_socket **)SECOND)));
    FAILS_WITHOUT_MEMORY(thrum_socket_listen("127.0.0.1", 0, NULL, FIRST),
                         thrum_socket_free(AT_FIRST(thrum_socket *)));
    CHECK_INT(thrum_socket_pair(&ends[0], &ends[1]), ==, 0);
    FAILS_WITHOUT_MEMORY(thrum_stream_from_socket(ends[0], NULL, FIRST),
                         thrum_stream_free(AT_FIRST(thrum_stream *)));
    thrum_socket_free(ends[1]);
}

TEST(streams)
{
    FAILS(thrum_stream_from_descriptor(-1, NULL, FIRST), -EBADF);
    FAILS(thrum_stream_connect("127.0.0.1", 1, NULL, FIRST, THRUM_FOREVER), -ECONNREFUSED);
}

TEST(pipes)
{
    thrum_pipe *ends[2];
    FAILS(thrum_pipe_from_descriptor(-1, FIRST), -EBADF);
    FAILS_WITHOUT_MEMORY(thrum_pipe_new(FIRST, SECOND), (thrum_pipe_free(AT_FIRST(thrum_pipe *)),
                                                         thrum_pipe_free(*(thrum_pipe **)SECOND)));
    CHECK_INT(thrum_pipe_new(&ends[0], &ends[1]), ==, 0);
    FAILS(thrum_pipe_receive(ends[0], room[0], ROOM, SECOND, THRUM_NOW), -EAGAIN);
    FAILS(thrum_pipe_receive_new(ends[0], FIRST, SECOND, thrum_in(0.001)), -ETIMEDOUT);
    thrum_pipe_free(ends[1]);
    FAILS(thrum_pipe_receive(ends[0], room[0], ROOM, SECOND, THRUM_FOREVER), -EPIPE);
    FAILS(thrum_pipe_receive_new(ends[0], FIRST, SECOND, THRUM_FOREVER), -EPIPE);
    thrum_pipe_free(ends[0]);
}

/* -------------------------------------------------------------------------------- the others */

TEST(shared_objects)
{
    FAILS(thrum_shared_memory_new("/no/such", 100, FIRST), -EINVAL);
    FAILS(thrum_shared_memory_open("/thrum-untouched-missing", FIRST), -ENOENT);
    FAILS(thrum_shared_memory_from_descriptor(-1, FIRST), -EBADF);
    static _Alignas(16) char memory[4096];
    thrum_shared_queue *queue = (thrum_shared_queue *)(void *)memory;
    CHECK_INT(thrum_shared_queue_size(sizeof(uint64_t), 4), <=, sizeof memory);
    CHECK_INT(thrum_shared_queue_init(queue, sizeof(uint64_t), 4), ==, 0);
    FAILS(thrum_shared_queue_get(queue, FIRST, THRUM_NOW), -EAGAIN);
    FAILS(thrum_shared_queue_get(queue, FIRST, thrum_in(0.001)), -ETIMEDOUT);
    thrum_shared_queue_close(queue);
    FAILS(thrum_shared_queue_get(queue, FIRST, THRUM_FOREVER), -EPIPE);
}

TEST(signals_and_breakers)
{
    int number = 0;
    FAILS(thrum_signals_new(&number, 1, FIRST), -EINVAL);
    thrum_circuit_breaker breaker = THRUM_CIRCUIT_BREAKER(.failures = 1, .open = 1000);
    uint64_t call;
    CHECK_INT(thrum_circuit_breaker_begin(&breaker, &call), ==, 0);
    thrum_circuit_breaker_end(&breaker, call, -EIO);
    FAILS(thrum_circuit_breaker_begin(&breaker, FIRST), -EHOSTDOWN);
}
