#include "base/shared_memory.h"
#include "base/fault.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Sets the size and allocates the memory behind it. Without that a full file system would be
 * noticed by the first touch of a page, as SIGBUS. */
static int fill(int descriptor, size_t size)
{
    int rc;
    if (thrum__fault(THRUM__FAULT_SHARED))
        return -ENOSPC;
    do
        rc = -posix_fallocate(descriptor, 0, (off_t)size);
    while (rc == -EINTR);
    return rc == -EFBIG ? -ENOSPC : rc;
}

/* A kernel without seals: then there are none. */
static int seal(int descriptor)
{
    (void)fcntl(descriptor, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK);
    return 0;
}

int thrum__shared_memory_create(const char *name, size_t size)
{
    if (size == 0 || size > PTRDIFF_MAX)
        return -EINVAL;
    if (thrum__fault(THRUM__FAULT_SHARED))
        return -EMFILE;
    int descriptor = name ? shm_open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600)
                          : memfd_create("thrum", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (descriptor < 0)
        return -errno;
    int rc = fill(descriptor, size);
    if (rc == 0 && !name)
        rc = seal(descriptor);
    if (rc == 0)
        return descriptor;
    close(descriptor);
    if (name)
        shm_unlink(name);
    return rc;
}

int thrum__shared_memory_open(const char *name)
{
    if (thrum__fault(THRUM__FAULT_SHARED))
        return -EMFILE;
    int descriptor = shm_open(name, O_RDWR | O_CLOEXEC, 0);
    return descriptor < 0 ? -errno : descriptor;
}

int thrum__shared_memory_remove(const char *name)
{
    return shm_unlink(name) < 0 ? -errno : 0;
}

int thrum__shared_memory_remove_if(const char *name, int descriptor)
{
    /* Where both C libraries have the names. To open the block instead would take a descriptor. */
    char path[sizeof "/dev/shm" + NAME_MAX + 1];
    struct stat named, held;
    if (snprintf(path, sizeof path, "/dev/shm%s", name) >= (int)sizeof path)
        return -ENAMETOOLONG;
    if (lstat(path, &named) < 0 || fstat(descriptor, &held) < 0)
        return -errno;
    if (named.st_ino != held.st_ino || named.st_dev != held.st_dev)
        return -ENOENT;
    return thrum__shared_memory_remove(name);
}

int thrum__shared_memory_again(int descriptor)
{
    if (thrum__fault(THRUM__FAULT_SHARED))
        return -EMFILE;
    int again = fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
    return again < 0 ? -errno : again;
}

int thrum__shared_memory_map(int descriptor, void **ret_address, size_t *ret_size)
{
    struct stat about;
    if (fstat(descriptor, &about) < 0)
        return -errno;
    if (about.st_size <= 0)
        return -ENODATA;
    if (thrum__fault(THRUM__FAULT_SHARED))
        return -ENOMEM;
    void *address =
        mmap(NULL, (size_t)about.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    if (address == MAP_FAILED)
        return -errno;
    *ret_address = address;
    *ret_size = (size_t)about.st_size;
    return 0;
}

void thrum__shared_memory_unmap(void *address, size_t size)
{
    munmap(address, size);
}
