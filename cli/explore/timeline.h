/* A failing schedule as a page of the timeline. */
#ifndef CLI_EXPLORE_TIMELINE_H
#define CLI_EXPLORE_TIMELINE_H

#include "story.h"

/* Writes the page to the file. `program` is its title. Returns 0 or a negative errno. */
int timeline_write(const struct story *story, const struct outcome *outcome, const char *program,
                   const char *path);

#endif
