/* Lock: one thread at a time changes the balance, so no transaction is lost.
 *
 * As Python's with, thrum_with releases the lock on every way out of the block, a return in its middle included. The
 * lock lies inside the account, takes 16 bytes and needs no initialisation.
 */
#include <err.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <thrum.h>

struct bank_account {
    thrum_lock lock; /* protects `balance` */
    int balance;
};

static bool withdraw(struct bank_account *account, int amount)
{
    thrum_with (&account->lock) {
        if (account->balance < amount)
            return false; /* releases */
        account->balance -= amount;
    }
    return true;
}

static void deposit(struct bank_account *account, int amount)
{
    thrum_with (&account->lock)
        account->balance += amount;
}

static int transact(thrum_task *self)
{
    struct bank_account *account = thrum_arg(self, struct bank_account *);
    for (int i = 0; i < 100; i++) {
        deposit(account, 10);
        (void)withdraw(account, 10);
    }
    return 0;
}

int main(void)
{
    struct bank_account account = {.balance = 1000};
    thrum_thread *threads[10];
    for (int i = 0; i < 10; i++)
        threads[i] = thrum_thread_start(transact, thrum_value(struct bank_account *, &account));
    for (int i = 0; i < 10; i++) {
        if (thrum_thread_join(threads[i], THRUM_FOREVER) != 0)
            errx(EXIT_FAILURE, "%s", thrum_thread_error(threads[i])->message);
        thrum_thread_free(threads[i]);
    }
    printf("Withdrawing 2000: %s\n", withdraw(&account, 2000) ? "done" : "not covered");
    printf("Final balance: %d\n", account.balance);
}
