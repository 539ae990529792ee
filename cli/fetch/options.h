/* The command line of `thrum fetch` as a struct. */
#ifndef CLI_FETCH_OPTIONS_H
#define CLI_FETCH_OPTIONS_H

#include "command_line.h"

#include <curl/curl.h>

enum fetch_executor { FETCH_FIBERS, FETCH_THREADS };

struct fetch_options {
    const char *input; /* a file of URLs, "-" for standard input; may be NULL */
    const char *directory, *resume, *retry_failed, *proxy, *authorities;
    int executor;
    int jobs, per_host, retries;
    double rate, host_rate;   /* attempts per second; 0 for no bound */
    double timeout, deadline; /* in seconds; 0 for none */
    bool json, check_only, quiet, progress, tree, compressed, netrc, disposition, in_order, sync;
    bool asks_range; /* a header of the user's is Range */
    const char *cookies;
    struct curl_slist *headers;
    char **urls; /* in argv */
    size_t url_count;
};

extern const struct command_line fetch_line;

/* Reads the command line, as demo_options_parse does. Call fetch_options_finish after any
 * verdict. */
enum options_verdict fetch_options_parse(int argc, char **argv, struct fetch_options *ret,
                                         char *message, size_t size);
void fetch_options_finish(struct fetch_options *options);

#endif
