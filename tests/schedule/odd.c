/* Programs that `thrum explore` cannot control entirely, or not at all. */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static volatile int flag;
static pthread_mutex_t a = PTHREAD_MUTEX_INITIALIZER;

static void *set_flag(void *argument)
{
    pthread_mutex_lock(&a);
    flag = 1;
    pthread_mutex_unlock(&a);
    return argument;
}

/* It waits for a plain variable, without any call. */
static int spins(void)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, set_flag, NULL) != 0)
        return 3;
    while (!flag)
        ;
    pthread_join(thread, NULL);
    return 0;
}

/* It waits for a plain variable that nobody sets, while the only other thread waits for it. */
static void *wait_for_flag(void *argument)
{
    while (!flag)
        ;
    return argument;
}

static int spins_for_ever(void)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, wait_for_flag, NULL) != 0)
        return 3;
    pthread_join(thread, NULL);
    return 0;
}

static int forks(void)
{
    pthread_t thread;
    int status;
    if (pthread_create(&thread, NULL, set_flag, NULL) != 0)
        return 3;
    pid_t pid = fork();
    if (pid == 0)
        _exit(7);
    pthread_join(thread, NULL);
    return waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 7 ? 0 : 1;
}

/* Its child and grandchild compute for ever. The grandchild writes their numbers to the file `left`, one a line. */
static int leaves_children(void)
{
    static volatile int never;
    int told[2];
    char byte;
    if (pipe(told) != 0)
        return 3;
    pid_t pid = fork();
    if (pid == 0) {
        if (fork() == 0) {
            FILE *left = fopen("left", "a");
            if (left && fprintf(left, "%d\n%d\n", (int)getppid(), (int)getpid()) > 0 &&
                fclose(left) == 0)
                (void)!write(told[1], "", 1);
        }
        while (!never)
            ;
    }
    return read(told[0], &byte, 1) == 1 ? 0 : 1;
}

static int waits(void)
{
    char byte;
    return read(STDIN_FILENO, &byte, 1) == 0 ? 0 : 1;
}

static int prints(const char *text)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, set_flag, NULL) != 0)
        return 3;
    pthread_mutex_lock(&a);
    printf("%s %d\n", text, flag);
    pthread_mutex_unlock(&a);
    pthread_join(thread, NULL);
    return 0;
}

/* Its own handler of a fault is called, though the library has one, too. */
static sigjmp_buf back;

static void at_fault(int number)
{
    siglongjmp(back, number);
}

static int handles(void)
{
    pthread_t thread;
    int *volatile nothing = NULL;
    struct sigaction action = {.sa_handler = at_fault}, old;
    if (sigaction(SIGSEGV, &action, NULL) != 0 ||
        pthread_create(&thread, NULL, set_flag, NULL) != 0)
        return 3;
    int number = sigsetjmp(back, 1);
    if (number == 0)
        *nothing = 1;
    pthread_join(thread, NULL);
    return number == SIGSEGV && sigaction(SIGSEGV, NULL, &old) == 0 && old.sa_handler == at_fault
               ? 0
               : 1;
}

/* All signals are blocked, also those that the library needs. */
static int blocks_signals(void)
{
    pthread_t thread;
    sigset_t all;
    sigfillset(&all);
    if (pthread_sigmask(SIG_BLOCK, &all, NULL) != 0 ||
        pthread_create(&thread, NULL, set_flag, NULL) != 0)
        return 3;
    while (!flag)
        ;
    pthread_join(thread, NULL);
    return 0;
}

static char program[64], first_word[8], second_word[64];

/* Another program takes its place, with words that were in closed pages. */
static int execs(void)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, set_flag, NULL) != 0)
        return 3;
    strcpy(program, "/bin/sh");
    strcpy(first_word, "-c");
    strcpy(second_word, "exit 7");
    execl(program, program, first_word, second_word, (char *)NULL);
    return 4;
}

/* ---- signals that a program waits for ---- */

static pthread_mutex_t b = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int ended, handled;
static pthread_t first;

static sigset_t block(int number)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, number);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    return set;
}

static void *wait_for_end(void *argument)
{
    pthread_mutex_lock(&a);
    while (!ended)
        pthread_cond_wait(&changed, &a);
    pthread_mutex_unlock(&a);
    return argument;
}

/* A server: a worker is idle, and main waits for the signal to end. `how` waits for it. */
static int serves(int (*how)(const sigset_t *))
{
    pthread_t thread;
    sigset_t set = block(SIGTERM);
    if (pthread_create(&thread, NULL, wait_for_end, NULL) != 0 || how(&set) != SIGTERM)
        return 3;
    pthread_mutex_lock(&a);
    ended = 1;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&a);
    pthread_join(thread, NULL);
    return 0;
}

static int by_sigwait(const sigset_t *set)
{
    int number;
    return sigwait(set, &number) == 0 ? number : 0;
}

static int by_descriptor(const sigset_t *set)
{
    struct signalfd_siginfo info = {0};
    int file = signalfd(-1, set, SFD_CLOEXEC);
    return read(file, &info, sizeof info) == sizeof info ? (int)info.ssi_signo : 0;
}

static int by_poll(const sigset_t *set)
{
    struct pollfd entry = {.fd = signalfd(-1, set, SFD_CLOEXEC), .events = POLLIN};
    struct signalfd_siginfo info = {0};
    return poll(&entry, 1, -1) == 1 && read(entry.fd, &info, sizeof info) == sizeof info
               ? (int)info.ssi_signo
               : 0;
}

static void note(int number)
{
    handled = number;
}

static int by_handler(const sigset_t *set)
{
    sigset_t none;
    struct sigaction action = {.sa_handler = note};
    (void)set;
    sigemptyset(&none);
    sigaction(SIGTERM, &action, NULL);
    while (!handled)
        sigsuspend(&none);
    return handled;
}

static int serves_sigwait(void)
{
    return serves(by_sigwait);
}

static int serves_descriptor(void)
{
    return serves(by_descriptor);
}

static int serves_poll(void)
{
    return serves(by_poll);
}

static int serves_handler(void)
{
    return serves(by_handler);
}

static void *send_all(void *argument)
{
    pthread_kill(first, SIGUSR1);
    kill(getpid(), SIGUSR2);
    return argument;
}

/* Another thread sends the signals. */
static int sends(void)
{
    pthread_t thread;
    sigset_t none, one = block(SIGUSR1);
    struct sigaction action = {.sa_handler = note};
    (void)block(SIGUSR2);
    sigemptyset(&none);
    sigaddset(&none, SIGUSR1);
    sigaction(SIGUSR2, &action, NULL);
    first = pthread_self();
    if (pthread_create(&thread, NULL, send_all, NULL) != 0)
        return 3;
    while (handled != SIGUSR2)
        sigsuspend(&none);
    int number = by_sigwait(&one);
    pthread_join(thread, NULL);
    return number == SIGUSR1 ? 0 : 1;
}

static void *take_b_a(void *argument)
{
    pthread_mutex_lock(&b);
    pthread_mutex_lock(&a);
    pthread_mutex_unlock(&a);
    pthread_mutex_unlock(&b);
    return argument;
}

static void *take_a_b(void *argument)
{
    pthread_mutex_lock(&a);
    pthread_mutex_lock(&b);
    pthread_mutex_unlock(&b);
    pthread_mutex_unlock(&a);
    return argument;
}

/* Two threads deadlock, while main waits for a signal. */
static int deadlocks_beside(void)
{
    pthread_t one, two;
    sigset_t set = block(SIGTERM);
    if (pthread_create(&one, NULL, take_a_b, NULL) != 0 ||
        pthread_create(&two, NULL, take_b_a, NULL) != 0)
        return 3;
    return by_sigwait(&set) == SIGTERM ? 0 : 1;
}

/* A timer of the system sends the signal, in real time; a limit of time passes in virtual time. */
static int alarms(void)
{
    pthread_t thread;
    sigset_t set = block(SIGALRM), other = block(SIGUSR1);
    struct itimerval soon = {.it_value.tv_usec = 1000};
    struct timespec hour = {.tv_sec = 3600};
    if (pthread_create(&thread, NULL, set_flag, NULL) != 0 ||
        sigtimedwait(&other, NULL, &hour) != -1 || errno != EAGAIN ||
        setitimer(ITIMER_REAL, &soon, NULL) != 0)
        return 3;
    int number = by_sigwait(&set);
    pthread_join(thread, NULL);
    return number == SIGALRM ? 0 : 1;
}

/* ---- waits for descriptors, inside and outside of the program ---- */

static int ends[2];

/* A thread reads what nobody writes, and main joins it. */
static void *read_first(void *argument)
{
    char byte;
    return read(ends[0], &byte, 1) == 1 ? argument : NULL;
}

static int join_reader(void)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, read_first, NULL) != 0)
        return 3;
    pthread_join(thread, NULL);
    return 0;
}

static int silent_pipe(void)
{
    return pipe(ends) == 0 ? join_reader() : 3;
}

static int silent_pair(void)
{
    return socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0 ? join_reader() : 3;
}

static int silent_eventfd(void)
{
    ends[0] = eventfd(0, EFD_CLOEXEC);
    return join_reader();
}

static int silent_timerfd(void)
{
    ends[0] = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    return join_reader();
}

static int armed_timerfd(void)
{
    struct itimerspec soon = {.it_value.tv_nsec = 1000000};
    uint64_t count;
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    return timerfd_settime(timer, 0, &soon, NULL) == 0 && read(timer, &count, 8) == 8 ? 0 : 1;
}

/* The timer expires about when the reader has found it silent. */
static int expiring_timerfd(void)
{
    uint64_t count;
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC), good = 0;
    for (long i = 0; i < 40; i++) {
        struct itimerspec soon = {.it_value.tv_nsec = 1 + i * 5000};
        good += timerfd_settime(timer, 0, &soon, NULL) == 0 && read(timer, &count, 8) == 8;
    }
    return good == 40 ? 0 : 1;
}

static int silent_select(void)
{
    fd_set files;
    if (pipe(ends) != 0)
        return 3;
    FD_ZERO(&files);
    FD_SET(ends[0], &files);
    return select(ends[0] + 1, &files, NULL, NULL, NULL);
}

static int silent_epoll(void)
{
    struct epoll_event event = {.events = EPOLLIN};
    int inner = epoll_create1(0), outer = epoll_create1(0);
    if (pipe(ends) != 0 || epoll_ctl(inner, EPOLL_CTL_ADD, ends[0], &event) != 0 ||
        epoll_ctl(inner, EPOLL_CTL_ADD, eventfd(0, 0), &event) != 0 ||
        epoll_ctl(outer, EPOLL_CTL_ADD, inner, &event) != 0)
        return 3;
    return epoll_wait(outer, &event, 1, -1);
}

/* A socket that listens at an address of its own, which is returned. */
static int listen_at(int family, struct sockaddr_storage *address, socklen_t *size)
{
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_addr = in6addr_any};
    struct sockaddr_un local = {.sun_family = AF_UNIX};
    const void *own = family == AF_INET    ? (void *)&four
                      : family == AF_INET6 ? (void *)&six
                                           : (void *)&local;
    socklen_t length = family == AF_INET    ? sizeof four
                       : family == AF_INET6 ? sizeof six
                                            : sizeof local.sun_family;
    int file = socket(family, SOCK_STREAM, 0);
    *size = sizeof *address;
    if (bind(file, own, length) != 0 || listen(file, 8) != 0 ||
        getsockname(file, (struct sockaddr *)address, size) != 0)
        exit(77);
    if (family == AF_INET6) { /* asked for by an address of IPv4 */
        four.sin_port = ((struct sockaddr_in6 *)address)->sin6_port;
        memcpy(address, &four, sizeof four);
        *size = sizeof four;
    }
    return file;
}

static int connect_to(const struct sockaddr_storage *address, socklen_t size)
{
    int file = socket(address->ss_family, SOCK_STREAM, 0);
    if (connect(file, (const struct sockaddr *)address, size) != 0)
        exit(3);
    return file;
}

/* Both ends of a connection wait for the other one's first word; or none accepts it; or all is well. */
static int connection(int family, bool accepts, bool speaks)
{
    struct sockaddr_storage address;
    socklen_t size;
    pthread_t thread;
    char byte = 'x';
    int listener = listen_at(family, &address, &size);
    ends[0] = connect_to(&address, size);
    if (pthread_create(&thread, NULL, read_first, NULL) != 0)
        return 3;
    if (accepts) {
        int file = accept(listener, NULL, NULL);
        if (speaks ? write(file, &byte, 1) != 1 : read(file, &byte, 1) != 1)
            return 4;
    }
    pthread_join(thread, NULL);
    return 0;
}

static int silent_tcp(void)
{
    return connection(AF_INET, true, false);
}

static int silent_tcp6(void)
{
    return connection(AF_INET6, true, false);
}

static int silent_unix(void)
{
    return connection(AF_UNIX, true, false);
}

static int silent_backlog(void)
{
    return connection(AF_INET, false, false);
}

static int silent_unix_backlog(void)
{
    return connection(AF_UNIX, false, false);
}

static int speaking_tcp(void)
{
    return connection(AF_INET, true, true);
}

/* What is not read fills the buffers, and the writer waits. */
static int full_tcp(void)
{
    static char bytes[1 << 16];
    struct sockaddr_storage address;
    socklen_t size;
    int listener = listen_at(AF_INET, &address, &size), file = connect_to(&address, size);
    int other = accept(listener, NULL, NULL);
    setsockopt(other, SOL_SOCKET, SO_RCVBUF, &(int){4096}, sizeof(int));
    setsockopt(file, SOL_SOCKET, SO_SNDBUF, &(int){4096}, sizeof(int));
    while (send(file, bytes, sizeof bytes, MSG_DONTWAIT) > 0)
        ;
    return write(file, bytes, 1) == 1 && write(file, bytes, sizeof bytes) > 0 ? 1 : 0;
}

static int bind_udp(struct sockaddr_in *address)
{
    socklen_t size = sizeof *address;
    int file = socket(AF_INET, SOCK_DGRAM, 0);
    *address =
        (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (bind(file, (struct sockaddr *)address, size) != 0 ||
        getsockname(file, (struct sockaddr *)address, &size) != 0)
        exit(3);
    return file;
}

static int silent_udp(void)
{
    struct sockaddr_in address;
    (void)bind_udp(&address);
    ends[0] = socket(AF_INET, SOCK_DGRAM, 0);
    return connect(ends[0], (struct sockaddr *)&address, sizeof address) == 0 ? join_reader() : 3;
}

static int open_udp(void)
{
    struct sockaddr_in address;
    ends[0] = bind_udp(&address);
    return join_reader();
}

static int open_tcp(void)
{
    struct sockaddr_storage address;
    socklen_t size;
    return accept(listen_at(AF_INET, &address, &size), NULL, NULL);
}

/* A child process holds the other end. */
static int child_holds(int (*make)(int *))
{
    if (make(ends) != 0)
        return 3;
    pid_t parent = getpid();
    if (fork() == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent) /* it has ended already */
            _exit(0);
        close(ends[0]);
        for (;;)
            pause();
    }
    close(ends[1]);
    return join_reader();
}

static int make_pair(int *two)
{
    return socketpair(AF_UNIX, SOCK_STREAM, 0, two);
}

/* Each child holds the pipe for about as long as the command has patience. Its end is no deadlock, whenever it comes. */
static int children_end_soon(void)
{
    for (int i = 0; i < 20; i++) {
        int ends[2];
        char byte;
        if (pipe(ends) != 0)
            exit(4);
        pid_t pid = fork();
        if (pid == 0)
            _exit(0);
        close(ends[1]);
        if (read(ends[0], &byte, 1) != 0 || waitpid(pid, NULL, 0) != pid)
            exit(5);
        close(ends[0]);
    }
    return 0;
}

static int pipe_of_child(void)
{
    return child_holds(pipe);
}

static int pair_of_child(void)
{
    return child_holds(make_pair);
}

/* A descriptor that the program has inherited. */
static int inherited(void)
{
    ends[0] = 9;
    return join_reader();
}

/* ---- handlers that run while the thread waits for its turn ---- */

static sem_t posts;
static int additions;

static void call(int number)
{
    (void)number;
    (void)getppid();
}

/* The semaphore is in memory that the other thread's accesses have closed. */
static void post(int number)
{
    int error = errno;
    (void)number;
    sem_post(&posts);
    errno = error;
}

static void *add_often(void *semaphore)
{
    for (int i = 0; i < 600; i++) {
        pthread_mutex_lock(&a);
        additions++;
        pthread_mutex_unlock(&a);
    }
    while (semaphore && sem_wait(semaphore) != 0)
        ;
    return NULL;
}

/* The main thread waits for the other, which has the turn. */
static int interrupted(void (*handler)(int), sem_t *semaphore)
{
    pthread_t thread;
    sigset_t set = block(SIGALRM);
    struct itimerval often = {{.tv_usec = 1000}, {.tv_usec = 1000}};
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
    sigaction(SIGALRM, &action, NULL);
    sem_init(&posts, 0, 0);
    if (pthread_create(&thread, NULL, add_often, semaphore) != 0 ||
        setitimer(ITIMER_REAL, &often, NULL) != 0)
        return 3;
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    pthread_join(thread, NULL);
    return additions == 600 ? 0 : 1;
}

static int interrupted_by_calls(void)
{
    return interrupted(call, NULL);
}

static int interrupted_by_posts(void)
{
    return interrupted(post, &posts);
}

static sem_t begun, never;

static void jump_first(int number)
{
    (void)number;
    if (handled++ == 0)
        siglongjmp(back, 1);
}

/* The calls are no places where threads switch: if the handler runs meanwhile, its thread does so without the turn. */
static void *send_twice(void *ret_early)
{
    sem_wait(&begun);
    pthread_kill(first, SIGUSR1);
    sem_wait(&begun);
    pthread_kill(first, SIGUSR1);
    for (int i = 0; i < 20 && *(volatile int *)&handled == 1; i++) {
        struct timespec rest = {.tv_nsec = 1000000};
        syscall(SYS_nanosleep, &rest, NULL);
    }
    *(int *)ret_early = handled != 1;
    return NULL;
}

/* A handler that does not return. The second signal waits for the turn all the same. */
static int jumps_out_of_a_handler(void)
{
    pthread_t thread;
    int early = 1;
    struct sigaction action = {.sa_handler = jump_first};
    sigaction(SIGUSR1, &action, NULL);
    sem_init(&begun, 0, 0);
    sem_init(&never, 0, 0);
    first = pthread_self();
    if (pthread_create(&thread, NULL, send_twice, &early) != 0)
        return 3;
    if (sigsetjmp(back, 1) == 0) {
        sem_post(&begun);
        for (;;)
            sem_wait(&never);
    }
    sem_post(&begun);
    pthread_join(thread, NULL);
    return early || handled != 2 ? 1 : 0;
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";
    static const struct {
        const char *name;
        int (*run)(void);
    } cases[] = {
        {"spins", spins},
        {"spins_for_ever", spins_for_ever},
        {"forks", forks},
        {"leaves_children", leaves_children},
        {"waits", waits},
        {"handles", handles},
        {"blocks_signals", blocks_signals},
        {"execs", execs},
        {"serves_sigwait", serves_sigwait},
        {"serves_descriptor", serves_descriptor},
        {"serves_poll", serves_poll},
        {"serves_handler", serves_handler},
        {"sends", sends},
        {"deadlocks_beside", deadlocks_beside},
        {"alarms", alarms},
        {"silent_pipe", silent_pipe},
        {"silent_pair", silent_pair},
        {"silent_eventfd", silent_eventfd},
        {"silent_timerfd", silent_timerfd},
        {"silent_select", silent_select},
        {"silent_epoll", silent_epoll},
        {"silent_tcp", silent_tcp},
        {"silent_tcp6", silent_tcp6},
        {"silent_unix", silent_unix},
        {"silent_backlog", silent_backlog},
        {"silent_unix_backlog", silent_unix_backlog},
        {"silent_udp", silent_udp},
        {"full_tcp", full_tcp},
        {"speaking_tcp", speaking_tcp},
        {"armed_timerfd", armed_timerfd},
        {"expiring_timerfd", expiring_timerfd},
        {"open_tcp", open_tcp},
        {"open_udp", open_udp},
        {"pipe_of_child", pipe_of_child},
        {"pair_of_child", pair_of_child},
        {"children_end_soon", children_end_soon},
        {"inherited", inherited},
        {"interrupted_by_calls", interrupted_by_calls},
        {"interrupted_by_posts", interrupted_by_posts},
        {"jumps_out_of_a_handler", jumps_out_of_a_handler},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (strcmp(name, cases[i].name) == 0)
            return cases[i].run();
    return strcmp(name, "prints") == 0 ? prints("flag") : 2;
}
