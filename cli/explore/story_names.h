/* What a thread, an object, an operation and a place are called in a story. */
#ifndef CLI_EXPLORE_STORY_NAMES_H
#define CLI_EXPLORE_STORY_NAMES_H

#include "story.h"

#include <stdio.h>

uint32_t story_thread_count(const struct story *story);

/* " in f (file.c:12)", as far as it is known. `exact` if the address is that of an instruction, and not the one behind a
 * call. */
void story_put_place(const struct story *story, uint64_t address, bool exact, FILE *out);

/* "T1 worker" */
void story_put_thread(const struct story *story, uint32_t index, FILE *out);

/* "mutex lock", or the address of an object without a name. */
void story_put_object(const struct story *story, uint64_t object, const char *noun, FILE *out);

/* "locks mutex lock" */
void story_put_operation(const struct story *story, uint8_t kind, uint64_t object, FILE *out);

/* The kind of object that the last step was about. */
const char *story_noun_of(const struct schedule_region *region);

/* The last part of a path. */
const char *story_base_name(const char *path);

#endif
