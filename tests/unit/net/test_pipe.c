/* The pipe for messages: sizes, deadlines in the middle of one, ends, and other processes. */
#include "carrier.h"
#include "support_children.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>

static uint32_t ident;
static thrum_pipe *here, *there;

static void open_pipe(void)
{
    CHECK_INT(thrum_pipe_new(&here, &there), ==, 0);
}

static void close_pipe(void)
{
    thrum_pipe_free(here);
    thrum_pipe_free(there);
}

/* A message whose every byte tells its size and place. */
static char byte_of(size_t size, size_t at)
{
    return (char)(size * 31 + at * 7 + at / 1000);
}

static int send_sized(thrum_pipe *pipe, size_t size, thrum_deadline deadline)
{
    char *message = malloc(size + 1);
    CHECK(message != NULL);
    for (size_t i = 0; i < size; i++)
        message[i] = byte_of(size, i);
    int rc = thrum_pipe_send(pipe, message, size, deadline);
    free(message);
    return rc;
}

static int receive_sized(thrum_pipe *pipe, size_t wanted, thrum_deadline deadline)
{
    void *message;
    size_t size;
    int rc = thrum_pipe_receive_new(pipe, &message, &size, deadline);
    if (rc < 0)
        return rc;
    CHECK_INT(size, ==, wanted);
    for (size_t i = 0; i < size; i++)
        CHECK(((char *)message)[i] == byte_of(size, i));
    thrum_pipe_message_free(message);
    return 0;
}

static const size_t sizes[] = {
    0, 1, 100, THRUM_PIPE_ATOMIC, THRUM_PIPE_ATOMIC + 1, 99999, 1 << 20, 5000000, 3};
enum { SIZES = sizeof sizes / sizeof sizes[0], LARGE = 4 << 20 };

static int send_all(thrum_task *self)
{
    thrum_pipe *pipe = thrum_arg(self, thrum_pipe *);
    for (size_t i = 0; i < SIZES; i++)
        CHECK_INT(send_sized(pipe, sizes[i], THRUM_FOREVER), ==, 0);
    return 0;
}

TEST(messages_of_all_sizes_arrive_whole_and_in_order)
{
    open_pipe();
    thrum_thread *one = thrum_thread_start(send_all, thrum_value(thrum_pipe *, here));
    thrum_thread *two = thrum_thread_start(send_all, thrum_value(thrum_pipe *, there));
    for (size_t i = 0; i < SIZES; i++) {
        CHECK_INT(receive_sized(there, sizes[i], THRUM_FOREVER), ==, 0);
        CHECK_INT(receive_sized(here, sizes[i], THRUM_FOREVER), ==, 0);
    }
    JOIN(one, 0);
    JOIN(two, 0);
    close_pipe();
}

TEST(a_message_that_does_not_fit_stays)
{
    static char buffer[LARGE];
    static const size_t both[] = {10, LARGE};
    size_t size = 0;
    open_pipe();
    CHECK_INT(thrum_pipe_receive(here, buffer, 1, &size, THRUM_NOW), ==, -EAGAIN);
    CHECK_INT(thrum_pipe_receive(here, buffer, 1, &size, thrum_in(0.001)), ==, -ETIMEDOUT);
    for (int i = 0; i < 2; i++) {
        thrum_thread *sender = NULL;
        if (i == 0)
            CHECK_INT(send_sized(there, both[i], THRUM_NOW), ==, 0);
        else
            sender = thrum_thread_start(send_all, thrum_value(thrum_pipe *, there));
        size_t first = i == 0 ? 10 : 1;
        if (i == 1)
            CHECK_INT(receive_sized(here, 0, THRUM_FOREVER), ==, 0);
        CHECK_INT(thrum_pipe_receive(here, buffer, 0, &size, THRUM_FOREVER), ==, -EMSGSIZE);
        CHECK_INT(size, ==, first);
        CHECK_INT(thrum_pipe_receive(here, buffer, sizeof buffer, &size, THRUM_NOW), ==, 0);
        CHECK_INT(size, ==, first);
        for (size_t at = 0; at < first; at++)
            CHECK(buffer[at] == byte_of(first, at));
        for (size_t k = 2; i == 1 && k < SIZES; k++) {
            if (sizes[k] > 1) {
                CHECK_INT(thrum_pipe_receive(here, buffer, 1, &size, THRUM_FOREVER), ==, -EMSGSIZE);
                CHECK_INT(size, ==, sizes[k]);
            }
            CHECK_INT(receive_sized(here, sizes[k], THRUM_FOREVER), ==, 0);
        }
        if (sender)
            JOIN(sender, 0);
    }
    close_pipe();
}

static int send_large(thrum_task *self)
{
    tell_ident(&ident);
    return send_sized(thrum_arg(self, thrum_pipe *), LARGE, THRUM_FOREVER);
}

TEST(a_send_that_is_given_up_has_sent_nothing)
{
    open_pipe();
    CHECK_INT(send_sized(there, LARGE, thrum_in(0.001)), ==, -ETIMEDOUT);
    thrum_thread *sender = thrum_thread_start(send_large, thrum_value(thrum_pipe *, there));
    CHECK_INT(receive_sized(here, LARGE, THRUM_FOREVER), ==, 0);
    JOIN(sender, 0);
    CHECK_INT(receive_sized(here, 0, THRUM_NOW), ==, -EAGAIN);
    close_pipe();
}

TEST(a_receive_that_is_given_up_in_the_middle_has_lost_nothing)
{
    open_pipe();
    thrum_thread *sender = thrum_thread_start(send_large, thrum_value(thrum_pipe *, there));
    int rc;
    while ((rc = receive_sized(here, LARGE, THRUM_NOW)) == -EAGAIN)
        thrum_yield();
    CHECK_INT(rc, ==, 0);
    JOIN(sender, 0);
    close_pipe();
}

TEST(memory_that_is_out_loses_no_message)
{
    open_pipe();
    CHECK_INT(send_sized(there, 10, THRUM_NOW), ==, 0);
    thrum__fault_arm(THRUM__FAULT_ALLOC, 1, 1);
    CHECK_INT(receive_sized(here, 10, THRUM_NOW), ==, -ENOMEM);
    CHECK_INT(receive_sized(here, 10, THRUM_NOW), ==, 0);
    CHECK_INT(send_sized(there, 2 * THRUM_PIPE_ATOMIC, THRUM_NOW), ==, 0);
    for (uint32_t nth = 1; nth <= 2; nth++) {
        thrum__fault_arm(THRUM__FAULT_ALLOC, 1, 1);
        CHECK_INT(receive_sized(here, 2 * THRUM_PIPE_ATOMIC, THRUM_NOW), ==, -ENOMEM);
    }
    thrum__fault_disarm(THRUM__FAULT_ALLOC);
    CHECK_INT(receive_sized(here, 2 * THRUM_PIPE_ATOMIC, THRUM_NOW), ==, 0);
    close_pipe();
}

TEST(what_the_system_refuses_leaves_no_descriptor_behind)
{
    int lowest = dup(0);
    close(lowest);
    thrum_pipe *first, *second;
    thrum__fault_arm(THRUM__FAULT_SOCKET, 1, 1);
    CHECK_INT(thrum_pipe_new(&first, &second), ==, -EMFILE);
    thrum__fault_disarm(THRUM__FAULT_SOCKET);
    for (uint32_t nth = 1; nth <= 2; nth++) {
        thrum__fault_arm(THRUM__FAULT_ALLOC, nth, 1);
        CHECK_INT(thrum_pipe_new(&first, &second), ==, -ENOMEM);
    }
    thrum__fault_disarm(THRUM__FAULT_ALLOC);
    open_pipe();
    close_pipe();
    thrum_pipe_free(NULL);
    int next = dup(0);
    CHECK_INT(next, ==, lowest);
}

TEST(the_other_side_gets_what_was_sent_and_then_the_end)
{
    open_pipe();
    CHECK_INT(send_sized(there, 7, THRUM_NOW), ==, 0);
    CHECK_INT(send_sized(here, 8, THRUM_NOW), ==, 0); /* which nobody receives */
    thrum_pipe_free(there);
    CHECK_INT(send_sized(here, 1, THRUM_NOW), ==, -EPIPE);
    CHECK_INT(receive_sized(here, 7, THRUM_NOW), ==, 0);
    CHECK_INT(receive_sized(here, 0, THRUM_NOW), ==, -EPIPE);
    CHECK_INT(receive_sized(here, 0, THRUM_FOREVER), ==, -EPIPE);
    CHECK_INT(thrum_pipe_close(here), ==, 0);
    CHECK_INT(thrum_pipe_close(here), ==, -EBADF);
    CHECK_INT(thrum_pipe_descriptor(here), ==, -EBADF);
    CHECK_INT(receive_sized(here, 0, THRUM_NOW), ==, -EBADF);
    CHECK_INT(send_sized(here, 1, THRUM_NOW), ==, -EBADF);
    thrum_pipe_free(here);
}

static int receive_any(thrum_task *self)
{
    tell_ident(&ident);
    return receive_sized(thrum_arg(self, thrum_pipe *), 0, THRUM_FOREVER);
}

/* Each call that fails lets the next one in, of whatever thread. */

static int send_to_nobody(thrum_task *self)
{
    (void)self;
    return thrum_pipe_send(here, "lost", 4, thrum_in(10));
}

static int receive_from_nobody(thrum_task *self)
{
    char message[8];
    size_t size;
    (void)self;
    return thrum_pipe_receive(here, message, sizeof message, &size, thrum_in(10));
}

static int send_in_vain(thrum_task *self)
{
    (void)self;
    return send_sized(here, LARGE, thrum_in(0.01));
}

static int receive_in_vain(thrum_task *self)
{
    char message[8];
    size_t size;
    (void)self;
    return thrum_pipe_receive(here, message, sizeof message, &size, thrum_in(0.01));
}

TEST(a_call_that_fails_lets_the_next_one_in)
{
    open_pipe();
    for (int i = 0; i < 2; i++) {
        JOIN(thrum_thread_start(send_in_vain, THRUM_NOTHING), -ETIMEDOUT);
        JOIN(thrum_thread_start(receive_in_vain, THRUM_NOTHING), -ETIMEDOUT);
    }
    thrum_pipe_free(there);
    for (int i = 0; i < 2; i++) {
        JOIN(thrum_thread_start(send_to_nobody, THRUM_NOTHING), -EPIPE);
        JOIN(thrum_thread_start(receive_from_nobody, THRUM_NOTHING), -EPIPE);
    }
    thrum_pipe_free(here);
}

TEST(a_close_ends_the_wait)
{
    open_pipe();
    thrum_thread *receiver = thrum_thread_start(receive_any, thrum_value(thrum_pipe *, here));
    UNTIL(waits_for(&ident, "readable"));
    CHECK_INT(thrum_pipe_close(here), ==, 0);
    JOIN(receiver, -EBADF);
    close_pipe();
}

TEST(a_wait_can_be_cancelled)
{
    open_pipe();
    thrum_thread *receiver = thrum_thread_start(receive_any, thrum_value(thrum_pipe *, here));
    UNTIL(waits_for(&ident, "readable"));
    CHECK_INT(thrum_thread_cancel(receiver), ==, 0);
    JOIN(receiver, -ECANCELED);
    close_pipe();
}

/* --------------------------------------------------------------------------------------- processes */

static void answer(void *argument)
{
    (void)argument;
    thrum_pipe *pipe;
    thrum_pipe_free(here);
    int descriptor = dup(thrum_pipe_descriptor(there));
    thrum_pipe_free(there);
    CHECK_INT(thrum_pipe_from_descriptor(descriptor, &pipe), ==, 0);
    CHECK(fcntl(descriptor, F_GETFD) & FD_CLOEXEC);
    void *message;
    size_t size;
    int rc;
    while ((rc = thrum_pipe_receive_new(pipe, &message, &size, THRUM_FOREVER)) == 0) {
        CHECK_INT(thrum_pipe_send(pipe, message, size, THRUM_FOREVER), ==, 0);
        thrum_pipe_message_free(message);
    }
    CHECK_INT(rc, ==, -EPIPE);
    thrum_pipe_free(pipe);
}

TEST(another_process_answers)
{
    open_pipe();
    pid_t child = child_start(answer, NULL);
    thrum_pipe_free(there);
    for (size_t i = 0; i < SIZES; i++) {
        CHECK_INT(send_sized(here, sizes[i], THRUM_FOREVER), ==, 0);
        CHECK_INT(receive_sized(here, sizes[i], THRUM_FOREVER), ==, 0);
    }
    thrum_pipe_free(here);
    child_join(child);
}

static void send_for_ever(void *argument)
{
    (void)argument;
    thrum_pipe_free(here);
    for (;;)
        CHECK_INT(send_sized(there, LARGE / 8, THRUM_FOREVER), ==, 0);
}

TEST_DEADLINE(a_sender_that_is_killed_leaves_no_part_of_a_message, 60)
{
    enum { DEATHS = 100 };
    for (int i = 0; i < DEATHS; i++) {
        open_pipe();
        pid_t child = child_start(send_for_ever, NULL);
        thrum_pipe_free(there);
        for (int k = 0; k < i % 4; k++)
            CHECK_INT(receive_sized(here, LARGE / 8, THRUM_FOREVER), ==, 0);
        child_kill(child);
        int rc;
        while ((rc = receive_sized(here, LARGE / 8, THRUM_FOREVER)) == 0)
            ;
        CHECK_INT(rc, ==, -EPIPE);
        thrum_pipe_free(here);
    }
}

static void send_many(void *argument)
{
    thrum_pipe_free(here);
    size_t size = *(const size_t *)argument;
    for (int i = 0; i < 500; i++)
        CHECK_INT(send_sized(there, size, THRUM_FOREVER), ==, 0);
}

TEST(several_processes_send_at_one_end)
{
    static size_t size = 1000;
    open_pipe();
    pid_t one = child_start(send_many, &size), two = child_start(send_many, &size);
    thrum_pipe_free(there);
    for (int i = 0; i < 1000; i++)
        CHECK_INT(receive_sized(here, size, THRUM_FOREVER), ==, 0);
    CHECK_INT(receive_sized(here, size, THRUM_FOREVER), ==, -EPIPE);
    child_join(one);
    child_join(two);
    thrum_pipe_free(here);
}

TEST(a_descriptor_of_something_else_is_no_pipe)
{
    thrum_pipe *pipe;
    int ends[2];
    CHECK_INT(thrum_pipe_from_descriptor(-1, &pipe), ==, -EBADF);
    CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), ==, 0);
    CHECK_INT(thrum_pipe_from_descriptor(ends[0], &pipe), ==, -EINVAL);
    CHECK_INT(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), ==, 0);
    thrum__fault_arm(THRUM__FAULT_ALLOC, 1, 1);
    CHECK_INT(thrum_pipe_from_descriptor(ends[0], &pipe), ==, -ENOMEM);
    CHECK_INT(fcntl(ends[0], F_GETFD), >=, 0);
}

/* What no sender of ours makes is passed over. */
TEST(packets_that_are_none_of_ours_are_passed_over)
{
    open_pipe();
    static const char noise[64] = {1, 2, 3};
    uint64_t claims[3] = {1, 100, UINT64_MAX}, rest[4] = {1, 100, 50, 0};
    int descriptor = thrum_pipe_descriptor(there);
    CHECK_INT(send(descriptor, noise, 5, 0), ==, 5);
    CHECK_INT(send(descriptor, claims, sizeof claims, 0), ==, sizeof claims);
    CHECK_INT(send(descriptor, rest, sizeof rest, 0), ==, sizeof rest);
    CHECK_INT(send_sized(there, 12, THRUM_NOW), ==, 0);
    CHECK_INT(receive_sized(here, 12, THRUM_NOW), ==, 0);
    CHECK_INT(receive_sized(here, 0, THRUM_NOW), ==, -EAGAIN);
    close_pipe();
}
