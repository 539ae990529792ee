/* Programs that `thrum explore` cannot control entirely, or not at all. */
#include <pthread.h>
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

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";
    return strcmp(name, "spins") == 0            ? spins()
           : strcmp(name, "spins_for_ever") == 0 ? spins_for_ever()
           : strcmp(name, "forks") == 0          ? forks()
           : strcmp(name, "waits") == 0          ? waits()
           : strcmp(name, "prints") == 0         ? prints("flag")
                                                 : 2;
}
