/* What libthrum-cluster reads from others: every cut and many changed bytes of a message are refused or read within it. And
 * its table, against an array. */
#include "harness.h"

#include "link.h"
#include "table.h"
#include "wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void write_tasks(struct buffer *buffer)
{
    thrum_cluster__buffer_add(buffer, "THT1", 4);
    thrum_cluster__buffer_add(buffer, "0123456789abcdef", CLIENT_SIZE);
    thrum_cluster__buffer_add_number(buffer, 2, 4);
    for (uint64_t i = 1; i <= 2; i++)
        thrum_cluster__task_record_write(buffer, &(struct task_record){.number = i,
                                                                       .left = 7,
                                                                       .lost = 1,
                                                                       .name = "fetch@1",
                                                                       .name_size = 7,
                                                                       .arg = "argument",
                                                                       .arg_size = 8});
}

/* How many records of a message can be read; each lies within the message. */
static int read_tasks(const unsigned char *bytes, size_t size)
{
    struct reader reader = {bytes, size, false};
    struct task_record record;
    int records = 0;
    if (!thrum_cluster__reader_magic(&reader, "THT1") ||
        !thrum_cluster__reader_bytes(&reader, CLIENT_SIZE))
        return 0;
    uint64_t count = thrum_cluster__reader_number(&reader, 4);
    while (count-- > 0 && thrum_cluster__task_record_read(&reader, &record)) {
        const unsigned char *arg = record.arg, *name = (const unsigned char *)record.name;
        CHECK(arg >= bytes && arg + record.arg_size <= bytes + size);
        CHECK(name >= bytes && name + record.name_size <= bytes + size);
        records++;
    }
    return records;
}

TEST(tasks_come_back_as_they_were_written)
{
    struct buffer buffer = {0};
    write_tasks(&buffer);
    CHECK(!buffer.failed);
    CHECK_INT(read_tasks((unsigned char *)buffer.bytes, buffer.size), ==, 2);
    thrum_cluster__buffer_free(&buffer);
}

TEST(a_message_that_is_cut_gives_what_is_whole)
{
    struct buffer buffer = {0};
    write_tasks(&buffer);
    for (size_t size = 0; size < buffer.size; size++) {
        unsigned char *copy = malloc(size ? size : 1); /* a checker sees a read behind it */
        CHECK(copy);
        memcpy(copy, buffer.bytes, size);
        CHECK_INT(read_tasks(copy, size), <, 2);
        free(copy);
    }
    thrum_cluster__buffer_free(&buffer);
}

TEST(changed_bytes_never_lead_out_of_a_message)
{
    struct buffer buffer = {0};
    write_tasks(&buffer);
    unsigned char *copy = malloc(buffer.size);
    CHECK(copy);
    srand(1);
    for (int round = 0; round < 20000; round++) {
        memcpy(copy, buffer.bytes, buffer.size);
        for (int i = rand() % 4; i >= 0; i--)
            copy[(size_t)rand() % buffer.size] = (unsigned char)rand();
        (void)read_tasks(copy, buffer.size);
    }
    free(copy);
    thrum_cluster__buffer_free(&buffer);
}

TEST(results_come_back_and_a_kind_that_is_none_is_refused)
{
    struct buffer buffer = {0};
    struct result_record record = {.number = 5, .kind = RESULT_ERROR, .code = -34, .run = 9};
    record.bytes = "why";
    record.size = 3;
    thrum_cluster__result_record_write(&buffer, &record);
    struct reader reader = {(unsigned char *)buffer.bytes, buffer.size, false};
    CHECK(thrum_cluster__result_record_read(&reader, &record));
    CHECK_INT(record.code, ==, -34);
    CHECK_INT(record.run, ==, 9);
    CHECK(memcmp(record.bytes, "why", 3) == 0);
    buffer.bytes[8] = RESULT_KINDS;
    reader = (struct reader){(unsigned char *)buffer.bytes, buffer.size, false};
    CHECK(!thrum_cluster__result_record_read(&reader, &record));
    thrum_cluster__buffer_free(&buffer);
}

TEST(a_reference_comes_back_and_what_is_none_is_refused)
{
    struct value_record record = {.size = 700000, .chunk = 262144, .name = "0a-7"}, again;
    char bytes[REFERENCE_MOST + 1];
    size_t size = thrum_cluster__value_record_write(&record, bytes);
    CHECK(thrum_cluster__value_record_read(bytes, size, &again));
    CHECK_INT(again.size, ==, 700000);
    CHECK_INT(again.chunk, ==, 262144);
    CHECK_STR(again.name, "0a-7");
    for (size_t cut = 0; cut <= 12; cut++)
        CHECK(!thrum_cluster__value_record_read(bytes, cut, &again));
    static const char *const names[] = {"a.b", "a>", "*", "A", "a b", "", "a\n"};
    for (size_t i = 0; i < sizeof names / sizeof names[0];
         i++) { /* they would be another subject */
        snprintf(record.name, sizeof record.name, "%s", names[i]);
        size = thrum_cluster__value_record_write(&record, bytes);
        CHECK(!thrum_cluster__value_record_read(bytes, size, &again));
    }
    memset(bytes + 12, 'a', VALUE_NAME_SIZE);
    CHECK(!thrum_cluster__value_record_read(bytes, 12 + VALUE_NAME_SIZE, &again));
    static const struct value_record wrong[] = {{0, 262144, "a"},
                                                {VALUE_MOST + 1, 262144, "a"},
                                                {UINT64_MAX, 262144, "a"},
                                                {700000, 0, "a"},
                                                {700000, 1, "a"}};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        size = thrum_cluster__value_record_write(&wrong[i], bytes);
        CHECK(!thrum_cluster__value_record_read(bytes, size, &again));
    }
}

static uint64_t number_in(const char *text, const char *key)
{
    return thrum_cluster__json_number(text, strlen(text), key);
}

TEST(numbers_are_found_in_answers_of_the_server)
{
    CHECK_INT(number_in("{\"stream\":\"x\",\"seq\":71}", "seq"), ==, 71);
    CHECK_INT(number_in("{\"seq\": 5}", "seq"), ==, 5);
    CHECK_INT(number_in("{\"seq\":", "seq"), ==, 0);
    CHECK_INT(number_in("{\"seq\":-5}", "seq"), ==, 0);
    CHECK_INT(number_in("", "seq"), ==, 0);
    CHECK(number_in("{\"seq\":99999999999999999999999}", "seq") > 0);
}

TEST(a_consumer_is_stalled_after_a_time_without_deliveries)
{
    static const char waits[] =
        "{\"delivered\":{\"consumer_seq\":7,\"stream_seq\":9},\"num_pending\":2}";
    static const char delivers[] = "{\"delivered\":{\"consumer_seq\":8},\"num_pending\":1}";
    static const char empty[] = "{\"delivered\":{\"consumer_seq\":7},\"num_pending\":0}";
    static const char beyond[] =
        "{\"delivered\":{\"consumer_seq\":3,\"stream_seq\":9},\"num_pending\":0}";
    static const char none[] = "{\"error\":{\"code\":404,\"err_code\":10014}}";
    struct stall stall = {0};
    const thrum_time never = INT64_MAX;
    CHECK(!thrum_cluster__stalls(&stall, waits, strlen(waits), 9, 0)); /* it is suspected */
    CHECK(!thrum_cluster__stalls(&stall, waits, strlen(waits), 9, never));
    CHECK(thrum_cluster__stalls(&stall, waits, strlen(waits), 9, 0));
    CHECK(!thrum_cluster__stalls(&stall, waits, strlen(waits), 9,
                                 0)); /* what comes next is another */
    CHECK(!thrum_cluster__stalls(&stall, delivers, strlen(delivers), 9, 0));
    CHECK(!thrum_cluster__stalls(&stall, empty, strlen(empty), 9, 0));
    CHECK(!thrum_cluster__stalls(&stall, delivers, strlen(delivers), 9, 0));
    CHECK(!thrum_cluster__stalls(&stall, none, strlen(none), 9, 0));
    CHECK(!thrum_cluster__stalls(&stall, delivers, strlen(delivers), 9, 0));
    CHECK(thrum_cluster__stalls(&stall, delivers, strlen(delivers), 9, 0));
    CHECK(!thrum_cluster__stalls(&stall, beyond, strlen(beyond), 9, 0));
    CHECK(!thrum_cluster__stalls(&stall, beyond, strlen(beyond), 8, 0));
    CHECK(thrum_cluster__stalls(&stall, beyond, strlen(beyond), 8, 0));
}

TEST(a_delivery_tells_how_many_wait_behind_it)
{
    struct delivery delivery;
    CHECK(thrum_cluster__delivery_read("$JS.ACK.thrum-x-t.p1-f=1.2.30.31.1700000000.5", &delivery));
    CHECK_INT(delivery.count, ==, 2);
    CHECK_INT(delivery.sequence, ==, 30);
    CHECK_INT(delivery.pending, ==, 5);
    CHECK(thrum_cluster__delivery_read("$JS.ACK.hub.account.thrum-x-t.p1-f=1.1.7.8.1700000000.0.x",
                                       &delivery));
    CHECK_INT(delivery.count, ==, 1);
    CHECK_INT(delivery.sequence, ==, 7);
    CHECK_INT(delivery.pending, ==, 0);
    CHECK(!thrum_cluster__delivery_read("$JS.ACK.thrum-x-t.p1-f=1.2.30.31", &delivery));
    CHECK(!thrum_cluster__delivery_read("_INBOX.a.b.1.2.3.4.5.6.7.8", &delivery));
    CHECK(!thrum_cluster__delivery_read(NULL, &delivery));
}

TEST(a_table_is_like_an_array)
{
    enum { NUMBERS = 300, ROUNDS = 20000 };
    static char there[NUMBERS];
    struct table table = {0};
    size_t count = 0;
    srand(2);
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t number = (uint64_t)(rand() % NUMBERS);
        if (there[number]) {
            thrum_cluster__table_remove(&table, number + 1);
            count--;
        } else {
            CHECK(thrum_cluster__table_add(&table, number + 1, &there[number]));
            count++;
        }
        there[number] = !there[number];
        CHECK_INT(table.count, ==, count);
        for (uint64_t i = 0; round % 50 == 0 && i < NUMBERS; i++)
            CHECK(thrum_cluster__table_find(&table, i + 1) == (there[i] ? &there[i] : NULL));
    }
    free(table.places);
}
