/* Hostile text for what reads lists: lines of digests, of URLs, of logs, headers, URLs. Texts are made from
 * samples by random changes, the same for the same seed. What is checked besides memory (run it under a
 * sanitizer): names that lead nowhere, digests of the right size, lines that say the same when read again.
 *
 *     fuzz_lists [CASES [SEED]]     20000 cases by default; TAP
 */
#include "fuzz.h"

#include "fetch/address.h"
#include "fetch/answer.h"
#include "fetch/log.h"
#include "fetch/source.h"
#include "hash/list_line.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_MOST = 1200 * 1024, CHANGES_MOST = 6 };

static long cases = 20000;

/* ------------------------------------------------------------------------------------------- texts */

static const char *const pieces[] = {
    " ",           "\t",
    "\n",          "\r",
    "\\",          "\\n",
    "*",           "(",
    ")",           "=",
    ":",           "/",
    "..",          "/./",
    "%2e%2e%2f",   "%00",
    "?",           "#",
    "\"",          "{",
    "}",           "null",
    "[[[[",        "\xff\xfe",
    "\xe2\x82",    "sha256:",
    "md5:00",      "MD5 (",
    ") = ",        "HTTP/1.1 200",
    "W/\"x\"",     "bytes 5-9/10",
    "bytes */1",   "filename*=UTF-8''%41",
    "filename=\"", "99999999999999999999999",
    "-1",          ".thrum-fetch-",
    "BLAKE2b-",    "==",
};

struct text {
    char *bytes;
    size_t length;
};

static struct text text;

static void insert(size_t at, const char *bytes, size_t length)
{
    if (text.length + length >= TEXT_MOST)
        return;
    memmove(text.bytes + at + length, text.bytes + at, text.length - at);
    memcpy(text.bytes + at, bytes, length);
    text.length += length;
}

static void change(void)
{
    size_t at = draw(text.length + 1), count;
    const char *piece = pieces[draw(sizeof pieces / sizeof pieces[0])];
    switch (draw(7)) {
    case 0:
        insert(at, piece, strlen(piece));
        break;
    case 1:
        insert(at, "", 1); /* a NUL */
        break;
    case 2:
        if (at < text.length)
            text.bytes[at] = (char)draw(256);
        break;
    case 3:
        text.length = at;
        break;
    case 4: /* a part is removed */
        count = draw(text.length - at + 1);
        memmove(text.bytes + at, text.bytes + at + count, text.length - at - count);
        text.length -= count;
        break;
    case 5: /* a part is there twice */
        count = draw(text.length - at + 1);
        if (count < 4096) {
            char copy[4096];
            memcpy(copy, text.bytes + at, count);
            insert(at, copy, count);
        }
        break;
    default: /* now and then very long */
        count = draw(500) == 0 ? 1024 * 1024 : draw(300);
        if (text.length + count < TEXT_MOST) {
            memmove(text.bytes + at + count, text.bytes + at, text.length - at);
            memset(text.bytes + at, "a0/. %"[draw(6)], count);
            text.length += count;
        }
        break;
    }
}

/* A sample with some changes. The copy has just the room that it needs, so that a sanitizer sees one byte too
 * many. */
static char *make_text(const char *const *samples, size_t count, size_t *ret_length)
{
    const char *sample = samples[draw(count)];
    text.length = strlen(sample);
    memcpy(text.bytes, sample, text.length);
    for (uint64_t i = draw(CHANGES_MOST + 1); i > 0; i--)
        change();
    char *copy = malloc(text.length + 1);
    if (!copy)
        exit(2);
    memcpy(copy, text.bytes, text.length);
    copy[text.length] = '\0';
    *ret_length = text.length;
    return copy;
}
#define MAKE_TEXT(samples, ret_length)                                                             \
    make_text(samples, sizeof(samples) / sizeof(samples)[0], ret_length)

/* ---------------------------------------------------------------------------------------- the readers */

#define MD5 "900150983cd24fb0d6963f7d28e17f72"

static void read_digest_lines(void)
{
    static const char *const samples[] = {MD5 "  name",
                                          MD5 " *name",
                                          MD5 " name",
                                          "\\" MD5 "  a\\nb",
                                          "MD5 (name) = " MD5,
                                          "MD5(name)= " MD5,
                                          "  \t" MD5 "  name",
                                          "kAFQmDzST7DWlj99KOF/cg==  name",
                                          "MD5 (a) = kAFQmDzST7DWlj99KOF/cg==",
                                          "BLAKE2b-128 (name) = " MD5,
                                          "SHA3-256 (x) = " MD5 MD5,
                                          "",
                                          "junk"};
    struct list_format format = {0};
    struct digest_kind only;
    bool one =
        draw(3) == 0 && digest_kind_init(&only, draw(2) ? "md5" : "blake2b", 0) == DIGEST_KNOWN;
    format.only = one ? &only : NULL;
    for (int i = 0; i < 3; i++) {
        size_t length;
        struct list_line line;
        char *copy = MAKE_TEXT(samples, &length);
        if (list_line_read(&format, copy, length, &line)) {
            check_text(line.kind && line.kind->size > 0 && line.kind->size <= DIGEST_MOST,
                       "a digest has a size", copy);
            check_text(line.name >= copy && line.name <= copy + length, "a name is in its line",
                       copy);
        }
        free(copy);
    }
    list_format_finish(&format);
    if (one)
        digest_kind_finish(&only);
}

static void read_url_lines(void)
{
    static const char *const samples[] = {"http://a.b/c",     "http://a.b/c  sha256:00ff\tname",
                                          "# comment",        "http://a.b/c\tname",
                                          " http://a.b/c \r", ""};
    size_t length;
    struct source_line line;
    char *copy = MAKE_TEXT(samples, &length);
    if (source_line_read(copy, length, &line)) {
        check_text(line.url >= copy && line.url <= copy + length, "a URL is in its line", copy);
        check_text(line.wrong || !strpbrk(line.url, " \t"), "a URL has no blanks", line.url);
    }
    free(copy);
}

static void check_name(const char *name, bool tree)
{
    check_text(tree || !strchr(name, '/'), "a name is one of a file", name);
    for (const char *part = name; part; part = strchr(part, '/') ? strchr(part, '/') + 1 : NULL) {
        check_text(*part && *part != '.' && *part != '/', "no part of a name is empty or hides",
                   name);
        check_text(strcspn(part, "/") < FILE_NAME_SIZE + 8, "no part of a name is too long", name);
    }
}

static void read_urls(CURLU *parts)
{
    static const char *const samples[] = {"http://a.b/c/d.html",
                                          "https://user@a.b:8080/c/../d?e=/f#g",
                                          "a.b",
                                          "http://[::1]/x/./y//z",
                                          "http://a.b/.git/%2e%2e/",
                                          "file:///etc/passwd"};
    size_t length;
    struct address address;
    bool tree = draw(2);
    char *copy = MAKE_TEXT(samples, &length);
    if (!address_read(parts, copy, tree, &address) && address.name)
        check_name(address.name, tree);
    address_finish(&address);
    free(copy);
}

static void read_headers(void)
{
    static const char *const samples[] = {
        "HTTP/1.1 200 OK\r\n",
        "ETag: \"abc\"\r\n",
        "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n",
        "Content-Range: bytes 5-9/10\r\n",
        "Content-Range: bytes */10\r\n",
        "Content-Encoding: gzip\r\n",
        "Content-Disposition: attachment; filename=\"../a b\"; filename*=UTF-8''n%C3%A9w\r\n",
        "Content-Disposition: inline; filename=a\\b/c; size=3\r\n",
    };
    struct answer answer = {0};
    for (int i = 0; i < 4; i++) {
        size_t length;
        char *copy = MAKE_TEXT(samples, &length);
        answer_take_line(&answer, copy, length);
        free(copy);
    }
    if (answer.file_name[0])
        check_name(answer.file_name, false);
    const char *validator = answer_validator(&answer);
    check_text(!validator || !strpbrk(validator, "\r\n"), "a validator is one line", validator);
}

static void read_logs(void)
{
    static const char *const samples[] = {
        ("{\"url\": \"http://a/b\", \"status\": 200, \"path\": \"x/b\", \"error\": null}\n"
         "{\"url\": \"http://a/c\", \"error\": \"no\"}\n"),
        "{\"url\": \"http://a/b\", \"name\": \"n\", \"digest\": \"md5:00\", \"error\": \"no\"}\n{\"url\": \"cut",
        "junk\n\n"};
    size_t length;
    char *copy = MAKE_TEXT(samples, &length);
    FILE *file = length > 0 ? fmemopen(copy, length, "r") : NULL;
    struct log_summary summary = {0};
    json_t *object;
    while (file && (object = log_next(file, &summary))) {
        check_text(json_is_string(json_object_get(object, "url")), "an object has a URL", copy);
        json_decref(object);
    }
    if (file)
        (void)fclose(file);
    free(copy);
}

int main(int argc, char **argv)
{
    CURLU *parts = curl_url();
    if (argc > 1)
        cases = strtol(argv[1], NULL, 10);
    state = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
    state += state == 0;
    text.bytes = malloc(TEXT_MOST);
    if (!parts || !text.bytes || cases <= 0)
        return 2;
    puts("1..1");
    for (current = 0; current < cases; current++) {
        read_digest_lines();
        read_url_lines();
        read_urls(parts);
        read_headers();
        read_logs();
    }
    curl_url_cleanup(parts);
    free(text.bytes);
    printf("ok 1 - %ld hostile texts of each kind are read or refused\n", cases);
    return 0;
}
