/* multiprocessing: processes that share an account, a lock that survives the death of its holder, and pipes for
 * messages.
 *
 * The account lies in shared memory. Four clerks, each a process of its own, pay in. One of them is killed in the
 * middle of a payment, while it holds the lock. In Python the lock would stay locked for ever. Here the next clerk
 * acquires it with -EOWNERDEAD, repairs what was left half done, and goes on.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <thrum.h>
#include <unistd.h>

enum { CLERKS = 4, PAYMENTS = 1000 };

struct account {
    thrum_shared_lock lock;     /* protects what follows */
    long balance, paid;         /* the same, but in the middle of a payment */
    thrum_shared_event opening; /* for all clerks at once */
};

static int pay_in(struct account *account)
{
    int rc = thrum_shared_lock_acquire(&account->lock);
    if (rc == -EOWNERDEAD) {
        account->balance = account->paid; /* a payment that was not completed */
        thrum_shared_lock_consistent(&account->lock);
    } else if (rc < 0) {
        return rc;
    }
    account->balance++;
    account->paid++;
    thrum_shared_lock_release(&account->lock);
    return rc;
}

static void work(struct account *account, thrum_pipe *report)
{
    int deaths = 0;
    if (thrum_shared_event_wait(&account->opening, THRUM_FOREVER) < 0)
        abort();
    for (int i = 0; i < PAYMENTS; i++)
        deaths += pay_in(account) == -EOWNERDEAD;
    if (thrum_pipe_send(report, &deaths, sizeof deaths, THRUM_FOREVER) < 0)
        abort();
}

/* Takes the lock, begins a payment, and is killed. */
static void die_at_work(struct account *account)
{
    if (thrum_shared_event_wait(&account->opening, THRUM_FOREVER) == 0 &&
        thrum_shared_lock_acquire(&account->lock) == 0) {
        account->balance++;
        raise(SIGKILL);
    }
}

static void open_the_bank(struct account *account, thrum_pipe *here, thrum_pipe *there)
{
    for (int i = 0; i < CLERKS; i++) {
        if (fork() != 0)
            continue;
        if (i == 0)
            die_at_work(account);
        else
            work(account, there);
        _exit(0);
    }
    thrum_pipe_free(there);
    thrum_shared_event_set(&account->opening);

    int reports = 0, noticed = 0, deaths, status, killed = 0;
    size_t size;
    while (thrum_pipe_receive(here, &deaths, sizeof deaths, &size, THRUM_FOREVER) == 0) {
        reports++;
        noticed += deaths;
    }
    while (wait(&status) > 0)
        killed += WIFSIGNALED(status);
    noticed += pay_in(account) == -EOWNERDEAD; /* if nobody came after the dead clerk */
    printf("%d clerks have reported, %d was killed\n", reports, killed);
    printf("the death was noticed %d time\n", noticed);
    printf("balance %ld, paid %ld\n", account->balance, account->paid);
}

int main(void)
{
    thrum_shared_memory *memory;
    thrum_pipe *here, *there;
    if (thrum_shared_memory_new(NULL, sizeof(struct account), &memory) < 0 ||
        thrum_pipe_new(&here, &there) < 0)
        return 1;
    open_the_bank(thrum_shared_memory_address(memory), here, there); /* all zero: ready for use */
    thrum_pipe_free(here);
    thrum_shared_memory_free(memory);
    return 0;
}
