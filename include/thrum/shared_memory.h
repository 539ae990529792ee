/* Shared memory: a block that several processes map, found by name or by descriptor.
 *
 *     thrum_shared_memory *made;
 *     int rc = thrum_shared_memory_new("/results", sizeof(struct results), &made);
 *     if (rc < 0)
 *         return rc;
 *     struct results *results = (struct results *)thrum_shared_memory_address(made);
 *     results->count = 12;                                         // it was all zero
 *
 *     thrum_shared_memory *same;                                   // in another process
 *     if (thrum_shared_memory_open("/results", &same) == 0) {
 *         struct results *seen = (struct results *)thrum_shared_memory_address(same);
 *         printf("%d results\n", seen->count);                     // prints 12 results
 *         thrum_shared_memory_free(same);
 *     }
 *
 *     thrum_shared_memory_free(made);                              // removes the name
 *
 * The block is at another address in each process, so store no pointers in it. All-zero memory is a
 * valid thrum_shared_lock, thrum_shared_rlock, thrum_shared_semaphore, thrum_shared_event and
 * thrum_shared_condition. A thrum_shared_queue and a thrum_shared_barrier need their init.
 *
 * All pages are allocated when the block is made: if memory runs out, this call fails, and no later
 * access does. A child of fork has its parent's blocks at the same addresses.
 *
 * The process that made the block owns the name. It removes the name when it frees the block, calls
 * exit, or returns from main, unless the name stands for another block by then. A process that is
 * killed leaves the name behind, for thrum_shared_memory_unlink. The memory exists as long as a
 * process has it.
 *
 * Python: multiprocessing.shared_memory.
 */
#ifndef THRUM_SHARED_MEMORY_H
#define THRUM_SHARED_MEMORY_H

#include <stddef.h>
#include <thrum/export.h>

THRUM_BEGIN

/* A block in one process. */
typedef struct thrum_shared_memory thrum_shared_memory;

/* Makes a block of `size` bytes, all zero, which only programs of the same user can open. `name` is
 * a slash and up to 250 bytes without a slash. With NULL the block has no name; see
 * thrum_shared_memory_descriptor. Does not block. Python: SharedMemory(create=True).
 *
 * Returns:
 *     0                 the block, to be freed with thrum_shared_memory_free
 *     -EEXIST           the name is taken
 *     -EINVAL           `size` is 0, or the name has another form
 *     -EACCES           the system refuses the name
 *     -ENOSPC, -ENOMEM  memory ran out
 *     -EMFILE, -ENFILE  the process or the system has no descriptor left
 */
THRUM_API THRUM_MUST_CHECK int thrum_shared_memory_new(const char *name, size_t size,
                                                       thrum_shared_memory **ret_memory);

/* Opens the block with a name. Does not block. Python: SharedMemory(name).
 *
 * Returns:
 *     0                 the block, to be freed with thrum_shared_memory_free
 *     -ENOENT           there is none, or it is still being made
 *     -EINVAL           the name has another form, or stands for no block
 *     -EACCES           the block is another user's
 *     -ENOMEM           memory ran out
 *     -EMFILE, -ENFILE  the process or the system has no descriptor left
 */
THRUM_API THRUM_MUST_CHECK int thrum_shared_memory_open(const char *name,
                                                        thrum_shared_memory **ret_memory);

/* Opens the block of a descriptor that came from another process, by inheritance or over a socket.
 * The descriptor stays the caller's. Returns what thrum_shared_memory_open returns, and -EBADF if
 * the descriptor is not that of a block. */
THRUM_API THRUM_MUST_CHECK int
thrum_shared_memory_from_descriptor(int descriptor, thrum_shared_memory **ret_memory);

/* The system's descriptor of the block. It stays the block's and is closed on exec. */
THRUM_API int thrum_shared_memory_descriptor(const thrum_shared_memory *memory);

/* The address of the block in this process, at the beginning of a page. Valid until the block is
 * freed. Python: buf. */
THRUM_API void *thrum_shared_memory_address(const thrum_shared_memory *memory);

/* The size of the block in bytes. Python: size. */
THRUM_API size_t thrum_shared_memory_size(const thrum_shared_memory *memory);

/* Ends the use of the block in this process; no thread may touch it any more. Removes the name if
 * this process made the block and the name still stands for it. NULL is accepted. Python: close and
 * unlink. */
THRUM_API void thrum_shared_memory_free(thrum_shared_memory *memory);

/* Removes a name, whichever process made it. Processes that have the block keep it. Python: unlink.
 *
 * Returns:
 *     0        the name is removed
 *     -ENOENT  there is no such name
 *     -EINVAL  the name has another form
 *     -EACCES  the block is another user's
 */
THRUM_API int thrum_shared_memory_unlink(const char *name);

THRUM_END

#endif
