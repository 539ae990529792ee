/* The pages of the program's data and code.
 *
 * The data is what the program can write: its variables, but for those that the loader has made read-only,
 * and the arena. Of the variables, the first 16 MiB count. Neighbouring pages that are to be closed
 * form a span, which one call closes or opens. A page in which nothing is known to be shared is left open
 * after some faults, and each page after many, as each fault takes time.
 *
 * The same page also holds the table by which the program calls functions of libraries. Its words are
 * no data of the program.
 */
#include "pages.h"

#include "arena.h"
#include "kernel.h"
#include "turns.h"

#include <fcntl.h>
#include <link.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    PAGE = ARENA_PAGE,
    DATA_PAGES = 1 << 12,
    PAGES = DATA_PAGES + ARENA_PAGES,
    SPANS_MOST = 32, /* pages behind them stay open */
    /* Faults until a page is left open: one in which no word is known to be shared, and any page. */
    PLAIN_MOST = 256,
    PLAIN_MOST_LEARNING = 4096,
    SHARED_MOST = 20000,
    HIGH = 200, /* a descriptor above those that a program gets */
};

struct range {
    uintptr_t start, end;
};

static struct range text, cxx, data, table;
static int memory_file = -1;
static struct {
    uint16_t faults;
    bool open, shared;
} pages[PAGES];
static struct range spans[SPANS_MOST];
static int span_count;
static uintptr_t spans_arena_end; /* the arena's end, when the spans were found */
static bool spans_stale;

static bool in(struct range range, uintptr_t address)
{
    return address >= range.start && address < range.end;
}

bool thrum__pages_is_text(uintptr_t address)
{
    return in(text, address);
}

bool thrum__pages_is_cxx(uintptr_t address)
{
    return in(cxx, address);
}

bool thrum__pages_is_table(uintptr_t address)
{
    return in(table, address);
}

static struct range arena(void)
{
    return (struct range){thrum__arena_start(), thrum__arena_end()};
}

/* The index of the page in `pages`, or PAGES. */
static uint32_t page_of(uintptr_t address)
{
    if (in(data, address) && (address - data.start) / PAGE < DATA_PAGES)
        return (uint32_t)((address - data.start) / PAGE);
    if (in(arena(), address))
        return DATA_PAGES + (uint32_t)((address - thrum__arena_start()) / PAGE);
    return PAGES;
}

bool thrum__pages_is_data(uintptr_t address)
{
    return page_of(address) < PAGES;
}

bool thrum__pages_is_closed(uintptr_t address)
{
    uint32_t page = page_of(address);
    return page < PAGES && !pages[page].open;
}

/* ---- closed and open ---- */

static bool protect(struct range range, int how)
{
    return thrum__kernel(SYS_mprotect, (long)range.start, (long)(range.end - range.start), how, 0,
                         0) == 0;
}

static void add_spans(struct range range)
{
    for (uintptr_t at = range.start; at < range.end; at += PAGE) {
        uint32_t page = page_of(at);
        if (page == PAGES || pages[page].open)
            continue;
        if (span_count > 0 && spans[span_count - 1].end == at)
            spans[span_count - 1].end += PAGE;
        else if (span_count < SPANS_MOST)
            spans[span_count++] = (struct range){at, at + PAGE};
        else
            pages[page].open = true;
    }
}

static void find_spans(void)
{
    if (!spans_stale && spans_arena_end == thrum__arena_end())
        return;
    span_count = 0;
    add_spans(data);
    add_spans(arena());
    spans_arena_end = thrum__arena_end();
    spans_stale = false;
}

static bool protect_all(int how)
{
    for (int i = 0; i < span_count; i++)
        if (!protect(spans[i], how))
            return false;
    return true;
}

bool thrum__pages_close(void)
{
    find_spans();
    return protect_all(PROT_NONE);
}

bool thrum__pages_open(void)
{
    return protect_all(PROT_READ | PROT_WRITE);
}

bool thrum__pages_text(bool executable)
{
    return protect(text, executable ? PROT_READ | PROT_EXEC : PROT_READ);
}

static void protect_one(uintptr_t address, int how)
{
    uintptr_t at = address / PAGE * PAGE;
    (void)protect((struct range){at, at + PAGE}, how);
}

void thrum__pages_open_one(uintptr_t address)
{
    protect_one(address, PROT_READ | PROT_WRITE);
}

void thrum__pages_close_one(uintptr_t address)
{
    protect_one(address, PROT_NONE);
}

static uintptr_t address_of(uint32_t page)
{
    return page < DATA_PAGES ? data.start + (uintptr_t)page * PAGE
                             : thrum__arena_start() + (uintptr_t)(page - DATA_PAGES) * PAGE;
}

bool thrum__pages_wear(uintptr_t address)
{
    uint32_t page = page_of(address);
    uint32_t most = pages[page].shared                              ? SHARED_MOST
                    : thrum__turn_region->plan.memory == MEMORY_ALL ? PLAIN_MOST_LEARNING
                                                                    : PLAIN_MOST;
    if (++pages[page].faults < most)
        return false;
    pages[page].open = true;
    spans_stale = true;
    /* It lies inside of a span, which is found again before the data is closed next. */
    thrum__pages_open_one(address_of(page));
    return true;
}

size_t thrum__pages_peek_some(uintptr_t address, void *into, size_t size)
{
    long got = thrum__kernel(SYS_pread64, memory_file, (long)into, (long)size, (long)address, 0);
    return got > 0 ? (size_t)got : 0;
}

bool thrum__pages_peek(uintptr_t address, void *into, size_t size)
{
    return thrum__pages_peek_some(address, into, size) == size;
}

void thrum__pages_poke(uintptr_t address, const void *from, size_t size)
{
    (void)thrum__kernel(SYS_pwrite64, memory_file, (long)from, (long)size, (long)address, 0);
}

/* ---- the program ---- */

static struct range pages_of(uintptr_t start, size_t size)
{
    return (struct range){start / PAGE * PAGE, (start + size + PAGE - 1) / PAGE * PAGE};
}

/* The addresses of functions that the program calls, which the loader writes. */
static void find_table(const ElfW(Dyn) * entry, uintptr_t bias)
{
    uintptr_t start = 0, size = 0;
    for (; entry->d_tag != DT_NULL; entry++)
        if (entry->d_tag == DT_PLTGOT)
            start = entry->d_un.d_ptr;
        else if (entry->d_tag == DT_PLTRELSZ)
            size = entry->d_un.d_val / sizeof(ElfW(Rela)) * sizeof(uintptr_t);
    if (start && start < bias)
        start += bias;
    if (start)
        table = (struct range){start, start + 3 * sizeof(uintptr_t) + size};
}

static void note_part(const ElfW(Phdr) * part, uintptr_t bias, uintptr_t *fixed)
{
    uintptr_t start = bias + part->p_vaddr;
    if (part->p_type == PT_LOAD && part->p_flags & PF_X)
        text = pages_of(start, part->p_memsz);
    else if (part->p_type == PT_LOAD && part->p_flags & PF_W)
        data = pages_of(start, part->p_memsz);
    else if (part->p_type == PT_GNU_RELRO)
        *fixed = (start + part->p_memsz) / PAGE * PAGE;
    else if (part->p_type == PT_DYNAMIC)
        find_table((const ElfW(Dyn) *)start, bias);
}

static int find_program(struct dl_phdr_info *info, size_t size, void *unused)
{
    const char *name = strrchr(info->dlpi_name, '/');
    bool is_program = *info->dlpi_name == 0;
    bool is_cxx = name && strncmp(name, "/libstdc++", 10) == 0;
    uintptr_t fixed = 0; /* the end of what the loader has made read-only */
    (void)size;
    (void)unused;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        if (is_program)
            note_part(part, info->dlpi_addr, &fixed);
        else if (is_cxx && part->p_type == PT_LOAD && part->p_flags & PF_X)
            cxx = pages_of(info->dlpi_addr + part->p_vaddr, part->p_memsz);
    }
    if (is_program && in(data, fixed))
        data.start = fixed;
    return 0;
}

static bool open_memory(void)
{
    int file = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
    memory_file = file < 0 ? -1 : fcntl(file, F_DUPFD_CLOEXEC, HIGH);
    if (file >= 0)
        (void)close(file);
    return memory_file >= 0;
}

bool thrum__pages_begin(void)
{
    const struct schedule_region *region = thrum__turn_region;
    dl_iterate_phdr(find_program, NULL);
    if (!text.end || !open_memory() || !thrum__arena_open())
        return false;
    spans_stale = true;
    for (uint32_t i = 0; i < region->shared_count && i < SCHEDULE_SHARED; i++) {
        uintptr_t address = region->shared[i];
        uintptr_t offset = (address - thrum__arena_start()) / PAGE;
        uint32_t page = page_of(address);
        if (page == PAGES && offset < ARENA_PAGES) /* it will be allocated */
            page = DATA_PAGES + (uint32_t)offset;
        if (page < PAGES)
            pages[page].shared = true;
    }
    return true;
}
