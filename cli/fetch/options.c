/* The command line of `thrum fetch`. Letters are curl's where it has them. */
#include "options.h"

#include "../command.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define INTO(field) offsetof(struct fetch_options, field)

enum { JOBS_MOST = 20000, RETRIES_MOST = 1000, JOBS_DEFAULT = 100, PER_HOST_DEFAULT = 10 };

/* Each reads the value of one option. */
static bool take_rate(void *into, const char *value, char *message, size_t size);
static bool take_host_rate(void *into, const char *value, char *message, size_t size);
static bool take_header(void *into, const char *value, char *message, size_t size);

static const char *const executors[] = {"fibers", "threads", NULL};

static const struct option_row rows[] = {
    {'i', "input", "FILE", "Read URLs from this file, one a line; - is standard input.",
     "Blank lines, and lines that begin with #, are ignored. The URL may be followed by blanks and a digest that "
     "the answer must have, such as sha256:HEX, and by a tab and a name for the file.",
     OPTION_TEXT, INTO(input), .completion = COMPLETE_FILE},
    {'o', "output", "DIR",
     "Write a file for each URL into this directory; create it if it does not exist.",
     "Its name is the last part of the URL's path, with the query; index.html if there is none.",
     OPTION_TEXT, INTO(directory), .completion = COMPLETE_FILE},
    {0, "tree", NULL, "With -o: name files HOST/PATH, as in the URL.",
     "A port other than the usual one is part of HOST. Missing directories are created.",
     OPTION_FLAG, INTO(tree)},
    {0, "content-disposition", NULL,
     "With -o: take a file's name from the server, if it gives one.",
     "Only the last part of it counts. It replaces the name of the URL or the list, also with --tree.",
     OPTION_FLAG, INTO(disposition)},
    {0, "sync", NULL, "With -o: write each file to the disk before it gets its name.",
     "Without it, the system writes files when it chooses, as for curl and wget: after a power cut a file may have "
     "its name and lack its bytes. The directories are written, too, and then the line of --json.",
     OPTION_FLAG, INTO(sync)},
    {0, "in-order", NULL, "Print in the order of the list, not as answers come.",
     "At most 512 answers wait for an earlier one; then no further request begins.", OPTION_FLAG,
     INTO(in_order)},
    {0, "json", NULL, "Print an object of JSON for each URL, those that failed included.",
     "Its members are url, name and digest (if the list gave one), status, attempts, bytes, seconds (name, "
     "connect, tls, first_byte and total, of the last attempt), path and error. Without -o the bodies are "
     "counted and dropped.",
     OPTION_FLAG, INTO(json)},
    {0, "check-only", NULL, "Check by HEAD whether the URLs exist; print status and URL of each.",
     "If a server refuses HEAD by 403, 405 or 501, a GET asks for the first byte. The status is 000 if there is no "
     "answer.",
     OPTION_FLAG, INTO(check_only)},
    {'j', "jobs", "N", "Requests at a time; 100 by default.", NULL, OPTION_COUNT, INTO(jobs), 1,
     JOBS_MOST},
    {0, "per-host", "N", "Requests at a time to one host; 10 by default.",
     "A host that answers 429 or 503 gets half as many, and one more for each round that succeeds, "
     "up to N again.",
     OPTION_COUNT, INTO(per_host), 1, JOBS_MOST},
    {0, "rate", "RATE", "The most requests in a time, as in 100/s or 30/m.",
     "Retries count, too. The requests are spread evenly.", OPTION_CUSTOM, .take = take_rate},
    {0, "host-rate", "RATE", "The same for each host.", NULL, OPTION_CUSTOM,
     .take = take_host_rate},
    {0, "retries", "N", "Retry a temporary failure up to N times; 3 by default.",
     "Such failures are 408, 429, 5xx, connections that fail, break or stall, and answers that end too soon. "
     "The pause is a random time up to 0.5 s, 1 s, 2 s and so on, but not shorter than a Retry-After.",
     OPTION_COUNT, INTO(retries), 0, RETRIES_MOST},
    {0, "timeout", "TIME", "The longest that one attempt may take.",
     "No limit by default; but an attempt that gets no byte in a minute has stalled and fails.",
     OPTION_SECONDS, INTO(timeout)},
    {0, "deadline", "TIME",
     "The longest that the run may take; requests that still run are cut off.", NULL,
     OPTION_SECONDS, INTO(deadline)},
    {0, "resume", "LOG", "Skip the URLs in LOG, the output of an earlier --json.",
     "A URL that failed there counts as failed. LOG may be the file that standard output is appended to.",
     OPTION_TEXT, INTO(resume), .completion = COMPLETE_FILE},
    {0, "retry-failed", "LOG",
     "Fetch the URLs that failed in LOG, the output of an earlier --json.",
     "A URL counts as failed if its last line has an error. URLs on the command line are fetched, too.",
     OPTION_TEXT, INTO(retry_failed), .completion = COMPLETE_FILE},
    {'H', "header", "LINE", "Send this header, as in 'Accept: text/html'; may be repeated.", NULL,
     OPTION_CUSTOM, .take = take_header},
    {'x', "proxy", "URL",
     "Use this proxy; by default that of http_proxy, https_proxy or all_proxy.", NULL, OPTION_TEXT,
     INTO(proxy)},
    {0, "compressed", NULL, "Ask for gzip, br or zstd, and decompress the answers.",
     "A compressed answer cannot be resumed.", OPTION_FLAG, INTO(compressed)},
    {'n', "netrc", NULL, "Take user names and passwords from ~/.netrc.", NULL, OPTION_FLAG,
     INTO(netrc)},
    {'b', "cookies", "FILE", "Send the cookies of this file, in Netscape's format.", NULL,
     OPTION_TEXT, INTO(cookies), .completion = COMPLETE_FILE},
    {0, "cacert", "FILE", "Trust the authorities in this file instead of the system's.", NULL,
     OPTION_TEXT, INTO(authorities), .completion = COMPLETE_FILE},
    {0, "executor", "KIND", "Wait for answers on fibers (the default) or threads.", NULL,
     OPTION_CHOICE, INTO(executor), .choices = executors, .completion = COMPLETE_CHOICES},
    {'q', "quiet", NULL, "Show neither progress nor a summary.", NULL, OPTION_FLAG, INTO(quiet)},
    {0, "progress", NULL, "Show progress also where standard error is no terminal, as lines.", NULL,
     OPTION_FLAG, INTO(progress)},
    OPTION_ROWS_COMMON,
};

static const struct help_section sections[] = {
    {.title = "Output",
     .text =
         "Without -o, --json and --check-only the answers are printed: each whole, in the order in which "
         "they end.\n\n"
         "With -o a file appears under its name when it is complete. An existing file is never "
         "replaced. So if two URLs have the same name, the second fails: give it another name "
         "in the list of -i, after a tab, or use --tree. With --resume an existing file counts as "
         "fetched if it has the same bytes as the answer, because a killed run may have left it.\n\n"
         "Until a file is complete it has no name. A large file for which the server gives a version (a strong "
         "ETag, or Last-Modified) has a hidden name, .thrum-fetch-*.part. If it is cut off, the next attempt "
         "continues it, or the next run with the same URL and name. That needs a file "
         "system with extended attributes. Other failures leave no file.\n\n"
         "An answer of 400 or more is a failure, and its body is dropped. 204, 205 and 304 create no file and "
         "are no failure.",
     .manual_only = true},
    {.title = "Requests",
     .text =
         "Redirects are followed, ten at most. Certificates are verified. Over TLS, requests to one "
         "host share an HTTP/2 connection if the server supports it.\n\n"
         "The list of -i is read during the run, so its length does not matter.",
     .manual_only = true},
    {0},
};

static const struct help_term examples[] = {
    {"thrum fetch https://example.org", "Print a page."},
    {"thrum fetch -o pages -i urls.txt --rate 20/s", "Fetch a list, at most 20 requests a second."},
    {"thrum fetch -o pages -i urls.txt --json --resume log >> log",
     "The same; repeat it after an interruption."},
    {"thrum fetch -o pages --retry-failed log --json >> log", "Fetch again what failed."},
    {"thrum fetch -o mirror --tree -i urls.txt",
     "Fetch pages of many sites; names do not collide."},
    {"thrum fetch --check-only -i links.txt", "Find dead links."},
    {0},
};

static const struct help_term environment[] = {
    {"http_proxy, https_proxy, all_proxy, no_proxy", "Proxies, as for curl."},
    {0},
};

const struct command_line fetch_line = {
    .name = "fetch",
    .summary = SUMMARY_fetch,
    .title = "fetch URLs, thousands at once",
    .usages = (const char *const[]){"[OPTION...] [URL...]", "[OPTION...] -i FILE", NULL},
    .about = "Fetches URLs of http and https: many at a time, few from one host. Temporary "
             "failures are retried. A file is written whole or not at all.",
    .options = rows,
    .sections = sections,
    .examples = examples,
    .environment = environment,
    .fails = "A URL could not be fetched, or the deadline passed. The other URLs were fetched.",
    .interrupted =
        "After Ctrl-C, SIGTERM or SIGHUP no further request begins; the command waits for those that run "
        "and prints a summary. A second signal ends it at once.",
    .operands = OPERANDS_ANY,
};

/* Reads "100/s", "30/m", "5/h" or a plain number of requests per second. */
static bool rate_parse(const char *option, const char *text, double *ret_rate, char *message,
                       size_t size)
{
    char *end;
    double number = strspn(text, "0123456789.") > 0 ? strtod(text, &end) : 0;
    double seconds = 1;
    if (number > 0 && *end) {
        if (strcmp(end, "/m") == 0)
            seconds = 60;
        else if (strcmp(end, "/h") == 0)
            seconds = 3600;
        else if (strcmp(end, "/s") != 0)
            number = 0;
    }
    if (!(number > 0) || !isfinite(number)) {
        command_line_wrong(message, size,
                           "--%s: a rate is a number such as 100/s or 30/m, not '%s'", option,
                           text);
        return false;
    }
    *ret_rate = number / seconds;
    return true;
}

static bool take_rate(void *into, const char *value, char *message, size_t size)
{
    return rate_parse("rate", value, &((struct fetch_options *)into)->rate, message, size);
}

static bool take_host_rate(void *into, const char *value, char *message, size_t size)
{
    return rate_parse("host-rate", value, &((struct fetch_options *)into)->host_rate, message,
                      size);
}

static bool take_header(void *into, const char *value, char *message, size_t size)
{
    struct fetch_options *options = into;
    if (value[0] == ':' || !strpbrk(value, ":;") || strpbrk(value, "\r\n")) {
        command_line_wrong(message, size, "--header takes a line such as 'Name: value', not '%s'",
                           value);
        return false;
    }
    options->asks_range |= strncasecmp(value, "Range:", 6) == 0;
    struct curl_slist *longer = curl_slist_append(options->headers, value);
    if (longer)
        options->headers = longer;
    else
        command_line_wrong(message, size, "out of memory");
    return longer;
}

/* Checks the options together. */
static enum options_verdict check_whole(const struct fetch_options *o, char *message, size_t size)
{
    if (o->url_count == 0 && !o->input && !o->retry_failed)
        return command_line_wrong(message, size,
                                  "nothing to fetch: give URLs, or a list of them by -i FILE");
    if (o->resume && o->retry_failed)
        return command_line_wrong(message, size,
                                  "--resume goes on with a list, --retry-failed begins with a log: "
                                  "one of them at a time");
    if (o->input && o->retry_failed)
        return command_line_wrong(message, size,
                                  "--retry-failed takes its URLs from the log: not with --input");
    if (o->check_only && o->directory)
        return command_line_wrong(message, size,
                                  "--check-only gets nothing that --output could write");
    if (!o->directory && (o->tree || o->disposition))
        return command_line_wrong(message, size, "--%s names files: it needs --output",
                                  o->tree ? "tree" : "content-disposition");
    if (!o->directory && o->sync)
        return command_line_wrong(message, size,
                                  "--sync writes files to the disk: it needs --output");
    if (o->quiet && o->progress)
        return command_line_wrong(message, size, "--quiet and --progress contradict each other");
    if (o->directory && !*o->directory)
        return command_line_wrong(message, size,
                                  "--output takes a directory's name, not an empty word");
    return OPTIONS_RUN;
}

enum options_verdict fetch_options_parse(int argc, char **argv, struct fetch_options *ret,
                                         char *message, size_t size)
{
    int first;
    *ret = (struct fetch_options){.jobs = JOBS_DEFAULT, .per_host = PER_HOST_DEFAULT, .retries = 3};
    enum options_verdict verdict =
        command_line_parse(&fetch_line, argc, argv, ret, &first, message, size);
    if (verdict != OPTIONS_RUN)
        return verdict;
    ret->urls = argv + first;
    ret->url_count = (size_t)(argc - first);
    return check_whole(ret, message, size);
}

void fetch_options_finish(struct fetch_options *options)
{
    curl_slist_free_all(options->headers);
    options->headers = NULL;
}
