/* Shared memory: names and their end, descriptors, and failures of the system. */
#include "harness.h"
#include "support.h"
#include "support_children.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

static char name[64];

static const char *fresh_name(void)
{
    snprintf(name, sizeof name, "/thrum-test-%d", (int)getpid());
    return name;
}

TEST(a_block_is_found_by_its_name)
{
    thrum_shared_memory *made, *opened;
    CHECK_INT(thrum_shared_memory_open(fresh_name(), &opened), ==, -ENOENT);
    CHECK_INT(thrum_shared_memory_new(name, 10000, &made), ==, 0);
    CHECK_INT(thrum_shared_memory_new(name, 10000, &opened), ==, -EEXIST);
    CHECK_INT(thrum_shared_memory_open(name, &opened), ==, 0);
    CHECK_INT(thrum_shared_memory_size(opened), ==, 10000);
    char *here = thrum_shared_memory_address(made), *there = thrum_shared_memory_address(opened);
    CHECK(here != there);
    CHECK_INT(there[9999], ==, 0);
    here[9999] = 5;
    CHECK_INT(there[9999], ==, 5);
    thrum_shared_memory_free(opened);
    thrum_shared_memory_free(made);
    CHECK_INT(thrum_shared_memory_open(name, &opened), ==, -ENOENT);
    thrum_shared_memory_free(NULL);
}

TEST(what_is_no_name_or_no_size_is_refused)
{
    static const char *const names[] = {"", "/", "no-slash", "/two/slashes"};
    thrum_shared_memory *memory;
    char too_long[400] = "/";
    memset(too_long + 1, 'x', sizeof too_long - 2);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        CHECK_INT(thrum_shared_memory_new(names[i], 1, &memory), ==, -EINVAL);
        CHECK_INT(thrum_shared_memory_open(names[i], &memory), ==, -EINVAL);
        CHECK_INT(thrum_shared_memory_unlink(names[i]), ==, -EINVAL);
    }
    CHECK_INT(thrum_shared_memory_open(too_long, &memory), ==, -EINVAL);
    CHECK_INT(thrum_shared_memory_new(fresh_name(), 0, &memory), ==, -EINVAL);
    CHECK_INT(thrum_shared_memory_new(NULL, 0, &memory), ==, -EINVAL);
}

static void end_without_free(void *argument)
{
    (void)argument;
    thrum_shared_memory *memory, *other;
    CHECK_INT(thrum_shared_memory_new(name, 1, &memory), ==, 0);
    char second[80];
    snprintf(second, sizeof second, "%s-2", name);
    CHECK_INT(thrum_shared_memory_new(second, 1, &other), ==, 0);
    CHECK_INT(thrum_shared_memory_unlink(second), ==, 0);
    exit(0);
}

TEST(a_name_goes_with_the_program_that_made_it)
{
    thrum_shared_memory *memory;
    fresh_name();
    child_join(child_start(end_without_free, NULL));
    CHECK_INT(thrum_shared_memory_open(name, &memory), ==, -ENOENT);
}

static void end_with_what_the_parent_made(void *memory)
{
    thrum_shared_memory_free(memory);
    exit(0);
}

/* Makes a block of that name and leaves; meanwhile the test puts another in its place. */
static void leave_replaced(void *argument)
{
    uint32_t *stage = argument;
    thrum_shared_memory *memory;
    CHECK_INT(thrum_shared_memory_new(name, 1, &memory), ==, 0);
    thrum__store_release(&stage[0], 1);
    UNTIL(thrum__load_acquire(&stage[0]) == 2);
    if (stage[1])
        thrum_shared_memory_free(memory);
    exit(0);
}

static void replace(bool by_free)
{
    thrum_shared_memory *memory, *again;
    uint32_t *stage = common_new(2 * sizeof *stage);
    stage[1] = by_free;
    pid_t child = child_start(leave_replaced, stage);
    UNTIL(thrum__load_acquire(&stage[0]) == 1);
    CHECK_INT(thrum_shared_memory_unlink(name), ==, 0);
    CHECK_INT(thrum_shared_memory_new(name, 2, &memory), ==, 0);
    thrum__store_release(&stage[0], 2);
    child_join(child);
    CHECK_INT(thrum_shared_memory_open(name, &again), ==, 0);
    CHECK_INT(thrum_shared_memory_size(again), ==, 2);
    thrum_shared_memory_free(again);
    thrum_shared_memory_free(memory);
    CHECK_INT(thrum_shared_memory_open(name, &again), ==, -ENOENT);
}

TEST(a_name_that_stands_for_another_block_is_left_alone)
{
    fresh_name();
    replace(false);
    replace(true);
}

TEST(a_child_leaves_the_names_of_its_parent_alone)
{
    thrum_shared_memory *memory, *opened;
    CHECK_INT(thrum_shared_memory_new(fresh_name(), 1, &memory), ==, 0);
    child_join(child_start(end_with_what_the_parent_made, memory));
    CHECK_INT(thrum_shared_memory_open(name, &opened), ==, 0);
    thrum_shared_memory_free(opened);
    thrum_shared_memory_free(memory);
}

static void die_with_a_name(void *ready)
{
    thrum_shared_memory *memory;
    CHECK_INT(thrum_shared_memory_new(name, 1, &memory), ==, 0);
    thrum__store_release((uint32_t *)ready, 1);
    child_stay();
}

TEST(the_name_of_one_that_was_killed_can_be_removed)
{
    uint32_t *ready = common_new(sizeof *ready);
    fresh_name();
    pid_t child = child_start(die_with_a_name, ready);
    UNTIL(thrum__load_acquire(ready));
    child_kill(child);
    CHECK_INT(thrum_shared_memory_unlink(name), ==, 0);
    CHECK_INT(thrum_shared_memory_unlink(name), ==, -ENOENT);
}

TEST(a_block_without_a_name_is_passed_on_by_its_descriptor)
{
    thrum_shared_memory *made, *opened;
    CHECK_INT(thrum_shared_memory_new(NULL, 5000, &made), ==, 0);
    int descriptor = thrum_shared_memory_descriptor(made);
    CHECK(fcntl(descriptor, F_GETFD) & FD_CLOEXEC);
    CHECK_INT(ftruncate(descriptor, 1), ==, -1); /* nobody can take the memory from under others */
    CHECK_INT(thrum_shared_memory_from_descriptor(descriptor, &opened), ==, 0);
    CHECK_INT(thrum_shared_memory_size(opened), ==, 5000);
    *(char *)thrum_shared_memory_address(made) = 3;
    thrum_shared_memory_free(made);
    CHECK_INT(*(char *)thrum_shared_memory_address(opened), ==, 3);
    thrum_shared_memory_free(opened);
    CHECK_INT(fcntl(descriptor, F_GETFD), ==, -1);
}

TEST(a_descriptor_of_something_else_is_none)
{
    thrum_shared_memory *memory;
    int ends[2];
    CHECK_INT(pipe(ends), ==, 0);
    CHECK_INT(thrum_shared_memory_from_descriptor(ends[0], &memory), ==, -EBADF);
    CHECK_INT(thrum_shared_memory_from_descriptor(-1, &memory), ==, -EBADF);
}

TEST(what_the_system_refuses_leaves_nothing_behind)
{
    thrum_shared_memory *memory;
    int lowest = dup(0);
    close(lowest);
    for (uint32_t nth = 1;; nth++) {
        thrum__fault_arm(THRUM__FAULT_SHARED, nth, 1);
        int rc = thrum_shared_memory_new(fresh_name(), 100, &memory);
        bool struck = thrum__fault_calls(THRUM__FAULT_SHARED) >= nth;
        thrum__fault_disarm(THRUM__FAULT_SHARED);
        if (!struck) {
            CHECK_INT(rc, ==, 0);
            CHECK_INT(nth, ==, 4); /* descriptor, size, mapping */
            break;
        }
        CHECK(rc == -EMFILE || rc == -ENOSPC || rc == -ENOMEM);
        CHECK_INT(thrum_shared_memory_unlink(name), ==, -ENOENT);
        int next = dup(0);
        CHECK_INT(next, ==, lowest);
        close(next);
    }
    thrum__fault_arm(THRUM__FAULT_SHARED, 1, 1);
    thrum_shared_memory *other;
    CHECK_INT(thrum_shared_memory_open(name, &other), ==, -EMFILE);
    thrum__fault_arm(THRUM__FAULT_SHARED, 1, 1);
    CHECK_INT(thrum_shared_memory_from_descriptor(thrum_shared_memory_descriptor(memory), &other),
              ==, -EMFILE);
    thrum__fault_disarm(THRUM__FAULT_SHARED);
    thrum__fault_arm(THRUM__FAULT_ALLOC, 1, 1);
    CHECK_INT(thrum_shared_memory_open(name, &other), ==, -ENOMEM);
    thrum_shared_memory_free(memory);
}
