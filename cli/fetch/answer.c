/* Headers (RFC 9110, RFC 6266).
 *
 * A weak ETag does not promise the same bytes. So only a strong ETag counts, or else Last-Modified.
 *
 * The name in Content-Disposition comes from the server, so it may be hostile. Only the part after
 * its last slash or backslash counts. Control characters are replaced, and a leading dot gets a '_'
 * before it.
 */
#include "answer.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { LINE_MOST = 4096 };

static void take_range(struct answer *answer, const char *value)
{
    unsigned long long first = 0, last = 0, total = UINT64_MAX;
    char star[2] = "";
    answer->ranged = sscanf(value, "bytes %19llu-%19llu/%19llu", &first, &last, &total) == 3 ||
                     sscanf(value, "bytes %19llu-%19llu/%1[*]", &first, &last, star) == 3 ||
                     sscanf(value, "bytes */%19llu", &total) == 1;
    answer->first = first;
    answer->total = total;
}

/* Takes a name that has been decoded. */
static void take_name(struct answer *answer, char *name)
{
    size_t used = 0;
    for (char *at = name; *at; at++) {
        if (*at == '/' || *at == '\\')
            name = at + 1;
        else if ((unsigned char)*at < 0x20 || *at == 0x7f)
            *at = '_';
    }
    answer->file_name[0] = '\0';
    if (*name && !name_add(answer->file_name, FILE_NAME_SIZE, &used, name, strlen(name)))
        answer->file_name[0] = '\0'; /* too long */
}

static int hex(char digit)
{
    return isdigit((unsigned char)digit)    ? digit - '0'
           : isxdigit((unsigned char)digit) ? tolower((unsigned char)digit) - 'a' + 10
                                            : -1;
}

/* UTF-8''na%20me */
static bool decode_extended(const char *value, size_t length, char *name)
{
    if (length < 7 || strncasecmp(value, "UTF-8'", 6) != 0)
        return false;
    const char *end = value + length, *at = memchr(value + 6, '\'', length - 6);
    if (!at)
        return false;
    for (at++; at < end; at++) {
        bool escaped = *at == '%' && at + 2 < end && hex(at[1]) >= 0 && hex(at[2]) >= 0;
        char byte = escaped ? (char)(hex(at[1]) << 4 | hex(at[2])) : *at;
        *name++ = byte ? byte : '_';
        at += escaped ? 2 : 0;
    }
    *name = '\0';
    return true;
}

/* One parameter, "name=value"; returns what follows it. */
static const char *take_parameter(struct answer *answer, const char *at, bool *ret_extended)
{
    char name[LINE_MOST];
    size_t used = 0, word = strcspn(at, "=;");
    bool plain = word == 8 && strncasecmp(at, "filename", 8) == 0;
    bool extended = word == 9 && strncasecmp(at, "filename*", 9) == 0;
    const char *value = at[word] == '=' ? at + word + 1 : at + word;
    const char *end = value;
    if (*value == '"') {
        for (end++; *end && *end != '"'; end++) {
            end += *end == '\\' && end[1];
            name[used++] = *end;
        }
        end += *end == '"';
    } else {
        end += strcspn(value, "; \t");
        memcpy(name, value, used = (size_t)(end - value));
    }
    name[used] = '\0';
    if (extended && decode_extended(value, (size_t)(end - value), name)) {
        take_name(answer, name);
        *ret_extended = answer->file_name[0];
    } else if (plain && !*ret_extended) {
        take_name(answer, name);
    }
    return end;
}

static void take_disposition(struct answer *answer, const char *value)
{
    bool extended = false;
    const char *at = value + strcspn(value, ";");
    while (*at) {
        at += strspn(at, "; \t");
        if (*at)
            at = take_parameter(answer, at, &extended);
        at += strcspn(at, ";");
    }
}

/* The value, if the line is that header; else NULL. */
static const char *value_of(const char *line, const char *name)
{
    size_t length = strlen(name);
    if (strncasecmp(line, name, length) != 0 || line[length] != ':')
        return NULL;
    line += length + 1;
    return line + strspn(line, " \t");
}

void answer_take_line(struct answer *answer, const char *line, size_t length)
{
    char text[LINE_MOST];
    const char *value;
    if (length >= sizeof text || memchr(line, '\0', length))
        return; /* no known header is so long */
    memcpy(text, line, length);
    text[length] = '\0';
    length = strcspn(text, "\r\n");
    while (length > 0 && strchr(" \t", text[length - 1]))
        length--;
    text[length] = '\0';
    if (strncmp(text, "HTTP/", 5) == 0)
        *answer = (struct answer){0};
    else if ((value = value_of(text, "ETag")) && strlen(value) < sizeof answer->etag)
        strcpy(answer->etag, value);
    else if ((value = value_of(text, "Last-Modified")) && strlen(value) < sizeof answer->modified)
        strcpy(answer->modified, value);
    else if ((value = value_of(text, "Content-Encoding")))
        answer->encoded = *value && strcasecmp(value, "identity") != 0;
    else if ((value = value_of(text, "Content-Range")))
        take_range(answer, value);
    else if ((value = value_of(text, "Content-Disposition")))
        take_disposition(answer, value);
}

const char *answer_validator(const struct answer *answer)
{
    if (answer->encoded)
        return NULL;
    if (answer->etag[0] == '"')
        return answer->etag;
    return answer->modified[0] ? answer->modified : NULL;
}
