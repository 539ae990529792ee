/* Memory that several processes have: a file without a name, which goes with its last descriptor
 * and mapping.
 *
 * Its first part is mapped; what lies beyond is written and read by copies, and takes memory only
 * where it was written. Nobody can make the file shorter, so a touch of the mapped part never
 * faults, whatever another process does. */
#ifndef THRUM_BASE_SHARED_PAGES_H
#define THRUM_BASE_SHARED_PAGES_H

#include <stddef.h>
#include <stdint.h>

typedef struct thrum__shared_pages {
    void *memory;
    size_t size;    /* of the mapped part */
    int descriptor; /* closed on exec */
} thrum__shared_pages;

/* Makes zeroed pages; `name` is for the system's tools. Returns 0 or a negative errno. */
int thrum__shared_pages_new(thrum__shared_pages *ret_pages, const char *name, size_t size);

/* Maps those that `descriptor` stands for. Returns 0 or a negative errno: -EINVAL if the file is
 * shorter than `size`, or may become so. */
int thrum__shared_pages_map(thrum__shared_pages *ret_pages, int descriptor, size_t size);

/* Unmaps them and closes the descriptor. */
void thrum__shared_pages_free(thrum__shared_pages *pages);

/* Copies `size` bytes to and from the place `at` of the file. Returns 0 or a negative errno; -EIO
 * if the file ends before. */
int thrum__shared_pages_write(const thrum__shared_pages *pages, uint64_t at, const void *from,
                              size_t size);
int thrum__shared_pages_read(const thrum__shared_pages *pages, uint64_t at, void *to, size_t size);

/* Gives the memory behind `size` bytes at `at` back to the system. */
void thrum__shared_pages_drop(const thrum__shared_pages *pages, uint64_t at, size_t size);

#endif
