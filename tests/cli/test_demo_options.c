/* The command line of `thrum demo`, as a function: what it reads, what it refuses and how. */
#include "demo/cpu_sum.h"
#include "demo/options.h"
#include "harness.h"

#include <string.h>

enum { WORDS_MAX = 16 };

static struct demo_options options;
static char message[256];

/* Parses a line of words separated by single spaces. */
static enum options_verdict parse(const char *line)
{
    static char words[512];
    char *argv[WORDS_MAX + 1] = {(char[]){"demo"}};
    int argc = 1;
    snprintf(words, sizeof words, "%s", line);
    for (char *word = strtok(words, " "); word && argc < WORDS_MAX; word = strtok(NULL, " "))
        argv[argc++] = word;
    message[0] = '\0';
    return demo_options_parse(argc, argv, &options, message, sizeof message);
}

/* Parses what must be refused with words that contain `text`. */
static void refuse(const char *line, const char *text)
{
    CHECK_INT(parse(line), ==, OPTIONS_WRONG);
    if (!strstr(message, text))
        test_fail(__FILE__, __LINE__, line, "is refused by \"%s\", without \"%s\"", message, text);
}

TEST(without_options_there_are_defaults)
{
    CHECK_INT(parse(""), ==, OPTIONS_RUN);
    CHECK_INT(options.workers, ==, 4);
    CHECK_INT(options.repeats, ==, 1);
    CHECK_INT(options.rows, ==, 0x3f);
    CHECK(!options.quick && !options.json && !options.csv && !options.url && !options.postgres);
    CHECK(options_scale(&options) == 1.0);
}

TEST(each_option_is_read)
{
    CHECK_INT(parse("--quick --workers 8 --repeat=5 --json - --csv=a.csv --url http://h/ "
                    "--postgres postgresql://h/d"),
              ==, OPTIONS_RUN);
    CHECK(options.quick);
    CHECK_INT(options.workers, ==, 8);
    CHECK_INT(options.repeats, ==, 5);
    CHECK_STR(options.json, "-");
    CHECK_STR(options.csv, "a.csv");
    CHECK_STR(options.url, "http://h/");
    CHECK_STR(options.postgres, "postgresql://h/d");
    CHECK(options_scale(&options) == 0.1);
    CHECK_INT(parse("-q -w 2 -o cpu -j x"), ==, OPTIONS_RUN);
    CHECK(options.quick);
    CHECK_INT(options.workers, ==, 2);
    CHECK_STR(options.json, "x");
}

TEST(rows_may_be_listed_or_repeated)
{
    CHECK_INT(parse("--only story"), ==, OPTIONS_RUN);
    CHECK_INT(options.rows, ==, 1);
    CHECK_INT(parse("--only http,db"), ==, OPTIONS_RUN);
    CHECK_INT(options.rows, ==, 1 << 1 | 1 << 4);
    CHECK_INT(parse("--only http --only mixed,http"), ==, OPTIONS_RUN);
    CHECK_INT(options.rows, ==, 1 << 1 | 1 << 5);
}

TEST(help_and_version_win_over_what_follows)
{
    CHECK_INT(parse("--help --nonsense"), ==, OPTIONS_HELP);
    CHECK_INT(parse("-V"), ==, OPTIONS_VERSION);
}

TEST(unknown_options_are_named_and_the_nearest_is_offered)
{
    refuse("--worker-count 3", "unknown option '--worker-count'");
    refuse("--onyl cpu", "'--onyl'; did you mean --only?");
    refuse("--jsno x", "did you mean --json?");
    refuse("--worers=3", "did you mean --workers?");
    refuse("--frobnicate", "unknown option '--frobnicate'");
    CHECK(!strstr(message, "did you mean"));
    refuse("-x", "unknown option '-x'");
    refuse("-qx", "unknown option '-x'");
    refuse("--quick=3", "--quick takes no value");
    refuse("extra", "unexpected argument 'extra'");
}

TEST(values_are_checked)
{
    refuse("--workers", "--workers needs a value");
    refuse("--workers 0", "--workers takes a number from 1 to 10000, not '0'");
    refuse("--workers -4", "not '-4'");
    refuse("--workers 4x", "not '4x'");
    refuse("--workers 99999999999999999999", "--workers takes a number");
    refuse("--repeat none", "--repeat takes a number");
    refuse("--only disk", "there is no row 'disk'; the rows are story, http, file, cpu, db, mixed");
    refuse("--only http,", "there is no row ''");
    refuse("--url ftp://h/", "--url takes an address that begins with http://");
    refuse("--postgres mysql://h/", "--postgres takes an address");
    refuse("--json - --csv -", "cannot both go to standard output");
    refuse("--svg - --csv -", "--csv and --svg cannot both go to standard output");
    refuse("--sweep 1..4", "--sweep needs one row");
    refuse("--sweep 1..4 --only http,db", "--sweep needs one row");
    refuse("--sweep 1..4 --only db --nats auto", "--sweep has no --nats");
    refuse("--micro --nats auto", "--micro has no --nats");
    refuse("--nats auto --peer python3", "--nats has no --peer");
    refuse("--lose-worker", "--lose-worker needs --nats");
    refuse("--lose-worker --nats auto --workers 1", "--lose-worker needs --workers 2");
    CHECK_INT(parse("--nats auto --lose-worker"), ==, OPTIONS_RUN);
    CHECK_STR(options.nats, "auto");
    refuse("--sweep 4..1 --only db", "--sweep takes a range");
    refuse("--sweep 1..4 --only db --executor asyncio", "--executor");
    CHECK_INT(parse("--sweep 1..4 --only db --executor fibers"), ==, OPTIONS_RUN);
}

TEST(the_sum_agrees_with_its_formula)
{
    for (uint64_t n = 0; n < 2000; n++)
        CHECK_INT(sum_of_squares(n), ==, sum_of_squares_formula(n));
    CHECK_INT(sum_of_squares(5), ==, 30);
    CHECK_INT(sum_of_squares(30000001), ==, sum_of_squares_formula(30000001)); /* beyond 2^64 */
}
