/* Names of objects: whose name an address has. What messages make of it is tested by names_test.sh. */
#include "base/fault.h"
#include "base/names.h"
#include "harness.h"
#include "support.h"
#include <thrum/name.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct pair {
    thrum_lock one, two;
};

static const char *name_of(const void *address)
{
    static _Thread_local char text[256];
    thrum__name_text(text, sizeof text, address);
    return text;
}

TEST(a_name_is_that_of_all_that_is_in_the_object_until_it_is_taken_away)
{
    struct pair *pair = calloc(1, sizeof *pair);
    char name[] = "twins";
    CHECK_STR(name_of(pair), "");
    CHECK_INT(thrum_name_set(pair, sizeof *pair, name), ==, 0);
    name[0] = 'x'; /* it was copied */
    CHECK_STR(name_of(pair), "twins");
    CHECK_STR(name_of(&pair->two), "twins");
    CHECK_STR(name_of(pair + 1), "");
    CHECK_INT(thrum_name_set(pair, sizeof *pair, "other"), ==, 0);
    CHECK_STR(name_of(&pair->two), "other");
    CHECK_INT(thrum_name_set(pair, 0, NULL), ==, 0);
    CHECK_INT(thrum_name_set(pair, 0, NULL), ==, 0);
    CHECK_STR(name_of(pair), "");
    free(pair);
}

TEST(of_several_names_the_one_for_the_smallest_object_counts)
{
    struct pair *pair = calloc(1, sizeof *pair);
    CHECK_INT(thrum_name_set(&pair->two, sizeof pair->two, "second"), ==, 0);
    CHECK_INT(thrum_name_set(pair, sizeof *pair, "both"), ==, 0);
    CHECK_STR(name_of(&pair->one), "both");
    CHECK_STR(name_of(&pair->two), "second");
    (void)thrum_name_set(&pair->two, 0, NULL);
    CHECK_STR(name_of(&pair->two), "both");
    (void)thrum_name_set(pair, 0, NULL);
    free(pair);
}

TEST(a_long_name_is_cut)
{
    char name[101] = "", cut[64] = "";
    memset(name, 'n', 100);
    memset(cut, 'n', 63);
    struct pair *pair = calloc(1, sizeof *pair);
    CHECK_INT(thrum_name_set(pair, sizeof *pair, name), ==, 0);
    CHECK_STR(name_of(pair), cut);
    (void)thrum_name_set(pair, 0, NULL);
    free(pair);
}

TEST(a_call_that_makes_no_sense_or_finds_no_memory_changes_nothing)
{
    struct pair *pair = calloc(1, sizeof *pair);
    CHECK_INT(thrum_name_set(NULL, 1, "nothing"), ==, -EINVAL);
    CHECK_INT(thrum_name_set(pair, 0, "empty"), ==, -EINVAL);
    CHECK_INT(thrum_name_set(pair, sizeof *pair, "first"), ==, 0);
    thrum__fault_arm(THRUM__FAULT_ALLOC, 1, 1);
    CHECK_INT(thrum_name_set(pair, sizeof *pair, "second"), ==, -ENOMEM);
    thrum__fault_disarm(THRUM__FAULT_ALLOC);
    CHECK_STR(name_of(pair), "first");
    (void)thrum_name_set(pair, 0, NULL);
    free(pair);
}

TEST(a_queue_takes_its_name_along)
{
    thrum_queue *queue = thrum_queue_new(sizeof(int), &(thrum_queue_options){.name = "jobs"});
    CHECK(queue != NULL);
    CHECK_STR(name_of(queue), "jobs");
    thrum_queue_free(queue);
    CHECK_STR(name_of(queue), "");
    for (unsigned i = 1;; i++) {
        thrum__fault_arm(THRUM__FAULT_ALLOC, i, 1);
        queue = thrum_queue_new(sizeof(int), &(thrum_queue_options){.name = "jobs"});
        thrum__fault_disarm(THRUM__FAULT_ALLOC);
        if (queue)
            break;
    }
    thrum_queue_free(queue);
}

static int many(thrum_task *self)
{
    char *base = thrum_arg(self, char *);
    for (int round = 0; round < 200; round++)
        for (int i = 0; i < 16; i++) {
            CHECK_INT(thrum_name_set(base + 32 * i, 32, "some"), ==, 0);
            CHECK_STR(name_of(base + 32 * i + 31), "some");
            CHECK_INT(thrum_name_set(base + 32 * i, 0, NULL), ==, 0);
        }
    return 0;
}

TEST(threads_set_and_read_names_at_once)
{
    static char memory[2][512];
    thrum_thread *other = thrum_thread_start(many, thrum_value(char *, memory[0]));
    thrum_thread *another = thrum_thread_start(many, thrum_value(char *, memory[1]));
    JOIN(other, 0);
    JOIN(another, 0);
}

TEST(names_are_added_behind_addresses_as_far_as_there_is_room)
{
    struct pair *pair = calloc(1, sizeof *pair);
    char text[128], expected[128];
    CHECK_INT(thrum_name_set(pair, sizeof *pair, "twins"), ==, 0);
    snprintf(text, sizeof text, "lock %p and 0x1 and %p", (void *)pair, (void *)&pair->two);
    snprintf(expected, sizeof expected, "lock %p \"twins\" and 0x1 and %p \"twins\"", (void *)pair,
             (void *)&pair->two);
    thrum__names_add(text, sizeof text);
    CHECK_STR(text, expected);
    snprintf(text, sizeof text, "lock %p", (void *)pair);
    snprintf(expected, sizeof expected, "%s", text);
    thrum__names_add(text, strlen(text) + 5);
    CHECK_STR(text, expected);
    (void)thrum_name_set(pair, 0, NULL);
    free(pair);
}
