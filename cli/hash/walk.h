/* The walker: finds the files below the paths that the user named. */
#ifndef CLI_HASH_WALK_H
#define CLI_HASH_WALK_H

#include "engine.h"

struct walk_options {
    char **paths; /* "-" is standard input */
    size_t count;
    bool follow;    /* symbolic links in trees */
    bool no_trees;  /* a directory is an error */
    bool unordered; /* entries as the directory has them */
    bool sizes;     /* tell the engine the size of each file, for a bar */
};

/* An engine_source; the context is a struct walk_options. */
int walk(struct engine *engine, void *options);

#endif
