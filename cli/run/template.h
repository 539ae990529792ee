/* The command of a job, from words with placeholders. */
#ifndef CLI_RUN_TEMPLATE_H
#define CLI_RUN_TEMPLATE_H

#include "inputs.h"

/* What placeholders stand for. */
struct template_values {
    const struct fields *fields;
    uint64_t number; /* {#} */
    int slot;        /* {%}; 0 leaves it as it is */
};

/* Fills the `count` words. Gives words that end with NULL, one block to be freed by `free`; NULL if
 * memory is out. Without any placeholder in the words the arguments come last, each a word. */
char **template_fill(char *const *words, int count, const struct template_values *values);

/* True if a word has a placeholder of GNU parallel that is not one here; `ret_text` is it. */
bool template_refuses(const char *word, const char **ret_text);

#endif
