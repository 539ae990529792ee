/* The delivery of results: deliver.h. */
#include "thread/deliver.h"
#include "base/memory.h"

#include <errno.h>
#include <string.h>

static void acquire(const thrum__deliver_lock *lock, void *carrier)
{
    if (lock)
        lock->acquire(carrier);
}

static void release(const thrum__deliver_lock *lock, void *carrier)
{
    if (lock)
        lock->release(carrier);
}

static bool is_text(const char *bytes, size_t size)
{
    return size > 0 && bytes[size - 1] == '\0';
}

/* Takes the result out of the task, if it is still there and, with `text`, is one. Copies it to
 * `copy`, if that is not NULL. Returns 0, with what the outcome was, -ENODATA or -EMSGSIZE. */
static int take_out(thrum_task *task, bool text, void *copy, const thrum__deliver_lock *lock,
                    void *carrier, const void **ret_outcome)
{
    size_t size = thrum__task_result_size(task);
    int rc = 0;
    acquire(lock, carrier);
    const void *outcome = thrum__load_relaxed(&task->outcome);
    if (outcome == thrum__task_taken)
        rc = -ENODATA;
    else if (text && !is_text(outcome, size))
        rc = -EMSGSIZE;
    if (rc == 0) {
        if (copy)
            memcpy(copy, outcome, size);
        thrum__store_relaxed(&task->outcome, (const void *)thrum__task_taken);
    }
    release(lock, carrier);
    *ret_outcome = outcome;
    return rc;
}

/* Takes an owned result that was copied: its new owner has the copy. */
static void forget_owned(const void *outcome)
{
    thrum__value_delivered((void *)(uintptr_t)outcome);
    thrum__value_release((void *)(uintptr_t)outcome);
}

static int copy(thrum_task *task, void *ret_bytes, const thrum__deliver_lock *lock, void *carrier)
{
    size_t size = thrum__task_result_size(task);
    const void *outcome = thrum__load_relaxed(&task->outcome);
    if (thrum__task_result_owned(task)) {
        int rc = take_out(task, false, ret_bytes, lock, carrier, &outcome);
        if (rc == 0)
            forget_owned(outcome);
        return rc;
    }
    if (size == 0)
        return 0;
    if (thrum__task_is_inside(task, outcome)) {
        memcpy(ret_bytes, outcome, size);
        return 0;
    }
    acquire(lock, carrier);
    outcome = thrum__load_relaxed(&task->outcome);
    bool taken = outcome == thrum__task_taken;
    if (!taken) {
        thrum__plain_read((const char *)outcome);
        memcpy(ret_bytes, outcome, size);
    }
    release(lock, carrier);
    return taken ? -ENODATA : 0;
}

/* A result on the heap that is not owned moves as it is; any other is copied to new memory. */
static int take(thrum_task *task, const thrum__request *request, const thrum__deliver_lock *lock,
                void *carrier)
{
    size_t size = thrum__task_result_size(task);
    const void *outcome = thrum__load_relaxed(&task->outcome);
    bool owned = thrum__task_result_owned(task), text = request->form == THRUM__FORM_TEXT;
    void *memory = NULL;
    if (outcome == thrum__task_taken)
        return -ENODATA;
    if (size > 0 && (owned || thrum__task_is_inside(task, outcome))) {
        memory = thrum__alloc(size);
        if (!memory)
            return -ENOMEM;
    }
    if (size > 0 || text || owned) {
        int rc = take_out(task, text, memory, lock, carrier, &outcome);
        if (rc < 0) {
            thrum__free(memory);
            return rc;
        }
    }
    if (owned)
        forget_owned(outcome);
    void *taken = size == 0 || memory ? memory : (void *)(uintptr_t)outcome;
    memcpy(request->ret_bytes, &taken, sizeof taken);
    if (request->ret_size)
        *request->ret_size = size;
    return 0;
}

int thrum__task_deliver_any(thrum_task *task, const thrum__request *request,
                            const thrum__deliver_lock *lock, void *carrier)
{
    if (thrum__task_error(task))
        return THRUM_FAILED;
    size_t size = thrum__task_result_size(task);
    switch (request->form) {
    case THRUM__FORM_TAKE:
    case THRUM__FORM_TEXT:
        return take(task, request, lock, carrier);
    case THRUM__FORM_COPY:
        if (request->ret_size)
            *request->ret_size = size;
        return size <= request->size ? copy(task, request->ret_bytes, lock, carrier) : -EMSGSIZE;
    case THRUM__FORM_EXACT:
        break;
    }
    if (!request->ret_bytes && request->size == 0)
        return 0;
    return size == request->size ? copy(task, request->ret_bytes, lock, carrier) : -EMSGSIZE;
}

int thrum__task_pass_on(thrum_task *first, const thrum__deliver_lock *lock, void *carrier,
                        thrum_task *second, thrum_task_fn *function)
{
    size_t size = thrum__task_result_size(first);
    const void *outcome;
    if (thrum__task_result_owned(first)) {
        int rc = take_out(first, false, NULL, lock, carrier, &outcome);
        if (rc == 0)
            thrum__task_init_moved(second, function, (void *)(uintptr_t)outcome, size);
        return rc;
    }
    outcome = thrum__load_relaxed(&first->outcome);
    if (outcome == thrum__task_taken)
        return -ENODATA;
    if (size == 0 || thrum__task_is_inside(first, outcome))
        return thrum__task_init(second, function, outcome, size);
    void *memory = thrum__alloc(size);
    if (!memory)
        return -ENOMEM;
    int rc = copy(first, memory, lock, carrier);
    if (rc == 0 && !thrum__task_has_room(size)) {
        thrum__task_init_given(second, function, memory, size);
        return 0;
    }
    if (rc == 0)
        rc = thrum__task_init(second, function, memory, size);
    thrum__free(memory);
    return rc;
}
