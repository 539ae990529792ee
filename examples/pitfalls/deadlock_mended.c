/* No deadlock: all threads acquire the locks in one order. */
#include <stdio.h>
#include <thrum.h>

static thrum_lock accounts, journal;

static int transfer(thrum_task *self)
{
    (void)self;
    thrum_with (&accounts)
        thrum_with (&journal)
            puts("transferred");
    return 0;
}

static int audit(thrum_task *self)
{
    (void)self;
    thrum_with (&accounts)
        thrum_with (&journal)
            puts("audited");
    return 0;
}

int main(void)
{
    thrum_name_set(&accounts, sizeof accounts, "accounts");
    thrum_name_set(&journal, sizeof journal, "journal");
    thrum_thread *first = thrum_thread_start(transfer, THRUM_NOTHING);
    thrum_thread *second = thrum_thread_start(audit, THRUM_NOTHING);
    int failed = thrum_thread_join(first, THRUM_FOREVER) | thrum_thread_join(second, THRUM_FOREVER);
    thrum_thread_free(first);
    thrum_thread_free(second);
    return failed;
}
