/* A process whose variables are watched: each line of its input is a write, by the thread that the line names. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

static volatile int balance;
static volatile char wide[100];
static volatile long pair[2];

__attribute__((noinline)) static void deposit(int amount)
{
    balance += amount;
}

static void *in_thread(void *argument)
{
    deposit(*(int *)argument);
    return argument;
}

int main(void)
{
    char line[64];
    int amount;
    pthread_t thread;
    while (fgets(line, sizeof line, stdin)) {
        if (sscanf(line, "main %d", &amount) == 1)
            deposit(amount);
        else if (sscanf(line, "thread %d", &amount) == 1 &&
                 pthread_create(&thread, NULL, in_thread, &amount) == 0)
            pthread_join(thread, NULL);
        else if (sscanf(line, "second %d", &amount) == 1)
            pair[1] = amount;
        else if (strcmp(line, "read\n") == 0 && balance == -1)
            return 3;
        wide[0]++;
    }
    return 0;
}
