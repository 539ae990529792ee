/* "Did you mean": the word of a list that is nearest to one that is not in it. */
#ifndef CLI_COMMON_NEAREST_H
#define CLI_COMMON_NEAREST_H

#include <stddef.h>

/* The nearest of `count` words, or NULL if none is so near that it may have been meant. */
const char *nearest_word(const char *word, const char *const *words, size_t count);

#endif
