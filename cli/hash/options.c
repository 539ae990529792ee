/* The command line of `thrum hash`. Letters and names are those of sha256sum and cksum where they
 * have them. Of contradicting options the last one counts, as there. */
#include "options.h"

#include "../command.h"

#include <stdlib.h>

#define INTO(field) offsetof(struct hash_options, field)

enum { WORKERS_MAX = 1024 };

/* The algorithms that shells offer. Others that OpenSSL knows are accepted, too. */
static const char *const algorithms[] = {
    "sha256",   "sha224",     "sha384",  "sha512",     "sha1", "md5", "sha3-256",
    "sha3-512", "sha512-256", "blake2b", "blake2s256", "sm3",  "crc", NULL};

static bool take_binary(void *into, const char *value, char *message, size_t size);
static bool take_text(void *into, const char *value, char *message, size_t size);
static bool take_tag(void *into, const char *value, char *message, size_t size);
static bool take_quiet(void *into, const char *value, char *message, size_t size);
static bool take_status(void *into, const char *value, char *message, size_t size);
static bool take_warn(void *into, const char *value, char *message, size_t size);
static bool take_tree(void *into, const char *value, char *message, size_t size);

static const struct option_row rows[] = {
    {'a', "algorithm", "NAME", "The digest: sha256 by default, or another that OpenSSL offers.",
     "Among them sha1, sha384, sha512, sha3-256, blake2b and md5; openssl list -digest-algorithms shows "
     "all. crc is the checksum of cksum, printed as cksum prints it.",
     OPTION_TEXT, INTO(algorithm), .choices = algorithms, .completion = COMPLETE_CHOICES},
    {'l', "length", "BITS", "The length of the digest, for blake2b, shake128 and shake256.",
     "A multiple of 8, at most 512; 0 is the usual length.", OPTION_COUNT, INTO(length), 0, 512},
    {'c', "check", NULL, "Read digests from the files named and verify what they list.",
     "The algorithm is found for each line: by its tag, or by the length of the digest. -a allows only one.",
     OPTION_FLAG, INTO(check)},
    {0, "new-in", "DIR", "With -c: report also the files below DIR that no list names.",
     "May be repeated. A listed file that is missing is then reported as such.", OPTION_CUSTOM,
     .take = take_tree, .completion = COMPLETE_FILE},
    {0, "tree", NULL, "Print one digest for each directory: of all its files and their paths.",
     "It is the digest of a list: `find . -type f -printf '%P\\0' | sort -z | xargs -0 sha256sum -z`, in the "
     "directory, prints the same list. Links and empty directories do not count.",
     OPTION_FLAG, INTO(tree)},
    {'j', "jobs", "N", "Files read at a time; as many as there are processors by default.",
     "More may help if the files are on a slow disk or a network.", OPTION_COUNT, INTO(workers), 1,
     WORKERS_MAX},
    {0, "unordered", NULL, "Print results as they come, rather than in the order of their paths.",
     NULL, OPTION_FLAG, INTO(unordered)},
    {0, "json", NULL, "Print an object of JSON for each file, those that failed included.",
     "Its members are path, algorithm, digest, bytes, changed and error. In a path that is not UTF-8, U+FFFD "
     "replaces the invalid bytes; path_hex then has the whole path in hexadecimal.",
     OPTION_FLAG, INTO(json)},
    {'L', "follow", NULL, "Follow symbolic links in trees.",
     "A link that leads back to a directory above it is reported and not followed. A link that is named on the "
     "command line is always followed.",
     OPTION_FLAG, INTO(follow)},
    {0, "cache", "FILE", "Store digests in FILE, and do not read unchanged files again.",
     "A file counts as unchanged if device, inode, size, modification and change time are the same. "
     "A file that changed less than two seconds ago is not stored.",
     OPTION_TEXT, INTO(cache), .completion = COMPLETE_FILE},
    {'b', "binary", NULL, "Print a star before the name; the digest is the same.", NULL,
     OPTION_CUSTOM, .take = take_binary},
    {'t', "text", NULL, "Print a blank before the name; the default.", NULL, OPTION_CUSTOM,
     .take = take_text},
    {0, "tag", NULL, "Print lines as BSD does, with the algorithm.", NULL, OPTION_CUSTOM,
     .take = take_tag},
    {0, "base64", NULL, "Print digests in base64 rather than hexadecimal.", NULL, OPTION_FLAG,
     INTO(base64)},
    {0, "raw", NULL, "Print the bytes of the digest of one file, and nothing else.", NULL,
     OPTION_FLAG, INTO(raw)},
    {'z', "zero", NULL, "End lines with a NUL rather than a newline, and escape no names.", NULL,
     OPTION_FLAG, INTO(zero)},
    {0, "ignore-missing", NULL, "With -c: do not report files that do not exist.", NULL,
     OPTION_FLAG, INTO(ignore_missing)},
    {'q', "quiet", NULL, "Show no progress; with -c also no OK.", NULL, OPTION_CUSTOM,
     .take = take_quiet},
    {0, "status", NULL, "With -c: print nothing; only the exit status tells the result.",
     "Of --quiet, --status and --warn the last one counts.", OPTION_CUSTOM, .take = take_status},
    {0, "strict", NULL, "With -c: fail if a line is malformed.", NULL, OPTION_FLAG, INTO(strict)},
    {'w', "warn", NULL, "With -c: report each malformed line.", NULL, OPTION_CUSTOM,
     .take = take_warn},
    {0, "coreutils", NULL, "Stand in for sha256sum: its exit status, and no trees.",
     "A wrong command line ends with status 1, a directory is an error, and -c takes lines of one algorithm "
     "only.",
     OPTION_FLAG, INTO(coreutils)},
    {0, "progress", NULL, "Show progress also where standard error is no terminal, as lines.", NULL,
     OPTION_FLAG, INTO(progress)},
    OPTION_ROWS_COMMON,
};

static const struct help_section sections[] = {
    {.title = "Files",
     .text =
         "For a directory, all files below it are hashed, in the order of their paths by bytes. "
         "Pipes, sockets and devices in a tree are skipped with a message on standard error; "
         "if you name one, it is read. A file with several names is read once. A file that cannot be read is "
         "reported, and the others are hashed. A file that is written to while it is read is reported, "
         "too, because its digest may fit no state that it ever had.",
     .manual_only = true},
    {.title = "Memory",
     .text =
         "The memory does not grow with the number of files: at most some ten thousand are in work or wait "
         "to be printed. The names of one directory are in memory together, to be sorted.",
     .manual_only = true},
    {0},
};

static const struct help_term examples[] = {
    {"thrum hash ~/photos > photos.sha256", "Print the digests of all files in a tree."},
    {"thrum hash -c --quiet photos.sha256", "Verify them; print only what is wrong."},
    {"thrum hash -c --new-in ~/photos photos.sha256", "Report new and missing files, too."},
    {"thrum hash --tree src", "Print one digest for a whole tree."},
    {"thrum hash --cache ~/.cache/digests.db --json /srv/data",
     "Run it again and again; only changed files are read."},
    {"tar c . | thrum hash -a blake2b", "Hash the data of a pipe."},
    {0},
};

const struct command_line hash_line = {
    .name = "hash",
    .summary = SUMMARY_hash,
    .title = "print or verify digests of files and trees, in parallel",
    .usages = (const char *const[]){"[OPTION...] [PATH...]", "-c [OPTION...] [FILE...]", NULL},
    .about =
        "Prints SHA-256 or other digests of files, of all files below directories, and of "
        "standard input (- or no PATH). The lines are those of sha256sum, to the byte. Several files are "
        "read at a time.",
    .options = rows,
    .sections = sections,
    .examples = examples,
    .fails =
        "A file could not be read, changed while it was read, or, with -c, has another digest. The other "
        "files were hashed.",
    .interrupted = "After Ctrl-C, SIGTERM or SIGHUP no further file is read: those being read are "
                   "finished and printed. A second signal ends the program at once.",
    .operands = OPERANDS_ANY,
    .completion = COMPLETE_FILE,
};

static bool set_digest_mark(void *into, bool binary, bool text, bool tag)
{
    struct hash_options *options = into;
    options->binary = binary;
    options->text = text;
    options->tag |= tag;
    return true;
}

static bool take_binary(void *into, const char *value, char *message, size_t size)
{
    (void)value, (void)message, (void)size;
    return set_digest_mark(into, true, false, false);
}

static bool take_text(void *into, const char *value, char *message, size_t size)
{
    (void)value, (void)message, (void)size;
    return set_digest_mark(into, false, true, false);
}

static bool take_tag(void *into, const char *value, char *message, size_t size)
{
    (void)value, (void)message, (void)size;
    return set_digest_mark(into, false, false, true);
}

static bool set_loudness(void *into, bool quiet, bool status, bool warn)
{
    struct hash_options *options = into;
    options->quiet = quiet;
    options->status = status;
    options->warn = warn;
    return true;
}

static bool take_quiet(void *into, const char *value, char *message, size_t size)
{
    (void)value, (void)message, (void)size;
    return set_loudness(into, true, false, false);
}

static bool take_status(void *into, const char *value, char *message, size_t size)
{
    (void)value, (void)message, (void)size;
    return set_loudness(into, false, true, false);
}

static bool take_warn(void *into, const char *value, char *message, size_t size)
{
    (void)value, (void)message, (void)size;
    return set_loudness(into, false, false, true);
}

static bool take_tree(void *into, const char *value, char *message, size_t size)
{
    struct hash_options *options = into;
    char **trees = realloc(options->trees, (options->tree_count + 1) * sizeof *trees);
    if (!trees) {
        command_line_wrong(message, size, "out of memory");
        return false;
    }
    options->trees = trees;
    options->trees[options->tree_count++] = (char *)value;
    return true;
}

/* A given option that is meaningless with --check, or without it; NULL for none. */
static const char *misplaced(const struct hash_options *o)
{
    const struct {
        const char *name;
        bool given, with_check;
    } options[] = {{"ignore-missing", o->ignore_missing, true},
                   {"status", o->status, true},
                   {"strict", o->strict, true},
                   {"warn", o->warn, true},
                   {"new-in", o->tree_count > 0, true},
                   {"tag", o->tag, false},
                   {"zero", o->zero, false},
                   {"json", o->json, false},
                   {"binary", o->binary, false},
                   {"text", o->text, false},
                   {"base64", o->base64, false},
                   {"raw", o->raw, false},
                   {"tree", o->tree, false}};
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++)
        if (options[i].given && options[i].with_check != o->check)
            return options[i].name;
    return NULL;
}

/* Checks the options together. */
static enum options_verdict check_whole(const struct hash_options *o, char *message, size_t size)
{
    const char *name = misplaced(o);
    if (name && !o->check)
        return command_line_wrong(message, size, "--%s is meaningful only with --check", name);
    if (name)
        return command_line_wrong(message, size, "--%s is meaningless with --check", name);
    if (o->json && (o->tag || o->zero || o->binary || o->base64 || o->raw))
        return command_line_wrong(message, size, "--json has lines of its own: not with --%s",
                                  o->tag      ? "tag"
                                  : o->zero   ? "zero"
                                  : o->binary ? "binary"
                                  : o->base64 ? "base64"
                                              : "raw");
    if (o->tag && o->text)
        return command_line_wrong(message, size, "--tag does not support --text");
    if (o->raw && o->path_count != 1)
        return command_line_wrong(message, size, "--raw prints one digest: give one path");
    if (o->tree && (o->unordered || o->coreutils))
        return command_line_wrong(message, size, "--tree contradicts --%s",
                                  o->unordered ? "unordered" : "coreutils");
    if (o->quiet && o->progress && !o->check)
        return command_line_wrong(message, size, "--quiet and --progress contradict each other");
    if (o->cache && !*o->cache)
        return command_line_wrong(message, size, "--cache takes a file name, not an empty word");
    return OPTIONS_RUN;
}

enum options_verdict hash_options_parse(int argc, char **argv, struct hash_options *ret,
                                        char *message, size_t size)
{
    static char standard_input[] = "-", *no_paths[] = {standard_input, NULL};
    int first;
    *ret = (struct hash_options){0};
    enum options_verdict verdict =
        command_line_parse(&hash_line, argc, argv, ret, &first, message, size);
    if (verdict != OPTIONS_RUN)
        return verdict;
    ret->no_path = first == argc;
    ret->paths = ret->no_path ? no_paths : argv + first;
    ret->path_count = ret->no_path ? 1 : (size_t)(argc - first);
    return check_whole(ret, message, size);
}

void hash_options_finish(struct hash_options *options)
{
    free(options->trees);
    options->trees = NULL;
}
