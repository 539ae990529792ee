/* The program of a set of tests: `usage` says what it does.
 *
 * --compare checks the search itself: what it leaves out as explored before must not be missed, for
 * tests that can also be explored whole in so many runs.
 *
 * What the program keeps between runs lies on the heap or on this stack: the runs set all its
 * variables back.
 */
#include "search/search.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char usage[] =
    "usage: PROGRAM [OPTION]...\n"
    "\n"
    "Runs the interleavings of each test, depth first up to its bound.\n"
    "\n"
    "  --only TEXT           only tests whose names contain TEXT; may be repeated\n"
    "  --long                up to the long bound of each\n"
    "  --preemptions N|all   up to N preemptions, in place of the test's bound\n"
    "  --pct RUNS            by RUNS walks with random priorities instead\n"
    "  --depth D             so many places where they change; 3 by default\n"
    "  --random RUNS         by RUNS random walks instead\n"
    "  --seed N              of the walks; 1 by default\n"
    "  --compare RUNS        check the search: explore with and without reduction\n"
    "  --replay STRING       one interleaving, as the report of a failure names it, step by step\n"
    "  --list                print the names of the tests\n"
    "  --tap, --json         the form of the results\n"
    "  --brief               tell a failure in one line\n"
    "  --limit SECONDS       fail if all of it takes more processor time\n"
    "  --help                this text\n"
    "\n"
    "Ends with 0 if all went as they should, 1 if not, 2 for wrong options.\n";

enum { ONLY = 64 };

struct settings {
    const char *only[ONLY];
    unsigned onlys;
    bool help, list, longer, tap, json, brief;
    int preemptions; /* INT_MIN: the test's */
    uint64_t pct, random, seed;
    uint64_t compare; /* 0, or at most so many runs of each */
    unsigned depth;
    const char *replay;
    uint64_t limit; /* seconds of processor time; 0 for none */
};

struct totals {
    unsigned number, failed;
    uint64_t runs, steps;
};

static void print_indented(const char *text)
{
    printf("#   ");
    for (; *text; text++) {
        putchar(*text);
        if (*text == '\n')
            printf("#   ");
    }
    putchar('\n');
}

/* Looks for the same failure with fewer preemptions, so that the report is short. */
static void simplify(struct search *search)
{
    int most = search->bound == THRUM_EXPLORE_ALL ? 4 : search->bound;
    for (int bound = 0; bound < most; bound++) {
        struct search simpler;
        thrum__search_begin(&simpler, search->test);
        simpler.most_runs = 200000;
        thrum__search_dfs(&simpler, bound);
        if (simpler.failed) {
            struct path path = search->path;
            char *failure = search->failure;
            search->path = simpler.path;
            search->failure = simpler.failure;
            simpler.path = path;
            simpler.failure = failure;
            most = bound;
        }
        thrum__search_end(&simpler);
    }
}

static void report_failure(struct search *search)
{
    simplify(search);
    char *text = thrum__path_write(&search->path, search->test->name_);
    struct search again;
    thrum__search_begin(&again, search->test);
    printf("# %s: the steps of the run that failed:\n", search->test->name_);
    thrum__search_replay(&again, &search->path, true);
    print_indented(search->failure);
    printf("# replay: --replay %s\n", text);
    if (!again.failed || strcmp(again.failure, search->failure) != 0)
        printf("# THE REPLAY WENT ANOTHER WAY: %s\n", again.failed ? again.failure : "no failure");
    thrum__search_end(&again);
    free(text);
}

/* The same choices must give the same run. */
static bool is_deterministic(const struct search *search)
{
    struct search again;
    thrum__search_begin(&again, search->test);
    struct path path = {0};
    for (size_t i = 0; i < search->path.length; i++)
        thrum__path_add(&path, search->path.chosen[i]);
    bool same = true;
    uint64_t trace = 0;
    for (int turn = 0; turn < 2; turn++) {
        thrum__search_replay(&again, &path, false);
        same &= turn == 0 || again.trace == trace;
        trace = again.trace;
    }
    free(path.chosen);
    thrum__search_end(&again);
    return same;
}

/* Why the search's result is not what the test wants; NULL if it is. */
static const char *verdict(const struct search *search, const struct settings *settings)
{
    const thrum_explore_options *options = &search->test->options_;
    bool whole = strcmp(search->strategy, "dfs") == 0 && settings->preemptions == INT32_MIN;
    if (options->fails && !search->failed)
        return whole ? "it should fail" : NULL;
    if (options->fails && !strstr(search->failure, options->fails))
        return "it fails in another way";
    if (!options->fails && search->failed)
        return "it fails";
    if (whole && options->panic && !search->panics)
        return "the expected panic does not occur";
    if (whole && options->sees && !thrum__search_was_seen())
        return "what it should see does not occur";
    if (whole && !options->fails && !options->partial && !search->exhausted)
        return "it is not exhausted";
    if (whole && options->exactly && search->runs != options->exactly)
        return "the number of runs is not the expected one";
    return NULL;
}

static void print_result(const struct search *search, const struct settings *settings,
                         const struct totals *totals, const char *wrong)
{
    char bound[32] = "", how[64] = "";
    if (strcmp(search->strategy, "dfs") != 0)
        snprintf(how, sizeof how, ", seed %" PRIu64, search->seed);
    else if (search->bound == THRUM_EXPLORE_ALL)
        snprintf(bound, sizeof bound, ", unbounded");
    else
        snprintf(bound, sizeof bound, ", %d preemptions", search->bound);
    if (settings->json) {
        printf("{\"test\":\"%s\",\"ok\":%s,\"strategy\":\"%s\",\"preemptions\":%d,"
               "\"runs\":%" PRIu64 ",\"pruned\":%" PRIu64 ",\"states\":%" PRIu64
               ",\"steps\":%" PRIu64 ",\"depth\":%zu,\"seconds\":%.3f,\"exhausted\":%s}\n",
               search->test->name_, wrong ? "false" : "true", search->strategy, search->bound,
               search->runs, search->pruned, search->states, search->steps, search->depth,
               search->seconds, search->exhausted ? "true" : "false");
        return;
    }
    printf("%sok %u - %s (%s%s%s): %" PRIu64 " runs, %" PRIu64 " of them cut short, %" PRIu64
           " states, %" PRIu64 " choices, depth %zu, %.2f s, %s%s%s\n",
           wrong ? "not " : "", totals->number, search->test->name_, search->strategy, bound, how,
           search->runs, search->pruned, search->states, search->choices, search->depth,
           search->seconds,
           search->failed      ? "stopped"
           : search->exhausted ? "exhausted"
                               : "not exhausted",
           wrong ? ": " : "", wrong ? wrong : "");
}

static int bound_of(const thrum_explore_test *test, const struct settings *settings)
{
    int bound = test->options_.preemptions;
    if (settings->preemptions != INT32_MIN)
        return settings->preemptions;
    if (settings->longer && test->options_.long_preemptions)
        bound = test->options_.long_preemptions;
    return bound == 0 ? 2 : bound == THRUM_EXPLORE_NONE ? 0 : bound;
}

static void explore_one(const thrum_explore_test *test, const struct settings *settings,
                        struct totals *totals, int strategy)
{
    const thrum_explore_options *options = &test->options_;
    struct search search;
    thrum__search_begin(&search, test);
    if (settings->longer)
        search.most_runs *= 30;
    search.seed = settings->seed;
    if (strategy == 0)
        thrum__search_dfs(&search, bound_of(test, settings));
    else if (strategy == 1)
        thrum__search_pct(&search, settings->pct ? settings->pct : options->walks, settings->depth);
    else
        thrum__search_random(&search, settings->random ? settings->random : options->walks);
    const char *wrong = verdict(&search, settings);
    if (!wrong && !search.failed && !is_deterministic(&search))
        wrong = "the same choices give different runs";
    totals->number++;
    totals->failed += wrong != NULL;
    totals->runs += search.runs;
    totals->steps += search.steps;
    print_result(&search, settings, totals, wrong);
    if (wrong && search.failed && settings->brief)
        print_indented(search.failure);
    else if (wrong && search.failed)
        report_failure(&search);
    fflush(stdout);
    thrum__search_end(&search);
}

/* Explores with and without reduction: both must see the same states, and equal numbers must stand
 * for states with the same future. Says nothing of tests that are too large to be explored without. */
static void compare_one(const thrum_explore_test *test, const struct settings *settings,
                        struct totals *totals)
{
    uint64_t states[2], runs[2], moves = 0, arrivals = 0;
    for (int plain = 0; plain < 2; plain++) {
        struct search search;
        thrum__search_begin(&search, test);
        search.no_reduction = plain;
        search.most_runs = settings->compare;
        search.moves = thrum__states_new();
        search.arrivals = thrum__states_new();
        thrum__search_dfs(&search, bound_of(test, settings));
        bool whole = !search.failed && search.exhausted;
        states[plain] = search.states;
        runs[plain] = search.runs;
        moves = thrum__states_count(search.moves);
        arrivals = thrum__states_count(search.arrivals);
        thrum__states_free(search.moves);
        thrum__states_free(search.arrivals);
        thrum__search_end(&search);
        if (!whole)
            return;
    }
    bool same = states[0] == states[1] && moves == arrivals;
    totals->failed += !same;
    printf("%sok %u - %s: %" PRIu64 " states in %" PRIu64 " runs, %" PRIu64 " in %" PRIu64
           " without reduction; %" PRIu64 " moves lead to %" PRIu64 " states\n",
           same ? "" : "not ", ++totals->number, test->name_, states[0], runs[0], states[1],
           runs[1], moves, arrivals);
}

static bool wanted(const struct settings *settings, const thrum_explore_test *test)
{
    if (test->options_.long_only && !settings->longer)
        return false;
    for (unsigned i = 0; i < settings->onlys; i++)
        if (strstr(test->name_, settings->only[i]))
            return true;
    return !settings->onlys;
}

static int replay(const struct settings *settings)
{
    size_t length = strcspn(settings->replay, ":");
    const thrum_explore_test *test = thrum__search_tests();
    while (test &&
           (strlen(test->name_) != length || strncmp(test->name_, settings->replay, length) != 0))
        test = test->next_;
    struct path path = {0};
    if (!test || settings->replay[length] != ':' ||
        !thrum__path_read(&path, settings->replay + length + 1)) {
        fprintf(stderr, "explore: not a replay string: %s\n", settings->replay);
        return 2;
    }
    struct search search;
    thrum__search_begin(&search, test);
    thrum__search_replay(&search, &path, true);
    if (search.failed)
        print_indented(search.failure);
    else
        printf("# no failure\n");
    bool failed = search.failed;
    thrum__search_end(&search);
    free(path.chosen);
    return failed;
}

static uint64_t number(const char *option, const char *text)
{
    char *end;
    uint64_t value = text ? strtoull(text, &end, 10) : 0;
    if (!text || end == text || *end) {
        fprintf(stderr, "explore: %s needs a number\n", option);
        exit(2);
    }
    return value;
}

static void read_options(struct settings *settings, char **argument)
{
    for (; *argument; argument++) {
        const char *option = *argument;
        const char *value = argument[1];
        if (strcmp(option, "--help") == 0)
            settings->help = true;
        else if (strcmp(option, "--list") == 0)
            settings->list = true;
        else if (strcmp(option, "--long") == 0)
            settings->longer = true;
        else if (strcmp(option, "--tap") == 0)
            settings->tap = true;
        else if (strcmp(option, "--brief") == 0)
            settings->brief = true;
        else if (strcmp(option, "--json") == 0)
            settings->json = true;
        else if (strcmp(option, "--only") == 0 && value && settings->onlys < ONLY)
            settings->only[settings->onlys++] = *++argument;
        else if (strcmp(option, "--replay") == 0 && value)
            settings->replay = *++argument;
        else if (strcmp(option, "--preemptions") == 0)
            settings->preemptions = strcmp(value ? value : "", "all") == 0
                                        ? (++argument, THRUM_EXPLORE_ALL)
                                        : (int)number(option, *++argument);
        else if (strcmp(option, "--pct") == 0)
            settings->pct = number(option, *++argument);
        else if (strcmp(option, "--limit") == 0)
            settings->limit = number(option, *++argument);
        else if (strcmp(option, "--depth") == 0)
            settings->depth = (unsigned)number(option, *++argument);
        else if (strcmp(option, "--random") == 0)
            settings->random = number(option, *++argument);
        else if (strcmp(option, "--compare") == 0)
            settings->compare = number(option, *++argument);
        else if (strcmp(option, "--seed") == 0)
            settings->seed = number(option, *++argument);
        else {
            fprintf(stderr, "explore: unknown option or missing value: %s\n", option);
            exit(2);
        }
    }
}

/* Nothing of the library is to run at the end: the runs may have left its variables anyhow, and each
 * would register its handlers anew. */
int atexit(void (*function)(void))
{
    (void)function;
    return 0;
}

/* A short set that grows without anyone noticing is soon too long to be run. */
static void check_limit(const struct settings *settings, struct totals *totals)
{
    struct timespec used;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    bool over = (uint64_t)used.tv_sec >= settings->limit;
    totals->failed += over;
    printf("%sok %u - %ld s of processor time, of at most %" PRIu64 "\n", over ? "not " : "",
           ++totals->number, (long)used.tv_sec, settings->limit);
}

static int list_tests(void)
{
    for (const thrum_explore_test *test = thrum__search_tests(); test; test = test->next_)
        puts(test->name_);
    return 0;
}

static void print_plan(const struct settings *settings)
{
    unsigned plan = settings->limit != 0;
    for (const thrum_explore_test *test = thrum__search_tests(); test; test = test->next_)
        plan += wanted(settings, test) * (1 + 2 * (test->options_.walks && !settings->pct));
    printf("1..%u\n", plan);
}

static void explore_test(const thrum_explore_test *test, const struct settings *settings,
                         struct totals *totals)
{
    bool walks = test->options_.walks && !settings->pct && !settings->random;
    if (settings->compare) {
        compare_one(test, settings, totals);
        return;
    }
    if (!settings->pct && !settings->random)
        explore_one(test, settings, totals, 0);
    if (settings->pct || walks)
        explore_one(test, settings, totals, 1);
    if (settings->random || walks)
        explore_one(test, settings, totals, 2);
}

static int explore_all(const struct settings *settings)
{
    struct totals totals = {0};
    if (settings->tap && !settings->pct && !settings->random && !settings->compare)
        print_plan(settings);
    for (const thrum_explore_test *test = thrum__search_tests(); test; test = test->next_)
        if (wanted(settings, test))
            explore_test(test, settings, &totals);
    if (settings->limit && totals.number)
        check_limit(settings, &totals);
    if (!settings->json)
        printf("# %u searches, %u failed; %" PRIu64 " runs, %" PRIu64 " steps\n", totals.number,
               totals.failed, totals.runs, totals.steps);
    if (totals.number)
        return totals.failed != 0;
    fprintf(stderr, "explore: no test has that name\n");
    return 2;
}

void thrum_explore_main(int argc, char **argv)
{
    struct settings settings = {.preemptions = INT32_MIN, .depth = 3, .seed = 1};
    int status = 0;
    read_options(&settings, argc > 0 ? argv + 1 : argv);
    if (settings.help)
        fputs(usage, stdout);
    else if (settings.replay)
        status = replay(&settings);
    else
        status = settings.list ? list_tests() : explore_all(&settings);
    fflush(stdout);
    _exit(status);
}
