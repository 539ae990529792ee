/* Sockets where something is missing: descriptors, memory, the other side, a name. */
#include "carrier.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static thrum_socket *listen_here(void)
{
    thrum_socket *listener;
    CHECK_INT(thrum_socket_listen("127.0.0.1", 0, NULL, &listener), ==, 0);
    return listener;
}

static thrum_socket *connect_to(thrum_socket *listener)
{
    thrum_socket *socket;
    int port = thrum_socket_port(listener);
    CHECK_INT(thrum_socket_connect("127.0.0.1", (uint16_t)port, &socket, THRUM_FOREVER), ==, 0);
    return socket;
}

static uint32_t ident;

static int read_one(thrum_task *self)
{
    char byte;
    tell_ident(&ident);
    ptrdiff_t got = thrum_socket_read(thrum_arg(self, thrum_socket *), &byte, 1, THRUM_FOREVER);
    return got < 0 ? (int)got : got == 1 ? 0 : -ENODATA;
}

/* --------------------------------------------------------------------------- no descriptors left */

static uint32_t told;

static void count_told(const thrum_failure *failure, void *context)
{
    (void)context;
    CHECK_STR(failure->kind, "socket");
    CHECK_INT(failure->error->code, ==, -EMFILE);
    thrum__add_release(&told, 1);
}

static int accept_three(thrum_task *self)
{
    thrum_socket *listener = thrum_arg(self, thrum_socket *), *peer;
    tell_ident(&ident);
    for (int i = 0; i < 3; i++) {
        CHECK_INT(thrum_socket_accept(listener, &peer, THRUM_FOREVER), ==, 0);
        CHECK_INT(thrum_socket_write(peer, "x", 1, THRUM_FOREVER), ==, 0);
        thrum_socket_free(peer);
    }
    return 0;
}

TEST(accept_waits_for_descriptors_and_loses_nobody)
{
    enum { MOST = 256 };
    thrum_socket *listener = listen_here(), *clients[3];
    int spare[MOST], count = 0;
    struct rlimit limit = {MOST, MOST};
    char byte;
    thrum_failure_hook_set(count_told, NULL);
    CHECK_INT(setrlimit(RLIMIT_NOFILE, &limit), ==, 0);
    thrum_thread *server = thrum_thread_start(accept_three, thrum_value(thrum_socket *, listener));
    UNTIL(waits_for(&ident, "readable")); /* has its descriptors to wait with */
    for (int i = 0; i < 3; i++) {
        thrum_socket *pair[2];
        CHECK_INT(thrum_socket_pair(&pair[0], &pair[1]), ==, 0);
        CHECK_INT(thrum_wait_readable(thrum_socket_descriptor(pair[0]), thrum_at(thrum_now())), ==,
                  -ETIMEDOUT);
        thrum_socket_free(pair[0]);
        thrum_socket_free(pair[1]);
    }
    int room[3];
    for (int i = 0; i < 3; i++)
        room[i] = open("/dev/null", O_RDONLY);
    while (count < MOST && (spare[count] = open("/dev/null", O_RDONLY)) >= 0)
        count++;
    for (int i = 0; i < 3; i++) {
        close(room[i]);
        clients[i] = connect_to(listener);
        UNTIL(thrum__load_acquire(&told) == 1);
    }
    CHECK_INT(thrum_socket_accept(listener, &clients[0], THRUM_NOW), ==, -EMFILE);
    for (int i = 0; i < count; i++)
        close(spare[i]);
    for (int i = 0; i < 3; i++) {
        CHECK_INT(thrum_socket_read(clients[i], &byte, 1, THRUM_FOREVER), ==, 1);
        thrum_socket_free(clients[i]);
    }
    JOIN(server, 0);
    CHECK_INT(told, ==, 1);
    thrum_socket_free(listener);
}

static int accept_one(thrum_task *self)
{
    thrum_socket *peer;
    tell_ident(&ident);
    int rc = thrum_socket_accept(thrum_arg(self, thrum_socket *), &peer, THRUM_FOREVER);
    if (rc == 0)
        thrum_socket_free(peer);
    return rc;
}

TEST(a_close_ends_an_accept_that_waits_for_descriptors)
{
    thrum_socket *listener = listen_here();
    thrum_failure_hook_set(count_told, NULL);
    thrum__fault_arm_all(THRUM__FAULT_ACCEPT, 1, UINT32_MAX);
    thrum_thread *server = thrum_thread_start(accept_one, thrum_value(thrum_socket *, listener));
    UNTIL(waits_for(&ident, "descriptor"));
    CHECK_INT(thrum_socket_close(listener), ==, 0);
    JOIN(server, -EBADF);
    thrum_socket_free(listener);
}

TEST(an_accept_that_fails_for_a_while_goes_on)
{
    thrum_socket *listener = listen_here();
    thrum_failure_hook_set(count_told, NULL);
    thrum__fault_arm_all(THRUM__FAULT_ACCEPT, 1, 2);
    thrum_socket *client = connect_to(listener);
    thrum_thread *server = thrum_thread_start(accept_one, thrum_value(thrum_socket *, listener));
    JOIN(server, 0);
    CHECK_INT(told, ==, 1);
    thrum_socket_free(client);
    thrum_socket_free(listener);
}

/* A reader, for which the system refuses `site`, waits nevertheless. */
static void wait_without(enum thrum__fault_site site)
{
    thrum_socket *one, *other;
    CHECK_INT(thrum_socket_pair(&one, &other), ==, 0);
    thrum__fault_arm_all(site, 1, UINT32_MAX);
    thrum_thread *reader = thrum_thread_start(read_one, thrum_value(thrum_socket *, one));
    UNTIL(waits_for(&ident, "readable"));
    CHECK_INT(thrum_socket_write(other, "x", 1, THRUM_FOREVER), ==, 0);
    JOIN(reader, 0);
    ident = 0;
    reader = thrum_thread_start(read_one, thrum_value(thrum_socket *, one));
    UNTIL(waits_for(&ident, "readable"));
    CHECK_INT(thrum_thread_cancel(reader), ==, 0);
    JOIN(reader, -ECANCELED);
    ident = 0;
    reader = thrum_thread_start(read_one, thrum_value(thrum_socket *, one));
    UNTIL(waits_for(&ident, "readable"));
    CHECK_INT(thrum_socket_close(one), ==, 0);
    JOIN(reader, -EBADF);
    thrum__fault_disarm(site);
    thrum_socket_free(one);
    thrum_socket_free(other);
}

TEST(a_wait_needs_no_poller)
{
    wait_without(THRUM__FAULT_POLLER);
}

TEST(a_wait_needs_no_place_in_a_poller)
{
    wait_without(THRUM__FAULT_POLLER_ARM);
}

TEST(a_wait_needs_no_wake_descriptor)
{
    wait_without(THRUM__FAULT_WAKE);
}

TEST(a_socket_that_the_system_refuses_is_an_error)
{
    thrum_socket *listener = listen_here(), *one, *other;
    uint16_t port = (uint16_t)thrum_socket_port(listener);
    thrum__fault_arm(THRUM__FAULT_SOCKET, 1, UINT32_MAX);
    CHECK_INT(thrum_socket_pair(&one, &other), ==, -EMFILE);
    CHECK_INT(thrum_socket_listen(NULL, 0, NULL, &one), ==, -EMFILE);
    CHECK_INT(thrum_socket_listen_unix("@nobody", NULL, &one), ==, -EMFILE);
    CHECK_INT(thrum_socket_connect("127.0.0.1", port, &one, THRUM_FOREVER), ==, -EMFILE);
    CHECK_INT(thrum_socket_connect_unix("@nobody", &one, THRUM_FOREVER), ==, -EMFILE);
    thrum__fault_disarm(THRUM__FAULT_SOCKET);
    thrum_socket_free(listener);
}

TEST(without_memory_there_is_no_socket_and_nothing_is_lost)
{
    THREADS_ONLY; /* no thread and no fiber allocates meanwhile */
    thrum_socket *listener = listen_here(), *one, *other;
    uint16_t port = (uint16_t)thrum_socket_port(listener);
    thrum_socket *client = connect_to(listener);
    thrum__fault_arm(THRUM__FAULT_ALLOC, 1, UINT32_MAX);
    CHECK_INT(thrum_socket_accept(listener, &one, THRUM_FOREVER), ==, -ENOMEM);
    CHECK_INT(thrum_socket_pair(&one, &other), ==, -ENOMEM);
    CHECK_INT(thrum_socket_listen("127.0.0.1", 0, NULL, &one), ==, -ENOMEM);
    CHECK_INT(thrum_socket_connect("127.0.0.1", port, &one, THRUM_FOREVER), ==, -ENOMEM);
    thrum__fault_arm(THRUM__FAULT_ALLOC, 2, UINT32_MAX);
    CHECK_INT(thrum_socket_pair(&one, &other), ==, -ENOMEM);
    thrum__fault_disarm(THRUM__FAULT_ALLOC);
    CHECK_INT(thrum_socket_accept(listener, &one, THRUM_FOREVER), ==, 0);
    thrum_socket_free(one);
    thrum_socket_free(client);
    thrum_socket_free(listener);
}

/* ----------------------------------------------------------------------------------- in numbers */

#if defined(__SANITIZE_THREAD__)
enum { MANY = 500 }; /* the sanitizer has room for some thousand stacks */
#elif defined(__SANITIZE_ADDRESS__)
enum { MANY = 2000 };
#else
enum { MANY = 10000 };
#endif

enum { WRITERS = 400 }; /* each of so many writes, as what is not read takes much memory */

static uint32_t serving;

/* Reads or writes until the other side is gone; how that shows is checked by who asks for it. */
static int serve_to_the_end(thrum_task *self)
{
    thrum_socket *socket = thrum_arg(self, thrum_socket *);
    char bytes[1000] = {0};
    ptrdiff_t moved;
    bool writes = thrum__add_relaxed(&serving, 1) % WRITERS == 0;
    do {
        if (writes)
            moved = thrum_socket_write_some(socket, bytes, sizeof bytes, THRUM_FOREVER);
        else
            moved = thrum_socket_read(socket, bytes, sizeof bytes, THRUM_FOREVER);
    } while (moved > 0);
    thrum_socket_free(socket);
    CHECK(moved == 0 || moved == -ECONNRESET || (writes && moved == -EPIPE));
    return 0;
}

/* As many connections as the process may have both ends of. */
static int count_of_connections(void)
{
    struct rlimit limit;
    CHECK_INT(getrlimit(RLIMIT_NOFILE, &limit), ==, 0);
    limit.rlim_cur = limit.rlim_max;
    CHECK_INT(setrlimit(RLIMIT_NOFILE, &limit), ==, 0);
    if (carrier_is("threads"))
        return 100;
    return limit.rlim_cur < 2 * MANY + 200 ? (int)(limit.rlim_cur - 200) / 2 : MANY;
}

/* Has the next close of the socket end the connection at once, as an error of the other side. */
static void make_rude(thrum_socket *socket)
{
    struct linger none = {.l_onoff = 1, .l_linger = 0};
    CHECK_INT(
        setsockopt(thrum_socket_descriptor(socket), SOL_SOCKET, SO_LINGER, &none, sizeof none), ==,
        0);
}

TEST_DEADLINE(ten_thousand_connections_may_be_dropped_at_once, 60)
{
    static thrum_socket *clients[MANY];
    static thrum_thread *servers[MANY];
    static int numbers[MANY];
    static struct stat files[MANY], now;
    int count = count_of_connections();
    thrum_socket *listener = listen_here(), *peer;
    for (int i = 0; i < count; i++) {
        clients[i] = connect_to(listener);
        if (i % 2)
            make_rude(clients[i]);
        CHECK_INT(thrum_socket_accept(listener, &peer, THRUM_FOREVER), ==, 0);
        numbers[i] = thrum_socket_descriptor(peer);
        CHECK_INT(fstat(numbers[i], &files[i]), ==, 0);
        servers[i] = thrum_thread_start(serve_to_the_end, thrum_value(thrum_socket *, peer));
    }
    UNTIL(thrum__load_relaxed(&serving) == (uint32_t)count);
    for (int i = 0; i < count; i++)
        thrum_socket_free(clients[i]);
    for (int i = 0; i < count; i++)
        JOIN(servers[i], 0);
    /* Another thread may have opened a file since: the kernel gives it the number of a closed descriptor. */
    for (int i = 0; i < count; i++)
        CHECK(fstat(numbers[i], &now) != 0 || now.st_ino != files[i].st_ino ||
              now.st_dev != files[i].st_dev);
    thrum_thread *server = thrum_thread_start(accept_one, thrum_value(thrum_socket *, listener));
    thrum_socket_free(connect_to(listener));
    JOIN(server, 0);
    thrum_socket_free(listener);
}

/* --------------------------------------------------------------------------------------- signals */

static uint32_t signals;

static void count_signal(int number)
{
    (void)number;
    thrum__add_release(&signals, 1);
}

/* Each reaches the very thread that sleeps in poll, or in its worker's poller. A sanitizer may keep one back
 * until the next comes. */
TEST(signals_do_not_end_a_wait)
{
    thrum_socket *one, *other;
    CHECK_INT(thrum_socket_pair(&one, &other), ==, 0);
    struct sigaction action = {.sa_handler = count_signal};
    CHECK_INT(sigaction(SIGUSR1, &action, NULL), ==, 0);
    thrum_thread *reader = thrum_thread_start(read_one, thrum_value(thrum_socket *, one));
    UNTIL(waits_for(&ident, "readable"));
    int32_t sleeper = thrum__load_relaxed(&thrum__context_of(ident)->native_id);
    for (uint32_t i = 1; i <= 200; i++)
        UNTIL(syscall(SYS_tgkill, getpid(), sleeper, SIGUSR1) == 0 &&
              thrum__load_acquire(&signals) >= i);
    CHECK(thrum_thread_is_alive(reader));
    CHECK_INT(thrum_socket_write(other, "x", 1, THRUM_FOREVER), ==, 0);
    JOIN(reader, 0);
    thrum_socket_free(one);
    thrum_socket_free(other);
}

/* ------------------------------------------------------------------------------- names and places */

TEST(nobody_listens_there)
{
    thrum_socket *listener = listen_here(), *socket;
    uint16_t port = (uint16_t)thrum_socket_port(listener);
    thrum_socket_free(listener);
    CHECK_INT(thrum_socket_connect("127.0.0.1", port, &socket, THRUM_FOREVER), ==, -ECONNREFUSED);
    CHECK_INT(thrum_socket_connect("localhost", port, &socket, THRUM_FOREVER), <, 0);
    CHECK_INT(thrum_socket_connect_unix("/nowhere/at/all", &socket, THRUM_FOREVER), ==, -ENOENT);
    CHECK_INT(thrum_socket_connect_unix("@thrum-nobody", &socket, THRUM_FOREVER), ==,
              -ECONNREFUSED);
    CHECK_INT(thrum_socket_connect_unix("", &socket, THRUM_FOREVER), ==, -EINVAL);
}

TEST(a_name_that_nobody_has_is_an_error)
{
    thrum_socket *socket;
    char name[300];
    int rc = thrum_socket_connect("no-such-host.invalid", 80, &socket, THRUM_FOREVER);
    CHECK(rc == -ENOENT || rc == -EHOSTUNREACH);
    CHECK_INT(thrum_socket_connect("", 80, &socket, THRUM_FOREVER), ==, -EINVAL);
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    CHECK_INT(thrum_socket_connect(name, 80, &socket, THRUM_FOREVER), ==, -EINVAL);
}

TEST(a_name_is_resolved)
{
    thrum_socket *listener, *socket, *peer;
    CHECK_INT(thrum_socket_listen("localhost", 0, NULL, &listener), ==, 0);
    uint16_t port = (uint16_t)thrum_socket_port(listener);
    CHECK_INT(thrum_socket_connect("localhost", port, &socket, THRUM_FOREVER), ==, 0);
    CHECK_INT(thrum_socket_accept(listener, &peer, THRUM_FOREVER), ==, 0);
    thrum_socket_free(peer);
    thrum_socket_free(socket);
    thrum_socket_free(listener);
}

TEST(addresses_are_text)
{
    char own[THRUM_SOCKET_ADDRESS_SIZE], other[THRUM_SOCKET_ADDRESS_SIZE],
        expected[THRUM_SOCKET_ADDRESS_SIZE];
    thrum_socket *listener = listen_here(), *peer;
    snprintf(expected, sizeof expected, "127.0.0.1:%d", thrum_socket_port(listener));
    CHECK_INT(thrum_socket_address(listener, own, sizeof own), ==, 0);
    CHECK_STR(own, expected);
    CHECK_INT(thrum_socket_address(listener, own, 5), ==, -EMSGSIZE);
    CHECK_INT(thrum_socket_peer(listener, own, sizeof own), ==, -ENOTCONN);
    thrum_socket *socket = connect_to(listener);
    CHECK_INT(thrum_socket_accept(listener, &peer, THRUM_FOREVER), ==, 0);
    CHECK_INT(thrum_socket_address(socket, own, sizeof own), ==, 0);
    CHECK_INT(thrum_socket_peer(peer, other, sizeof other), ==, 0);
    CHECK_STR(own, other);
    thrum_socket_free(socket);
    thrum_socket_free(peer);
    thrum_socket_free(listener);
}

TEST(an_ipv6_address_stands_in_brackets)
{
    char own[THRUM_SOCKET_ADDRESS_SIZE], expected[THRUM_SOCKET_ADDRESS_SIZE];
    thrum_socket *listener;
    int rc = thrum_socket_listen("::1", 0, &(thrum_listen_options){.ipv6_only = true}, &listener);
    if (rc == -EADDRNOTAVAIL || rc == -EAFNOSUPPORT)
        return; /* a machine without IPv6 */
    CHECK_INT(rc, ==, 0);
    snprintf(expected, sizeof expected, "[::1]:%d", thrum_socket_port(listener));
    CHECK_INT(thrum_socket_address(listener, own, sizeof own), ==, 0);
    CHECK_STR(own, expected);
    thrum_socket_free(listener);
}

TEST(an_address_is_used_by_one_unless_all_agree)
{
    thrum_socket *first, *second;
    thrum_listen_options shared = {.reuse_port = true};
    CHECK_INT(thrum_socket_listen("127.0.0.1", 0, &shared, &first), ==, 0);
    uint16_t port = (uint16_t)thrum_socket_port(first);
    CHECK_INT(thrum_socket_listen("127.0.0.1", port, NULL, &second), ==, -EADDRINUSE);
    CHECK_INT(thrum_socket_listen("127.0.0.1", port, &shared, &second), ==, 0);
    thrum_socket_free(first);
    thrum_socket_free(second);
}

TEST(a_socket_left_in_the_file_system_can_be_replaced_and_a_file_cannot)
{
    char path[64], text[THRUM_SOCKET_ADDRESS_SIZE];
    thrum_socket *listener;
    thrum_listen_options replace = {.replace_socket = true};
    snprintf(path, sizeof path, "thrum-test-%d.socket", (int)getpid());
    CHECK_INT(thrum_socket_listen_unix(path, NULL, &listener), ==, 0);
    CHECK_INT(thrum_socket_address(listener, text, sizeof text), ==, 0);
    CHECK_STR(text, path);
    CHECK_INT(thrum_socket_port(listener), ==, -EOPNOTSUPP);
    thrum_socket_free(listener);
    CHECK_INT(thrum_socket_listen_unix(path, NULL, &listener), ==, -EADDRINUSE);
    CHECK_INT(thrum_socket_listen_unix(path, &replace, &listener), ==, 0);
    thrum_socket_free(listener);
    CHECK_INT(unlink(path), ==, 0);
    int file = open(path, O_CREAT | O_WRONLY, 0600);
    CHECK(file >= 0);
    close(file);
    CHECK_INT(thrum_socket_listen_unix(path, &replace, &listener), ==, -EADDRINUSE);
    CHECK_INT(unlink(path), ==, 0);
}

TEST(a_full_backlog_of_a_unix_socket_is_waited_for)
{
    char name[64];
    thrum_socket *listener, *clients[3], *peer;
    snprintf(name, sizeof name, "@thrum-full-%d", (int)getpid());
    CHECK_INT(thrum_socket_listen_unix(name, &(thrum_listen_options){.backlog = 1}, &listener), ==,
              0);
    CHECK_INT(thrum_socket_connect_unix(name, &clients[0], THRUM_NOW), ==, 0);
    CHECK_INT(thrum_socket_connect_unix(name, &clients[1], THRUM_NOW), ==, 0);
    CHECK_INT(thrum_socket_connect_unix(name, &clients[2], THRUM_NOW), ==, -EAGAIN);
    CHECK_INT(thrum_socket_connect_unix(name, &clients[2], thrum_in(0.01)), ==, -ETIMEDOUT);
    for (int i = 0; i < 2; i++) {
        CHECK_INT(thrum_socket_accept(listener, &peer, THRUM_FOREVER), ==, 0);
        thrum_socket_free(peer);
        thrum_socket_free(clients[i]);
    }
    thrum_socket_free(listener);
}
