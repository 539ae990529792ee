/* Output parameters are untouched by a call that fails: each public function with a `ret_` parameter fails in every
 * way that can be had here. Those of adapters are in tests/adapter/. Fork has tests of its own. */
#include "support.h"
#include "untouched.h"

#include <signal.h>
#include <stdlib.h>
#include <thrum.h>

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

/* For each kind of handle:
 *  - all_fail: all four calls fail with `code`.
 *  - use_ended: one that has failed; then one that has a result, which is asked for wrongly, taken, and asked for again.
 *  - use_pending: one that has not ended. */
#define HANDLE(kind)                                                                               \
    static void kind##_all_fail(thrum_##kind *handle, thrum_deadline deadline, int code)           \
    {                                                                                              \
        FAILS(thrum_##kind##_result(handle, FIRST, sizeof(uint64_t), deadline), code);             \
        FAILS(thrum_##kind##_copy(handle, FIRST, ROOM, NULL, deadline), code);                     \
        FAILS(thrum_##kind##_take(handle, FIRST, SECOND, deadline), code);                         \
        FAILS(thrum_##kind##_take_text(handle, FIRST, deadline), code);                            \
    }                                                                                              \
    static void kind##_use_ended(thrum_##kind *failed, thrum_##kind *given)                        \
    {                                                                                              \
        void *bytes;                                                                               \
        size_t size;                                                                               \
        kind##_all_fail(failed, THRUM_FOREVER, THRUM_FAILED);                                      \
        FAILS(thrum_##kind##_result(given, FIRST, 1, THRUM_FOREVER), -EMSGSIZE);                   \
        FAILS(thrum_##kind##_copy(given, FIRST, 1, NULL, THRUM_FOREVER), -EMSGSIZE);               \
        CHECK_INT(thrum_##kind##_copy(given, &bytes, 1, &size, THRUM_FOREVER), ==, -EMSGSIZE);     \
        CHECK_INT(size, ==, sizeof(uint64_t));                                                     \
        FAILS(thrum_##kind##_take_text(given, FIRST, THRUM_FOREVER), -EMSGSIZE);                   \
        thrum__fault_arm(THRUM__FAULT_ALLOC, 1, 1);                                                \
        FAILS(thrum_##kind##_take(given, FIRST, SECOND, THRUM_NOW), -ENOMEM);                      \
        thrum__fault_disarm(THRUM__FAULT_ALLOC);                                                   \
        CHECK_INT(thrum_##kind##_take(given, &bytes, &size, THRUM_NOW), ==, 0);                    \
        free(bytes);                                                                               \
        kind##_all_fail(given, THRUM_NOW, -ENODATA);                                               \
    }                                                                                              \
    static void kind##_use_pending(thrum_##kind *pending)                                          \
    {                                                                                              \
        kind##_all_fail(pending, THRUM_NOW, -EAGAIN);                                              \
        kind##_all_fail(pending, thrum_in(0.001), -ETIMEDOUT);                                     \
    }

HANDLE(future)
HANDLE(thread)
HANDLE(process)

TEST(outcomes_of_futures)
{
    thrum_executor *pool = thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = 1});
    thrum_future *futures[] = {thrum_submit(pool, fail, THRUM_NOTHING),
                               thrum_submit(pool, give, THRUM_NOTHING),
                               thrum_submit(pool, wait_for_gate, THRUM_NOTHING)};
    future_use_ended(futures[0], futures[1]);
    future_use_pending(futures[2]);
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
    thread_use_ended(threads[0], threads[1]);
    thread_use_pending(threads[2]);
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
    process_use_ended(processes[0], processes[1]);
    process_use_pending(processes[2]);
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
    poison("thrum_blocking_take, which succeeds");
    CHECK_INT(thrum_blocking_take(give, THRUM_NOTHING, &bytes, &size, FIRST, THRUM_FOREVER), ==, 0);
    check_poisoned(); /* no failure, no error */
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
    static const thrum_transport none;
    thrum__fault_arm(THRUM__FAULT_ALLOC, 1, 1);
    FAILS(thrum_stream_new(&none, NULL, NULL, FIRST), -ENOMEM);
    thrum__fault_disarm(THRUM__FAULT_ALLOC);
}

TEST(pipes)
{
    thrum_pipe *ends[2];
    FAILS(thrum_pipe_from_descriptor(-1, FIRST), -EBADF);
    FAILS_WITHOUT_MEMORY(thrum_pipe_new(FIRST, SECOND), (thrum_pipe_free(AT_FIRST(thrum_pipe *)),
                                                         thrum_pipe_free(*(thrum_pipe **)SECOND)));
    CHECK_INT(thrum_pipe_new(&ends[0], &ends[1]), ==, 0);
    FAILS(thrum_pipe_receive(ends[0], room[0], ROOM, SECOND, THRUM_NOW), -EAGAIN);
    size_t needed;
    CHECK_INT(thrum_pipe_send(ends[1], "long", 4, THRUM_FOREVER), ==, 0);
    CHECK_INT(thrum_pipe_receive(ends[0], room[0], 3, &needed, THRUM_FOREVER), ==, -EMSGSIZE);
    CHECK_INT(needed, ==, 4);
    CHECK_INT(thrum_pipe_receive(ends[0], room[0], 4, &needed, THRUM_FOREVER), ==, 0);
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

static int tick(thrum_task *self)
{
    (void)self;
    return 0;
}

TEST(periodic_tasks)
{
    const thrum_periodic_options options = {.period = 1};
    FAILS_WITHOUT_MEMORY(thrum_periodic_start(&options, tick, THRUM_NOTHING, FIRST),
                         thrum_periodic_free(AT_FIRST(thrum_periodic *)));
}

TEST(signals_and_breakers)
{
    int number = 0;
    FAILS(thrum_signals_new(&number, 1, FIRST), -EINVAL);
    number = SIGUSR1;
    thrum_signals *signals;
    CHECK_INT(thrum_signals_new(&number, 1, &signals), ==, 0);
    thrum_case signal_case = thrum_case_signals(signals, FIRST);
    FAILS(thrum_select(&signal_case, 1, THRUM_NOW), -EAGAIN);
    FAILS(thrum_select(&signal_case, 1, thrum_in(0.001)), -ETIMEDOUT);
    thrum_signals_free(signals);
    thrum_circuit_breaker breaker = THRUM_CIRCUIT_BREAKER(.failures = 1, .open = 1000);
    uint64_t call;
    CHECK_INT(thrum_circuit_breaker_begin(&breaker, &call), ==, 0);
    thrum_circuit_breaker_end(&breaker, call, -EIO);
    FAILS(thrum_circuit_breaker_begin(&breaker, FIRST), -EHOSTDOWN);
}

TEST(names_of_tasks)
{
    FAILS(thrum_task_name((thrum_task_fn *)(uintptr_t)1, FIRST), -ENOENT);
    FAILS(thrum_task_find("no_such_task@1", FIRST), -ENOENT);
    FAILS(thrum_task_find("", FIRST), -EINVAL);
}
