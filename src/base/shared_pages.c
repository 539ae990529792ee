#include "base/shared_pages.h"
#include "base/fault.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static int map(thrum__shared_pages *ret_pages, int descriptor, size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    if (memory == MAP_FAILED)
        return -errno;
    *ret_pages = (thrum__shared_pages){memory, size, descriptor};
    return 0;
}

int thrum__shared_pages_new(thrum__shared_pages *ret_pages, const char *name, size_t size)
{
    if (thrum__fault(THRUM__FAULT_SHARED_PAGES))
        return -EMFILE;
    int descriptor = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (descriptor < 0)
        return -errno;
    int rc = 0;
    if (ftruncate(descriptor, (off_t)size) < 0 ||
        fcntl(descriptor, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_SEAL) < 0)
        rc = -errno;
    if (rc == 0)
        rc = thrum__fault(THRUM__FAULT_PAGES) ? -ENOMEM : map(ret_pages, descriptor, size);
    if (rc < 0)
        close(descriptor);
    return rc;
}

int thrum__shared_pages_map(thrum__shared_pages *ret_pages, int descriptor, size_t size)
{
    struct stat about;
    int seals = fcntl(descriptor, F_GET_SEALS);
    if (seals < 0 || !(seals & F_SEAL_SHRINK) || fstat(descriptor, &about) < 0 ||
        (size_t)about.st_size < size)
        return -EINVAL;
    return map(ret_pages, descriptor, size);
}

void thrum__shared_pages_free(thrum__shared_pages *pages)
{
    munmap(pages->memory, pages->size);
    close(pages->descriptor);
}

int thrum__shared_pages_write(const thrum__shared_pages *pages, uint64_t at, const void *from,
                              size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t count =
            pwrite(pages->descriptor, (const char *)from + done, size - done, (off_t)(at + done));
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return count < 0 ? -errno : -EIO;
        done += (size_t)count;
    }
    return 0;
}

int thrum__shared_pages_read(const thrum__shared_pages *pages, uint64_t at, void *to, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t count =
            pread(pages->descriptor, (char *)to + done, size - done, (off_t)(at + done));
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return count < 0 ? -errno : -EIO;
        done += (size_t)count;
    }
    return 0;
}

void thrum__shared_pages_drop(const thrum__shared_pages *pages, uint64_t at, size_t size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    fallocate(pages->descriptor, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)at,
              (off_t)((size + page - 1) / page * page));
}
