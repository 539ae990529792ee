/* libthrum-cluster and connections that are cut in the middle of a result, at a byte that the test chooses: on the way to the
 * client, on the way from the worker, and before the worker knows that its result is stored. Each future has one outcome. */
#include "base/atomic.h"
#include "support_cluster.h"
#include "way.h"

/* libnats 3.4 forgets the part of a message that it has when the connection ends: the address sanitizer would report that. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:natsBuf_Create\n";
}

/* A task whose result is on its way when the connection is cut. */
struct cut {
    const char *name, *go; /* of its file */
    size_t size;           /* of the result */
    enum way_direction direction;
    uint64_t after; /* bytes that pass once the task is let go */
    struct way way;
    struct held_bytes held;
    thrum_future *future;
    uint32_t ends;
};

static int count_end(thrum_future *future, void *context)
{
    (void)future;
    thrum__add_relaxed((uint32_t *)context, 1);
    return 0;
}

static void submit(struct cut *cut, thrum_executor *cluster)
{
    cut->held.size = cut->size;
    path_of(cut->name, &cut->held.noted);
    cut->future = thrum_submit(cluster, make_held_bytes, &cut->held, sizeof cut->held);
    CHECK_INT(thrum_future_add_done_callback(cut->future, count_end, &cut->ends), ==, 0);
}

/* Its result goes, and is cut. */
static void strike(struct cut *cut)
{
    await_begun(&cut->held.noted, 1);
    way_cut_after(&cut->way, cut->direction, cut->after);
    let_go(cut->go);
    way_await_cuts(&cut->way, 1);
}

TEST_DEADLINE(a_result_that_is_cut_on_its_way_to_the_client_comes_again, 60)
{
    enum { COUNT = 4 };
    struct cut cuts[COUNT] = {{"a", "a.go", 65536, WAY_DOWN, 1, .ends = 0},
                              {"b", "b.go", 65536, WAY_DOWN, 30000, .ends = 0},
                              {"c", "c.go", 65536, WAY_DOWN, 65536, .ends = 0},
                              {"d", "d.go", 1 << 20, WAY_DOWN, 600000, .ends = 0}};
    thrum_executor *clusters[COUNT];
    struct local_worker worker = {.serve = {.max_running = COUNT}};
    start_server();
    start_local(&worker);
    for (int i = 0; i < COUNT; i++) {
        way_start(&cuts[i].way, server.port);
        thrum_cluster_options options = options_with(NULL);
        options.servers = cuts[i].way.url;
        clusters[i] = new_cluster_at(&options);
        submit(&cuts[i], clusters[i]);
    }
    for (int i = 0; i < COUNT; i++)
        strike(&cuts[i]);
    for (int i = 0; i < COUNT; i++) {
        check_bytes(cuts[i].future, cuts[i].size);
        thrum_executor_shutdown(clusters[i]); /* waits for the callback */
        CHECK_INT(cuts[i].ends, ==, 1);
        way_end(&cuts[i].way);
    }
    stop_local(&worker);
    nats_server_finish(&server);
}

/* The last connection is cut before the first byte of the server's answer to the result. */
TEST_DEADLINE(a_result_that_is_cut_on_its_way_from_the_worker_is_sent_again, 60)
{
    enum { COUNT = 3 };
    struct cut cuts[COUNT] = {{"a", "a.go", 65536, WAY_UP, 30000, .ends = 0},
                              {"b", "b.go", 1 << 20, WAY_UP, 600000, .ends = 0},
                              {"c", "c.go", 65536, WAY_DOWN, 1, .ends = 0}};
    start_server();
    thrum_executor *cluster = new_cluster(NULL);
    for (int i = 0; i < COUNT; i++) {
        way_start(&cuts[i].way, server.port);
        pid_t worker = cluster_program_start("worker", cuts[i].way.url, "threads");
        submit(&cuts[i], cluster);
        strike(&cuts[i]);
        check_bytes(cuts[i].future, cuts[i].size);
        CHECK_INT(cluster_program_signal(worker, SIGTERM), ==, 0);
        way_end(&cuts[i].way);
    }
    thrum_executor_shutdown(cluster);
    for (int i = 0; i < COUNT; i++)
        CHECK_INT(cuts[i].ends, ==, 1);
    nats_server_finish(&server);
}
