/* Programs that `thrum explore` cannot control entirely, or not at all. */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
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

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";
    static const struct {
        const char *name;
        int (*run)(void);
    } cases[] = {
        {"spins", spins},     {"spins_for_ever", spins_for_ever},
        {"forks", forks},     {"waits", waits},
        {"handles", handles}, {"blocks_signals", blocks_signals},
        {"execs", execs},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (strcmp(name, cases[i].name) == 0)
            return cases[i].run();
    return strcmp(name, "prints") == 0 ? prints("flag") : 2;
}
