/* The bound: the least time in which W workers on C cores can do what a row asks for.
 *
 * Given N waits of L seconds each, and computing tasks of S seconds in all, three things each take
 * time that nothing can shorten:
 *
 *   waiting    A worker waits for one thing at a time, and a wait cannot be cut in two. Some worker
 *              has at least ceil(N / W) of them:                             ceil(N / W) * L
 *   computing  No more tasks compute at a time than there are workers, nor
 *              than there are cores:                                         S / min(W, C)
 *   workers    Each worker does one thing at a time, be it waiting or
 *              computing:                                                    (N * L + S) / W
 *
 * The bound is the largest of the three. With waits alone it is the first, with computing alone
 * the second; mixed, any of them may be the largest. With N = 50, L = 0.2 s, S = 5 s on two cores:
 *
 *   W = 1      10.0   5.0   15.0    the worker does it all: 15 s
 *   W = 4       2.6   2.5    3.75   the workers are what is scarce
 *   W = 52      0.2   2.5    0.29   the cores are
 *
 * The bound is below or at what is possible, never above. Where it is made of given latencies, a
 * ratio to it of less than 1 would mean that something was measured wrongly; where it is made of
 * measured computing, that the cores were faster than a moment before. It is not always reached: a
 * computing task cannot be cut in two either, which leaves up to one task's time of idleness at a
 * row's end (3.8 s for W = 4 above).
 *
 * What S and L are. L is the latency that the row states, as the server, the database and the file
 * task hold it to the microsecond; only with a foreign server (--url) it is the mean that the
 * sequential column measured. S is the processor time that the computing tasks of the sequential
 * column took, rather than their calibrated 100 ms: a core's speed drifts with its temperature and
 * neighbours, and the question here is what the executor adds. See cpu_sum.c and results.c.
 */
#include "bounds.h"

static double larger(double a, double b)
{
    return a > b ? a : b;
}

double bound_seconds(const struct load *load, int workers, int cores)
{
    int rounds = (load->waits + workers - 1) / workers;
    int computing = workers < cores ? workers : cores;
    double bound = rounds * load->wait_seconds;
    bound = larger(bound, load->cpu_seconds / computing);
    return larger(bound, (load->waits * load->wait_seconds + load->cpu_seconds) / workers);
}
