#include "text_table.h"

#include "array.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { OBJECTS_NOTED_MOST = 1 << 20, TEXT_MOST = 1 << 28 };

static uint64_t hash_text(const char *text)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
    return hash;
}

static bool grow_heads(struct text_table *table)
{
    size_t room = table->heads_room ? table->heads_room * 2 : 1024;
    uint32_t *heads = calloc(room, sizeof *heads);
    if (!heads)
        return false;
    for (size_t i = 0; i < table->heads_room; i++) {
        if (!table->heads[i])
            continue;
        size_t at = hash_text(table->bytes + table->heads[i]) & (room - 1);
        while (heads[at])
            at = (at + 1) & (room - 1);
        heads[at] = table->heads[i];
    }
    free(table->heads);
    table->heads = heads;
    table->heads_room = room;
    return true;
}

static bool make_room(struct text_table *table, size_t length)
{
    if (table->heads_used * 2 >= table->heads_room && !grow_heads(table))
        return false;
    size_t first = table->size ? table->size : 1, needed = first + length + 1;
    while (needed > table->room)
        if (needed > TEXT_MOST || !array_has_room(&table->bytes, table->room, &table->room, 1))
            return false;
    if (table->size == 0)
        table->bytes[table->size++] = 0; /* offset 0 is no text */
    return true;
}

uint32_t text_table_add(struct text_table *table, const char *text)
{
    size_t length = strlen(text);
    if (!make_room(table, length)) {
        table->failed = true;
        return 0;
    }
    size_t at = hash_text(text) & (table->heads_room - 1);
    for (; table->heads[at]; at = (at + 1) & (table->heads_room - 1))
        if (strcmp(table->bytes + table->heads[at], text) == 0)
            return table->heads[at];
    memcpy(table->bytes + table->size, text, length + 1);
    table->heads[at] = (uint32_t)table->size;
    table->heads_used++;
    table->size += length + 1;
    return table->heads[at];
}

void text_table_free(struct text_table *table)
{
    free(table->bytes);
    free(table->heads);
    *table = (struct text_table){0};
}

static struct object_entry *find_object(struct object_entry *entries, size_t room, uint64_t object)
{
    size_t at = (object * UINT64_C(0x9e3779b97f4a7c15) >> 20) & (room - 1);
    while (entries[at].used && entries[at].object != object)
        at = (at + 1) & (room - 1);
    return &entries[at];
}

static bool grow_objects(struct object_table *table)
{
    size_t room = table->room ? table->room * 2 : 256;
    struct object_entry *entries = calloc(room, sizeof *entries);
    if (!entries)
        return false;
    for (size_t i = 0; i < table->room; i++)
        if (table->entries[i].used)
            *find_object(entries, room, table->entries[i].object) = table->entries[i];
    free(table->entries);
    table->entries = entries;
    table->room = room;
    return true;
}

void object_table_note(struct object_table *table, uint64_t object, uint32_t kind)
{
    if (table->used * 2 >= table->room) {
        if (table->used >= OBJECTS_NOTED_MOST)
            return;
        if (!grow_objects(table)) {
            table->failed = true;
            return;
        }
    }
    struct object_entry *entry = find_object(table->entries, table->room, object);
    table->used += !entry->used;
    entry->used = true;
    entry->object = object;
    if (entry->kind == LOCK_NONE && kind < LOCK_KINDS)
        entry->kind = kind;
}

void object_table_free(struct object_table *table)
{
    free(table->entries);
    *table = (struct object_table){0};
}

static int by_address(const void *a, const void *b, void *locks)
{
    uint32_t first = *(const uint32_t *)a, second = *(const uint32_t *)b;
    uint64_t x = ((const struct lock_record *)locks)[first].address;
    uint64_t y = ((const struct lock_record *)locks)[second].address;
    if (x != y)
        return x < y ? -1 : 1;
    return first < second ? -1 : first > second;
}

int lock_index_open(struct lock_index *index, const struct region *region)
{
    size_t count = region->lock_count < REGION_LOCKS ? region->lock_count : REGION_LOCKS;
    *index = (struct lock_index){.locks = region->locks};
    index->order = calloc(count + 1, sizeof *index->order);
    if (!index->order)
        return -ENOMEM;
    for (size_t i = 1; i < count; i++)
        index->order[index->count++] = (uint32_t)i;
    qsort_r(index->order, index->count, sizeof *index->order, by_address,
            (void *)(uintptr_t)index->locks);
    return 0;
}

const struct lock_record *lock_index_find(const struct lock_index *index, uint64_t address)
{
    size_t low = 0, high = index->count;
    while (low < high) { /* the first whose address is greater */
        size_t middle = low + (high - low) / 2;
        if (index->locks[index->order[middle]].address <= address)
            low = middle + 1;
        else
            high = middle;
    }
    const struct lock_record *lock = low ? &index->locks[index->order[low - 1]] : NULL;
    return lock && lock->address == address ? lock : NULL;
}

void lock_index_close(struct lock_index *index)
{
    free(index->order);
    index->order = NULL;
}
