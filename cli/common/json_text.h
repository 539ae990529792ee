/* Writes text as JSON. */
#ifndef CLI_COMMON_JSON_TEXT_H
#define CLI_COMMON_JSON_TEXT_H

#include <stdbool.h>
#include <stdio.h>

/* Writes a string with its quotes. Invalid UTF-8 becomes U+FFFD. */
void json_put_string(FILE *out, const char *text);

/* The same without quotes, for a string that consists of parts. */
void json_put_text(FILE *out, const char *text);

/* True if the text is UTF-8, which JSON requires. */
bool is_utf8(const char *text);

#endif
