/* A buffer of bytes that are put behind and taken from the front, in memory that is there only
 * while it holds some. It belongs to one context at a time.
 *
 * Memory of the usual size, LENT bytes, is lent: each OS thread keeps one block of it, which the
 * buffers that its fibers fill and empty use in turns. A buffer that keeps what it holds keeps the
 * block, and the thread makes another one.
 */
#ifndef THRUM_NET_STREAM_BUFFER_H
#define THRUM_NET_STREAM_BUFFER_H

#include "base/memory.h"
#include "park/context.h"

#include <errno.h>
#include <string.h>

typedef struct thrum__buffer {
    char *memory; /* or NULL */
    size_t capacity, begin, end;
} thrum__buffer;

enum { THRUM__BUFFER_LENT = 16384 };

static inline char *thrum__buffer_take_memory(size_t capacity)
{
    char **lent = &thrum__self()->of_thread->buffer, *memory = *lent;
    if (capacity != THRUM__BUFFER_LENT || !memory)
        return thrum__alloc_unset(capacity);
    if (thrum__alloc_refused())
        return NULL;
    *lent = NULL;
    return memory;
}

static inline void thrum__buffer_give_memory(char *memory, size_t capacity)
{
    char **lent = &thrum__self()->of_thread->buffer;
    if (THRUM__MEMORY_PLAIN || capacity != THRUM__BUFFER_LENT || *lent)
        thrum__free(memory);
    else
        *lent = memory;
}

static inline size_t thrum__buffer_held(const thrum__buffer *buffer)
{
    return buffer->end - buffer->begin;
}

static inline void thrum__buffer_give_back(thrum__buffer *buffer)
{
    thrum__buffer_give_memory(buffer->memory, buffer->capacity);
    *buffer = (thrum__buffer){0};
}

/* Moves what is held to the start of other memory. Returns 0, or -ENOMEM and changes nothing. */
static inline int thrum__buffer_move(thrum__buffer *buffer, size_t capacity)
{
    char *memory = thrum__buffer_take_memory(capacity);
    if (!memory)
        return -ENOMEM;
    size_t size = thrum__buffer_held(buffer);
    if (size > 0)
        memcpy(memory, buffer->memory + buffer->begin, size);
    thrum__buffer_give_memory(buffer->memory, buffer->capacity);
    *buffer = (thrum__buffer){.memory = memory, .capacity = capacity, .end = size};
    return 0;
}

/* Makes room for `size` bytes in all. Returns 0, or -ENOMEM and changes nothing. */
static inline int thrum__buffer_make_room(thrum__buffer *buffer, size_t size)
{
    size_t twice = 2 * buffer->capacity;
    if (size <= buffer->capacity - buffer->begin)
        return 0;
    if (size > buffer->capacity)
        return thrum__buffer_move(buffer, size > twice ? size : twice);
    memmove(buffer->memory, buffer->memory + buffer->begin, thrum__buffer_held(buffer));
    buffer->end -= buffer->begin;
    buffer->begin = 0;
    return 0;
}

/* Puts data behind what is held; there is room. */
static inline void thrum__buffer_store(thrum__buffer *buffer, const char *data, size_t size)
{
    memcpy(buffer->memory + buffer->end, data, size);
    buffer->end += size;
}

static inline void thrum__buffer_consume(thrum__buffer *buffer, size_t size)
{
    buffer->begin += size;
    if (buffer->begin == buffer->end)
        thrum__buffer_give_back(buffer);
}

#endif
