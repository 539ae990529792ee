/* A cursor over bytes that another process wrote: every read is checked against the end.
 *
 * ELF files, unwind tables and stacks come from a program that may be broken or hostile. A read
 * past the end gives 0 and sets `failed`; it stays set, so a parser asks once, after a run of
 * reads. All supported machines are little-endian.
 */
#ifndef DOCTOR_BYTES_H
#define DOCTOR_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct cursor {
    const uint8_t *at, *end;
    bool failed;
};

static inline size_t cursor_left(const struct cursor *cursor)
{
    return (size_t)(cursor->end - cursor->at);
}

/* An unsigned number of `size` bytes, at most 8. */
static inline uint64_t cursor_number(struct cursor *cursor, size_t size)
{
    uint64_t value = 0;
    if (cursor->failed || cursor_left(cursor) < size) {
        cursor->failed = true;
        return 0;
    }
    memcpy(&value, cursor->at, size);
    cursor->at += size;
    return value;
}

/* A signed number of `size` bytes, extended to 64 bits. */
static inline int64_t cursor_signed(struct cursor *cursor, size_t size)
{
    uint64_t value = cursor_number(cursor, size);
    unsigned shift = 64 - 8 * (unsigned)size;
    return (int64_t)(value << shift) >> shift;
}

static inline uint64_t cursor_uleb(struct cursor *cursor)
{
    uint64_t value = 0;
    for (unsigned shift = 0;; shift += 7) {
        uint64_t byte = cursor_number(cursor, 1);
        if (shift < 64)
            value |= (byte & 0x7f) << shift;
        if (cursor->failed || !(byte & 0x80))
            return value;
    }
}

static inline int64_t cursor_sleb(struct cursor *cursor)
{
    uint64_t value = 0;
    for (unsigned shift = 0;;) {
        uint64_t byte = cursor_number(cursor, 1);
        if (shift < 64)
            value |= (byte & 0x7f) << shift;
        shift += 7;
        if (cursor->failed || !(byte & 0x80)) {
            if ((byte & 0x40) && shift < 64)
                value |= ~(uint64_t)0 << shift;
            return (int64_t)value;
        }
    }
}

static inline void cursor_skip(struct cursor *cursor, uint64_t size)
{
    if (cursor->failed || cursor_left(cursor) < size)
        cursor->failed = true;
    else
        cursor->at += size;
}

#endif
