/* A thumbnailer: makes a small copy of each photo, in processes of its own.
 *
 *     thumbnails [-s PIXELS] [-j PROCESSES] [-t SECONDS] FOLDER PHOTO.jpg...
 *
 * Photos come from anywhere, and decoders of images have had many defects. So each photo is decoded in another process,
 * with bounds for its memory and its time. If that process crashes or hangs, one photo has no thumbnail, and the
 * others have theirs. The tutorial docs/tutorials/thumbnails.md builds it step by step.
 *
 * Ends with 0 if all thumbnails were made, with 1 if one could not be, with 2 if it cannot begin, and with 130 after
 * Ctrl-C.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <thrum.h>
#include <turbojpeg.h>
#include <unistd.h>

enum { FILE_LIMIT = 64 << 20, QUALITY = 85, TROUBLE = 256 };

struct photo {
    char path[PATH_MAX];
    int pixels; /* of the longer side of the thumbnail */
};

/* ---------------------------------------------------------------------- in the process of a worker */

/* Reads a whole file into memory that the caller frees. */
static int read_file(const char *path, unsigned char **ret_bytes, size_t *ret_size)
{
    FILE *file = fopen(path, "rbe");
    unsigned char *bytes = malloc(FILE_LIMIT);
    int rc = file ? bytes ? 0 : -ENOMEM : -errno;
    if (rc == 0) {
        *ret_size = fread(bytes, 1, FILE_LIMIT, file);
        rc = ferror(file) ? -EIO : *ret_size == FILE_LIMIT ? -EFBIG : 0;
    }
    if (file)
        fclose(file);
    if (rc < 0)
        free(bytes);
    else
        *ret_bytes = bytes;
    return rc;
}

/* Shrinks an image of three bytes a pixel in its own memory: each new pixel is the mean of those that it covers. */
static void shrink(unsigned char *image, int width, int height, int new_width, int new_height)
{
    unsigned char *to = image;
    for (int y = 0; y < new_height; y++) {
        int top = y * height / new_height, bottom = (y + 1) * height / new_height;
        for (int x = 0; x < new_width; x++) {
            int left = x * width / new_width, right = (x + 1) * width / new_width;
            unsigned sum[3] = {0}, covered = (unsigned)((bottom - top) * (right - left));
            for (int row = top; row < bottom; row++)
                for (int column = left; column < right; column++)
                    for (int colour = 0; colour < 3; colour++)
                        sum[colour] += image[3 * (row * width + column) + colour];
            for (int colour = 0; colour < 3; colour++)
                *to++ = (unsigned char)(sum[colour] / covered);
        }
    }
}

/* The smallest size in which libjpeg decodes the image quickly and which is at least the wanted one. */
static void choose_size(int *width, int *height, int pixels)
{
    int count;
    tjscalingfactor *factors = tjGetScalingFactors(&count);
    int full_width = *width, full_height = *height;
    for (int i = 0; factors && i < count; i++) {
        int w = TJSCALED(full_width, factors[i]), h = TJSCALED(full_height, factors[i]);
        if ((w >= pixels || h >= pixels) && w < *width) {
            *width = w;
            *height = h;
        }
    }
}

/* Decodes, shrinks and encodes. `*ret_jpeg` is freed by tjFree. Returns false with the text of the library in `trouble`. */
static bool convert(const unsigned char *bytes, size_t size, int pixels, unsigned char **ret_jpeg,
                    unsigned long *ret_size, char trouble[TROUBLE])
{
    tjhandle in = tjInitDecompress(), out = tjInitCompress();
    unsigned char *image = NULL;
    int width, height, sampling, colours;
    bool good = in && out &&
                tjDecompressHeader3(in, bytes, size, &width, &height, &sampling, &colours) == 0;
    if (good) {
        choose_size(&width, &height, pixels);
        image = malloc(3 * (size_t)width * (size_t)height);
        good = image && tjDecompress2(in, bytes, size, image, width, 0, height, TJPF_RGB, 0) == 0;
    }
    if (good) {
        int longer = width > height ? width : height, target = longer < pixels ? longer : pixels;
        int new_width = width * target / longer, new_height = height * target / longer;
        new_width += new_width == 0;
        new_height += new_height == 0;
        shrink(image, width, height, new_width, new_height);
        good = tjCompress2(out, image, new_width, 0, new_height, TJPF_RGB, ret_jpeg, ret_size,
                           TJSAMP_420, QUALITY, 0) == 0;
        snprintf(trouble, TROUBLE, "%s", good ? "" : tjGetErrorStr2(out));
    } else
        snprintf(trouble, TROUBLE, "%s",
                 in && (image || tjGetErrorCode(in) == TJERR_FATAL) ? tjGetErrorStr2(in)
                                                                    : "out of memory");
    free(image);
    tjDestroy(in);
    tjDestroy(out);
    return good;
}

/* The task of a photo: its result is the thumbnail, the bytes of a JPEG file. */
static int make_thumbnail(thrum_task *self)
{
    const struct photo *photo = &thrum_arg(self, struct photo);
    unsigned char *bytes, *jpeg = NULL;
    unsigned long jpeg_size = 0;
    char trouble[TROUBLE];
    size_t size = 0;
    int rc = read_file(photo->path, &bytes, &size);
    if (rc < 0)
        return thrum_fail(self, rc, "%s", thrum_strerror(rc));
    if (convert(bytes, size, photo->pixels, &jpeg, &jpeg_size, trouble))
        rc = thrum_return(self, jpeg, jpeg_size);
    else
        rc = thrum_fail(self, -EBADMSG, "%s", trouble);
    tjFree(jpeg);
    free(bytes);
    return rc;
}

/* ----------------------------------------------------------------------------------- in the program */

/* Writes a file that is there as a whole or not at all. */
static int write_file(const char *folder, const char *photo, const void *bytes, size_t size)
{
    const char *name = strrchr(photo, '/') ? strrchr(photo, '/') + 1 : photo;
    char path[PATH_MAX], part[PATH_MAX];
    if (snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path - 8)
        return -ENAMETOOLONG;
    memcpy(part, path, sizeof part);
    memcpy(part + strlen(part), ".XXXXXX", 8);
    int file = mkostemp(part, O_CLOEXEC);
    if (file < 0)
        return -errno;
    ssize_t written = write(file, bytes, size);
    int rc = written < 0 ? -errno : written < (ssize_t)size ? -ENOSPC : 0;
    if (rc == 0 && fchmod(file, 0644) < 0)
        rc = -errno;
    if (close(file) < 0 && rc == 0)
        rc = -errno;
    if (rc == 0 && rename(part, path) < 0)
        rc = -errno;
    if (rc < 0)
        unlink(part);
    return rc;
}

static int give_back(thrum_future *future, void *idle)
{
    (void)future;
    thrum_semaphore_release(idle, 1);
    return 0;
}

/* Submits a task for each photo as a process becomes idle, so that the deadline of a task counts from its start. Ctrl-C
 * ends it early. Returns how many were submitted. */
static int submit_all(thrum_executor *pool, char **paths, int count, int pixels, double seconds,
                      thrum_semaphore *idle, thrum_signals *stop, thrum_future **ret_futures)
{
    int number;
    thrum_case cases[] = {thrum_case_semaphore(idle), thrum_case_signals(stop, &number)};
    for (int i = 0; i < count; i++) {
        struct photo photo = {.pixels = pixels};
        snprintf(photo.path, sizeof photo.path, "%s", paths[i]);
        if (thrum_select(cases, 2, THRUM_FOREVER) != 0)
            return i;
        ret_futures[i] =
            thrum_submit_with(pool, &(thrum_submit_options){.deadline = thrum_in(seconds)},
                              make_thumbnail, &photo, sizeof photo);
        if (thrum_future_add_done_callback(ret_futures[i], give_back, idle) < 0)
            thrum_semaphore_release(idle, 1); /* no memory: the next starts a little early */
    }
    return count;
}

/* Writes the thumbnail of a future, or says why there is none. */
static bool finish(thrum_future *future, const char *folder, const char *path, double seconds)
{
    void *bytes = NULL;
    size_t size = 0;
    int rc = thrum_future_take(future, &bytes, &size, THRUM_FOREVER);
    const thrum_error *error = thrum_future_error(future);
    if (rc == 0) {
        rc = write_file(folder, path, bytes, size);
        if (rc < 0)
            warnx("%s: cannot write the thumbnail: %s", path, thrum_strerror(rc));
        free(bytes);
    } else if (rc == THRUM_FAILED && error->code == -ETIMEDOUT)
        warnx("%s: not done in %g s", path, seconds);
    else
        warnx("%s: %s", path, rc == THRUM_FAILED ? error->message : thrum_strerror(rc));
    return rc == 0;
}

/* Returns how many thumbnails were made, or -EINTR after Ctrl-C. */
static int make_all(thrum_executor *pool, thrum_semaphore *idle, thrum_signals *stop, char **words,
                    int count, int pixels, double seconds)
{
    thrum_future **futures = calloc((size_t)count, sizeof *futures);
    if (!futures)
        errx(2, "out of memory");
    int submitted = submit_all(pool, words + 1, count, pixels, seconds, idle, stop, futures),
        made = 0;
    bool stopped = submitted < count;
    int number;
    for (int i = 0; i < submitted; i++) {
        thrum_case cases[] = {thrum_case_future(futures[i]), thrum_case_signals(stop, &number)};
        if (!stopped && thrum_select(cases, 2, THRUM_FOREVER) == 1)
            stopped = true;
        if (stopped)
            thrum_future_cancel(futures[i]);
        else
            made += finish(futures[i], words[0], words[1 + i], seconds);
    }
    for (int i = 0; i < submitted; i++) {
        if (stopped)
            (void)!thrum_future_error(futures[i]); /* it is no news that it was cancelled */
        thrum_future_free(futures[i]);
    }
    free(futures);
    return stopped ? -EINTR : made;
}

int main(int argc, char **argv)
{
    int option, pixels = 256, processes = thrum_cpu_count();
    double seconds = 20;
    bool good = true;
    thrum_signals *stop;
    thrum_semaphore idle;
    while ((option = getopt(argc, argv, "s:j:t:")) != -1) {
        if (option == 's')
            good &= (pixels = atoi(optarg)) >= 1;
        else if (option == 'j')
            good &= (processes = atoi(optarg)) >= 1;
        else
            good &= option == 't' && (seconds = atof(optarg)) > 0;
    }
    if (!good || argc - optind < 2)
        errx(2, "usage: thumbnails [-s PIXELS] [-j PROCESSES] [-t SECONDS] FOLDER PHOTO.jpg...");
    if (mkdir(argv[optind], 0777) < 0 && errno != EEXIST)
        err(2, "%s", argv[optind]);
    int rc = thrum_signals_new((int[]){SIGINT, SIGTERM}, 2, &stop);
    if (rc < 0)
        errx(2, "cannot wait for signals: %s", thrum_strerror(rc));
    thrum_semaphore_init(&idle, (uint32_t)processes);
    const thrum_process_pool_options options = {
        .max_workers = processes, .memory_limit = 1 << 30, .kill_on_cancel = true};
    thrum_executor *pool = thrum_process_pool_new(&options);
    if (!pool)
        errx(2, "out of memory");
    int count = argc - optind - 1,
        made = make_all(pool, &idle, stop, argv + optind, count, pixels, seconds);
    thrum_executor_shutdown(pool);
    thrum_semaphore_finish(&idle);
    thrum_signals_free(stop);
    if (made == -EINTR)
        return 130;
    printf("%d of %d thumbnails are in %s\n", made, count, argv[optind]);
    return made == count ? 0 : 1;
}
