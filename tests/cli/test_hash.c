/* `thrum hash`, what one cannot see from outside: what is read once, what the cache knows, in which
 * order entries come; and what it says as JSON and on a terminal. Its lines are held against those of
 * sha256sum by hash_test.sh. */
#include "harness.h"
#include "hash/cache.h"
#include "hash/lines.h"
#include "hash/links.h"
#include "hash/listing.h"
#include "hash/read.h"
#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char directory[64];

static void make_directory(void)
{
    snprintf(directory, sizeof directory, "/tmp/thrum-test-XXXXXX");
    CHECK(mkdtemp(directory));
}

static const char *path_of(const char *name)
{
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    return path;
}

static void write_file(const char *name, const char *text)
{
    FILE *file = fopen(path_of(name), "w");
    CHECK(file);
    CHECK(fputs(text, file) >= 0);
    CHECK_INT(fclose(file), ==, 0);
}

static void remove_file(const char *name)
{
    CHECK_INT(unlink(path_of(name)), ==, 0);
}

static bool go_on(void *context, size_t bytes)
{
    *(size_t *)context += bytes;
    return true;
}

TEST(only_the_first_name_of_a_file_is_read)
{
    struct stat about = {.st_dev = 1, .st_ino = 2, .st_nlink = 2, .st_size = 3}, other = about;
    struct links *links = links_new();
    bool first;
    CHECK(links);
    struct link *link = links_find(links, &about, &first);
    CHECK(link && first);
    CHECK(links_find(links, &about, &first) == link);
    CHECK(!first);
    for (ino_t i = 1000; i < 3000; i++) { /* the table grows */
        other.st_ino = i;
        CHECK(links_find(links, &other, &first) && first);
    }
    CHECK(links_find(links, &about, &first) == link && !first);
    struct item result = {.state = ITEM_DONE, .bytes = 3, .digest = {7, 8}}, second = {0};
    link_settle(link, &result);
    link_wait(link, &second);
    CHECK_INT(second.state, ==, ITEM_DONE);
    CHECK_INT(second.bytes, ==, 3);
    CHECK_INT(second.digest[1], ==, 8);
    links_free(links);
}

static void begin_long(void *context)
{
    (void)context;
}

TEST(another_name_of_a_file_gets_the_digest_that_was_read)
{
    struct digest_kind kind;
    size_t told = 0;
    struct reader reader = {
        .links = links_new(), .progress = go_on, .begin_long = begin_long, .context = &told};
    struct batch *batch = batch_new();
    struct folder *here = folder_new(AT_FDCWD, NULL, "");
    char other[256];
    bool first;
    struct stat about;
    make_directory();
    write_file("one", "text");
    snprintf(other, sizeof other, "%s", path_of("two"));
    CHECK_INT(link(path_of("one"), other), ==, 0);
    CHECK(reader.links && batch && here && digest_kind_init(&kind, "sha256", 0) == DIGEST_KNOWN);
    CHECK_INT(reader_init(&reader, NULL), ==, 0);
    for (int i = 0; i < 2; i++) {
        struct item *item = batch_add(batch, here, i == 0 ? path_of("one") : other);
        CHECK(item);
        item->kind = &kind;
        read_item(&reader, batch, item);
        CHECK_INT(item->state, ==, ITEM_DONE);
        CHECK_INT(item->bytes, ==, 4);
        folder_leave(here);
    }
    CHECK(memcmp(batch->items[0].digest, batch->items[1].digest, kind.size) == 0);
    /* The second was not read: it gets what the record of the first says. */
    CHECK_INT(stat(other, &about), ==, 0);
    struct link *link = links_find(reader.links, &about, &first);
    CHECK(link && !first);
    struct item false_result = {.state = ITEM_FAILED, .error = -ENODATA};
    link_settle(link, &false_result);
    batch->items[1].state = ITEM_WAITING;
    folder_use(here);
    read_item(&reader, batch, &batch->items[1]);
    CHECK_INT(batch->items[1].error, ==, -ENODATA);
    for (int i = 0; i < 2; i++)
        folder_leave(here); /* of the third reading, and ours */
    folder_drop(here);
    folder_drop(here);
    batch_free(batch);
    links_free(reader.links);
    reader_finish(&reader);
    digest_kind_finish(&kind);
    remove_file("one");
    remove_file("two");
    CHECK_INT(rmdir(directory), ==, 0);
}

TEST(a_batch_is_done_when_its_last_holder_leaves)
{
    struct batch *batch = batch_new();
    struct folder *here = folder_new(AT_FDCWD, NULL, "");
    CHECK(batch && here);
    for (int i = 0; i < 3; i++)
        CHECK(batch_add(batch, here, "name"));
    CHECK(!batch_offer(batch)); /* it is still in the queue */
    batch_begin(batch);
    CHECK(batch_take(batch) == &batch->items[0]);
    CHECK(batch_offer(batch));
    CHECK(!batch_offer(batch));
    batch_take_back(batch); /* the queue was full */
    CHECK(batch_offer(batch));
    batch_begin(batch); /* another worker */
    CHECK(batch_take(batch) == &batch->items[1]);
    CHECK(batch_take(batch) == &batch->items[2]);
    CHECK(!batch_offer(batch)); /* no items are left */
    CHECK(!batch_take(batch));
    CHECK(!batch_leave(batch));
    CHECK(batch_leave(batch));
    for (int i = 0; i < 4; i++)
        folder_leave(here);
    folder_drop(here);
    batch_free(batch);
}

TEST(the_cache_knows_a_file_by_all_that_stat_says)
{
    struct digest_kind sha, md5;
    struct cache *cache;
    thrum_error error;
    unsigned char digest[DIGEST_MOST] = {1, 2, 3}, found[DIGEST_MOST];
    struct stat file = {.st_dev = 5,
                        .st_ino = 6,
                        .st_size = 7,
                        .st_mtim = {.tv_sec = 8, .tv_nsec = 9},
                        .st_ctim = {.tv_sec = 10}};
    struct stat changed[5] = {file, file, file, file, file}, fresh = file;
    make_directory();
    CHECK(digest_kind_init(&sha, "sha256", 0) == DIGEST_KNOWN &&
          digest_kind_init(&md5, "md5", 0) == DIGEST_KNOWN);
    CHECK_INT(cache_open(path_of("cache"), &cache, &error), ==, 0);
    CHECK(!cache_get(cache, &sha, &file, found));
    cache_put(cache, &sha, &file, digest);
    fresh.st_ino++;
    fresh.st_ctim.tv_sec = time(NULL);
    cache_put(cache, &sha, &fresh, digest);
    CHECK_INT(cache_close(cache, &error), ==, 0);
    CHECK_INT(cache_open(path_of("cache"), &cache, &error), ==, 0);
    CHECK(cache_get(cache, &sha, &file, found));
    CHECK_INT(memcmp(found, digest, sha.size), ==, 0);
    CHECK(!cache_get(cache, &sha, &fresh, found)); /* might change again within the tick */
    changed[0].st_dev++;
    changed[1].st_ino++;
    changed[2].st_size++;
    changed[3].st_mtim.tv_nsec++;
    changed[4].st_ctim.tv_nsec++;
    for (int i = 0; i < 5; i++)
        CHECK(!cache_get(cache, &sha, &changed[i], found));
    CHECK_INT(cache_close(cache, &error), ==, 0);
    CHECK_INT(cache_open(path_of("cache"), &cache, &error), ==, 0);
    CHECK(!cache_get(cache, &md5, &file, found));
    CHECK_INT(cache_close(cache, &error), ==, 0);
    digest_kind_finish(&sha);
    digest_kind_finish(&md5);
    remove_file("cache");
    CHECK_INT(rmdir(directory), ==, 0);
}

TEST(entries_stand_in_the_order_of_the_paths_below_them)
{
    static const char *const order[] = {"a-b", "a.c", "a", "a0", "b"};
    struct listing listing;
    make_directory();
    for (size_t i = 0; i < 5; i++)
        if (strcmp(order[i], "a") != 0)
            write_file(order[i], "");
    CHECK_INT(mkdir(path_of("a"), 0700), ==, 0);
    int descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CHECK(descriptor >= 0);
    CHECK_INT(listing_read(descriptor, true, &listing), ==, 0);
    CHECK_INT(listing.count, ==, 5);
    for (size_t i = 0; i < 5; i++)
        CHECK_STR(listing.text + listing.entries[i].name, order[i]);
    listing_finish(&listing);
    close(descriptor);
    CHECK_INT(listing_read(descriptor, true, &listing), ==, -EBADF);
    for (size_t i = 0; i < 5; i++)
        if (strcmp(order[i], "a") != 0)
            remove_file(order[i]);
    CHECK_INT(rmdir(path_of("a")), ==, 0);
    CHECK_INT(rmdir(directory), ==, 0);
}

/* The object in the line at `*at`, which then is the next. */
static json_t *next_object(const char **at)
{
    json_error_t error;
    size_t length = strcspn(*at, "\n");
    json_t *object = json_loadb(*at, length, 0, &error);
    if (!object)
        test_fail(__FILE__, __LINE__, "a line", "is no JSON: %s\n%s", error.text, *at);
    *at += length + 1;
    return object;
}

static const char *text_of(json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "(none)";
}

TEST(json_is_sound_whatever_the_name)
{
    static const char *const names[] = {"\"quoted\\\"", "\xff\xe2\x82", "\xe2\x82\xac",
                                        "tab\tand\nline"};
    char line[256];
    make_directory();
    for (size_t i = 0; i < 4; i++)
        write_file(names[i], "abc");
    snprintf(line, sizeof line, "hash --json %s /nonexistent", directory);
    struct spawned run = spawn_run(line);
    CHECK_INT(run.status, ==, 1);
    const char *at = run.out;
    for (int i = 0; i < 4; i++) {
        json_t *object = next_object(&at);
        CHECK_STR(text_of(object, "digest"),
                  "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        CHECK_STR(text_of(object, "algorithm"), "sha256");
        CHECK_INT(json_integer_value(json_object_get(object, "bytes")), ==, 3);
        CHECK(json_is_false(json_object_get(object, "changed")));
        CHECK(json_is_null(json_object_get(object, "error")));
        /* The order is that of the bytes: ", tab, the euro sign, what is no UTF-8. */
        static const char *const ends[] = {"\"quoted\\\"", "tab\tand\nline", "\xe2\x82\xac",
                                           "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"};
        CHECK_STR(text_of(object, "path") + strlen(directory) + 1, ends[i]);
        const char *hex = text_of(object, "path_hex");
        CHECK_STR(i == 3 ? hex + strlen(hex) - 6 : hex, i == 3 ? "ffe282" : "(none)");
        json_decref(object);
    }
    json_t *object = next_object(&at);
    CHECK_STR(text_of(object, "path"), "/nonexistent");
    CHECK_STR(text_of(object, "error"), "No such file or directory");
    CHECK(json_is_null(json_object_get(object, "digest")));
    CHECK(!*at);
    json_decref(object);
    spawn_free(&run);
    for (size_t i = 0; i < 4; i++)
        remove_file(names[i]);
    CHECK_INT(rmdir(directory), ==, 0);
}

/* Reads what the command draws on its terminal until `text` is there. */
static void wait_for_drawing(int terminal, const char *text)
{
    char drawn[4096];
    for (size_t length = 0; length + 1 < sizeof drawn;) {
        ssize_t count = read(terminal, drawn + length, sizeof drawn - 1 - length);
        CHECK_INT(count, >, 0);
        drawn[length += (size_t)count] = '\0';
        if (strstr(drawn, text))
            return;
    }
    CHECK(!"drawn");
}

TEST(a_terminal_gets_a_bar_that_leaves_no_trace)
{
    char line[256], pipe[128];
    make_directory();
    write_file("file", "abc");
    snprintf(pipe, sizeof pipe, "%s/pipe", directory);
    CHECK_INT(mkfifo(pipe, 0600), ==, 0);
    snprintf(line, sizeof line, "hash %s/file %s /nonexistent", directory, pipe);
    struct spawned run = spawn(line, true);
    int writer = open(pipe, O_WRONLY); /* the command reads until this is closed */
    CHECK(writer >= 0);
    wait_for_drawing(run.err_file, "hashing [");
    close(writer);
    spawn_wait(&run);
    CHECK(strstr(run.err, "thrum hash: /nonexistent: No such file or directory"));
    const char *last = run.err; /* what is drawn last is cleared */
    for (const char *next; (next = strstr(last, "hashing [")); last = next + 1)
        ;
    CHECK(strstr(last, "\r\x1b[K"));
    CHECK(!strpbrk(run.out, "\r\x1b"));
    spawn_free(&run);
    CHECK_INT(unlink(pipe), ==, 0);
    snprintf(line, sizeof line, "hash --quiet %s", directory);
    run = spawn(line, true);
    spawn_wait(&run);
    CHECK_STR(run.err, "");
    spawn_free(&run);
    snprintf(line, sizeof line, "hash --progress %s", directory);
    run = spawn_run(line);
    CHECK(strstr(run.err, "hashing:"));
    CHECK(!strpbrk(run.err, "\r\x1b"));
    spawn_free(&run);
    snprintf(line, sizeof line, "hash %s", directory);
    run = spawn_run(line);
    CHECK_STR(run.err, "");
    spawn_free(&run);
    remove_file("file");
    CHECK_INT(rmdir(directory), ==, 0);
}
