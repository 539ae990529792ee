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

#include "thrum_layout.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { FIBERS_MOST = 20000, SCOPES_MOST = 64 };

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
    if (!buffer)
        return 0;
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
    thread->fiber_record = address;
    thread->inner_tid = -1;
    thread->where = THREAD_FIBER;
    thread->claim = word_of(context, at->claim);
    thread->claim_address = context->address + at->claim;
    snprintf(thread->name, sizeof thread->name, "fiber");
    take_name(thrum, context, thread);
    int rc = carrier >= 0 ? borrow_frames(process, thread, carrier)
                          : unwind_fiber(thrum, thread, fiber, buffer);
    bool waits = thrum_is_waiting(at, thread->claim);
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
        thrum_is_waiting(at, word_of(context, at->claim)) && thread->wait.kind == OBJECT_FUTEX)
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
    else if (!thrum_read_context(thrum, ident, &context))
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
        if (index < 0 || !thrum_read_context(thrum, ident, &context))
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
    if (!thrum_open(&thrum))
        return 0;
    thrum.thread_of = malloc(sizeof *thrum.thread_of * thrum.used);
    if (!thrum.thread_of)
        return -ENOMEM;
    for (uint32_t ident = 0; ident < thrum.used; ident++)
        thrum.thread_of[ident] = -1;
    for (uint32_t ident = 1; rc == 0 && ident < thrum.used; ident++) {
        if (!thrum_read_context(&thrum, ident, &context))
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
