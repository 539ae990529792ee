#include "thrum_layout.h"

#include <stddef.h>

/* A library that is older than this command has the first fields only; the others are 0. */
enum { VERSION = 1, LEAST = offsetof(struct layout, rest_size), CONTEXTS_MOST = 1 << 20 };

/* The address of the layout: in the program, or in a library of that name. */
static bool find_layout(struct process *process, uint64_t *ret)
{
    struct symbol symbol;
    const struct module *program = process_program(process);
    for (int i = 0; i < process->modules.count; i++) {
        const char *name = strrchr(process->modules.list[i].path, '/');
        if (&process->modules.list[i] != program && !(name && strncmp(name, "/libthrum", 9) == 0))
            continue;
        const struct module *module =
            modules_find(&process->modules, process->modules.list[i].start);
        if (module && module_named(module, "thrum__doctor_layout", &symbol)) {
            *ret = symbol.start;
            return true;
        }
    }
    return false;
}

/* Offsets must lie in what is copied. */
static bool fits(const struct layout *at)
{
    const uint32_t in_context[] = {at->claim,     at->fiber,       at->process, at->scope,
                                   at->native_id, at->wait_kind,   at->rest,    at->thread,
                                   at->name,      at->wait_object, at->look_at};
    const uint32_t in_fiber[] = {at->fiber_worker, at->fiber_task,  at->fiber_ticket,
                                 at->fiber_place,  at->fiber_stack, at->fiber_frame,
                                 at->fiber_base,   at->fiber_bottom};
    bool good = at->version == VERSION && at->size >= LEAST && at->chunk > 0 &&
                at->context_size <= CONTEXT_SIZE_MOST && at->context_size >= 8 &&
                at->fiber_size <= FIBER_SIZE_MOST && at->fiber_size >= 8 &&
                at->name_size <= NAME_MOST && at->name <= at->context_size - at->name_size &&
                at->claim_states > 0 && at->reading_count <= 16;
    for (size_t i = 0; i < sizeof in_context / sizeof *in_context; i++)
        good = good && in_context[i] <= at->context_size - 8;
    for (size_t i = 0; i < sizeof in_fiber / sizeof *in_fiber; i++)
        good = good && in_fiber[i] <= at->fiber_size - 8;
    return good;
}

static bool read_layout(const struct memory *memory, uint64_t address, struct layout *ret)
{
    *ret = (struct layout){0};
    if (!memory_read(memory, address, ret, LEAST))
        return false;
    return memory_read(memory, address, ret, ret->size < sizeof *ret ? LEAST : sizeof *ret);
}

bool thrum_open(struct thrum *thrum)
{
    const struct memory *memory = &thrum->process->memory;
    uint64_t address, pointer;
    return find_layout(thrum->process, &address) && read_layout(memory, address, &thrum->at) &&
           fits(&thrum->at) && memory_word(memory, thrum->at.chunks, &thrum->chunks) &&
           memory_word(memory, thrum->at.used, &pointer) &&
           memory_half(memory, pointer, &thrum->used) &&
           memory_half(memory, thrum->at.generation, &thrum->generation) && thrum->used > 0 &&
           thrum->used <= CONTEXTS_MOST;
}

bool thrum_read_context(const struct thrum *thrum, uint32_t ident, struct context *ret)
{
    uint64_t chunk;
    const struct memory *memory = &thrum->process->memory;
    ret->address = 0;
    if (!memory_word(memory, thrum->chunks + 8 * (uint64_t)(ident / thrum->at.chunk), &chunk))
        return false;
    ret->ident = ident;
    ret->address = chunk + (uint64_t)(ident % thrum->at.chunk) * thrum->at.context_size;
    return memory_read(memory, ret->address, ret->bytes, thrum->at.context_size) &&
           half_of(ret, thrum->at.process) == thrum->generation;
}
