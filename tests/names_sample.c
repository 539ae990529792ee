/* For names_test.sh: a failure and a mistake that name what is in no table of exported symbols. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <thrum.h>

struct account {
    int64_t balance;
    thrum_lock lock;
};

static thrum_lock ledger;
static struct account accounts[3];

static int parse_document(thrum_task *self)
{
    return thrum_fail(self, -22, "no document");
}

int main(int argc, char **argv)
{
    thrum_executor *pool = thrum_inline_new();
    thrum_future_free(thrum_submit(pool, parse_document, THRUM_NOTHING));
    thrum_executor_shutdown(pool);
    struct account *savings = calloc(1, sizeof *savings);
    if (!savings || thrum_name_set(savings, sizeof *savings, "savings") != 0)
        return 1;
    const char *which = argc > 1 ? argv[1] : "";
    if (strcmp(which, "variable") == 0)
        thrum_lock_release(&ledger);
    if (strcmp(which, "element") == 0)
        thrum_lock_release(&accounts[1].lock);
    if (strcmp(which, "named") == 0)
        thrum_lock_release(&savings->lock);
    thrum_name_set(savings, sizeof *savings, NULL);
    if (strcmp(which, "forgotten") == 0)
        thrum_lock_release(&savings->lock);
    free(savings);
    return 0;
}
