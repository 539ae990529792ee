/* A gate for tasks in other processes: a test knows when they have come to it, and lets them through. */
#ifndef TESTS_SUPPORT_GATE_H
#define TESTS_SUPPORT_GATE_H

#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <thrum.h>
#include <unistd.h>

/* A task that says that it runs, and goes on when it is let. Both ends are kept open in workers. */
static struct {
    int said[2], go[2];
} pipes;

struct gate {
    int said, go;
};

static inline int pass_gate(const struct gate *gate)
{
    char byte = 'x';
    return write(gate->said, &byte, 1) == 1 && read(gate->go, &byte, 1) == 1 ? 0 : -EIO;
}

static inline int wait_at_gate(thrum_task *self)
{
    return pass_gate(&thrum_arg(self, struct gate));
}

static inline const int *gate_descriptors(void)
{
    static int both[2];
    CHECK(pipe2(pipes.said, O_CLOEXEC) == 0 && pipe2(pipes.go, O_CLOEXEC) == 0);
    both[0] = pipes.said[1];
    both[1] = pipes.go[0];
    return both;
}

static inline thrum_future *submit_gate(thrum_executor *pool)
{
    return thrum_submit(pool, wait_at_gate, thrum_value(struct gate, pipes.said[1], pipes.go[0]));
}

static inline void until_said(void)
{
    char byte;
    CHECK_INT(read(pipes.said[0], &byte, 1), ==, 1);
}

static inline void let_go(int count)
{
    while (count--)
        CHECK_INT(write(pipes.go[1], "g", 1), ==, 1);
}

/* Says that it runs, and goes on for ever without a wait. */
static inline int loop_on(thrum_task *self)
{
    int said = thrum_arg(self, int);
    if (said >= 0 && write(said, "x", 1) != 1)
        return -EIO;
    for (;;)
        thrum_yield();
}

#endif
