/* A job.
 *
 * Its output goes to two files without names, and is printed when the job has ended, or line by
 * line before that (--line-buffer). So the reader of our output never delays a job, output of jobs
 * is not mixed, and a process that a job leaves in the background holds no pipe open. Small files
 * stay in the page cache.
 *
 * A start that fails because the system has no room for another process or descriptor (EAGAIN,
 * EMFILE, ENFILE, ENOMEM) is retried: while other jobs run, one of them may make room. If no other
 * job runs, the job fails after a while.
 *
 * A job that runs on a worker of a cluster (remote.h) has its output put into the files when it has ended.
 */
#include "job.h"

#include "child/child.h"
#include "child/output_file.h"
#include "output.h"
#include "output_watch.h"
#include "remote.h"
#include "stop.h"
#include "template.h"
#include "trouble.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const double grace_seconds = 2, first_pause_seconds = 0.01, longest_pause_seconds = 0.5,
                    lonely_seconds = 5, longest_retry_delay = 60;

enum { PIECE = 65536 };

/* The words as a line. Malloced; NULL if memory is out. */
static char *describe(char *const *words)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return NULL;
    for (char *const *word = words; *word; word++) {
        fputs(word == words ? "" : " ", out);
        for (const char *at = *word; *at; at++)
            if (*at == '\\' || *at == '\n' || *at == '\t')
                fprintf(out, "\\%c", *at == '\\' ? '\\' : *at == '\n' ? 'n' : 't');
            else
                fputc(*at, out);
    }
    bool failed = ferror(out);
    if (fclose(out) == 0 && !failed)
        return text;
    free(text);
    return NULL;
}

/* The arguments with blanks between, and a tab. Malloced; NULL if memory is out. */
static char *make_tag(const struct fields *fields)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return NULL;
    for (size_t i = 0; i < fields->count; i++)
        fprintf(out, "%s%s", i ? " " : "", fields->items[i]);
    fputc('\t', out);
    bool failed = ferror(out);
    if (fclose(out) == 0 && !failed)
        return text;
    free(text);
    return NULL;
}

int job_fill(struct job *job, const struct run_options *options, int slot)
{
    free(job->words);
    job->slot = slot;
    job->words = template_fill(
        options->words, options->word_count,
        &(struct template_values){.fields = &job->fields, .number = job->number, .slot = slot});
    return job->words ? 0 : -ENOMEM;
}

struct job *job_new(const struct run_options *options, uint64_t number, struct fields fields)
{
    struct job *job = malloc(sizeof *job);
    if (!job) {
        fields_free(&fields);
        return NULL;
    }
    *job = (struct job){.number = number, .fields = fields, .out.file = -1, .err.file = -1};
    /* In the log {%} stays as it is: the slot is not what makes a job the same one. */
    if (job_fill(job, options, 0) == 0 && (job->command = describe(job->words)) &&
        (!options->tag || (job->tag = make_tag(&fields))))
        return job;
    job_free(job);
    return NULL;
}

static void close_output(struct job_output *output)
{
    if (output->file >= 0)
        (void)close(output->file);
    *output = (struct job_output){.file = -1};
}

void job_free(struct job *job)
{
    if (!job)
        return;
    close_output(&job->out);
    close_output(&job->err);
    fields_free(&job->fields);
    free(job->words);
    free(job->command);
    free(job->tag);
    free(job->reason);
    free(job);
}

int job_try_output(void)
{
    int file = output_file_open();
    if (file < 0)
        return file;
    (void)close(file);
    return 0;
}

/* Opens the files for an attempt. With --line-buffer, further attempts append to the same files. */
static int open_output(struct job *job, bool lines)
{
    if (lines && job->out.file >= 0)
        return 0;
    int out = output_file_open();
    int err = out < 0 ? out : output_file_open();
    if (err < 0 && out >= 0)
        (void)close(out);
    if (err < 0)
        return err;
    thrum_with (&job->lock) {
        close_output(&job->out);
        close_output(&job->err);
        job->out.file = out;
        job->err.file = err;
    }
    output_watch_add(out);
    output_watch_add(err);
    return 0;
}

void job_watch(struct job *job)
{
    thrum_with (&job->lock)
        if (job->out.file >= 0) {
            output_watch_add(job->out.file);
            output_watch_add(job->err.file);
        }
}

static int start(struct job *job, const struct run_options *options, struct child *child)
{
    bool direct = options->direct || options->terminal;
    int rc = direct ? 0 : open_output(job, options->lines);
    job->unkept = rc < 0;
    if (rc < 0)
        return rc;
    return child_start(child, &(struct child_options){.words = job->words,
                                                      .out = direct ? 0 : job->out.file,
                                                      .err = direct ? 0 : job->err.file,
                                                      .terminal = options->terminal});
}

static bool lacks_room(int rc)
{
    return rc == -EAGAIN || rc == -EMFILE || rc == -ENFILE || rc == -ENOMEM;
}

/* Starts the job. Waits while the system has no room for it. */
static int start_in_room(struct job *job, const struct run_options *options, struct child *child)
{
    double pause = first_pause_seconds;
    thrum_deadline lonely = thrum_in(lonely_seconds);
    bool said = options->quiet;
    for (;;) {
        int rc = start(job, options, child);
        if (!lacks_room(rc))
            return rc;
        if (children_count() > 0)
            lonely = thrum_in(lonely_seconds);
        if (thrum_now() > lonely.ns)
            return rc;
        if (!said && pause >= longest_pause_seconds) {
            trouble_print("job %ju waits until another can start: %s", (uintmax_t)job->number,
                          thrum_strerror(rc));
            said = true;
        }
        if (stop_wait(thrum_in(pause)))
            return -ECANCELED;
        pause = pause * 2 < longest_pause_seconds ? pause * 2 : longest_pause_seconds;
    }
}

/* Seconds since 1970. */
static double calendar_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void attempt(struct job *job, const struct run_options *options)
{
    struct child child;
    job->error = start_in_room(job, options, &child);
    thrum_time begin = thrum_now();
    job->began = calendar_now();
    if (job->error == -ECANCELED)
        job->begun = false; /* the run is ending */
    if (job->error < 0)
        return;
    thrum_deadline deadline = options->timeout > 0 ? thrum_in(options->timeout) : THRUM_FOREVER;
    job->error = child_wait(&child, deadline, &job->status);
    if (job->error < 0) { /* for any reason: the child must not be left */
        job->timed_out = job->error == -ETIMEDOUT;
        job->error = child_end(&child, grace_seconds, &job->status);
    }
    job->wanted_terminal = child.wants_terminal;
    job->seconds = (double)(thrum_now() - begin) * 1e-9;
}

/* Puts the output of a command into new files. Returns 0 or a negative errno. */
static int keep_output(struct job *job, const struct command_outcome *outcome)
{
    int rc = open_output(job, false);
    if (rc == 0)
        rc = output_write(job->out.file, outcome->out, outcome->out_size);
    if (rc == 0)
        rc = output_write(job->err.file, outcome->err, outcome->err_size);
    return rc;
}

/* An attempt on a worker. */
static void attempt_there(struct job *job, const struct run_options *options)
{
    struct command_outcome outcome;
    thrum_error error = {0};
    char *bytes = NULL;
    free(job->reason);
    job->reason = NULL;
    job->error = remote_run(job->number, job->words, options->timeout, &outcome, &bytes, &error);
    job->began = calendar_now();
    if (job->error == -ECANCELED)
        job->begun = false; /* the run is ending */
    else if (job->error < 0)
        job->reason = strdup(error.message);
    if (job->error < 0)
        return;
    job->error = keep_output(job, &outcome);
    job->unkept = job->error < 0;
    if (job->error == 0)
        job->error = outcome.error;
    memcpy(job->host, outcome.host, sizeof job->host);
    job->status = outcome.status;
    job->timed_out = outcome.timed_out;
    job->wanted_terminal = outcome.wanted_terminal;
    job->seconds = outcome.seconds;
    job->began -= outcome.seconds;
    free(bytes);
}

bool job_succeeded(const struct job *job)
{
    return job->begun && job->error == 0 && !job->timed_out && job->status == 0;
}

void job_run(struct job *job, const struct run_options *options)
{
    double pause = options->retry_delay;
    for (int left = options->retries; !stop_is_set(); left--) {
        job->begun = true;
        job->timed_out = false;
        job->status = 0;
        if (options->login.server)
            attempt_there(job, options);
        else
            attempt(job, options);
        if (job_succeeded(job) || left == 0 || stop_wait(thrum_in(pause)))
            return;
        pause = pause * 2 < longest_retry_delay ? pause * 2 : longest_retry_delay;
    }
}

/* Finds where the last whole line ends, from `looked` on. Returns an offset or a negative errno. */
static off_t find_last_end(struct job_output *output)
{
    char piece[PIECE];
    off_t last = output->printed;
    ssize_t got;
    while ((got = pread(output->file, piece, sizeof piece, output->looked)) > 0) {
        const char *end = memrchr(piece, '\n', (size_t)got);
        if (end)
            last = output->looked + (end - piece) + 1;
        output->looked += got;
    }
    return got < 0 ? -errno : last;
}

/* Writes a piece with the tag before each line. */
static int write_tagged(int to, const char *tag, bool *inside, const char *text, size_t length)
{
    char *tagged = NULL;
    size_t size;
    FILE *out = open_memstream(&tagged, &size);
    if (!out)
        return -ENOMEM;
    for (size_t used = 0; used < length;) {
        const char *end = memchr(text + used, '\n', length - used);
        size_t line = end ? (size_t)(end - text) + 1 - used : length - used;
        if (!*inside)
            fputs(tag, out);
        fwrite(text + used, 1, line, out);
        *inside = !end;
        used += line;
    }
    bool failed = ferror(out);
    int rc = fclose(out) != 0 || failed ? -ENOMEM : output_write(to, tagged, size);
    free(tagged);
    return rc;
}

static int copy(const struct job *job, struct job_output *output, int to, bool whole_lines)
{
    char piece[PIECE];
    off_t end = whole_lines ? find_last_end(output) : INT64_MAX;
    ssize_t got = 1;
    int rc = end < 0 ? (int)end : 0;
    while (rc == 0 && output->printed < end) {
        size_t wanted = end - output->printed < PIECE ? (size_t)(end - output->printed) : PIECE;
        got = pread(output->file, piece, wanted, output->printed);
        if (got <= 0)
            break;
        rc = job->tag ? write_tagged(to, job->tag, &output->inside, piece, (size_t)got)
                      : output_write(to, piece, (size_t)got);
        output->printed += got;
    }
    return rc == 0 && got < 0 ? -errno : rc;
}

int job_print(struct job *job, bool whole_lines)
{
    int rc = 0, other = 0;
    thrum_with (&job->lock) {
        rc = job->out.file >= 0 ? copy(job, &job->out, STDOUT_FILENO, whole_lines) : 0;
        other = job->err.file >= 0 ? copy(job, &job->err, STDERR_FILENO, whole_lines) : 0;
    }
    return rc < 0 ? rc : other;
}

bool job_has_output(struct job *job)
{
    struct stat about;
    bool has = false;
    thrum_with (&job->lock)
        has = job->out.file >= 0 && fstat(job->out.file, &about) == 0 &&
              about.st_size > job->out.printed;
    return has;
}

static void put_quoted(FILE *out, const char *word)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                                "%+,-./:=@^_";
    if (*word && word[strspn(word, plain)] == '\0') {
        fputs(word, out);
        return;
    }
    fputc('\'', out);
    for (; *word; word++)
        if (*word == '\'')
            fputs("'\\''", out);
        else
            fputc(*word, out);
    fputc('\'', out);
}

int job_print_command(const struct job *job)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return -ENOMEM;
    if (job->tag)
        fputs(job->tag, out);
    for (char *const *word = job->words; *word; word++) {
        fputs(word == job->words ? "" : " ", out);
        put_quoted(out, *word);
    }
    fputc('\n', out);
    bool failed = ferror(out);
    int rc = fclose(out) != 0 || failed ? -ENOMEM : output_write(STDOUT_FILENO, text, size);
    free(text);
    return rc;
}
