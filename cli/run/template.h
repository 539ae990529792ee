/* Makes the command of a job from words with placeholders. */
#ifndef CLI_RUN_TEMPLATE_H
#define CLI_RUN_TEMPLATE_H

#include "inputs.h"

/* The values of placeholders. */
struct template_values {
    const struct fields *fields;
    uint64_t number; /* {#} */
    int slot;        /* {%}; 0 does not replace it */
};

/* Fills the `count` words. Returns words that end with NULL, in one block; free it. NULL if memory
 * ran out. If no word has a placeholder, the arguments come last, each a word. */
char **template_fill(char *const *words, int count, const struct template_values *values);

/* True if a word has a placeholder of GNU parallel that is not supported; sets `ret_text` to it. */
bool template_refuses(const char *word, const char **ret_text);

#endif
