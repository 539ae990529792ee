/* Memory that processes share: a block with a name, or one that is passed on as a descriptor.
 *
 *     thrum_shared_memory *memory;
 *     if (thrum_shared_memory_new("/results", sizeof(struct results), &memory) == 0) {
 *         struct results *results = thrum_shared_memory_address(memory);      // all zero
 *         ...
 *         thrum_shared_memory_free(memory);                                   // and the name is gone
 *     }
 *     // in another process:
 *     if (thrum_shared_memory_open("/results", &memory) == 0) {
 *         struct results *results = thrum_shared_memory_address(memory);
 *         ...
 *         thrum_shared_memory_free(memory);
 *     }
 *
 * The block lies at another address in each process, so there should be no pointers in it; what is made for it
 * are thrum_shared_lock, thrum_shared_semaphore, thrum_shared_event, thrum_shared_condition and
 * thrum_shared_queue, to which all zero is a beginning (but for the queue).
 *
 * Its pages are there from the start: it is the making that fails when memory is out, not a later access. A
 * child of fork has the blocks of its parent at the same addresses.
 *
 * The name belongs to the process that made the block. It is removed when that process frees the block, or ends
 * by exit or by return from main, unless it stands for another block by then. A process that is killed leaves
 * it behind, for thrum_shared_memory_unlink. The memory itself lasts as long as anybody has it.
 *
 * Python: multiprocessing.shared_memory.
 */
#ifndef THRUM_SHARED_MEMORY_H
#define THRUM_SHARED_MEMORY_H

#include <stddef.h>
#include <thrum/export.h>

THRUM_BEGIN

/* A block as one process has it. */
typedef struct thrum_shared_memory thrum_shared_memory;

/* Makes a block of `size` bytes, all zero, that only programs of the same user can open. `name` is a slash and
 * up to 250 bytes without one; with NULL it has no name (see thrum_shared_memory_descriptor). Returns 0 and
 * a block for thrum_shared_memory_free; -EEXIST if the name is taken; -EINVAL for a size of 0 or another kind
 * of name; -ENOSPC, -ENOMEM, -EMFILE, -ENFILE, -EACCES. Does not block. Python: SharedMemory(create=True). */
THRUM_API THRUM_MUST_CHECK int thrum_shared_memory_new(const char *name, size_t size,
                                                       thrum_shared_memory **ret_memory);

/* Opens the block with that name. Returns 0 and a block for thrum_shared_memory_free; -ENOENT if there is
 * none, or it is only being made; -EINVAL, -ENOMEM, -EMFILE, -ENFILE, -EACCES. Does not block.
 * Python: SharedMemory(name). */
THRUM_API THRUM_MUST_CHECK int thrum_shared_memory_open(const char *name,
                                                        thrum_shared_memory **ret_memory);

/* Opens the block of a descriptor that came from another process, by inheritance or over a socket. The
 * descriptor stays the caller's. Returns as thrum_shared_memory_open; -EBADF for none of a block. */
THRUM_API THRUM_MUST_CHECK int
thrum_shared_memory_from_descriptor(int descriptor, thrum_shared_memory **ret_memory);

/* The system's descriptor of the block, which stays the block's and is closed on exec. */
THRUM_API int thrum_shared_memory_descriptor(const thrum_shared_memory *memory);

/* Where it lies in this process, at the beginning of a page; valid until it is freed. Python: buf. */
THRUM_API void *thrum_shared_memory_address(const thrum_shared_memory *memory);

/* Its bytes. Python: size. */
THRUM_API size_t thrum_shared_memory_size(const thrum_shared_memory *memory);

/* Ends the use of the block in this process, where nobody may touch it any more; removes its name if this
 * process made it and the name still stands for it. NULL is accepted. Python: close and unlink. */
THRUM_API void thrum_shared_memory_free(thrum_shared_memory *memory);

/* Removes a name, whoever made it; who has the block keeps it. Returns 0, -ENOENT, -EINVAL or -EACCES.
 * Python: unlink. */
THRUM_API int thrum_shared_memory_unlink(const char *name);

THRUM_END

#endif
