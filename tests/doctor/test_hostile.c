/* The doctor reads what other processes made, and believes nothing. ELF files with wrong bytes,
 * stacks of noise, regions of noise, processes that may not be examined, or that live in a container.
 *
 * $HOSTILE_ROUNDS is how many broken files are tried (300); under sanitizers every read is checked.
 */
#include "harness.h"

#include "doctor/elf_file.h"
#include "doctor/look.h"
#include "doctor/risk.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static uint64_t seed = 1;

static uint64_t noise(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

static bool read_noise(const struct memory *memory, uint64_t address, void *into, size_t size)
{
    (void)memory;
    if (address % 7 == 0)
        return false;
    for (size_t i = 0; i < size; i++)
        ((uint8_t *)into)[i] = (uint8_t)noise();
    return true;
}

static char *read_all(const char *path, size_t *ret_size)
{
    struct stat status;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    CHECK(file >= 0 && fstat(file, &status) == 0);
    char *bytes = malloc((size_t)status.st_size);
    CHECK(bytes != NULL);
    CHECK_INT(read(file, bytes, (size_t)status.st_size), ==, status.st_size);
    close(file);
    *ret_size = (size_t)status.st_size;
    return bytes;
}

static char *sample_path(const char *name, char *path, size_t size)
{
    snprintf(path, size, "%s/%s", getenv("DOCTOR_SAMPLES"), name);
    return path;
}

/* The same as a module of a process with two mappings, code and data. */
static struct modules one_module(const struct memory *memory, int file, size_t size)
{
    struct modules modules = {.memory = memory};
    uint64_t start = 0x10000000, end = start + ((size + 4095) & ~(size_t)4095);
    CHECK(modules_add(&modules, (struct mapping){.start = start, .end = end, .execute = true},
                      "/sample", 0, 1));
    CHECK(modules_add(&modules, (struct mapping){.start = end, .end = end + 65536, .write = true},
                      NULL, 0, 0));
    modules.list[0].file = file;
    modules.list[0].read = true;
    elf_read(&modules.list[0], memory);
    return modules;
}

/* Asks all that can be asked of a module, at places all over it. */
static void ask(struct modules *modules, const struct memory *memory)
{
    struct module *module = &modules->list[0];
    struct places places = {.modules = modules};
    struct frame frames[FRAMES_MOST];
    struct symbol symbol;
    struct cfi_row row;
    uint8_t stack[2048];
    enum unwind_end end;
    for (int i = 0; i < 40; i++) {
        uint64_t address = module->start + noise() % (module->end - module->start);
        module_function(module, address, &symbol);
        module_variable(module, address, &symbol);
        cfi_find(module, address - module->bias, &row);
        for (size_t at = 0; at < sizeof stack; at += 8) {
            uint64_t word = noise() % 3 ? module->start + noise() % (module->end - module->start)
                                        : module->end + noise() % 65536;
            memcpy(stack + at, &word, sizeof word);
        }
        struct stack_copy copy = {module->end + 4096, sizeof stack, stack};
        struct registers registers = {.pc = address};
        register_set(&registers, REGISTER_STACK, copy.start);
        int count = unwind(&places, memory, &copy, registers, frames, &end);
        CHECK(count >= 0 && count <= FRAMES_MOST);
    }
    module_named(module, "main", &symbol);
    places_free(&places);
}

/* `damage` bytes of the file are replaced: in its headers for one half, anywhere for the other. */
static void try_damaged(const char *bytes, size_t size, int damage)
{
    const struct memory memory = {.read = read_noise};
    int file = memfd_create("damaged", MFD_CLOEXEC);
    CHECK(file >= 0);
    char *copy = malloc(size);
    CHECK(copy != NULL);
    memcpy(copy, bytes, size);
    for (int i = 0; i < damage; i++)
        copy[noise() % (noise() % 2 ? 1024 : size)] = (char)noise();
    size_t kept = noise() % 4 ? size : noise() % size;
    CHECK_INT(write(file, copy, kept), ==, kept);
    struct modules modules = one_module(&memory, file, size);
    ask(&modules, &memory);
    modules_free(&modules);
    free(copy);
}

TEST_DEADLINE(damaged_files_are_survived, 120)
{
    const char *text = getenv("HOSTILE_ROUNDS");
    int rounds = text ? atoi(text) : 300;
    char path[4096];
    size_t size;
    char *bytes = read_all(sample_path("hung_stripped", path, sizeof path), &size);
    try_damaged(bytes, size, 0);
    for (int i = 0; i < rounds; i++)
        try_damaged(bytes, size, 1 + (int)(noise() % 200));
    free(bytes);
}

TEST_DEADLINE(damaged_unwind_tables_are_survived, 120)
{
    const char *text = getenv("HOSTILE_ROUNDS");
    const struct memory memory = {.read = read_noise};
    int rounds = text ? atoi(text) : 300;
    char path[4096];
    int file = open(sample_path("hung_stripped", path, sizeof path), O_RDONLY | O_CLOEXEC);
    struct stat status;
    CHECK(file >= 0 && fstat(file, &status) == 0);
    struct modules modules = one_module(&memory, file, (size_t)status.st_size);
    struct blob *frames = &modules.list[0].frames;
    CHECK(frames->bytes != NULL);
    for (int i = 0; i < rounds; i++) {
        for (int j = 0; j < 8; j++)
            frames->bytes[noise() % frames->size] = (uint8_t)noise();
        ask(&modules, &memory);
    }
    modules_free(&modules);
}

/* Starts a sample with its output thrown away, in what `prepare` makes of the child. */
/* A pipe whose writing end closes when a child has become another program: in the middle of that it has
 * no memory to look at. */
static void await_exec(const int ends[2])
{
    char byte;
    close(ends[1]);
    CHECK_INT(read(ends[0], &byte, 1), ==, 0);
    close(ends[0]);
}

static pid_t start(const char *path, const char *name)
{
    int ends[2];
    CHECK_INT(pipe2(ends, O_CLOEXEC), ==, 0);
    pid_t child = fork();
    if (child == 0) {
        int nothing = open("/dev/null", O_WRONLY);
        dup2(nothing, 1);
        execl(path, path, name, (char *)NULL);
        _exit(127);
    }
    CHECK(child > 0);
    await_exec(ends);
    return child;
}

static void end(pid_t child)
{
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
}

TEST(a_process_of_another_user_is_refused_with_advice)
{
    char path[4096], message[512];
    struct look look;
    if (geteuid() != 0) {
        printf("# only root can become another user\n");
        return;
    }
    pid_t child = start(sample_path("hung", path, sizeof path), "abba");
    CHECK(setresuid(65534, 65534, 0) == 0);
    int rc = look_at(&look, child, &(struct look_options){0}, message, sizeof message);
    CHECK(setresuid(0, 0, 0) == 0);
    end(child);
    CHECK(rc == -EACCES || rc == -EPERM);
    CHECK(strstr(message, "run it as root") != NULL);
}

/* A file of its own mounts and of its own numbers of processes: as a container. */
static pid_t start_contained(const char *folder, const char *sample)
{
    char path[4096], inside[64];
    size_t size;
    char *bytes = read_all(sample_path("hung", path, sizeof path), &size);
    if (unshare(CLONE_NEWPID | CLONE_NEWNS) != 0 ||
        mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("none", folder, "tmpfs", 0, NULL) != 0) {
        free(bytes);
        return 0;
    }
    snprintf(inside, sizeof inside, "%s/hung", folder);
    int file = open(inside, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
    CHECK(file >= 0);
    CHECK_INT(write(file, bytes, size), ==, size);
    close(file);
    free(bytes);
    return start(inside, sample);
}

TEST(a_process_in_a_container_is_understood_from_outside)
{
    char message[512], folder[] = "/tmp/thrum-doctor-XXXXXX";
    struct look look;
    int relay[2];
    pid_t contained = 0;
    CHECK(pipe(relay) == 0 && mkdtemp(folder) != NULL);
    /* The one that moves into a namespace is not the one that looks. */
    pid_t mover = fork();
    if (mover == 0) {
        contained = start_contained(folder, "abba");
        if (write(relay[1], &contained, sizeof contained) != sizeof contained)
            _exit(1);
        pause();
    }
    CHECK_INT(read(relay[0], &contained, sizeof contained), ==, sizeof contained);
    if (contained == 0) {
        printf("# this user may not make namespaces\n");
        end(mover);
        rmdir(folder);
        return;
    }
    for (;;) {
        CHECK_INT(look_at(&look, contained, &(struct look_options){0}, message, sizeof message), ==,
                  0);
        if (look.verdict == VERDICT_DEADLOCK)
            break;
        look_free(&look);
    }
    CHECK_INT(look.deadlock_count, ==, 1);
    const struct thread *first = &look.process.threads[look.deadlocks[0].threads[0]];
    CHECK(first->tid != first->inner_tid);
    CHECK_STR(first->wait.name, "lock_b");
    look_free(&look);
    kill(contained, SIGKILL);
    end(mover);
    rmdir(folder);
}

/* The state of a thread, as the system shows it. */
static char state_of(pid_t pid, int tid)
{
    char name[64], text[512] = "";
    snprintf(name, sizeof name, "/proc/%d/task/%d/stat", (int)pid, tid);
    FILE *file = fopen(name, "re");
    if (!file)
        return 0; /* it ran, and ended */
    if (!fgets(text, sizeof text, file))
        text[0] = 0;
    fclose(file);
    const char *end = strrchr(text, ')');
    return end ? end[2] : 0;
}

/* A thread that was woken, and waits for a processor, has not run; its count of time slices is what
 * it was. It must not count as asleep: a lock that was just released would make a circle. */
TEST_DEADLINE(a_thread_that_was_woken_but_has_not_run_counts_as_moved, 60)
{
    char path[4096], message[512];
    uint8_t *buffer = malloc(STACK_COPY);
    struct process process;
    if (geteuid() != 0) {
        printf("# only root can keep a thread from running\n");
        return;
    }
    pid_t child = start(sample_path("calm", path, sizeof path), "starved");
    int waiter = -1;
    while (waiter < 0) {
        CHECK_INT(process_open(&process, child, message, sizeof message), ==, 0);
        for (int i = 0; i < process.count && waiter < 0; i++) {
            CHECK_INT(process_look(&process, i, buffer), ==, 0);
            wait_decode(&process, &process.threads[i]);
            if (process.threads[i].wait.kind == OBJECT_MUTEX)
                waiter = i;
        }
        if (waiter < 0)
            process_close(&process);
    }
    CHECK(process_unmoved(&process, waiter));
    CHECK(wait_same_owner(&process, &process.threads[waiter]));
    kill(child, SIGUSR1);
    while (state_of(child, process.threads[waiter].tid) == 'S')
        ;
    CHECK(!process_unmoved(&process, waiter));
    CHECK(!wait_same_owner(&process, &process.threads[waiter]));
    process_close(&process);
    end(child);
    free(buffer);
}

/* Waits until the sample hangs as it is to. */
static void await_deadlock(pid_t child)
{
    char message[512];
    struct look look;
    for (bool hung = false; !hung;) {
        CHECK_INT(look_at(&look, child, &(struct look_options){0}, message, sizeof message), ==, 0);
        hung = look.verdict == VERDICT_DEADLOCK;
        look_free(&look);
    }
}

/* A core file of a hung program, by the system or else by gdb's gcore; false if neither makes one.
 */
static bool make_core(const char *folder, char *ret_path, size_t size)
{
    char path[4096], pattern[4096], command[8192];
    glob_t found;
    sample_path("hung", path, sizeof path);
    int ends[2];
    CHECK_INT(pipe2(ends, O_CLOEXEC), ==, 0);
    pid_t child = fork();
    if (child == 0) {
        struct rlimit all = {RLIM_INFINITY, RLIM_INFINITY};
        int nothing = open("/dev/null", O_WRONLY);
        dup2(nothing, 1);
        if (chdir(folder) == 0 && setrlimit(RLIMIT_CORE, &all) == 0)
            execl(path, path, "abba", (char *)NULL);
        _exit(127);
    }
    CHECK(child > 0);
    await_exec(ends);
    await_deadlock(child);
    snprintf(pattern, sizeof pattern, "%s/core*", folder);
    kill(child, SIGABRT);
    waitpid(child, NULL, 0);
    if (glob(pattern, 0, NULL, &found) != 0) {
        child = start(path, "abba");
        await_deadlock(child);
        snprintf(command, sizeof command, "gcore -o %s/core %d >/dev/null 2>&1", folder,
                 (int)child);
        int status = system(command);
        end(child);
        if (status != 0 || glob(pattern, 0, NULL, &found) != 0)
            return false;
    }
    snprintf(ret_path, size, "%s", found.gl_pathv[0]);
    globfree(&found);
    return true;
}

#if defined(__x86_64__)

TEST_DEADLINE(a_core_file_tells_of_the_deadlock, 60)
{
    char folder[] = "/tmp/thrum-doctor-XXXXXX", path[4096], message[512];
    struct look look;
    CHECK(mkdtemp(folder) != NULL);
    if (!make_core(folder, path, sizeof path)) {
        printf("# neither the system nor gcore writes a core file here\n");
        rmdir(folder);
        return;
    }
    int rc = look_at_core(&look, path, &(struct look_options){0}, message, sizeof message);
    unlink(path);
    rmdir(folder);
    CHECK_INT(rc, ==, 0);
    CHECK_INT(look.verdict, ==, VERDICT_DEADLOCK);
    CHECK_INT(look.process.count, ==, 3);
    CHECK_STR(look.process.name, "hung");
    CHECK_INT(look.deadlocks[0].count, ==, 2);
    const struct thread *first = &look.process.threads[look.deadlocks[0].threads[0]];
    CHECK(strcmp(first->wait.name, "lock_a") == 0 || strcmp(first->wait.name, "lock_b") == 0);
    CHECK_STR(first->frames[first->wait.caller].place->function, "take_pair");
    CHECK_INT(first->end, ==, UNWIND_COMPLETE);
    look_free(&look);
}

/* Bytes of the headers and notes are replaced, and put back. */
TEST_DEADLINE(damaged_core_files_are_survived, 120)
{
    enum { HEAD = 24000, DAMAGE = 12 };
    const char *text = getenv("HOSTILE_ROUNDS");
    int rounds = text ? atoi(text) : 100;
    char folder[] = "/tmp/thrum-doctor-XXXXXX", path[4096], message[512], head[HEAD], wrong[HEAD];
    struct look look;
    CHECK(mkdtemp(folder) != NULL);
    if (!make_core(folder, path, sizeof path)) {
        printf("# neither the system nor gcore writes a core file here\n");
        rmdir(folder);
        return;
    }
    int file = open(path, O_RDWR | O_CLOEXEC);
    CHECK(file >= 0);
    CHECK_INT(pread(file, head, HEAD, 0), ==, HEAD);
    for (int i = 0; i < rounds; i++) {
        memcpy(wrong, head, HEAD);
        for (int j = 0; j < DAMAGE; j++)
            wrong[noise() % (noise() % 2 ? 2048 : HEAD)] = (char)noise();
        CHECK_INT(pwrite(file, wrong, HEAD, 0), ==, HEAD);
        if (look_at_core(&look, path, &(struct look_options){0}, message, sizeof message) == 0)
            look_free(&look);
    }
    close(file);
    unlink(path);
    rmdir(folder);
}

TEST(what_is_no_core_file_is_refused)
{
    char path[4096], message[512];
    struct look look;
    sample_path("hung", path, sizeof path);
    CHECK_INT(look_at_core(&look, path, &(struct look_options){0}, message, sizeof message), ==,
              -EINVAL);
    CHECK(strstr(message, "is no core file") != NULL);
    CHECK_INT(look_at_core(&look, "/nowhere", &(struct look_options){0}, message, sizeof message),
              ==, -ENOENT);
}

#endif

/* A number as a table may have it: small, too large by one, or anything. */
static uint32_t odd_number(uint32_t room)
{
    switch (noise() % 8) {
    case 0:
        return room;
    case 1:
        return room - 1;
    case 2:
        return UINT32_MAX;
    case 3:
        return (uint32_t)noise();
    default:
        return (uint32_t)(noise() % 64);
    }
}

static void fill_with_noise(void *table, size_t size)
{
    uint32_t *words = table;
    for (size_t i = 0; i < size / sizeof *words; i++)
        words[i] = noise() % 4 ? (uint32_t)(noise() % 64) : (uint32_t)noise();
}

/* A region as the preload library sends it, full of noise. Returns its descriptor. */
static int noisy_region(void)
{
    enum { RECORDS = 64 };
    int file = memfd_create("region", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    CHECK(file >= 0 && ftruncate(file, sizeof(struct region)) == 0);
    struct region *region =
        mmap(NULL, sizeof *region, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, file, 0);
    CHECK(region != MAP_FAILED);
    fill_with_noise(region->threads, RECORDS * sizeof *region->threads);
    fill_with_noise(region->locks, RECORDS * sizeof *region->locks);
    fill_with_noise(region->nodes, RECORDS * sizeof *region->nodes);
    fill_with_noise(region->variants, RECORDS * sizeof *region->variants);
    fill_with_noise(region->events, RECORDS * sizeof *region->events);
    fill_with_noise(region->waits, RECORDS * sizeof *region->waits);
    fill_with_noise(region->findings, RECORDS * sizeof *region->findings);
    fill_with_noise(region->segments, RECORDS * sizeof *region->segments);
    fill_with_noise(region->stacks, 1 << 12);
    memset(region->program, 'x', sizeof region->program);
    for (int i = 0; i < RECORDS; i++) {
        region->locks[i].kind = noise() % 8;
        region->locks[i].flags &= LOCK_ALIVE | LOCK_NESTED | LOCK_PREFERS_WRITER;
        region->events[i].kind = noise() % 8;
        region->findings[i].kind = noise() % 10;
        memcpy(region->segments[i].path, "/proc/self/exe", sizeof "/proc/self/exe");
    }
    region->thread_count = odd_number(REGION_THREADS);
    region->lock_count = odd_number(REGION_LOCKS);
    region->node_count = odd_number(REGION_NODES);
    region->variant_count = odd_number(REGION_VARIANTS);
    region->event_count = odd_number(REGION_EVENTS);
    region->wait_count = odd_number(REGION_WAITS);
    region->finding_count = odd_number(REGION_FINDINGS);
    region->segment_count = odd_number(REGION_SEGMENTS) % 64;
    region->stack_used = noise();
    region->magic = REGION_MAGIC;
    region->version = REGION_VERSION;
    munmap(region, sizeof *region);
    return file;
}

/* Returns how many findings there were. */
static int read_region(int file)
{
    struct recording recording;
    struct recorded_stack stack;
    struct risks risks;
    char name[512];
    CHECK_INT(recording_open(&recording, file, getpid()), ==, 0);
    CHECK_INT(recording_settle(&recording), ==, 0);
    CHECK_INT(risks_find(&recording, &risks), ==, 0);
    int count = risks.count;
    for (int i = 0; i < risks.count && i < 50; i++)
        for (int j = 0; j < risks.list[i].count; j++) {
            const struct risk_step *step = &risks.list[i].steps[j];
            recording_lock_name(&recording, step->held, name, sizeof name);
            recording_thread_name(&recording, step->thread, name, sizeof name);
            recording_stack(&recording, step->stack, &stack);
            recording_held_stack(&recording, &stack, step->held, step->held_site);
        }
    risks_free(&risks);
    recording_close(&recording);
    return count;
}

TEST_DEADLINE(a_region_of_noise_is_read_without_harm, 60)
{
    enum { SEALS = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL, ROUNDS = 20 };
    int found = 0;
    for (int i = 0; i < ROUNDS; i++) {
        int file = noisy_region();
        CHECK_INT(fcntl(file, F_ADD_SEALS, SEALS), ==, 0);
        found += read_region(file);
    }
    CHECK_INT(found, >, 0);
}

TEST(a_region_that_may_shrink_is_refused)
{
    struct recording recording;
    CHECK_INT(recording_open(&recording, noisy_region(), getpid()), ==, -EPROTO);
    int file = memfd_create("short", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    CHECK(file >= 0 && ftruncate(file, 4096) == 0);
    CHECK_INT(fcntl(file, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL), ==, 0);
    CHECK_INT(recording_open(&recording, file, getpid()), ==, -EPROTO);
}
