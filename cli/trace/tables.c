#include "array.h"
#include "loader.h"

#include <stdlib.h>
#include <string.h>

bool loader_grow(struct loader *loader, void *list, size_t count, size_t *room, size_t size)
{
    if (array_has_room(list, count, room, size))
        return true;
    loader->failed = true;
    return false;
}

uint32_t loader_thread(struct loader *loader, struct source *source, uint32_t number)
{
    struct trace *trace = loader->trace;
    static const char none[] = "";
    if (number == 0 || number >= REGION_THREADS || loader->failed)
        return UINT32_MAX;
    if (!source->threads && !(source->threads = calloc(REGION_THREADS, sizeof *source->threads))) {
        loader->failed = true;
        return UINT32_MAX;
    }
    if (source->threads[number])
        return source->threads[number] - 1;
    if (!loader_grow(loader, &loader->open, trace->thread_count, &loader->open_room,
                     sizeof *loader->open) ||
        !loader_grow(loader, &trace->threads, trace->thread_count, &loader->thread_room,
                     sizeof *trace->threads))
        return UINT32_MAX;
    loader->open[trace->thread_count] = (struct open_spans){0};
    trace->threads[trace->thread_count] = (struct trace_thread){.process = source->process,
                                                                .index = number,
                                                                .name = none,
                                                                .first = UINT64_MAX,
                                                                .began = UINT64_MAX,
                                                                .ended = UINT64_MAX};
    source->threads[number] = (uint32_t)++trace->thread_count;
    return source->threads[number] - 1;
}

static uint64_t mix(uint64_t value)
{
    value *= UINT64_C(0x9e3779b97f4a7c15);
    return value ^ value >> 29;
}

/* Doubles a table of indices if it is half full; `hash` gives that of an element. */
static bool grow_heads(struct loader *loader, uint32_t **heads, size_t *room, size_t count,
                       uint64_t (*hash)(const struct trace *trace, size_t index))
{
    if (count * 2 < *room)
        return true;
    size_t more = *room ? *room * 2 : 256;
    uint32_t *grown = calloc(more, sizeof *grown);
    if (!grown) {
        loader->failed = true;
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        size_t at = hash(loader->trace, i) & (more - 1);
        while (grown[at])
            at = (at + 1) & (more - 1);
        grown[at] = (uint32_t)i + 1;
    }
    free(*heads);
    *heads = grown;
    *room = more;
    return true;
}

static uint64_t hash_key(uint32_t process, uint64_t object, bool thread)
{
    return mix(object * 31 + process * 2 + thread);
}

static uint64_t hash_object(const struct trace *trace, size_t index)
{
    const struct trace_object *object = &trace->objects[index];
    return hash_key(object->process, object->object, object->kind == LOCK_THREAD);
}

/* The index of an object; 0 if memory ran out. */
uint32_t loader_object(struct loader *loader, uint32_t process, uint64_t object, uint32_t kind)
{
    struct trace *trace = loader->trace;
    bool thread = kind == LOCK_THREAD;
    if (!grow_heads(loader, &loader->object_heads, &loader->object_heads_room, trace->object_count,
                    hash_object))
        return 0;
    size_t mask = loader->object_heads_room - 1, at = hash_key(process, object, thread) & mask;
    for (; loader->object_heads[at]; at = (at + 1) & mask) {
        struct trace_object *found = &trace->objects[loader->object_heads[at] - 1];
        if (found->object == object && found->process == process &&
            (found->kind == LOCK_THREAD) == thread) {
            if (found->kind == LOCK_NONE)
                found->kind = kind;
            return loader->object_heads[at] - 1;
        }
    }
    if (!loader_grow(loader, &trace->objects, trace->object_count, &loader->object_room,
                     sizeof *trace->objects))
        return 0;
    trace->objects[trace->object_count] =
        (struct trace_object){.process = process, .object = object, .kind = kind};
    loader->object_heads[at] = (uint32_t)++trace->object_count;
    return (uint32_t)trace->object_count - 1;
}

static uint64_t hash_fields(const struct span_info *info)
{
    return mix(mix(info->object + ((uint64_t)info->place << 32)) ^
               (uint64_t)(uint32_t)info->descriptor << 24 ^ (uint64_t)info->what << 16 ^
               (uint64_t)info->call << 8 ^ info->kind);
}

static uint64_t hash_info(const struct trace *trace, size_t index)
{
    return hash_fields(&trace->infos[index]);
}

uint32_t loader_info(struct loader *loader, struct span_info info)
{
    struct trace *trace = loader->trace;
    if (!grow_heads(loader, &loader->info_heads, &loader->info_heads_room, trace->info_count,
                    hash_info))
        return 0;
    size_t mask = loader->info_heads_room - 1, at = hash_fields(&info) & mask;
    for (; loader->info_heads[at]; at = (at + 1) & mask)
        if (memcmp(&trace->infos[loader->info_heads[at] - 1], &info, sizeof info) == 0)
            return loader->info_heads[at] - 1;
    if (!loader_grow(loader, &trace->infos, trace->info_count, &loader->info_room,
                     sizeof *trace->infos))
        return 0;
    trace->infos[trace->info_count] = info;
    loader->info_heads[at] = (uint32_t)++trace->info_count;
    return (uint32_t)trace->info_count - 1;
}
