/* How it works: each thread of the process is sent a signal, one after another. The handler walks
 * its own stack and leaves the addresses in memory that both processes share. Names are looked up
 * by the runner, which is the same program at the same addresses, so that the one that hangs,
 * perhaps inside malloc or the dynamic linker, runs nothing but the unwinder. Functions that are
 * static have no dynamic symbol; the runner therefore reads the symbol table of its own file.
 *
 * A child that the test made by fork answers in the same way. One that runs another program has no
 * handler, and would die of the signal: of it only what the kernel knows is printed.
 *
 * A thread that blocks the signal does not answer; its line then still says what the kernel knows.
 */
#include "harness_dump.h"
#include "harness_clock.h"

#include <dirent.h>
#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#ifdef __GLIBC__
#include <execinfo.h>
#define CAN_WALK true
#else
#define CAN_WALK false /* musl cannot walk a stack */
#endif

enum { FRAMES = 64, ANSWER_MS = 1000 };

/* What a thread answers. `answered` is written last, with release, and read with acquire. */
static struct answer {
    uint32_t answered;
    int count;
    void *frames[FRAMES];
} * answer;

/* Few programs use this one, and glibc keeps the first of the real-time signals for itself. */
static int signal_number(void)
{
    return SIGRTMAX - 3;
}

#ifdef __GLIBC__
static void on_signal(int number)
{
    (void)number;
    int error = errno;
    answer->count = backtrace(answer->frames, FRAMES);
    __atomic_store_n(&answer->answered, 1, __ATOMIC_RELEASE);
    errno = error;
}
#endif

void dump_prepare(void)
{
    answer = mmap(NULL, sizeof *answer, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (answer == MAP_FAILED) {
        perror("mmap");
        exit(2);
    }
}

void dump_accept(void)
{
#ifdef __GLIBC__
    void *frame[1];
    backtrace(frame, 1); /* loads the unwinder now: the handler must not allocate */
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigaction(signal_number(), &action, NULL);
#endif
}

/* The symbol table of this program's file, or of what it exports where that was stripped. */
static struct {
    const ElfW(Sym) * symbols;
    size_t count;
    const char *names;
    uintptr_t base;
} program;

static int find_base(struct dl_phdr_info *info, size_t size, void *context)
{
    (void)size;
    (void)context;
    program.base = info->dlpi_addr;
    return 1; /* the program itself comes first */
}

static void program_load(void)
{
    if (program.symbols)
        return;
    int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    struct stat status;
    if (fd < 0)
        return;
    char *file = fstat(fd, &status) == 0
                     ? mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0)
                     : MAP_FAILED;
    close(fd);
    if (file == MAP_FAILED)
        return;
    const ElfW(Ehdr) *header = (const void *)file;
    const ElfW(Shdr) *sections = (const void *)(file + header->e_shoff);
    for (int i = 0; i < header->e_shnum; i++) {
        bool full = sections[i].sh_type == SHT_SYMTAB;
        if (!full && sections[i].sh_type != SHT_DYNSYM)
            continue;
        program.symbols = (const void *)(file + sections[i].sh_offset);
        program.count = sections[i].sh_size / sizeof *program.symbols;
        program.names = file + sections[sections[i].sh_link].sh_offset;
        if (full)
            break;
    }
    dl_iterate_phdr(find_base, NULL);
}

static void print_frame(int index, void *frame)
{
    /* A return address may be the first byte of the next function: the call lies before it. */
    uintptr_t place = (uintptr_t)frame - 1;
    for (size_t i = 0; i < program.count; i++) {
        const ElfW(Sym) *symbol = &program.symbols[i];
        if ((symbol->st_info & 15) == STT_FUNC && symbol->st_shndx != SHN_UNDEF &&
            place - program.base - symbol->st_value < symbol->st_size) {
            printf("#     %2d %s+0x%zx\n", index, program.names + symbol->st_name,
                   (size_t)(place - program.base - symbol->st_value));
            return;
        }
    }
    Dl_info info;
    if (!dladdr((void *)place, &info))
        printf("#     %2d %p\n", index, frame);
    else if (!info.dli_sname)
        printf("#     %2d %s+0x%zx\n", index, info.dli_fname,
               (size_t)(place - (uintptr_t)info.dli_fbase));
    else
        printf("#     %2d %s+0x%zx in %s\n", index, info.dli_sname,
               (size_t)(place - (uintptr_t)info.dli_saddr), info.dli_fname);
}

static void print_stack(pid_t process, pid_t thread)
{
    __atomic_store_n(&answer->answered, 0, __ATOMIC_RELEASE);
    if (syscall(SYS_tgkill, process, thread, signal_number()) != 0) {
        printf("#     is gone\n");
        return;
    }
    for (int i = 0; i < ANSWER_MS; i++) {
        if (__atomic_load_n(&answer->answered, __ATOMIC_ACQUIRE)) {
            for (int frame = 1; frame < answer->count; frame++)
                print_frame(frame, answer->frames[frame]);
            return;
        }
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    printf("#     does not answer: it blocks the signal, or is stuck in the kernel\n");
}

/* Prints one line of a file below /proc, with what it means. */
static void print_fact(pid_t process, const char *thread, const char *file, const char *wanted)
{
    char path[96], line[256];
    snprintf(path, sizeof path, "/proc/%d/task/%.20s/%s", (int)process, thread, file);
    FILE *f = fopen(path, "re");
    if (!f)
        return;
    while (fgets(line, sizeof line, f)) {
        line[strcspn(line, "\n")] = 0;
        if (!wanted)
            printf(" %s=%s", file, line);
        else if (strncmp(line, wanted, strlen(wanted)) == 0)
            printf(" %s", line + strspn(line + strlen(wanted), " \t") + strlen(wanted));
    }
    fclose(f);
}

/* True if the process has a handler for the signal. */
static bool answers(pid_t process)
{
    char path[48], line[256];
    unsigned long long caught = 0;
    snprintf(path, sizeof path, "/proc/%d/status", (int)process);
    FILE *status = fopen(path, "re");
    while (status && fgets(line, sizeof line, status))
        if (sscanf(line, "SigCgt: %llx", &caught) == 1)
            break;
    if (status)
        fclose(status);
    return CAN_WALK && caught >> (signal_number() - 1) & 1;
}

static void dump_threads(pid_t process)
{
    char path[48];
    bool walk = answers(process);
    snprintf(path, sizeof path, "/proc/%d/task", (int)process);
    DIR *threads = opendir(path);
    if (!threads)
        return;
    program_load();
    for (struct dirent *entry; (entry = readdir(threads));) {
        if (entry->d_name[0] == '.')
            continue;
        printf("# thread %s:", entry->d_name);
        print_fact(process, entry->d_name, "comm", NULL);
        print_fact(process, entry->d_name, "status", "State:");
        print_fact(process, entry->d_name, "wchan", NULL);
        print_fact(process, entry->d_name, "syscall", NULL);
        printf("\n");
        if (walk)
            print_stack(process, (pid_t)atoi(entry->d_name));
    }
    closedir(threads);
}

static void dump_other(pid_t process, void *dumped)
{
    if (process == *(pid_t *)dumped)
        return;
    printf("# process %d:\n", (int)process);
    dump_threads(process);
}

void dump_all(pid_t process)
{
    dump_threads(process);
    test_descendants(dump_other, &process);
}
