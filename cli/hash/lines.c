/* Lines.
 *
 * A name with a backslash, a newline or a carriage return is escaped, and its line begins with a
 * backslash, as in coreutils 9.1. A path is written in two parts, folder and name, as it is
 * stored. */
#include "lines.h"

#include "json_text.h"

#include <stdlib.h>
#include <string.h>

static void put_hex(FILE *out, const unsigned char *digest, size_t size)
{
    static const char digits[] = "0123456789abcdef";
    char hex[2 * DIGEST_MOST];
    for (size_t i = 0; i < size; i++) {
        hex[2 * i] = digits[digest[i] >> 4];
        hex[2 * i + 1] = digits[digest[i] & 15];
    }
    fwrite_unlocked(hex, 1, 2 * size, out);
}

static void put_base64(FILE *out, const unsigned char *digest, size_t size)
{
    unsigned char text[4 * ((DIGEST_MOST + 2) / 3) + 1];
    fwrite_unlocked(text, 1, (size_t)EVP_EncodeBlock(text, digest, (int)size), out);
}

static void put_digest(FILE *out, const struct line_style *style, const struct item *item)
{
    if (style->base64)
        put_base64(out, item->digest, style->digest->size);
    else
        put_hex(out, item->digest, style->digest->size);
}

static void put_escaped(FILE *out, const char *text)
{
    while (*text) {
        size_t plain = strcspn(text, "\\\n\r");
        fwrite_unlocked(text, 1, plain, out);
        text += plain;
        if (!*text)
            return;
        fputs_unlocked(*text == '\\' ? "\\\\" : *text == '\n' ? "\\n" : "\\r", out);
        text++;
    }
}

static void put_path(FILE *out, const struct batch *batch, const struct item *item, bool escape)
{
    const char *parts[] = {item->folder->path, item_name(batch, item)};
    for (size_t i = 0; i < 2; i++) {
        if (escape)
            put_escaped(out, parts[i]);
        else
            fputs_unlocked(parts[i], out);
    }
}

static bool path_has(const struct batch *batch, const struct item *item, const char *set)
{
    return strpbrk(item->folder->path, set) || strpbrk(item_name(batch, item), set);
}

/* The bytes of a path that JSON cannot hold. */
static void put_path_hex(FILE *out, const struct batch *batch, const struct item *item)
{
    const char *parts[] = {item->folder->path, item_name(batch, item)};
    if (is_utf8(parts[0]) && is_utf8(parts[1]))
        return;
    fputs_unlocked(", \"path_hex\": \"", out);
    for (size_t i = 0; i < 2; i++)
        for (const char *at = parts[i]; *at; at++)
            put_hex(out, (const unsigned char *)at, 1);
    putc_unlocked('"', out);
}

static void put_json(FILE *out, const struct line_style *style, const struct batch *batch,
                     const struct item *item)
{
    fputs_unlocked("{\"path\": \"", out);
    /* No character is cut in two: the first part is empty or ends with a slash. */
    json_put_text(out, item->folder->path);
    json_put_text(out, item_name(batch, item));
    putc_unlocked('"', out);
    put_path_hex(out, batch, item);
    fputs_unlocked(", \"algorithm\": ", out);
    json_put_string(out, style->digest->name);
    if (item->state == ITEM_DONE || item->state == ITEM_CHANGED) {
        fputs_unlocked(", \"digest\": \"", out);
        put_hex(out, item->digest, style->digest->size);
        fprintf(out, "\", \"bytes\": %ju, \"changed\": %s, \"error\": null}\n",
                (uintmax_t)item->bytes, item->state == ITEM_CHANGED ? "true" : "false");
        return;
    }
    fputs_unlocked(", \"digest\": null, \"bytes\": null, \"changed\": false, \"error\": ", out);
    json_put_string(out, item->error ? thrum_strerror(item->error) : item->word);
    fputs_unlocked("}\n", out);
}

void line_put(FILE *out, const struct line_style *style, const struct batch *batch,
              const struct item *item)
{
    if (style->form == LINE_JSON) {
        put_json(out, style, batch, item);
        return;
    }
    if (item->state != ITEM_DONE && item->state != ITEM_CHANGED)
        return;
    if (style->form == LINE_RAW) {
        fwrite_unlocked(item->digest, 1, style->digest->size, out);
        return;
    }
    bool escape = !style->zero && path_has(batch, item, "\\\n\r");
    if (escape)
        putc_unlocked('\\', out);
    if (style->form == LINE_TAG) {
        fputs_unlocked(style->digest->tag, out);
        fputs_unlocked(" (", out);
        put_path(out, batch, item, escape);
        fputs_unlocked(") = ", out);
        put_digest(out, style, item);
    } else if (style->form == LINE_CRC) {
        const unsigned char *crc = item->digest;
        fprintf(out, "%u %ju", (unsigned)crc[0] << 24 | crc[1] << 16 | crc[2] << 8 | crc[3],
                (uintmax_t)item->bytes);
        if (!style->unnamed) {
            putc_unlocked(' ', out);
            put_path(out, batch, item, escape);
        }
    } else {
        put_digest(out, style, item);
        fputs_unlocked(style->form == LINE_BINARY ? " *" : "  ", out);
        put_path(out, batch, item, escape);
    }
    putc_unlocked(style->zero ? '\0' : '\n', out);
}

void line_put_verdict(FILE *out, const struct batch *batch, const struct item *item,
                      const char *verdict)
{
    bool escape = path_has(batch, item, "\n");
    if (escape)
        putc_unlocked('\\', out);
    put_path(out, batch, item, escape);
    fprintf(out, ": %s\n", verdict);
}

char *path_for_message(const struct batch *batch, const struct item *item)
{
    char *path;
    if (asprintf(&path, "%s%s", item->folder->path, item_name(batch, item)) < 0)
        return NULL;
    for (char *at = path; *at; at++)
        if ((unsigned char)*at < 0x20 || *at == 0x7f)
            *at = '?';
    return path;
}
