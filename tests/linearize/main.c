/* The program: linearize [--long] [--seed N]
 *
 * Tests the checker, then records histories of each subject and checks them: some hundreds, or with
 * --long so many that all together are more than 100 000. Prints TAP; ends with 0 if no history of
 * a queue or a deque was rejected and some of each broken queue. The seed decides which calls are
 * made; when they run, the machine decides.
 */
#include "linearize.h"

#include <err.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned number, failed;

static void say(bool good, const char *what)
{
    printf("%sok %u - %s", good ? "" : "not ", ++number, what);
    failed += !good;
}

static void say_test(const char *what, const char *wrong)
{
    say(!wrong, what);
    printf("\n");
    if (wrong)
        printf("#   %s\n", wrong);
}

static void test_subject(const struct linear_subject *subject, uint64_t histories, uint64_t *seed)
{
    struct linear_tally tally = {0};
    for (unsigned threads = 2; threads <= LINEAR_THREADS; threads++)
        linear_record(subject, threads, histories / (LINEAR_THREADS - 1) + 1, seed, &tally);
    bool good = subject->broken ? tally.rejected > 0 : tally.rejected == 0;
    say(good, subject->name);
    printf(": %" PRIu64 " histories, %" PRIu64 " with calls at the same time, %" PRIu64
           " rejected\n",
           tally.histories, tally.overlapping, tally.rejected);
    if (!good && tally.rejected)
        linear_print(&tally.example);
}

int main(int argc, char **argv)
{
    uint64_t seed = 1, histories = 400;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--long") == 0)
            histories = 12000;
        else if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc)
            seed = strtoull(argv[++i], NULL, 10);
        else
            errx(2, "usage: linearize [--long] [--seed N]");
    }
    printf("1..%zu\n", linear_subject_count + 2);
    say_test("histories_written_by_hand_are_told_apart", linear_test_written());
    say_test("the_search_agrees_with_trying_all_orders", linear_test_random(&seed, 20 * histories));
    for (size_t i = 0; i < linear_subject_count; i++)
        test_subject(&linear_subjects[i], histories, &seed);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
