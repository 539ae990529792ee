/* The command line of `thrum hash` as a struct. */
#ifndef CLI_HASH_OPTIONS_H
#define CLI_HASH_OPTIONS_H

#include "command_line.h"

struct hash_options {
    const char *algorithm; /* NULL for the usual one */
    const char *cache;
    int length;  /* of digests, in bits; 0 for the usual one */
    int workers; /* 0 for as many as there are processors */
    bool check, unordered, json, follow, binary, text, tag, zero, base64, raw, tree, coreutils;
    bool ignore_missing, quiet, status, strict, warn, progress;
    char **paths; /* in argv; never none, as "-" stands for none */
    size_t path_count;
    bool no_path; /* there are none */
    char **trees; /* of --new-in */
    size_t tree_count;
};

extern const struct command_line hash_line;

/* Reads the command line, as demo_options_parse does. Call hash_options_finish after any
 * verdict. */
enum options_verdict hash_options_parse(int argc, char **argv, struct hash_options *ret,
                                        char *message, size_t size);
void hash_options_finish(struct hash_options *options);

#endif
