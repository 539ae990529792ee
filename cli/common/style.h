/* Colours for terminals. */
#ifndef CLI_COMMON_STYLE_H
#define CLI_COMMON_STYLE_H

#include <stdbool.h>

#define STYLE_BOLD  "\x1b[1m"
#define STYLE_DIM   "\x1b[2m"
#define STYLE_RED   "\x1b[31m"
#define STYLE_GREEN "\x1b[32m"
#define STYLE_END   "\x1b[0m"

/* True if `descriptor` is a terminal, is not a "dumb" one, and NO_COLOR is unset or empty. */
bool style_wanted(int descriptor);

/* The number of columns of a terminal; 80 for anything else. */
int style_width(int descriptor);

#endif
