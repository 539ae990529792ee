/* A job.
 *
 * Its output goes to two files without a name and is printed when it has ended. So a job is never
 * held up by whoever reads our output, jobs do not mix theirs, and whatever a job leaves running in the
 * background keeps nobody waiting for the end of a pipe. Small files live in the page cache; large
 * ones are what files are for.
 */
#include "job.h"

#include "child/child.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const double grace_seconds = 2;

/* The word with its placeholders replaced; `ret_found` is set if there are any. */
static char *fill_word(const char *word, uint64_t number, const char *argument, bool *ret_found)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return NULL;
    while (*word) {
        if (strncmp(word, "{}", 2) == 0) {
            fputs(argument, out);
            *ret_found = true;
            word += 2;
        } else if (strncmp(word, "{#}", 3) == 0) {
            fprintf(out, "%ju", (uintmax_t)number);
            *ret_found = true;
            word += 3;
        } else {
            fputc(*word++, out);
        }
    }
    bool failed = ferror(out);
    if (fclose(out) == 0 && !failed)
        return text;
    free(text);
    return NULL;
}

struct job *job_new(const struct run_options *options, uint64_t number, const char *argument)
{
    struct job *job = malloc(sizeof *job);
    bool found = false;
    if (!job)
        return NULL;
    *job = (struct job){.number = number, .out = -1, .err = -1};
    job->words = calloc((size_t)options->word_count + 2, sizeof(char *));
    for (int i = 0; job->words && i < options->word_count; i++)
        if (!(job->words[i] = fill_word(options->words[i], number, argument, &found))) {
            job_free(job);
            return NULL;
        }
    if (job->words && !found)
        job->words[options->word_count] = strdup(argument);
    if (job->words && (found || job->words[options->word_count]))
        return job;
    job_free(job);
    return NULL;
}

static void close_output(struct job *job)
{
    if (job->out >= 0)
        close(job->out);
    if (job->err >= 0)
        close(job->err);
    job->out = job->err = -1;
}

void job_free(struct job *job)
{
    if (!job)
        return;
    close_output(job);
    for (char **word = job->words; word && *word; word++)
        free(*word);
    free(job->words);
    free(job);
}

/* A file that has no name. */
static int open_nameless(void)
{
    const char *folder = getenv("TMPDIR");
    char path[4096];
    if (!folder || !*folder)
        folder = "/tmp";
    int file = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC | O_APPEND, 0600);
    if (file >= 0 || (errno != EOPNOTSUPP && errno != EISDIR))
        return file < 0 ? -errno : file;
    /* A file system without such files. */
    if (snprintf(path, sizeof path, "%s/thrum-run-XXXXXX", folder) >= (int)sizeof path)
        return -ENAMETOOLONG;
    file = mkostemp(path, O_CLOEXEC | O_APPEND);
    if (file < 0)
        return -errno;
    unlink(path);
    return file;
}

static int open_output(struct job *job)
{
    close_output(job);
    job->out = open_nameless();
    job->err = job->out < 0 ? job->out : open_nameless();
    if (job->err >= 0)
        return 0;
    int rc = job->err;
    job->err = -1;
    job->out = job->out < 0 ? -1 : job->out;
    close_output(job);
    return rc;
}

static void attempt(struct job *job, const struct run_options *options)
{
    struct child child;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    thrum_time begin = thrum_now();
    job->timed_out = false;
    job->status = 0;
    job->began = (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
    job->error = open_output(job);
    if (job->error == 0)
        job->error = child_start(
            &child, &(struct child_options){.words = job->words, .out = job->out, .err = job->err});
    if (job->error == -ECANCELED)
        job->begun = false; /* everything is being ended */
    if (job->error < 0)
        return;
    thrum_time deadline = options->timeout > 0 ? thrum_in(options->timeout) : THRUM_FOREVER;
    job->error = child_wait(&child, deadline, &job->status);
    if (job->error < 0) { /* not only in time: a child must not be left */
        job->timed_out = job->error == -ETIMEDOUT;
        job->error = child_end(&child, grace_seconds, &job->status);
    }
    job->seconds = (double)(thrum_now() - begin) * 1e-9;
}

bool job_succeeded(const struct job *job)
{
    return job->begun && job->error == 0 && !job->timed_out && job->status == 0;
}

void job_run(struct job *job, const struct run_options *options, bool (*stopping)(void))
{
    for (int left = options->retries; !stopping(); left--) {
        job->begun = true;
        attempt(job, options);
        if (job_succeeded(job) || left == 0)
            return;
    }
}

static int copy(int from, FILE *to)
{
    char piece[65536];
    off_t at = 0;
    ssize_t got;
    while ((got = pread(from, piece, sizeof piece, at)) > 0) {
        if (fwrite(piece, 1, (size_t)got, to) != (size_t)got)
            return -EIO;
        at += got;
    }
    if (got < 0)
        return -errno;
    return fflush(to) != 0 ? -EIO : 0;
}

int job_print(const struct job *job)
{
    int rc = job->out >= 0 ? copy(job->out, stdout) : 0;
    int other = job->err >= 0 ? copy(job->err, stderr) : 0;
    return rc < 0 ? rc : other;
}

char *job_command(const struct job *job)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return NULL;
    for (char **word = job->words; *word; word++) {
        fputs(word == job->words ? "" : " ", out);
        for (const char *at = *word; *at; at++)
            switch (*at) {
            case '\\':
                fputs("\\\\", out);
                break;
            case '\n':
                fputs("\\n", out);
                break;
            case '\t':
                fputs("\\t", out);
                break;
            default:
                fputc(*at, out);
            }
    }
    bool failed = ferror(out);
    if (fclose(out) == 0 && !failed)
        return text;
    free(text);
    return NULL;
}
