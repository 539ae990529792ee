/* What the fuzzers of the command share: numbers that are the same for the same seed, and a failed check. */
#ifndef TESTS_CLI_FUZZ_H
#define TESTS_CLI_FUZZ_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static uint64_t state;
static long current; /* the number of the case */

static uint64_t draw(uint64_t below)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state % below;
}

/* Ends the program unless `fine`. `text` is shown, and may be empty. */
static void check_text(bool fine, const char *what, const char *text)
{
    if (fine)
        return;
    printf("not ok - %s\n# case %ld%s%.500s\n", what, current, *text ? ": " : "", text);
    exit(1);
}

#endif
