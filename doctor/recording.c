/* Reading a region. Another process wrote it and may still write, so counts and indices are checked at
 * each use, and text is copied with a bound. Its size is sealed, so no read can fail.
 *
 * Names come from the files that were mapped. The library lists them when the program begins and ends;
 * what was loaded in between is seen in /proc, if the program lives long enough after that.
 */
#include "recording.h"

#include "lines.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static bool read_nothing(const struct memory *memory, uint64_t address, void *into, size_t size)
{
    (void)memory;
    (void)address;
    (void)into;
    (void)size;
    return false;
}

uint32_t recording_count(uint32_t count, uint32_t room)
{
    return count < room ? count : room;
}

int recording_open(struct recording *recording, int descriptor, int pid)
{
    enum { SEALS = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL };
    struct stat status;
    int seals, rc = 0;
    void *address = MAP_FAILED;
    *recording = (struct recording){.pid = pid};
    do
        seals = fcntl(descriptor, F_GET_SEALS);
    while (seals < 0 && errno == EINTR);
    if ((seals < 0 && errno != EINVAL) || fstat(descriptor, &status) != 0) /* EINVAL: no memfd */
        rc = -errno;
    else if (seals < 0 || (seals & SEALS) != SEALS ||
             status.st_size < (off_t)sizeof(struct region) ||
             status.st_size > (off_t)region_size(RING_BITS_MOST))
        rc = -EPROTO;
    size_t size = rc == 0 ? (size_t)status.st_size : 0;
    if (rc == 0) {
        address = mmap(NULL, size, PROT_READ, MAP_SHARED | MAP_NORESERVE, descriptor, 0);
        rc = address == MAP_FAILED ? -errno : 0;
    }
    close(descriptor);
    if (rc < 0)
        return rc;
    const struct region *region = address;
    unsigned bits = region->ring_bits;
    if (region->magic != REGION_MAGIC || region->version != REGION_VERSION ||
        bits > RING_BITS_MOST || size != region_size(bits)) {
        munmap(address, size);
        return -EPROTO;
    }
    recording->region = region;
    recording->size = size;
    recording->ring_bits = bits;
    recording->process.tasks = -1;
    recording->process.memory = (struct memory){.read = read_nothing};
    recording->process.modules.memory = &recording->process.memory;
    return 0;
}

void recording_close(struct recording *recording)
{
    for (int i = 0; i < recording->part_count; i++)
        free(recording->parts[i].path);
    free(recording->parts);
    places_free(&recording->process.places);
    modules_free(&recording->process.modules);
    if (recording->region)
        munmap((void *)(uintptr_t)recording->region, recording->size);
    *recording = (struct recording){0};
}

static bool add_part(struct recording *recording, struct mapping mapping, uint64_t offset,
                     const char *path)
{
    for (int i = 0; i < recording->part_count; i++)
        if (mapping.start < recording->parts[i].mapping.end &&
            recording->parts[i].mapping.start < mapping.end)
            return true;
    struct part *list =
        realloc(recording->parts, sizeof *list * (size_t)(recording->part_count + 1));
    if (!list)
        return false;
    recording->parts = list;
    char *copy = strdup(path);
    if (!copy)
        return false;
    mapping.module = -1;
    list[recording->part_count++] = (struct part){mapping, offset, copy};
    return true;
}

void recording_note_files(struct recording *recording)
{
    struct modules modules;
    uint64_t seen = __atomic_load_n(&recording->region->stack_used, __ATOMIC_ACQUIRE);
    if (seen == recording->stacks_seen ||
        modules_read(&modules, recording->pid, &recording->process.memory) < 0)
        return;
    for (int i = 0; i < modules.map_count; i++) {
        const struct mapping *map = &modules.maps[i];
        if (map->module < 0)
            continue;
        const struct module *module = &modules.list[map->module];
        /* The offset is known for the first part only; the others follow it without a gap. */
        if (module->path[0] == '/' &&
            !add_part(recording, *map, module->first_offset + (map->start - module->start),
                      module->path))
            recording->process.modules.out_of_room = true;
    }
    modules_free(&modules);
    recording->stacks_seen = seen;
}

static int by_address(const void *a, const void *b)
{
    const struct part *first = a, *second = b;
    return first->mapping.start < second->mapping.start
               ? -1
               : first->mapping.start > second->mapping.start;
}

int recording_settle(struct recording *recording)
{
    const struct region *region = recording->region;
    struct process *process = &recording->process;
    uint32_t count = recording_count(region->segment_count, REGION_SEGMENTS);
    if (recording->settled)
        return 0;
    for (uint32_t i = 1; i < count; i++) {
        const struct segment_record *segment = &region->segments[i];
        char path[REGION_PATH];
        memcpy(path, segment->path, sizeof path);
        path[sizeof path - 1] = 0;
        struct mapping mapping = {
            .start = segment->start, .end = segment->end, .execute = segment->execute};
        if (mapping.start < mapping.end && !add_part(recording, mapping, segment->offset, path))
            return -ENOMEM;
    }
    if (recording->part_count > 0)
        qsort(recording->parts, (size_t)recording->part_count, sizeof *recording->parts,
              by_address);
    for (int i = 0; i < recording->part_count; i++)
        if (!modules_add(&process->modules, recording->parts[i].mapping, recording->parts[i].path,
                         recording->parts[i].offset, 0))
            return -ENOMEM;
    process->modules.memory = &process->memory;
    process->places.modules = &process->modules;
    recording->settled = true;
    return 0;
}

const struct lock_record *recording_lock(const struct recording *recording, uint32_t index)
{
    return &recording->region->locks[index < REGION_LOCKS ? index : 0];
}

const struct node_record *recording_node(const struct recording *recording, uint32_t index)
{
    return &recording->region->nodes[index < REGION_NODES ? index : 0];
}

const struct thread_record *recording_thread(const struct recording *recording, uint32_t index)
{
    return &recording->region->threads[index < REGION_THREADS ? index : 0];
}

struct place *recording_place(struct recording *recording, uint64_t site)
{
    return places_find(&recording->process.places, site & SITE_MASK, false);
}

static struct registers registers_of(const struct stack_record *record)
{
    struct registers registers = {.pc = record->registers[0]};
    register_set(&registers, REGISTER_STACK, record->registers[1]);
#if defined(__x86_64__)
    static const unsigned numbers[] = {6, 3, 12, 13, 14, 15};
#else
    static const unsigned numbers[] = {19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30};
#endif
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        register_set(&registers, numbers[i], record->registers[2 + i]);
    return registers;
}

/* How many frames are the library's. In a static program its functions are the program's own, called
 * through those that the linker put in place. */
/* How many frames are libthrum's, from `first` on: up to the function that the program called. Where the library
 * is a part of the program, that is known by its name. */
static int count_thrum(const struct recorded_stack *stack, int first)
{
    enum { LOOK_MOST = 8 };
    for (int i = first; i < stack->count && i < first + LOOK_MOST; i++) {
        const struct place *place = stack->frames[i].place;
        const char *function = place->function;
        const char *file = place->module ? strrchr(place->module->path, '/') : NULL;
        if (i == first && file && strncmp(file, "/libthrum.so", 12) == 0)
            first = i + 1;
        if (function && strcmp(function, "thrum__task_run") == 0)
            return first;
        if (function && strncmp(function, "thrum_", 6) == 0 && function[6] != '_')
            return i + 1;
    }
    return first;
}

static int count_own(const struct recorded_stack *stack)
{
    int count = 0;
    while (count < stack->count && place_is_preload(stack->frames[count].place))
        count++;
    for (int i = count; i < stack->count && i < 8; i++) {
        const char *function = stack->frames[i].place->function;
        if (function && strncmp(function, "__wrap_", 7) == 0)
            count = i + 1;
    }
    return count_thrum(stack, count);
}

bool recording_stack(struct recording *recording, uint32_t index, struct recorded_stack *ret)
{
    uint64_t offset = (uint64_t)index * 16;
    *ret = (struct recorded_stack){0};
    if (index == 0 || offset + sizeof(struct stack_record) > REGION_STACK_BYTES)
        return false;
    const struct stack_record *record =
        (const struct stack_record *)(recording->region->stacks + offset);
    uint32_t size = __atomic_load_n(&record->size, __ATOMIC_ACQUIRE), held = record->held_count;
    uint64_t room = REGION_STACK_BYTES - offset - sizeof *record;
    if (held > HELD_MOST || size > STACK_MOST || size + held * sizeof(struct stack_held) > room)
        return false;
    ret->record = record;
    ret->held = (const struct stack_held *)(record + 1);
    struct stack_copy copy = {record->start, size, (const uint8_t *)(ret->held + held)};
    ret->count = unwind(&recording->process.places, &recording->process.memory, &copy,
                        registers_of(record), ret->frames, &ret->end);
    int skip = count_own(ret);
    ret->count -= skip;
    memmove(ret->frames, ret->frames + skip, sizeof *ret->frames * (size_t)ret->count);
    return ret->count > 0;
}

void recording_held_stack(struct recording *recording, struct recorded_stack *stack, uint32_t lock,
                          uint64_t site)
{
    struct place *place = recording_place(recording, site);
    uint64_t sp = 0;
    int first = 0;
    for (uint32_t i = 0; stack->record && i < stack->record->held_count && i < HELD_MOST; i++)
        if (stack->held[i].lock == lock)
            sp = stack->held[i].sp & SITE_MASK;
    while (sp && first < stack->count && stack->frames[first].bottom <= sp)
        first++;
    if (!place)
        return;
    /* The frame that took it still stands if it is of the same function. */
    if (first < stack->count && stack->frames[first].place->function_start &&
        stack->frames[first].place->function_start == place->function_start)
        first++;
    if (first == 0) { /* it cannot be that nothing was called since */
        memmove(stack->frames + 1, stack->frames, sizeof *stack->frames * (FRAMES_MOST - 1));
        stack->count += stack->count < FRAMES_MOST;
        first = 1;
    }
    first--;
    memmove(stack->frames, stack->frames + first,
            sizeof *stack->frames * (size_t)(stack->count - first));
    stack->count -= first;
    stack->frames[0] = (struct frame){.place = place, .trust = FRAME_EXACT};
}

const char *recording_kind_name(unsigned kind)
{
    static const char *const names[LOCK_KINDS] = {
        "lock",  "mutex", "rwlock", "spin lock", "semaphore", "condition", "barrier",
        "once",  "lock",  "rwlock", "semaphore", "condition", "barrier",   "event",
        "queue", "group", "future", "sleep",     "object",    "thread"};
    return names[kind < LOCK_KINDS ? kind : 0];
}

/* The name that the program gave to the smallest range around the address; of several, the last. */
bool recording_name_at(const struct recording *recording, uint64_t address, char *text, size_t size)
{
    const struct region *region = recording->region;
    uint32_t count = recording_count(region->name_count, REGION_NAMES);
    uint64_t best = 0;
    text[0] = 0;
    for (uint32_t i = 1; i < count; i++) {
        const struct name_record *name = &region->names[i];
        uint64_t length = __atomic_load_n(&name->size, __ATOMIC_ACQUIRE);
        if (!name->address || address - name->address >= (length ? length : 1) ||
            (best && length > best))
            continue;
        best = length;
        snprintf(text, size, "%.*s", (int)sizeof name->text - 1, name->text);
    }
    return text[0] != 0;
}

void recording_given_name(const struct recording *recording, uint32_t index, char *text,
                          size_t size)
{
    const struct name_record *name = &recording->region->names[index < REGION_NAMES ? index : 0];
    snprintf(text, size, "%.*s", (int)sizeof name->text - 1, name->text);
}

void recording_lock_name(struct recording *recording, uint32_t index, char *text, size_t size)
{
    const struct lock_record *lock = recording_lock(recording, index);
    struct process *process = &recording->process;
    const struct module *module = modules_find(&process->modules, lock->address);
    const char *kind = recording_kind_name(lock->kind);
    struct symbol symbol;
    char given[sizeof recording->region->names->text];
    if (recording_name_at(recording, lock->address, given, sizeof given)) {
        snprintf(text, size, "%s %s", kind, given);
        return;
    }
    if (module && module_variable(module, lock->address, &symbol)) {
        uint64_t inside = lock->address - symbol.start;
        snprintf(text, size, inside ? "%s %s+0x%lx" : "%s %s", kind, symbol.name,
                 (unsigned long)inside);
        return;
    }
    const struct place *place = lock->site ? recording_place(recording, lock->site) : NULL;
    if (place && place->function && place->file) {
        const char *slash = strrchr(place->file, '/');
        snprintf(text, size, "%s 0x%lx (initialised in %s, %s:%d)", kind,
                 (unsigned long)lock->address, place->function, slash ? slash + 1 : place->file,
                 place->line);
    } else if (place && place->function)
        snprintf(text, size, "%s 0x%lx (initialised in %s)", kind, (unsigned long)lock->address,
                 place->function);
    else
        snprintf(text, size, "%s 0x%lx", kind, (unsigned long)lock->address);
}

void recording_thread_name(struct recording *recording, uint32_t index, char *text, size_t size)
{
    const struct thread_record *thread = recording_thread(recording, index);
    if (index && thread->flags & THREAD_TASK) {
        const struct place *place = recording_place(recording, thread->start + 1);
        snprintf(text, size, "task %u (%s)", index,
                 place && place->function ? place->function : "function not known");
        return;
    }
    char name[sizeof thread->name];
    memcpy(name, thread->name, sizeof name);
    name[sizeof name - 1] = 0;
    snprintf(text, size, "thread %u (%s)", thread->tid, name[0] ? name : "not named");
}
