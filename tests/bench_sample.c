/* Rows for the test of the benchmarks' driver: ours has a fixed figure, the peers are programs that
 * bench_test.sh makes up. */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Says in the log that it was its turn. */
static double ours(void)
{
    FILE *log = fopen(getenv("BENCH_LOG"), "a");
    bench_require(log && fputs("ours\n", log) >= 0 && fclose(log) == 0, "the log");
    return 2;
}

/* From the second round on, waits for the file that the peer makes when it has spoken. */
static double ours_waits(void)
{
    static int rounds;
    while (rounds > 0 && access(getenv("BENCH_MARK"), F_OK) != 0)
        usleep(1000);
    rounds++;
    return 2;
}

#define ASKED(name, what)                                                                          \
    {                                                                                              \
        name, .program = name, .question = what                                                    \
    }

static const struct bench_row rows[] = {
    {"turns", "M/s", BENCH_MORE, 1.0, NULL, {{"ours", ours}, ASKED("a", "x 1"), ASKED("b", "y 2")}},
    {"less", "us", BENCH_LESS, 0.6, "1", {{"ours", ours}, ASKED("a", "x"), ASKED("b", "y")}},
    {"each",
     "us",
     BENCH_LESS,
     0.6,
     NULL,
     {{"ours", ours}, ASKED("a", "x"), ASKED("b", "y")},
     .goal_for_each = true},
    {"troubles",
     "M/s",
     BENCH_MORE,
     1.0,
     NULL,
     {{"ours", ours},
      ASKED("ends", "end"),
      ASKED("killed", "be killed"),
      ASKED("babbles", "be clear"),
      ASKED("negates", "go"),
      ASKED("doubles", "go"),
      ASKED("absent", "go"),
      ASKED("a", "x")}},
    {"afterwards", "M/s", BENCH_MORE, 0, NULL, {{"ours", ours}, ASKED("ends", "go on")}},
    {"no programs",
     "M/s",
     BENCH_MORE,
     1.0,
     NULL,
     {{"ours", ours},
      ASKED("noted", "go"),
      ASKED("broken", "go"),
      {"library", .missing = "the \"library\" is not there"},
      ASKED("a", "x")}},
    {"hangs", "M/s", BENCH_MORE, 1.0, NULL, {{"ours", ours}, ASKED("hangs", "hurry")}},
    {"mute", "M/s", BENCH_MORE, 1.0, NULL, {{"ours", ours}, ASKED("mute", "speak")}},
    {"tires", "M/s", BENCH_MORE, 1.0, NULL, {{"ours", ours}, ASKED("tires", "go")}},
    {"unasked", "M/s", BENCH_MORE, 1.0, NULL, {{"ours", ours_waits}, ASKED("eager", "go")}},
    {"stays", "M/s", BENCH_MORE, 1.0, NULL, {{"ours", ours}, ASKED("stays", "go")}},
};

int main(int argc, char **argv)
{
    return bench_main(argc, argv, rows, sizeof rows / sizeof rows[0]);
}
