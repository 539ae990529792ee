/* Tables that a trace's writer needs: texts, the objects that events name, locks by address. */
#ifndef CLI_TRACE_TEXT_TABLE_H
#define CLI_TRACE_TEXT_TABLE_H

#include "doctor/preload/region.h"

#include <stdbool.h>
#include <stddef.h>

/* Texts one after another, each once. All zero at the beginning. */
struct text_table {
    char *bytes;
    size_t size, room;
    uint32_t *heads; /* offsets by hash; 0: free */
    size_t heads_room, heads_used;
    bool failed; /* memory ran out: texts are missing */
};

/* The offset of the text; 0 if memory ran out. */
uint32_t text_table_add(struct text_table *table, const char *text);
void text_table_free(struct text_table *table);

struct object_entry {
    uint64_t object;
    uint32_t kind;
    bool used;
};

/* A set. All zero at the beginning. It has at most OBJECTS_NOTED_MOST entries; further ones are left out. */
struct object_table {
    struct object_entry *entries;
    size_t room, used;
    bool failed; /* memory ran out: objects are missing */
};

/* Adds the object, or its kind if it was not known. */
void object_table_note(struct object_table *table, uint64_t object, uint32_t kind);
void object_table_free(struct object_table *table);

/* Locks by address; of several at one address the last. */
struct lock_index {
    const struct lock_record *locks;
    uint32_t *order;
    size_t count;
};

int lock_index_open(struct lock_index *index, const struct region *region);
const struct lock_record *lock_index_find(const struct lock_index *index, uint64_t address);
void lock_index_close(struct lock_index *index);

#endif
