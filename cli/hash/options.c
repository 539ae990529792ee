/* The command line of `thrum hash`. Letters and names are sha256sum's where it has them. */
#include "options.h"

#define INTO(field) offsetof(struct hash_options, field)

enum { WORKERS_MAX = 1024 };

/* What shells offer; any other that OpenSSL knows is taken, too. */
static const char *const algorithms[] = {
    "sha256",   "sha224",     "sha384",     "sha512",     "sha1", "md5", "sha3-256",
    "sha3-512", "sha512-256", "blake2b512", "blake2s256", "sm3",  NULL};

static const struct option_row rows[] = {
    {'a', "algorithm", "NAME", "The digest: sha256 by default, or another that OpenSSL offers.",
     "Among them sha1, sha384, sha512, sha3-256, blake2b512 and md5; openssl list "
     "-digest-algorithms shows all.",
     OPTION_TEXT, INTO(algorithm), .choices = algorithms, .completion = COMPLETE_CHOICES},
    {'c', "check", NULL, "Read digests from the files named and verify what they list.", NULL,
     OPTION_FLAG, INTO(check)},
    {'j', "jobs", "N", "Files read at a time; as many as there are processors by default.",
     "More may help where a disk or a network is waited for.", OPTION_COUNT, INTO(workers), 1,
     WORKERS_MAX},
    {0, "unordered", NULL, "Print results as they come, rather than in the order of their paths.",
     NULL, OPTION_FLAG, INTO(unordered)},
    {0, "json", NULL, "Print an object of JSON for each file, those that failed included.",
     "Its members are path, algorithm, digest, bytes, changed and error. A path that is no UTF-8 has "
     "U+FFFD for the bytes that are not, and is also there whole, in hexadecimal, as path_hex.",
     OPTION_FLAG, INTO(json)},
    {'L', "follow", NULL, "Follow symbolic links in trees.",
     "One that leads back to a directory above it is reported and not followed. What is named on the "
     "command line is always followed.",
     OPTION_FLAG, INTO(follow)},
    {0, "cache", "FILE", "Keep digests in this file, and do not read again what has not changed.",
     "A file counts as unchanged if device, inode, size, modification and change time are the same. "
     "What was changed less than two seconds ago is not kept.",
     OPTION_TEXT, INTO(cache), .completion = COMPLETE_FILE},
    {'b', "binary", NULL, "Print a star before the name; what is read is the same.", NULL,
     OPTION_FLAG, INTO(binary)},
    {'t', "text", NULL, "Print a blank before the name; the default.", NULL, OPTION_FLAG,
     INTO(text)},
    {0, "tag", NULL, "Print lines as BSD does, with the algorithm.", NULL, OPTION_FLAG, INTO(tag)},
    {'z', "zero", NULL, "End lines with a NUL rather than a newline, and escape no names.", NULL,
     OPTION_FLAG, INTO(zero)},
    {0, "ignore-missing", NULL, "With -c: say nothing of files that are not there.", NULL,
     OPTION_FLAG, INTO(ignore_missing)},
    {'q', "quiet", NULL, "Show no progress; with -c also no OK.", NULL, OPTION_FLAG, INTO(quiet)},
    {0, "status", NULL, "With -c: print nothing, the exit status tells.", NULL, OPTION_FLAG,
     INTO(status)},
    {0, "strict", NULL, "With -c: fail if a line is malformed.", NULL, OPTION_FLAG, INTO(strict)},
    {'w', "warn", NULL, "With -c: tell each malformed line.", NULL, OPTION_FLAG, INTO(warn)},
    {0, "progress", NULL, "Show progress also where standard error is no terminal, as lines.", NULL,
     OPTION_FLAG, INTO(progress)},
    OPTION_ROWS_COMMON,
};

static const struct help_section sections[] = {
    {.title = "Files",
     .text = "Of a directory all files below it are taken, in the order of their paths by bytes. "
             "Pipes, sockets and devices in a tree are skipped with a word on standard error; "
             "named, they are read. A file with several names is read once. What cannot be read is "
             "reported, the rest is done. A file that is written to while it is read is reported, "
             "too, as its digest may fit no state that it ever had.",
     .manual_only = true},
    {.title = "Memory",
     .text = "What is found, and what is done before its turn, waits in a window of some ten "
             "thousand files, so the number of files does not matter. The names of one directory "
             "are held together to be sorted.",
     .manual_only = true},
    {0},
};

static const struct help_term examples[] = {
    {"thrum hash ~/photos > photos.sha256", "The digests of a tree."},
    {"thrum hash -c --quiet photos.sha256", "Verify them; only what is wrong is printed."},
    {"thrum hash --cache ~/.cache/digests.db --json /srv/data",
     "Again and again, reading only what has changed."},
    {"tar c . | thrum hash -a blake2b512", "Of what a pipe gives."},
    {0},
};

const struct command_line hash_line = {
    .name = "hash",
    .summary = "Print or verify digests of files and trees, in parallel.",
    .title = "print or verify digests of files and trees, in parallel",
    .usages = (const char *const[]){"[OPTION...] [PATH...]", "-c [OPTION...] [FILE...]", NULL},
    .about = "Prints SHA-256 or other digests of files, of all files below directories, and of "
             "standard input, for which - stands or no PATH at all. Lines are those of sha256sum, "
             "to the byte. Walking, reading and computing overlap.",
    .options = rows,
    .sections = sections,
    .examples = examples,
    .fails = "A file could not be read, was changed meanwhile, or, with -c, is not what it should "
             "be. The rest was done.",
    .interrupted = "Ctrl-C, as well as SIGTERM and SIGHUP, ends the walk: files being read are "
                   "finished and printed. A second one ends it at once.",
    .operands = OPERANDS_ANY,
    .completion = COMPLETE_FILE,
};

/* What each option allows by itself but not together. */
static enum options_verdict check_whole(const struct hash_options *o, char *message, size_t size)
{
    static const char only_checking[] = "--%s is meaningful only with --check";
    const char *misplaced = o->ignore_missing ? "ignore-missing"
                            : o->status       ? "status"
                            : o->strict       ? "strict"
                            : o->warn         ? "warn"
                                              : NULL;
    if (!o->check && misplaced)
        return command_line_wrong(message, size, only_checking, misplaced);
    const char *printing = o->tag      ? "tag"
                           : o->zero   ? "zero"
                           : o->json   ? "json"
                           : o->cache  ? "cache"
                           : o->binary ? "binary"
                           : o->text   ? "text"
                                       : NULL;
    if (o->check && printing)
        return command_line_wrong(message, size, "--%s is meaningless with --check", printing);
    if (o->json && (o->tag || o->zero || o->binary))
        return command_line_wrong(message, size, "--json has lines of its own: not with --%s",
                                  o->tag    ? "tag"
                                  : o->zero ? "zero"
                                            : "binary");
    if (o->tag && o->text)
        return command_line_wrong(message, size, "--tag does not support --text");
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
    *ret = (struct hash_options){.algorithm = "sha256"};
    enum options_verdict verdict =
        command_line_parse(&hash_line, argc, argv, ret, &first, message, size);
    if (verdict != OPTIONS_RUN)
        return verdict;
    ret->paths = first < argc ? argv + first : no_paths;
    ret->path_count = first < argc ? (size_t)(argc - first) : 1;
    return check_whole(ret, message, size);
}
