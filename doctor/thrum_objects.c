/* libthrum has a record for each thread and fiber, its context: name, what it waits for, and a
 * claim word, which changes with each wait. Locks hold the number of a context. Where all this lies
 * is written in the library (src/park/layout.h), at a symbol with a version; without it, or with
 * another version, nothing is guessed.
 *
 * A fiber is shown as a thread is. While it is switched out, its registers are in its record, and
 * nothing can run on its stack: the claim word takes the place of the count of time slices. It
 * counts waits, so if it is the same before and after, and says "waiting", the fiber has not moved.
 * A fiber that is its worker's running one stands on the stack of the worker's thread, asleep or
 * not: then its frames are that thread's (a worker that finds nothing to do sleeps where it is).
 *
 * Owners: locks and rwlocks hold one. The readers of a rwlock list it in their contexts, up to four
 * each; of several readers the one is named that leads back to the waiter, if one does. A future
 * that is waited for is held by the context whose task it is. A join waits for an event in the
 * thread's record.
 *
 * A process may hold a million fibers; the first FIBERS_MOST that wait are shown.
 */
#include "thrum_objects.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    VERSION = 1,
    FIBERS_MOST = 20000,
    CONTEXTS_MOST = 1 << 20,
    CONTEXT_SIZE_MOST = 1024,
    FIBER_SIZE_MOST = 4096,
    NAME_MOST = 64,
    SCOPES_MOST = 64,
};

/* As src/park/layout.h has it. */
struct layout {
    uint32_t version, size;
    uint64_t chunks, used, generation;
    uint32_t chunk, context_size;
    uint32_t claim, fiber, process, scope, native_id, wait_kind, wait_object, rest, thread, name;
    uint32_t name_size;
    uint32_t claim_states, claim_waiting, claim_shielded;
    uint32_t scope_outer, scope_task;
    uint32_t reading, reading_size, reading_count;
    uint32_t thread_finished;
    uint32_t lock_owner, rwlock_owner;
    uint32_t fiber_size, fiber_worker, fiber_task, fiber_ticket;
    uint32_t worker_running, worker_native_id;
    uint32_t fiber_place, fiber_stack, fiber_frame, fiber_base;
    uint32_t look_at;
};

/* A context, copied. */
struct context {
    uint8_t bytes[CONTEXT_SIZE_MOST];
    uint64_t address;
    uint32_t ident;
};

struct thrum {
    struct process *process;
    struct layout at;
    uint64_t chunks;
    uint32_t used, generation;
    int *thread_of; /* by ident: an index, or -1 */
    int fibers;
};

static uint64_t word_of(const struct context *context, uint32_t offset)
{
    uint64_t value = 0;
    memcpy(&value, context->bytes + offset, sizeof value);
    return value;
}

static uint32_t half_of(const struct context *context, uint32_t offset)
{
    uint32_t value = 0;
    memcpy(&value, context->bytes + offset, sizeof value);
    return value;
}

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
                                 at->fiber_base};
    bool good = at->version == VERSION && at->size >= sizeof *at && at->chunk > 0 &&
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

/* Reads the layout and where the table is. False: there is none that we know. */
static bool open_table(struct thrum *thrum)
{
    const struct memory *memory = &thrum->process->memory;
    uint64_t address, pointer;
    return find_layout(thrum->process, &address) &&
           memory_read(memory, address, &thrum->at, sizeof thrum->at) && fits(&thrum->at) &&
           memory_word(memory, thrum->at.chunks, &thrum->chunks) &&
           memory_word(memory, thrum->at.used, &pointer) &&
           memory_half(memory, pointer, &thrum->used) &&
           memory_half(memory, thrum->at.generation, &thrum->generation) && thrum->used > 0 &&
           thrum->used <= CONTEXTS_MOST;
}

/* False if it is not in use. */
static bool read_context(const struct thrum *thrum, uint32_t ident, struct context *ret)
{
    uint64_t chunk;
    const struct memory *memory = &thrum->process->memory;
    if (!memory_word(memory, thrum->chunks + 8 * (uint64_t)(ident / thrum->at.chunk), &chunk))
        return false;
    ret->ident = ident;
    ret->address = chunk + (uint64_t)(ident % thrum->at.chunk) * thrum->at.context_size;
    return memory_read(memory, ret->address, ret->bytes, thrum->at.context_size) &&
           half_of(ret, thrum->at.process) == thrum->generation;
}

static void read_text(const struct memory *memory, uint64_t address, char *text, size_t size)
{
    size_t got = memory_read_some(memory, address, text, size - 1);
    text[got] = 0;
}

/* The frame that called libthrum: the innermost outside of it; if libthrum is a part of the program,
 * the frame that called a public function. */
static int caller_of(const struct thread *thread)
{
    for (int i = 0; i < thread->frame_count; i++) {
        const struct place *place = thread->frames[i].place;
        const char *file = place->module ? strrchr(place->module->path, '/') : NULL;
        if (!place->function || !file)
            continue;
        bool public = strncmp(place->function, "thrum_", 6) == 0 && place->function[6] != '_';
        if (public && i + 1 < thread->frame_count)
            return i + 1;
        if (i > 0 && strncmp(file, "/libthrum", 9) != 0) {
            const struct module *inner = thread->frames[i - 1].place->module;
            const char *inner_file = inner ? strrchr(inner->path, '/') : NULL;
            if (inner_file && strncmp(inner_file, "/libthrum", 9) == 0)
                return i;
        }
    }
    return -1;
}

/* What the context says that it waits for. */
static void take_wait(struct thrum *thrum, const struct context *context, struct thread *thread)
{
    struct wait *wait = &thread->wait;
    char kind[sizeof wait->type];
    uint64_t text = word_of(context, thrum->at.wait_kind);
    if (text == 0)
        return;
    read_text(&thrum->process->memory, text, kind, sizeof kind);
    if (strcmp(kind, "sleep") == 0) {
        wait->kind = OBJECT_NONE;
        snprintf(thread->doing, sizeof thread->doing, "sleeps");
        return;
    }
    wait->kind = OBJECT_THRUM;
    wait->caller = caller_of(thread);
    wait->action = strcmp(kind, "lock") == 0 ? "lock" : "wait";
    wait->call = NULL;
    wait->object = word_of(context, thrum->at.wait_object);
    wait->detail[0] = wait->name[0] = 0;
    wait->owner_state = OWNER_NONE;
    wait->owner = -1;
    if (word_of(context, thrum->at.look_at) != 0) { /* woken now and then, to look for a deadlock */
        wait->limited = false;
        wait->left = -1;
    }
    snprintf(wait->type, sizeof wait->type, "%s", kind);
}

static void take_name(const struct thrum *thrum, const struct context *context,
                      struct thread *thread)
{
    char name[NAME_MOST + 1] = "";
    memcpy(name, context->bytes + thrum->at.name, thrum->at.name_size);
    if (name[0])
        snprintf(thread->name, sizeof thread->name, "%.*s", (int)sizeof thread->name - 1, name);
}

/* The frames of a fiber that is switched out. */
static int unwind_fiber(struct thrum *thrum, struct thread *thread, const uint8_t *fiber,
                        uint8_t *buffer)
{
    const struct layout *at = &thrum->at;
    struct process *process = thrum->process;
    uint64_t place, stack, frame, base;
    if (at->fiber_place == at->fiber_stack)
        return 0;
    memcpy(&place, fiber + at->fiber_place, sizeof place);
    memcpy(&stack, fiber + at->fiber_stack, sizeof stack);
    memcpy(&frame, fiber + at->fiber_frame, sizeof frame);
    memcpy(&base, fiber + at->fiber_base, sizeof base);
    thread->registers.pc = place;
    register_set(&thread->registers, REGISTER_STACK, stack);
    register_set(&thread->registers, REGISTER_FRAME, frame);
    register_set(&thread->registers, REGISTER_BASE, base);
    const struct mapping *map = modules_map(&process->modules, stack);
    size_t size = map && map->end - stack < STACK_COPY ? map->end - stack : STACK_COPY;
    struct stack_copy copy = {stack, memory_read_some(&process->memory, stack, buffer, size),
                              buffer};
    return process_unwind(process, thread, &copy);
}

/* The frames of a fiber that its worker runs are the thread's. */
static int borrow_frames(struct process *process, struct thread *thread, int carrier)
{
    const struct thread *from = &process->threads[carrier];
    thread->carrier = carrier;
    thread->where = from->where;
    thread->exact = from->exact;
    thread->end = from->end;
    thread->registers = from->registers;
    thread->frames = malloc(sizeof *thread->frames * (size_t)(from->frame_count + 1));
    if (!thread->frames)
        return -ENOMEM;
    if (from->frame_count)
        memcpy(thread->frames, from->frames, sizeof *thread->frames * (size_t)from->frame_count);
    thread->frame_count = from->frame_count;
    return 0;
}

static bool is_waiting(const struct layout *at, uint64_t claim)
{
    uint64_t state = claim % at->claim_states;
    return state == at->claim_waiting || state == at->claim_shielded;
}

bool thrum_fiber_unmoved(const struct process *process, const struct thread *fiber)
{
    uint64_t claim;
    return memory_word(&process->memory, fiber->claim_address, &claim) && claim == fiber->claim;
}

/* The thread of a worker that has nothing to run. */
static void name_worker(struct thread *thread)
{
    if (thread->wait.kind == OBJECT_FUTEX)
        snprintf(thread->wait.type, sizeof thread->wait.type, "a fiber to run, on futex");
}

static int add_fiber(struct thrum *thrum, const struct context *context, uint8_t *buffer)
{
    const struct layout *at = &thrum->at;
    struct process *process = thrum->process;
    uint8_t fiber[FIBER_SIZE_MOST];
    uint64_t address = word_of(context, at->fiber), worker, task, ticket, running = 0;
    uint32_t native_id = 0;
    if (!memory_read(&process->memory, address, fiber, at->fiber_size))
        return 0;
    memcpy(&worker, fiber + at->fiber_worker, sizeof worker);
    memcpy(&task, fiber + at->fiber_task, sizeof task);
    memcpy(&ticket, fiber + at->fiber_ticket, sizeof ticket);
    if (task == 0 || ++thrum->fibers > FIBERS_MOST)
        return 0;
    memory_word(&process->memory, worker + at->worker_running, &running);
    memory_half(&process->memory, worker + at->worker_native_id, &native_id);
    int thread_index = process_thread(process, (int)native_id);
    int carrier = running == address ? thread_index : -1;
    if (thread_index >= 0)
        name_worker(&process->threads[thread_index]);
    struct thread *thread = process_add(process, (int)context->ident);
    if (!thread)
        return -ENOMEM;
    thrum->thread_of[context->ident] = process->count - 1;
    thread->fiber = true;
    thread->inner_tid = -1;
    thread->where = THREAD_FIBER;
    thread->claim = word_of(context, at->claim);
    thread->claim_address = context->address + at->claim;
    snprintf(thread->name, sizeof thread->name, "fiber");
    take_name(thrum, context, thread);
    int rc = carrier >= 0 ? borrow_frames(process, thread, carrier)
                          : unwind_fiber(thrum, thread, fiber, buffer);
    bool waits = is_waiting(at, thread->claim);
    if (carrier < 0)
        thread->exact = waits && thrum_fiber_unmoved(process, thread);
    snprintf(thread->doing, sizeof thread->doing, "%s",
             carrier >= 0 ? process->threads[carrier].doing : "is ready to run");
    if (waits) {
        take_wait(thrum, context, thread);
        thread->wait.limited = ticket == thread->claim && word_of(context, at->look_at) == 0;
        thread->wait.left = -1;
    } else if (carrier >= 0 && process->threads[carrier].wait.kind != OBJECT_NONE)
        thread->wait = process->threads[carrier].wait;
    return rc;
}

/* A thread of the system: its name is thrum's, and its futex is explained. */
static void add_thread(struct thrum *thrum, const struct context *context)
{
    const struct layout *at = &thrum->at;
    int index = process_thread(thrum->process, (int)half_of(context, at->native_id));
    if (index < 0)
        return;
    struct thread *thread = &thrum->process->threads[index];
    thrum->thread_of[context->ident] = index;
    take_name(thrum, context, thread);
    if (thread->where == THREAD_IN_CALL && thread->exact &&
        is_waiting(at, word_of(context, at->claim)) && thread->wait.kind == OBJECT_FUTEX)
        take_wait(thrum, context, thread);
}

static void set_owner(struct thrum *thrum, struct wait *wait, uint32_t ident)
{
    struct context context;
    if (ident == 0 || ident >= thrum->used)
        return;
    wait->owner_tid = (int)ident;
    wait->owner = thrum->thread_of[ident];
    if (wait->owner >= 0)
        wait->owner_state = OWNER_LIVES;
    else if (!read_context(thrum, ident, &context))
        wait->owner_state = OWNER_GONE;
}

/* True if the task is that of an open scope of the context. */
static bool runs_task(const struct thrum *thrum, const struct context *context, uint64_t task)
{
    const struct memory *memory = &thrum->process->memory;
    uint64_t scope = word_of(context, thrum->at.scope), found;
    for (int i = 0; scope && i < SCOPES_MOST; i++) {
        if (memory_word(memory, scope + thrum->at.scope_task, &found) && found == task)
            return true;
        if (!memory_word(memory, scope + thrum->at.scope_outer, &scope))
            return false;
    }
    return false;
}

static bool reads_lock(const struct thrum *thrum, const struct context *context, uint64_t lock)
{
    uint64_t rest = word_of(context, thrum->at.rest), found;
    for (uint32_t i = 0; i < thrum->at.reading_count; i++)
        if (memory_word(&thrum->process->memory,
                        rest + thrum->at.reading + (uint64_t)i * thrum->at.reading_size, &found) &&
            found == lock)
            return true;
    return false;
}

/* True if the waits from one thread lead to another. */
static bool leads_to(const struct process *process, int from, int to)
{
    for (int steps = 0; from >= 0 && steps <= process->count; steps++) {
        if (from == to)
            return true;
        from = process->threads[from].wait.owner;
    }
    return false;
}

/* The owner that contexts tell: of a future, of a thread that is joined, the readers of a rwlock.
 */
static void search_owner(struct thrum *thrum, int waiter, struct wait *wait)
{
    struct context context;
    bool future = strcmp(wait->type, "future") == 0, event = strcmp(wait->type, "event") == 0;
    bool rwlock = strncmp(wait->type, "rwlock", 6) == 0;
    int readers = 0;
    if (!future && !event && !rwlock)
        return;
    for (uint32_t ident = 1; ident < thrum->used; ident++) {
        int index = thrum->thread_of[ident];
        if (index < 0 || !read_context(thrum, ident, &context))
            continue;
        uint64_t thread = word_of(&context, thrum->at.thread);
        if (future ? runs_task(thrum, &context, wait->object)
                   : event && thread && thread + thrum->at.thread_finished == wait->object) {
            set_owner(thrum, wait, ident);
            if (event) {
                wait->kind = OBJECT_THREAD;
                wait->action = "join";
                snprintf(wait->type, sizeof wait->type, "end");
                wait->name[0] = 0;
            }
            return;
        }
        if (rwlock && reads_lock(thrum, &context, wait->object)) {
            if (readers++ == 0 || leads_to(thrum->process, index, waiter))
                set_owner(thrum, wait, ident);
            snprintf(wait->detail, sizeof wait->detail, "held by %d reader%s", readers,
                     readers == 1 ? "" : "s");
        }
    }
}

static void find_owners(struct thrum *thrum)
{
    struct process *process = thrum->process;
    uint32_t ident;
    for (int i = 0; i < process->count; i++) {
        struct wait *wait = &process->threads[i].wait;
        if (wait->kind != OBJECT_THRUM)
            continue;
        bool lock = strcmp(wait->type, "lock") == 0, rwlock = strncmp(wait->type, "rwlock", 6) == 0;
        uint32_t offset = lock ? thrum->at.lock_owner : thrum->at.rwlock_owner;
        if ((lock || rwlock) && memory_half(&process->memory, wait->object + offset, &ident))
            set_owner(thrum, wait, ident);
    }
    /* What depends on the other owners comes after them. */
    for (int i = 0; i < process->count; i++) {
        struct wait *wait = &process->threads[i].wait;
        if (wait->kind == OBJECT_THRUM && wait->owner_state == OWNER_NONE)
            search_owner(thrum, i, wait);
    }
}

int thrum_look(struct process *process, uint8_t *buffer)
{
    struct thrum thrum = {.process = process};
    struct context context;
    int rc = 0;
    if (!open_table(&thrum))
        return 0;
    thrum.thread_of = malloc(sizeof *thrum.thread_of * thrum.used);
    if (!thrum.thread_of)
        return -ENOMEM;
    for (uint32_t ident = 0; ident < thrum.used; ident++)
        thrum.thread_of[ident] = -1;
    for (uint32_t ident = 1; rc == 0 && ident < thrum.used; ident++) {
        if (!read_context(&thrum, ident, &context))
            continue;
        if (word_of(&context, thrum.at.fiber))
            rc = add_fiber(&thrum, &context, buffer);
        else
            add_thread(&thrum, &context);
    }
    if (rc == 0)
        find_owners(&thrum);
    process->fibers_unseen = thrum.fibers > FIBERS_MOST ? thrum.fibers - FIBERS_MOST : 0;
    free(thrum.thread_of);
    return rc;
}
