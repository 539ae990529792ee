/* A line: blanks; a backslash if the name is escaped; then one of
 *
 *     TAG (name) = digest      with blanks where OpenSSL leaves them out
 *     digest  name             the second blank may be a '*'
 *     digest name              as BSD's `-r` writes
 *
 * The digest is in hexadecimal or in base64. The tag is the algorithm; without one, it is the
 * length.
 *
 * One line does not show whether a name of the last form begins with a blank or a star. The first
 * line of a list decides for the rest.
 *
 * A line with a NUL is refused: a name that ends there would be another file.
 */
#include "list_line.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static int hex_value(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    digit = (char)tolower((unsigned char)digit);
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

static int base64_value(char digit)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = digit ? strchr(digits, digit) : NULL;
    return at ? (int)(at - digits) : -1;
}

/* Reads hexadecimal digits. Returns how many bytes they are, 0 if they are no digest. */
static size_t take_hex(const char *text, size_t length, unsigned char *ret_digest)
{
    if (length % 2 != 0 || length / 2 > DIGEST_MOST)
        return 0;
    for (size_t i = 0; i < length / 2; i++) {
        int high = hex_value(text[2 * i]), low = hex_value(text[2 * i + 1]);
        if (high < 0 || low < 0)
            return 0;
        ret_digest[i] = (unsigned char)(high << 4 | low);
    }
    return length / 2;
}

/* The same for base64. */
static size_t take_base64(const char *text, size_t length, unsigned char *ret_digest)
{
    size_t padding =
        length > 0 && text[length - 1] == '=' ? 1 + (length > 1 && text[length - 2] == '=') : 0;
    size_t size = length / 4 * 3 - padding;
    if (length % 4 != 0 || length == 0 || size > DIGEST_MOST)
        return 0;
    for (size_t group = 0; group < length / 4; group++) {
        unsigned bits = 0;
        for (size_t i = 4 * group; i < 4 * group + 4; i++) {
            int value = i < length - padding ? base64_value(text[i]) : 0;
            if (value < 0)
                return 0;
            bits = bits << 6 | (unsigned)value;
        }
        for (size_t i = 0; i < 3 && 3 * group + i < size; i++)
            ret_digest[3 * group + i] = (unsigned char)(bits >> (16 - 8 * i));
    }
    return size;
}

static bool is_blake2b(const struct digest_kind *kind)
{
    return strncasecmp(kind->tag, "BLAKE2b", 7) == 0;
}

/* The algorithm of a digest of that size without a tag. */
static const struct digest_kind *kind_sized(struct list_format *format, size_t size)
{
    char name[24];
    if (size == 0)
        return NULL;
    if (!format->only)
        return digest_set_sized(&format->kinds, size);
    if (format->only->size == size)
        return format->only;
    if (!is_blake2b(format->only))
        return NULL;
    return digest_set_named(&format->kinds, name,
                            (size_t)snprintf(name, sizeof name, "blake2b-%zu", 8 * size));
}

/* The algorithm of a tag. */
static const struct digest_kind *kind_tagged(struct list_format *format, const char *tag,
                                             size_t length)
{
    const struct digest_kind *only = format->only;
    if (only && strlen(only->tag) == length && strncmp(only->tag, tag, length) == 0)
        return only;
    if (only && !(is_blake2b(only) && length > 7 && strncmp(tag, "BLAKE2b", 7) == 0))
        return NULL;
    return digest_set_named(&format->kinds, tag, length);
}

/* Reads a digest of that size. */
static bool take_digest(const char *text, size_t size, unsigned char *ret_digest)
{
    size_t length = strlen(text);
    return take_hex(text, length, ret_digest) == size ||
           take_base64(text, length, ret_digest) == size;
}

/* Undoes the escapes in place; false for an unknown escape. */
static bool unescape(char *name)
{
    char *to = name;
    for (; *name; name++) {
        if (*name != '\\') {
            *to++ = *name;
            continue;
        }
        name++;
        if (*name != 'n' && *name != 'r' && *name != '\\')
            return false;
        *to++ = *name == 'n' ? '\n' : *name == 'r' ? '\r' : '\\';
    }
    *to = '\0';
    return true;
}

/* The rest of a line, from the parenthesis on. */
static bool read_tagged(char *text, bool escaped, struct list_line *ret_line)
{
    char *name = text + 1, *end = strrchr(name, ')');
    if (!end)
        return false;
    *end++ = '\0';
    end += strspn(end, " \t");
    if (*end++ != '=')
        return false;
    end += strspn(end, " \t");
    ret_line->name = name;
    return (!escaped || unescape(name)) && take_digest(end, ret_line->kind->size, ret_line->digest);
}

/* The name after an untagged digest; NULL if there is none. */
static char *name_after(struct list_format *format, char *line)
{
    if (*line != ' ' && *line != '\t')
        return NULL;
    line++;
    if (*line == '\0')
        return NULL;
    if (line[1] == '\0' || (*line != ' ' && *line != '*')) {
        if (format->reversed == NOT_REVERSED)
            return NULL;
        format->reversed = REVERSED;
    } else if (format->reversed != REVERSED) {
        format->reversed = NOT_REVERSED;
        line++;
    }
    return line;
}

bool list_line_read(struct list_format *format, char *line, size_t length,
                    struct list_line *ret_line)
{
    if (strlen(line) != length)
        return false;
    line += strspn(line, " \t");
    bool escaped = *line == '\\';
    line += escaped;
    size_t word = strcspn(line, " \t("), blanks = line[word] == ' ';
    if (line[word + blanks] == '(' && (ret_line->kind = kind_tagged(format, line, word)))
        return read_tagged(line + word + blanks, escaped, ret_line);
    word = strcspn(line, " \t");
    ret_line->kind = kind_sized(format, take_hex(line, word, ret_line->digest));
    if (!ret_line->kind) /* digits of base64 may look like those of hexadecimal */
        ret_line->kind = kind_sized(format, take_base64(line, word, ret_line->digest));
    char *name = ret_line->kind ? name_after(format, line + word) : NULL;
    ret_line->name = name;
    return name && (!escaped || unescape(name));
}

void list_format_finish(struct list_format *format)
{
    digest_set_finish(&format->kinds);
}
