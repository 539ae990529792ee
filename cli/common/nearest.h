/* "Did you mean": the word of a list that was probably meant by one that is not in it. */
#ifndef CLI_COMMON_NEAREST_H
#define CLI_COMMON_NEAREST_H

#include <stddef.h>

/* The word that was probably meant, or NULL if none is near enough. The only word that begins with `word`
 * comes first. Otherwise it is the nearest of those with at most two mistakes, and at most one for
 * three letters of `word`. */
const char *nearest_word(const char *word, const char *const *words, size_t count);

#endif
