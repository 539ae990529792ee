/* Deadlocks, and how not to have any: all threads take the locks in the same order.
 *
 * The order may be a rule for programmers ("lock_a first"), or the program computes it: a transfer between two accounts
 * first locks the account with the lower number, in both directions. Threads that transfer back and forth then never
 * wait in a cycle.
 */
#include <stdio.h>
#include <stdlib.h>
#include <thrum.h>

enum { TRANSFERS = 10000 };

struct account {
    int number;
    thrum_lock lock; /* protects `balance` */
    int balance;
};

static struct account one = {.number = 1, .balance = 1000};
static struct account two = {.number = 2, .balance = 1000};

struct transfer {
    struct account *from;
    struct account *to;
};

static int transfer(thrum_task *self)
{
    struct transfer a = thrum_arg(self, struct transfer);
    struct account *lower = a.from->number < a.to->number ? a.from : a.to;
    struct account *higher = lower == a.from ? a.to : a.from;
    for (int i = 0; i < TRANSFERS; i++) {
        thrum_with (&lower->lock) {
            thrum_with (&higher->lock) {
                a.from->balance--;
                a.to->balance++;
            }
        }
    }
    return 0;
}

int main(void)
{
    thrum_thread *t1 = thrum_thread_start(transfer, thrum_value(struct transfer, &one, &two));
    thrum_thread *t2 = thrum_thread_start(transfer, thrum_value(struct transfer, &two, &one));
    int failed = thrum_thread_join(t1, THRUM_FOREVER);
    failed |= thrum_thread_join(t2, THRUM_FOREVER);
    thrum_thread_free(t1);
    thrum_thread_free(t2);
    printf("Balances: %d and %d\n", one.balance, two.balance);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
