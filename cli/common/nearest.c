/* Levenshtein's distance: how many letters must be added, dropped or exchanged to make one word of
 * another. Up to three may be wrong, but not all. */
#include "nearest.h"

#include <string.h>

/* Words longer than the table count as far away. */
static size_t word_distance(const char *a, const char *b)
{
    enum { LONGEST = 31 };
    size_t length_a = strlen(a), length_b = strlen(b), row[LONGEST + 1];
    if (length_a > LONGEST || length_b > LONGEST)
        return LONGEST;
    for (size_t j = 0; j <= length_b; j++)
        row[j] = j;
    for (size_t i = 1; i <= length_a; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= length_b; j++) {
            size_t least = diagonal + (a[i - 1] != b[j - 1]);
            if (row[j] + 1 < least)
                least = row[j] + 1;
            if (row[j - 1] + 1 < least)
                least = row[j - 1] + 1;
            diagonal = row[j];
            row[j] = least;
        }
    }
    return row[length_b];
}

const char *nearest_word(const char *word, const char *const *words, size_t count)
{
    const char *nearest = NULL;
    size_t least = 4;
    for (size_t i = 0; i < count; i++) {
        size_t distance = word_distance(word, words[i]);
        if (distance < least && distance < strlen(words[i])) {
            least = distance;
            nearest = words[i];
        }
    }
    return nearest;
}
