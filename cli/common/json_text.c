/* Strings of JSON, written without a tree of values: a line for each of a million files or URLs
 * must be cheap. */
#include "json_text.h"

#include <stddef.h>

/* The length of the UTF-8 character at the begin of the text; 0 if it is invalid. Overlong
 * characters, surrogates and characters above U+10FFFF are invalid. */
static size_t utf8_length(const unsigned char *text)
{
    unsigned char first = text[0];
    size_t length = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    if (first > 0xf4)
        return 0;
    for (size_t i = 1; i < length; i++)
        if ((text[i] & 0xc0) != 0x80)
            return 0;
    if ((first == 0xe0 && text[1] < 0xa0) || (first == 0xed && text[1] > 0x9f) ||
        (first == 0xf0 && text[1] < 0x90) || (first == 0xf4 && text[1] > 0x8f))
        return 0;
    return length;
}

void json_put_text(FILE *out, const char *string)
{
    for (const unsigned char *text = (const unsigned char *)string; *text;) {
        size_t length = utf8_length(text);
        if (length == 0)
            fputs_unlocked("\\ufffd", out);
        else if (*text == '"' || *text == '\\')
            fprintf(out, "\\%c", *text);
        else if (*text < 0x20 || *text == 0x7f)
            fprintf(out, "\\u%04x", *text);
        else
            fwrite_unlocked(text, 1, length, out);
        text += length ? length : 1;
    }
}

void json_put_string(FILE *out, const char *text)
{
    putc_unlocked('"', out);
    json_put_text(out, text);
    putc_unlocked('"', out);
}

bool is_utf8(const char *string)
{
    const unsigned char *text = (const unsigned char *)string;
    for (size_t length; *text; text += length)
        if ((length = utf8_length(text)) == 0)
            return false;
    return true;
}
