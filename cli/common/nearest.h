/* "Did you mean": finds the word of a list that is nearest to another word. */
#ifndef CLI_COMMON_NEAREST_H
#define CLI_COMMON_NEAREST_H

#include <stddef.h>

/* The nearest word, or NULL if none is near enough. If exactly one word begins with `word`, that is
 * it. Otherwise it is the word with the fewest mistakes: at most two, and at most one for three
 * letters of `word`. */
const char *nearest_word(const char *word, const char *const *words, size_t count);

#endif
