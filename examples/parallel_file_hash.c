/* Parallel file I/O: hash all files that are named on the command line, eight at a time.
 *
 * The results come in the order of the files. If a file cannot be read, the others are still hashed. A file is read
 * piece by piece, so its size does not matter.
 */
#include <err.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <thrum.h>

struct digest {
    uint64_t hash; /* FNV-1a, which is short; for security take SHA-256 */
    uint64_t size; /* bytes */
};

static int process_file(thrum_task *self)
{
    const char *path = thrum_arg(self, const char *);
    FILE *file = fopen(path, "rb");
    if (!file)
        return thrum_fail(self, -errno, "%s: %s", path, thrum_strerror(-errno));
    struct digest digest = {.hash = UINT64_C(0xcbf29ce484222325)};
    unsigned char piece[16384];
    size_t length;
    while ((length = fread(piece, 1, sizeof piece, file)) > 0 && !thrum_cancelled(self)) {
        for (size_t i = 0; i < length; i++)
            digest.hash = (digest.hash ^ piece[i]) * UINT64_C(0x100000001b3);
        digest.size += length;
    }
    int unread = ferror(file);
    fclose(file);
    if (unread)
        return thrum_fail(self, -EIO, "%s: cannot be read", path);
    return thrum_return(self, &digest, sizeof digest);
}

int main(int argc, char **argv)
{
    int count = argc - 1;
    thrum_executor *pool = thrum_thread_pool_new(&(thrum_thread_pool_options){.max_workers = 8});
    thrum_future **futures = calloc((size_t)argc, sizeof *futures);
    if (!pool || !futures)
        errx(EXIT_FAILURE, "no memory for %d files", count);
    for (int i = 0; i < count; i++)
        futures[i] = thrum_submit(pool, process_file, thrum_value(const char *, argv[i + 1]));

    int hashed = 0;
    for (int i = 0; i < count; i++) {
        struct digest digest;
        if (thrum_future_result(futures[i], &digest, sizeof digest, THRUM_FOREVER) == 0) {
            printf("%016" PRIx64 " %6" PRIu64 " %s\n", digest.hash, digest.size, argv[i + 1]);
            hashed++;
        } else {
            printf("Error processing %s\n", thrum_future_error(futures[i])->message);
        }
        thrum_future_free(futures[i]);
    }
    printf("Hashed %d/%d files\n", hashed, count);
    free(futures);
    thrum_executor_shutdown(pool);
    return EXIT_SUCCESS;
}
