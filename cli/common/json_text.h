/* Text as JSON has it. */
#ifndef CLI_COMMON_JSON_TEXT_H
#define CLI_COMMON_JSON_TEXT_H

#include <stdbool.h>
#include <stdio.h>

/* A string with its quotes. Bytes that are no UTF-8 become U+FFFD. */
void json_put_string(FILE *out, const char *text);

/* The same without quotes, for a string that is put together from parts. */
void json_put_text(FILE *out, const char *text);

/* True if JSON can hold the text as it is. */
bool is_utf8(const char *text);

#endif
