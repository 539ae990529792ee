/* `thrum fetch` in more than 40 situations, beside what curl, wget and aria2 do in them. Each row is a run in an empty
 * directory but for a file `there`, of four bytes; the rows say what it prints, what it leaves, and how it ends. Peers that are
 * installed are run, too, and must do what their columns say, so that the comparison is no hearsay.
 *
 * A column of a peer: 0 or ! for the exit status (! is any failure), then the files that it leaves, NAME=SIZE, or
 * - for none; a size of * is any. An empty column: the peer has nothing of the kind. Where thrum differs, the last column says why.
 */
#include "fetch_run.h"
#include "harness.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct row {
    const char *what;
    const char *arguments; /* of thrum; words with $ are URLs of the server, DIR is the directory */
    int status;
    const char *out;   /* standard output; NULL for what does not matter */
    const char *err;   /* is part of standard error; NULL for nothing there */
    const char *files; /* NAME=SIZE, by blanks */
    const char *path;  /* what the peers are given; NULL for no peers */
    const char *curl, *wget, *aria2;
    const char *why;
};

static const struct row rows[] = {
    {"a page", "-o DIR $/ok/a", 0, "", NULL, "a=5", "/ok/a", "0 a=5", "0 a=5", "0 a=5", NULL},
    {"a page on standard output", "$/ok/a", 0, "/ok/a", NULL, "", NULL, "", "", "", NULL},
    {"two pages in order", "--in-order $/ok/a $/ok/b", 0, "/ok/a/ok/b", NULL, "", NULL, "", "", "",
     NULL},
    {"a query is part of the name", "-o DIR $/ok/a?b=c", 0, "", NULL, "a?b=c=9", "/ok/a?b=c",
     "0 a=9", "0 a?b=c=9", "0 a=9",
     "URLs that differ by their query have different files, as wget has it"},
    {"a directory", "-o DIR $/ok/", 0, "", NULL, "index.html=4", "/ok/", "! -", "0 index.html=4",
     "0 index.html=4", NULL},
    {"an empty page", "-o DIR $/empty/a", 0, "", NULL, "a=0", "/empty/a", "0 a=0", "0 a=0", "0 a=0",
     NULL},
    {"404", "-o DIR $/status/404", 1, "", "the server answers with status 404", "", "/status/404",
     "! -", "! -", "! -", NULL},
    {"404 on standard output", "$/status/404", 1, "", "status 404", "", NULL, "", "", "", NULL},
    {"500 is tried again", "--retries 1 -o DIR $/status/500", 1, "", "status 500", "",
     "/status/500", "! -", "! -", "! -", NULL},
    {"403", "-o DIR $/status/403", 1, "", "status 403", "", "/status/403", "! -", "! -", "! -",
     NULL},
    {"300 without Location", "-o DIR $/status/300", 1, "", "status 300", "", "/status/300",
     "0 300=8", "0 300=8", "! -", "a page that says where else to look is not what was asked for"},
    {"304 that was not asked for", "-o DIR $/none/304", 0, "", NULL, "", "/none/304", "0 -", "! -",
     "! -", "nothing has changed, so there is nothing to write and nothing wrong"},
    {"204", "-o DIR $/none/204", 0, "", NULL, "", "/none/204", "0 204=0", "0 -", "! -",
     "there is no page"},
    {"205", "-o DIR $/none/205", 0, "", NULL, "", "/none/205", "0 205=0", "0 205=0", "! -",
     "there is no page"},
    {"a redirect", "-o DIR $/moved/a", 0, "", NULL, "a=9", "/moved/a", "0 a=9", "0 a=9",
     "0 moved=9", "the name is foretold from the list, not the server's choice"},
    {"a circle of redirects", "-o DIR $/circle", 1, "", "redirects", "", "/circle", "! -", "! -",
     "! -", NULL},
    {"a connection that is reset", "--retries 0 -o DIR $/reset", 1, "", "reset", "", "/reset",
     "! -", "! -", "! -", NULL},
    {"one that is reset once", "-o DIR $/flaky/a", 0, "", NULL, "a=8", NULL, "", "", "", NULL},
    {"a page that ends too soon", "--retries 0 -o DIR $/half", 1, "",
     "with 96 bytes remaining to read", "", "/half", "! half=4", "! half=4",
     "! half.aria2=* half=4", "what is half is not left under the name of the whole"},
    {"a page that is longer than announced", "-o DIR $/long", 0, "", NULL, "long=5", "/long",
     "0 long=5", "0 long=5", "0 long=5", NULL},
    {"headers without an end", "--retries 0 -o DIR $/headers", 1, "",
     "headers of the answer are too long", "", NULL, "", "", "", NULL},
    {"a part that nobody asked for", "-o DIR $/range/a", 1, "", "a part that was not asked for", "",
     "/range/a", "0 a=2", "0 a=2", "! a=2 a.aria2=*", "two bytes of nine are not the file"},
    {"a part that the user asked for", "-o DIR -H Range:bytes=0-1 $/range/a", 0, "", NULL, "a=2",
     NULL, "", "", "", NULL},
    {"a file that is there", "-o DIR $/ok/there", 1, "", "there exists already", "", "/ok/there",
     "0 there=9", "0 there.1=9 there=4", "0 there.1=9 there=4",
     "nothing is replaced; nor is the name another than was foretold"},
    {"a file with .part that is there", "-o DIR $/ok/a $/ok/a.part", 0, "", NULL, "a=5 a.part=10",
     NULL, "", "", "", NULL},
    {"two URLs with one name", "-j 1 -o DIR $/ok/a $/empty/a", 1, "", "is the file of http://",
     "a=5", NULL, "", "", "", NULL},
    {"a tree", "--tree -o DIR $/ok/x/a", 0, "", NULL, "HOST/ok/x/a=7", NULL, "", "", "", NULL},
    {"a name by the server, on request", "--content-disposition -o DIR $/name/a", 0, "", NULL,
     "named=7", "/name/a", "0 a=7", "0 a=7", "0 a=7", NULL},
    {"a name by the server, not asked for", "-o DIR $/name/a", 0, "", NULL, "a=7", "/name/a",
     "0 a=7", "0 a=7", "0 a=7", NULL},
    {"a compressed page as it is", "$/packed/a", 0, NULL, NULL, "", NULL, "", "", "", NULL},
    {"a compressed page unpacked", "--compressed $/packed/gzip", 0, "packed", NULL, "", NULL, "",
     "", "", NULL},
    {"compression is not asked for", "$/echo/Accept-Encoding", 0, "none", NULL, "", NULL, "", "",
     "", NULL},
    {"by brotli, if libcurl has it", "--compressed $/packed/br", 0, "packed", NULL, "", NULL, "",
     "", "", NULL},
    {"by zstd, if libcurl has it", "--compressed $/packed/zstd", 0, "packed", NULL, "", NULL, "",
     "", "", NULL},
    {"links", "--check-only $/ok/a", 0, "200 $/ok/a\n", NULL, "", NULL, "", "", "", NULL},
    {"a dead link", "--check-only $/status/404", 1, "404 $/status/404\n", "status 404", "", NULL,
     "", "", "", NULL},
    {"HEAD is not allowed", "--check-only $/nohead/405", 0, "200 $/nohead/405\n", NULL, "", NULL,
     "", "", "", NULL},
    {"HEAD is not implemented", "--check-only $/nohead/501", 0, "200 $/nohead/501\n", NULL, "",
     NULL, "", "", "", NULL},
    {"HEAD is forbidden", "--check-only $/nohead/403", 0, "200 $/nohead/403\n", NULL, "", NULL, "",
     "", "", NULL},
    {"nobody answers", "--check-only --retries 0 http://127.0.0.1:1/a", 1,
     "000 http://127.0.0.1:1/a\n", "127.0.0.1", "", NULL, "", "", "", NULL},
    {"no such host", "--retries 0 -o DIR http://none.invalid/a", 1, "", "none.invalid", "", NULL,
     "", "", "", NULL},
    {"another protocol", "ftp://127.0.0.1/a", 1, "", "neither http nor https", "", NULL, "", "", "",
     NULL},
    {"a header", "-H X-One:two $/echo/X-One", 0, "two", NULL, "", NULL, "", "", "", NULL},
    {"cookies of a file", "-b COOKIES $/echo/Cookie", 0, "taste=sweet", NULL, "", NULL, "", "", "",
     NULL},
    {"a password of .netrc", "-n $/echo/Authorization", 0, "Basic bWU6c2VjcmV0", NULL, "", NULL, "",
     "", "", NULL},
    {"no password without -n", "$/echo/Authorization", 0, "none", NULL, "", NULL, "", "", "", NULL},
};

static char home[64], address[64];

static void replace(char *text, size_t size, const char *word, const char *by)
{
    char rest[1024];
    for (char *at = text; (at = strstr(at, word)); at += strlen(by)) {
        snprintf(rest, sizeof rest, "%s", at + strlen(word));
        CHECK_INT(snprintf(at, size - (size_t)(at - text), "%s%s", by, rest), <,
                  (int)(size - (size_t)(at - text)));
    }
}

/* The text with the words of the table replaced; malloced. */
static char *filled(const char *text)
{
    char cookies[128], *copy = malloc(1024);
    CHECK(copy);
    snprintf(copy, 1024, "%s", text);
    snprintf(cookies, sizeof cookies, "%s/cookies", home);
    replace(copy, 1024, "$", address);
    replace(copy, 1024, "DIR", directory);
    replace(copy, 1024, "HOST", address + 7);
    replace(copy, 1024, "COOKIES", cookies);
    return copy;
}

static void wrong(const struct row *row, const char *who, const char *what, const char *said)
{
    test_fail(__FILE__, __LINE__, row->what, "%s: %s: %s", who, what, said);
}

/* The files in the directory are these, and `there`; they are removed. */
static void check_files(const struct row *row, const char *who, const char *files)
{
    char *copy = filled(files), command[256];
    int count = 1; /* `there` */
    for (char *file = strtok(copy, " "); file; file = strtok(NULL, " "), count++) {
        char *size = strrchr(file, '=');
        struct stat about;
        *size = '\0';
        if (strcmp(file, "there") == 0)
            count--;
        if (stat(path_in(file), &about) != 0 ||
            (size[1] != '*' && about.st_size != strtol(size + 1, NULL, 10)))
            wrong(row, who, "there is not this file of this size", file);
    }
    snprintf(command, sizeof command, "find %s ! -type d | wc -l", directory);
    FILE *pipe = popen(command, "r");
    int there = -1;
    CHECK(pipe && fscanf(pipe, "%d", &there) == 1);
    pclose(pipe);
    if (there != count)
        wrong(row, who, "there are other files than", files);
    snprintf(command, sizeof command, "rm -rf %s/*", directory);
    CHECK_INT(system(command), ==, 0);
    free(copy);
}

static void run_row(const struct row *row)
{
    char line[480], *arguments = filled(row->arguments), *out = row->out ? filled(row->out) : NULL;
    put_file("there", "mine");
    snprintf(line, sizeof line, "fetch %s", arguments);
    struct spawned ran = spawn_run(line);
    if (ran.status != row->status)
        test_fail(__FILE__, __LINE__, row->what, "thrum ends with status %d and says: %s",
                  ran.status, ran.err);
    if (out && strcmp(ran.out, out) != 0)
        wrong(row, "thrum", "other output", ran.out);
    if (row->err ? !strstr(ran.err, row->err) : *ran.err != '\0')
        wrong(row, "thrum", "it says something else", ran.err);
    if (strcmp(text_in("there"), "mine") != 0)
        wrong(row, "thrum", "a file of the user's is lost", "there");
    check_files(row, "thrum", row->files);
    spawn_free(&ran);
    free(arguments);
    free(out);
}

/* Runs a peer in the directory, if it is installed, and compares with its column. */
static void run_peer(const struct row *row, const char *name, const char *options,
                     const char *column)
{
    char command[640];
    if (!column || !*column)
        return;
    snprintf(command, sizeof command, "command -v %s >/dev/null", name);
    if (system(command) != 0)
        return;
    put_file("there", "mine");
    snprintf(command, sizeof command, "cd %s && timeout 600 %s %s '%s%s' >/dev/null 2>&1",
             directory, name, options, address, row->path);
    int status = system(command);
    bool failed = !WIFEXITED(status) || WEXITSTATUS(status) != 0;
    if (failed != (column[0] == '!'))
        wrong(row, name, "ends with another status than", column);
    check_files(row, name, strcmp(column + 2, "-") == 0 ? "" : column + 2);
}

static void set_up(void)
{
    char path[128];
    begin();
    snprintf(home, sizeof home, "/tmp/thrum-test-home-XXXXXX");
    CHECK(mkdtemp(home));
    setenv("HOME", home, 1);
    snprintf(address, sizeof address, "http://127.0.0.1:%d", server.port);
    snprintf(path, sizeof path, "%s/.netrc", home);
    FILE *file = fopen(path, "w");
    CHECK(file && fputs("machine 127.0.0.1 login me password secret\n", file) >= 0);
    CHECK_INT(fclose(file), ==, 0);
    snprintf(path, sizeof path, "%s/cookies", home);
    file = fopen(path, "w");
    CHECK(file && fputs("127.0.0.1\tFALSE\t/\tFALSE\t0\ttaste\tsweet\n", file) >= 0);
    CHECK_INT(fclose(file), ==, 0);
}

static void tear_down(void)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", home);
    CHECK_INT(system(command), ==, 0);
    end();
}

TEST_DEADLINE(each_situation_has_its_outcome, 120)
{
    set_up();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        run_row(&rows[i]);
    tear_down();
}

TEST_DEADLINE(peers_do_what_their_columns_say, 240)
{
    set_up();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (!rows[i].path)
            continue;
        run_peer(&rows[i], "curl", "-sSfLO", rows[i].curl);
        run_peer(&rows[i], "wget", "-q -t 1", rows[i].wget);
        run_peer(&rows[i], "aria2c", "-q -m 1 --no-conf", rows[i].aria2);
    }
    tear_down();
}
