/* The story of a run that failed: its threads and its steps, as text and as JSON. */
#ifndef CLI_EXPLORE_STORY_H
#define CLI_EXPLORE_STORY_H

#include "doctor/look.h"
#include "runner.h"

#include <stdio.h>

struct story {
    const struct runner *runner;
    struct process process; /* the server: where addresses are */
    struct look look;       /* at the process when it had failed */
    bool opened, looked;
    char unseen[256]; /* why one of them could not be had, or empty */
};

/* For runner_run: takes the look. */
void story_look(void *story, pid_t pid);

/* Opens the server and finds all places. Returns 0 or a negative errno. */
int story_open(struct story *story, const struct runner *runner);
void story_close(struct story *story);

/* What failed, in a sentence. */
void story_headline(const struct story *story, const struct outcome *outcome, FILE *out);

/* Writes with the marks of cli/doctor/report.h. `full` tells all steps. */
void story_text(const struct story *story, const struct outcome *outcome, bool full, FILE *out);

/* Writes the members "moment", "threads" and "steps" of an object. */
void story_json(const struct story *story, const struct outcome *outcome, FILE *out);

#endif
