/* The distance of two words: the number of letters that must be added, dropped, replaced, or
 * swapped with the next, to turn one word into the other. */
#include "nearest.h"

#include <string.h>

enum { LONGEST = 31, MISTAKES_MOST = 2, LETTERS_FOR_A_MISTAKE = 3 };

static size_t least_of(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Words longer than the table count as far away. */
static size_t word_distance(const char *a, const char *b)
{
    size_t length_a = strlen(a), length_b = strlen(b);
    size_t rows[LONGEST + 1][LONGEST + 1]; /* [i][j]: between the first i and the first j letters */
    if (length_a > LONGEST || length_b > LONGEST)
        return LONGEST;
    for (size_t i = 0; i <= length_a; i++)
        rows[i][0] = i;
    for (size_t j = 0; j <= length_b; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= length_a; i++)
        for (size_t j = 1; j <= length_b; j++) {
            size_t least = rows[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
            least = least_of(least, least_of(rows[i - 1][j], rows[i][j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                least = least_of(least, rows[i - 2][j - 2] + 1);
            rows[i][j] = least;
        }
    return rows[length_a][length_b];
}

/* The only word that begins with `word`; NULL if there is none or there are several. */
static const char *only_completion(const char *word, const char *const *words, size_t count)
{
    const char *found = NULL;
    for (size_t i = 0; *word && i < count; i++)
        if (strncmp(word, words[i], strlen(word)) == 0) {
            if (found)
                return NULL;
            found = words[i];
        }
    return found;
}

const char *nearest_word(const char *word, const char *const *words, size_t count)
{
    const char *nearest = only_completion(word, words, count);
    if (nearest)
        return nearest;
    size_t most = least_of(MISTAKES_MOST, strlen(word) / LETTERS_FOR_A_MISTAKE), least = most + 1;
    for (size_t i = 0; i < count; i++) {
        size_t distance = word_distance(word, words[i]);
        if (distance < least) {
            least = distance;
            nearest = words[i];
        }
    }
    return nearest;
}
