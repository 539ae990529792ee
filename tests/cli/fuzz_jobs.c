/* Hostile text: command lines of all commands, results, and for `thrum run` lists of arguments, columns,
 * templates and logs. Texts are made from samples by random changes, the same for the same seed. What is checked besides
 * memory (run it under a sanitizer):
 *   - a list is split as memchr would split it, whatever the pieces are, and its count is right;
 *   - a log that is read loses at most a piece of its last line, and knows only jobs that it names;
 *   - a filled command has as many words as it must, and none that reaches beyond its memory;
 *   - a command line is taken or refused with a message.
 *
 *     fuzz_jobs [CASES [SEED [TARGET]]]     3000 cases of each target by default, or of one, from 1; TAP
 */
#include "fuzz.h"

#include "bench/options.h"
#include "cluster/command_task.h"
#include "every/options.h"
#include "fetch/options.h"
#include "hash/options.h"
#include "report/series.h"
#include "run/admission.h"
#include "run/joblog.h"
#include "run/options.h"
#include "run/template.h"
#include "tune/options.h"
#include "tune/sweep.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { TEXT_MOST = 3 << 20, CHANGES_MOST = 8, WORDS_MOST = 24 };

static long cases = 3000;

static void check(bool fine, const char *what)
{
    check_text(fine, what, "");
}

static struct {
    char *bytes;
    size_t length;
} text;

static void insert(size_t at, const char *bytes, size_t length)
{
    if (text.length + length >= TEXT_MOST)
        return;
    memmove(text.bytes + at + length, text.bytes + at, text.length - at);
    memcpy(text.bytes + at, bytes, length);
    text.length += length;
}

static void change(const char *const *pieces, size_t count)
{
    static char line[1 << 20]; /* without an end */
    size_t at = draw(text.length + 1), length = draw(text.length - at + 1);
    const char *piece = pieces[draw(count)];
    switch (draw(draw(40) ? 5 : 6)) {
    case 0:
        insert(at, piece, strlen(piece));
        break;
    case 1:
        insert(at, "", 1); /* a NUL */
        break;
    case 2:
        if (at < text.length)
            text.bytes[at] = (char)draw(256);
        break;
    case 3:
        text.length = at;
        break;
    case 4: /* a part is removed */
        memmove(text.bytes + at, text.bytes + at + length, text.length - at - length);
        text.length -= length;
        break;
    default:
        memset(line, 'x', sizeof line);
        insert(at, line, sizeof line);
    }
}

/* A new text: the sample, changed. It ends with a NUL that is not part of it. */
static void make_text(const char *sample, const char *const *pieces, size_t count)
{
    text.length = 0;
    insert(0, sample, strlen(sample));
    for (uint64_t i = draw(CHANGES_MOST); i > 0; i--)
        change(pieces, count);
    text.bytes[text.length] = '\0';
}

#define MAKE_TEXT(sample, pieces) make_text(sample, pieces, sizeof pieces / sizeof pieces[0])

/* The text as a file without a name. */
static int text_file(void)
{
    int file = memfd_create("text", MFD_CLOEXEC);
    check(file >= 0 && write(file, text.bytes, text.length) == (ssize_t)text.length &&
              lseek(file, 0, SEEK_SET) == 0,
          "a file can be made");
    return file;
}

static void fuzz_list(void)
{
    static const char *const pieces[] = {"\n", "\n\n", "a", "\xff\xfe", "\r\n", " ", "{}", "\\"};
    struct arguments arguments;
    MAKE_TEXT("one\ntwo words\n\nlast", pieces);
    char end = draw(2) ? '\n' : '\0', *argument;
    int file = text_file(), rc;
    check(arguments_start(&arguments, file, end, -1) == 0, "a list is read");
    size_t at = 0;
    while ((rc = arguments_next(&arguments, &argument)) == 0) {
        const char *beyond = memchr(text.bytes + at, end, text.length - at);
        size_t length = beyond ? (size_t)(beyond - text.bytes) - at : text.length - at;
        check(strlen(argument) == length && memcmp(argument, text.bytes + at, length) == 0,
              "an argument is what stands between two ends");
        free(argument);
        at += length + (beyond != NULL);
    }
    if (rc == -EILSEQ) {
        const char *beyond = memchr(text.bytes + at, end, text.length - at);
        size_t length = beyond ? (size_t)(beyond - text.bytes) - at : text.length - at;
        check(end == '\n' && memchr(text.bytes + at, '\0', length), "only a NUL is refused");
    } else {
        check(rc == -ENODATA && at == text.length, "a list is read to its end");
    }
    arguments_finish(&arguments);
    close(file);
}

/* Splits the text at NULs and newlines into words, in place. */
static int split(char **words)
{
    int count = 0;
    words[count++] = text.bytes;
    for (size_t i = 0; i < text.length && count < WORDS_MOST; i++)
        if (text.bytes[i] == '\0' || text.bytes[i] == '\n') {
            text.bytes[i] = '\0';
            words[count++] = text.bytes + i + 1;
        }
    words[count] = NULL;
    return count;
}

static void fuzz_template(void)
{
    static const char *const pieces[] = {"{}",
                                         "{",
                                         "}",
                                         "{.}",
                                         "{/}",
                                         "{//}",
                                         "{/.}",
                                         "{1}",
                                         "{-1}",
                                         "{2.}",
                                         "{#}",
                                         "{%}",
                                         "{99999999999999999999}",
                                         "{-9223372036854775808}",
                                         "{0}",
                                         "\n",
                                         "/",
                                         ".",
                                         "\xff",
                                         "{-}",
                                         "{1"};
    char *words[WORDS_MOST + 1], *items[4], *alone[] = {NULL};
    MAKE_TEXT("echo\n{}\na{.}b\n{1}-{2/.}\n{#}{%}", pieces);
    int count = split(words);
    struct fields fields = {.items = items, .count = draw(4)};
    for (size_t i = 0; i < fields.count; i++)
        items[i] = words[draw((uint64_t)count)];
    char **filled = template_fill(
        words, count,
        &(struct template_values){.fields = &fields, .number = draw(1000), .slot = (int)draw(9)});
    size_t got = 0;
    check(filled != NULL, "a template is filled");
    for (; filled[got]; got++)
        check(strlen(filled[got]) <= 8 * (text.length + 64) * (fields.count + 1),
              "a word has an end");
    check(got >= (size_t)count && got <= (size_t)count * (fields.count + 1) + fields.count,
          "the words are those of the template");
    free(filled);
    filled = template_fill(alone, 0, &(struct template_values){.fields = &fields});
    for (got = 0; filled && filled[got]; got++)
        check(strcmp(filled[got], items[got]) == 0, "without placeholders the arguments come last");
    check(got == fields.count, "all arguments come last");
    free(filled);
}

static void fuzz_log(void)
{
    static const char head[] =
        "Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\tCommand\n";
    static const char *const pieces[] = {"\t",
                                         "\n",
                                         "1\t:\t1.0\t1.0\t0\t0\t0\t0\techo 1\n",
                                         "-1",
                                         "99999999999999999999",
                                         "0\t0",
                                         "echo 1",
                                         "nan",
                                         "1e999",
                                         ":",
                                         "\xff"};
    static const char sample[] =
        "Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\tCommand\n"
        "1\t:\t1764422000.123\t     0.002\t0\t0\t0\t0\techo 1\n"
        "2\t:\t1764422000.123\t     0.002\t0\t0\t1\t0\techo 2\n"
        "3\t:\t1764422000.123\t     0.002\t0\t0\t0\t0\tech";
    char path[64], *words[] = {(char[]){"echo"}, NULL};
    struct joblog *log;
    thrum_error error;
    MAKE_TEXT(sample, pieces);
    int file = text_file();
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    int rc = joblog_open(path, true, &log, &error);
    off_t size = lseek(file, 0, SEEK_END);
    size_t compared = text.length < sizeof head - 1 ? text.length : sizeof head - 1;
    bool is_log = memcmp(text.bytes, head, compared) == 0;
    check((rc == 0) == is_log, "a file is taken for a log if it begins as one");
    if (rc == 0) {
        const char *last = memrchr(text.bytes, '\n', text.length);
        size_t whole = last ? (size_t)(last - text.bytes) + 1 : sizeof head - 1;
        check((size_t)size == whole, "only a piece of a line is cut off");
        struct fields fields = {.items = calloc(2, sizeof(char *)), .count = 1};
        check(fields.items && (fields.items[0] = strdup("1")), "memory");
        struct job *job =
            job_new(&(struct run_options){.words = words, .word_count = 1}, 1, fields);
        check(job && (!joblog_knows(log, job) || memmem(text.bytes, text.length, "echo 1", 6)),
              "the log knows what it names");
        job_free(job);
        joblog_close(log);
    } else {
        check((size_t)size == text.length, "what is no log is left alone");
    }
    close(file);
}

static void fuzz_options(void)
{
    static const char *const pieces[] = {
        "\n", "-",         "--",        "-j",          "--jobs=",     ":::",     ":::+", "::::",
        "-a", "--halt",    "now,fail=", "99999999999", "1e400",       "nan",     "2s",   "--load",
        "%",  "--memfree", "G",         "--timeout",   "--on-change", "--align", "-1",   "\xff",
        "{=", "--colsep",  "=",         "--help",      "-V",          "k"};
    static const char *const samples[] = {
        "-j\n4\n-k\n--retries\n3\n--\necho\n{}\n:::\na\nb",
        "--halt\nnow,fail=2\n--timeout\n3s\n--memfree\n2G\n--load\n50%\ntrue\n:::\na\n:::+\nb\n::::\nfile",
        "2s\n--times\n3\n--align\n--\ntrue", "--on-change\nsrc\n--jitter\n1s\ntrue"};
    char *words[WORDS_MOST + 2], message[256] = "";
    MAKE_TEXT(samples[draw(4)], pieces);
    words[0] = (char[]){"run"};
    int count = split(words + 1) + 1;
    if (draw(2)) {
        static struct run_options options;
        enum options_verdict verdict =
            run_options_parse(count, words, &options, message, sizeof message);
        check((verdict == OPTIONS_WRONG) == (*message != '\0'), "what is refused has a message");
        check(verdict != OPTIONS_RUN ||
                  (options.word_count > 0 && options.inputs.count > 0 && options.jobs >= 0),
              "what is taken makes sense");
    } else {
        struct every_options options;
        enum options_verdict verdict =
            every_options_parse(count, words, &options, message, sizeof message);
        check((verdict == OPTIONS_WRONG) == (*message != '\0'), "what is refused has a message");
        check(verdict != OPTIONS_RUN || (options.period > 0 && options.words[0]),
              "what is taken makes sense");
    }
}

static const char *const tool_pieces[] = {"\n",
                                          "-",
                                          "--",
                                          "-i",
                                          "--output=",
                                          "-o",
                                          "--rate",
                                          "100/s",
                                          "1/m",
                                          "0/h",
                                          "inf/s",
                                          "1e400",
                                          "nan",
                                          "--resume",
                                          "log",
                                          "--json",
                                          "--tree",
                                          "-H",
                                          "Name: value",
                                          ":",
                                          "\r",
                                          "--header",
                                          "-a",
                                          "--length",
                                          "512",
                                          "-c",
                                          "--check",
                                          "--zero",
                                          "--tag",
                                          "--new-in",
                                          "--base64",
                                          "--coreutils",
                                          "--raw",
                                          "--status",
                                          "--cache",
                                          "\xff",
                                          "=",
                                          "http://h/p",
                                          "--sync",
                                          "--jobs",
                                          "-99999999999999999999"};

/* The command lines of `fetch` and `hash`. */
static void fuzz_tool_options(void)
{
    static const char *const samples[] = {
        "-o\npages\n-i\nurls\n--rate\n20/s\n-H\nAccept: text/html\n--sync",
        "--json\n--resume\nlog\n--timeout\n3s\nhttp://h/a\nhttp://h/b",
        "-a\nsha512\n--tree\n--cache\nfile\n.",
        "-c\n--new-in\ndir\n--ignore-missing\n--warn\nlist"};
    char *words[WORDS_MOST + 2], message[256] = "";
    MAKE_TEXT(samples[draw(4)], tool_pieces);
    words[0] = (char[]){"fetch"};
    int count = split(words + 1) + 1;
    enum options_verdict verdict;
    if (draw(2)) {
        struct fetch_options options;
        verdict = fetch_options_parse(count, words, &options, message, sizeof message);
        check(verdict != OPTIONS_RUN || options.url_count > 0 || options.input ||
                  options.retry_failed,
              "what is taken has something to fetch");
        check(verdict != OPTIONS_RUN || (options.jobs > 0 && options.per_host > 0 &&
                                         options.rate >= 0 && options.host_rate >= 0),
              "what is taken makes sense");
        fetch_options_finish(&options);
    } else {
        struct hash_options options;
        verdict = hash_options_parse(count, words, &options, message, sizeof message);
        check(verdict != OPTIONS_RUN || (options.path_count > 0 && options.paths[0]),
              "what is taken has something to hash");
        hash_options_finish(&options);
    }
    check((verdict == OPTIONS_WRONG) == (*message != '\0'), "what is refused has a message");
}

static const char *const measure_pieces[] = {
    "\n",     "-",           "--",      "-r",        "--rounds=", "-P",
    "n=1..8", "n=a,b",       "{n}",     "{workers}", "--fail-if", "ratio > 1.05",
    "cpu<1s", "memory > 1G", "nan",     "1e400",     "-w",        "1..64",
    "1,2,4",  "..",          ",",       "--json",    "--svg",     "-99999999999999999999",
    "0",      "=",           "--name",  "-c",        "99",        "--shell",
    "never",  "\xff",        "--quick", "sleep 1"};

/* The command lines of `bench` and `tune`. */
static void fuzz_measure_options(void)
{
    static const char *const samples[] = {
        "-r\n5\n-P\nn=1..3\n--fail-if\nratio > 1.05\nsleep {n}\ntrue",
        "--json\n-\n-c\n95\ntrue\nfalse", "-w\n1..16\n-r\n3\n--\nmake\n-j\n{workers}",
        "-w\n1,2,4\n--svg\nfile\nsleep {workers}"};
    char *words[WORDS_MOST + 2], message[256] = "";
    MAKE_TEXT(samples[draw(4)], measure_pieces);
    words[0] = (char[]){"bench"};
    int count = split(words + 1) + 1;
    enum options_verdict verdict;
    if (draw(2)) {
        static struct bench_options options;
        verdict = bench_options_parse(count, words, &options, message, sizeof message);
        check(verdict != OPTIONS_RUN || (options.command_count > 0 && options.confidence >= 50),
              "what is taken makes sense");
    } else {
        struct tune_options options;
        struct sweep sweep = {0};
        verdict = tune_options_parse(count, words, &options, message, sizeof message);
        check(verdict != OPTIONS_RUN ||
                  (options.word_count > 0 && sweep_parse(&sweep, options.workers)),
              "what is taken makes sense");
        for (size_t i = 0; verdict == OPTIONS_RUN && i < sweep.count; i++)
            check(sweep.points[i].workers >= sweep.first && sweep.points[i].workers <= sweep.last,
                  "numbers of workers lie in their range");
    }
    check((verdict == OPTIONS_WRONG) == (*message != '\0'), "what is refused has a message");
}

/* Files of results. */
static void fuzz_results(void)
{
    static const char *const pieces[] = {"{",           "}",
                                         "[",           "]",
                                         ",",           ":",
                                         "null",        "1e400",
                                         "-1",          "0",
                                         "\"",          "\"seconds\"",
                                         "\"runs\"",    "\"kind\": \"demo\"",
                                         "\"rows\"",    "\"cells\"",
                                         "\"samples\"", "\"sweep\"",
                                         "\"points\"",  "true",
                                         "\xff",        "\n",
                                         "[[[[[[[[",    "1.5"};
    static const char *const samples[] = {
        "{\"kind\": \"bench\", \"commands\": [{\"name\": \"a\", \"runs\": [{\"seconds\": 1.5}, {\"seconds\": 2}]}]}",
        "{\"kind\": \"demo\", \"rows\": [{\"row\": \"http\", \"cells\": [{\"column\": \"x\", \"samples\": [1, 2]}]}]}",
        "{\"kind\": \"tune\", \"sweep\": {\"points\": [{\"workers\": 4, \"runs\": [{\"seconds\": 0.25}]}]}}"};
    char path[64];
    struct results results;
    thrum_error error = {0};
    MAKE_TEXT(samples[draw(3)], pieces);
    int file = text_file();
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    int rc = results_read(path, &results, &error);
    check((rc < 0) == (error.message[0] != '\0'), "a file that is refused has a message");
    for (size_t i = 0; rc == 0 && i < results.count; i++) {
        check(results.items[i].count > 0 && results_find(&results, results.items[i].name),
              "each series has samples and a name");
        for (size_t j = 0; j < results.items[i].count; j++)
            check(results.items[i].seconds[j] > 0, "each sample is a time");
    }
    results_finish(&results);
    close(file);
}

static void fuzz_columns(void)
{
    static const char *const pieces[] = {",", "\t", "a", "*", "[",   "(",  ")", "\\",
                                         "+", "|",  "^", "$", "{1}", "x*", "\n"};
    char *words[WORDS_MOST + 1];
    thrum_error error;
    MAKE_TEXT(",\na,b,c\n,,\n\nx", pieces);
    if (text.length > 4096)
        text.bytes[text.length = 4096] = '\0'; /* a regular expression is not for megabytes */
    int count = split(words);
    struct inputs inputs = {.sources[0] = {.words = words + 1, .count = (size_t)count - 1},
                            .count = 1,
                            .columns = words[0],
                            .stop = -1};
    struct fields fields;
    int rc = inputs_start(&inputs, &error);
    uint64_t left = 0, given = 0;
    if (rc == 0)
        check(inputs_left(&inputs, &left) && left == (uint64_t)count - 1,
              "the number of jobs is known");
    while (rc == 0 && inputs_next(&inputs, &fields, &error) == 0) {
        check(fields.count >= 1, "a line has a column");
        given++;
        fields_free(&fields);
    }
    check(rc < 0 || given == left, "each line gives a job");
    inputs_finish(&inputs);
}

/* What a client of a cluster sends to a worker of commands. */
static void fuzz_requests(void)
{
    static const char *const pieces[] = {"a", "\xff", "\x7f\xf0", "sh", "-c", " "};
    char *sample[] = {(char *)"sh", (char *)"-c", (char *)"echo", (char *)"", NULL};
    char **words = NULL;
    double timeout = 0;
    size_t size = 0;
    char *packed = command_pack(sample, draw(2) ? 1.5 : 0, &size);
    check(packed, "a command is packed");
    text.length = 0;
    insert(0, packed, size);
    free(packed);
    for (uint64_t i = draw(CHANGES_MOST); i > 0; i--)
        change(pieces, sizeof pieces / sizeof pieces[0]);
    if (text.length > 0 && draw(2))
        text.bytes[text.length - 1] = '\0'; /* without an end it is refused at once */
    char *copy = malloc(text.length + 1);
    check(copy, "there is memory");
    memcpy(copy, text.bytes, text.length);
    int rc = command_unpack(copy, text.length, &words, &timeout);
    size_t at = sizeof timeout;
    for (char **word = words; rc == 0 && *word; word++) {
        check(*word == copy + at, "the words stand one after another");
        at += strlen(*word) + 1;
    }
    check(rc == -EINVAL || (at == text.length && *words[0] && timeout >= 0),
          "a command that is taken has a word, and all of its words");
    free(words);
    free(copy);
}

/* What a worker of commands answers. */
static void fuzz_outcomes(void)
{
    static const char *const pieces[] = {"\xff", "\x7f\xf0", "\x01", "\t", "host", "\x80"};
    struct command_outcome outcome = {
        .status = 256, .seconds = 2, .host = "host", .out_size = 3, .err_size = 2};
    text.length = 0;
    insert(0, "outer", 5);
    size_t head = command_head_size(&outcome);
    char packed[256];
    command_head_pack(&outcome, packed);
    insert(0, packed, head);
    for (uint64_t i = draw(CHANGES_MOST); i > 0; i--)
        change(pieces, sizeof pieces / sizeof pieces[0]);
    char *copy = malloc(text.length + 1);
    check(copy, "there is memory");
    memcpy(copy, text.bytes, text.length);
    int rc = command_outcome_unpack(copy, text.length, &outcome);
    check(rc == -EPROTO ||
              (outcome.out >= copy && outcome.err == outcome.out + outcome.out_size &&
               outcome.err + outcome.err_size == copy + text.length && outcome.error <= 0 &&
               outcome.seconds >= 0 && *outcome.host && !strpbrk(outcome.host, "\t\n \xff")),
          "an outcome that is taken has all of its bytes, and nothing beyond");
    free(copy);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } targets[] = {{"lists of arguments", fuzz_list},
                   {"templates", fuzz_template},
                   {"logs", fuzz_log},
                   {"command lines", fuzz_options},
                   {"command lines of fetch and hash", fuzz_tool_options},
                   {"command lines of bench and tune", fuzz_measure_options},
                   {"results", fuzz_results},
                   {"columns", fuzz_columns},
                   {"commands for a worker", fuzz_requests},
                   {"outcomes of a worker", fuzz_outcomes}};
    size_t count = sizeof targets / sizeof targets[0];
    if (argc > 1)
        cases = strtol(argv[1], NULL, 10);
    uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
    size_t only = argc > 3 ? strtoul(argv[3], NULL, 10) : 0;
    text.bytes = malloc(TEXT_MOST + 1);
    if (!text.bytes || only > count)
        return 1;
    printf("1..%zu\n", only ? (size_t)1 : count);
    for (size_t i = 0; i < count; i++) {
        if (only && only != i + 1)
            continue;
        state = seed * UINT64_C(0x9e3779b97f4a7c15) | 1;
        for (current = 0; current < cases; current++)
            targets[i].run();
        printf("ok %zu - %ld hostile %s\n", only ? (size_t)1 : i + 1, cases, targets[i].name);
        fflush(stdout);
    }
    free(text.bytes);
    return 0;
}
