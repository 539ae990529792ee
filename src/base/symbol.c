/* Symbols by the file on disk.
 *
 * dladdr knows what a module exports. Task functions and locks are mostly static; their names are only in
 * .symtab, which is not loaded. So the file of the module is opened and searched, a piece at a time, on the
 * stack: a message about a program that is out of memory, or that aborts, needs the names as well. It costs a few
 * reads for each search, and messages are rare.
 *
 * The file may have been replaced since it was loaded. It counts only if its program headers, and its notes,
 * among them the build-id, are those in memory. Whatever else is wrong with it gives no name.
 */
#include "base/symbol.h"

#include <fcntl.h>
#include <link.h>
#include <string.h>
#include <unistd.h>

enum { PHDRS_MOST = 64, NOTES_MOST = 1024, SECTIONS = 16, SYMBOLS = 64 };

/* What is sought, and where the loader has it. */
struct search {
    uintptr_t address, base;
    bool seen, found;
    const char *path;
    const ElfW(Phdr) * phdrs;
    size_t phdr_count;
};

static int look_at_module(struct dl_phdr_info *info, size_t size, void *argument)
{
    struct search *search = argument;
    (void)size;
    bool is_program = !search->seen; /* the loader names the program first */
    search->seen = true;
    for (size_t i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *phdr = &info->dlpi_phdr[i];
        if (phdr->p_type != PT_LOAD ||
            search->address - info->dlpi_addr - phdr->p_vaddr >= phdr->p_memsz)
            continue;
        search->found = true;
        search->base = info->dlpi_addr;
        search->path = is_program ? "/proc/self/exe" : info->dlpi_name;
        search->phdrs = info->dlpi_phdr;
        search->phdr_count = info->dlpi_phnum;
        return 1;
    }
    return 0;
}

static bool read_at(int file, void *ret, size_t size, uint64_t offset)
{
    return pread(file, ret, size, (off_t)offset) == (ssize_t)size;
}

/* Whether this is the file that was loaded. */
static bool is_same(int file, const ElfW(Ehdr) * header, const struct search *search)
{
    ElfW(Phdr) phdrs[PHDRS_MOST];
    char notes[NOTES_MOST];
    size_t count = search->phdr_count;
    if (memcmp(header->e_ident, ELFMAG, SELFMAG) != 0 || header->e_phnum != count ||
        count > PHDRS_MOST || header->e_phentsize != sizeof *phdrs ||
        !read_at(file, phdrs, count * sizeof *phdrs, header->e_phoff) ||
        memcmp(phdrs, search->phdrs, count * sizeof *phdrs) != 0)
        return false;
    for (size_t i = 0; i < count; i++) {
        size_t size = phdrs[i].p_filesz;
        if (phdrs[i].p_type == PT_NOTE && size <= NOTES_MOST &&
            (!read_at(file, notes, size, phdrs[i].p_offset) ||
             memcmp(notes, (const void *)(search->base + phdrs[i].p_vaddr), size) != 0))
            return false;
    }
    return true;
}

/* Finds the table of all symbols, and the section with their names. */
static bool find_table(int file, const ElfW(Ehdr) * header, ElfW(Shdr) * ret_table,
                       ElfW(Shdr) * ret_names)
{
    ElfW(Shdr) sections[SECTIONS];
    if (header->e_shentsize != sizeof *sections)
        return false;
    for (size_t at = 0; at < header->e_shnum; at += SECTIONS) {
        size_t count = header->e_shnum - at < SECTIONS ? header->e_shnum - at : SECTIONS;
        if (!read_at(file, sections, count * sizeof *sections,
                     header->e_shoff + at * sizeof *sections))
            return false;
        for (size_t i = 0; i < count; i++)
            if (sections[i].sh_type == SHT_SYMTAB && sections[i].sh_link < header->e_shnum) {
                *ret_table = sections[i];
                return read_at(file, ret_names, sizeof *ret_names,
                               header->e_shoff + sections[i].sh_link * sizeof *sections);
            }
    }
    return false;
}

/* Finds the symbol that the place, as it was linked, lies in. Where several do, the smallest. */
static bool find_symbol(int file, const ElfW(Shdr) * table, uintptr_t place, ElfW(Sym) * ret_symbol)
{
    ElfW(Sym) symbols[SYMBOLS];
    size_t all = table->sh_size / sizeof *symbols;
    bool found = false;
    for (size_t at = 0; at < all; at += SYMBOLS) {
        size_t count = all - at < SYMBOLS ? all - at : SYMBOLS;
        if (!read_at(file, symbols, count * sizeof *symbols,
                     table->sh_offset + at * sizeof *symbols))
            return false;
        for (size_t i = 0; i < count; i++) {
            unsigned type = symbols[i].st_info & 0xf;
            if ((type != STT_FUNC && type != STT_OBJECT) || symbols[i].st_shndx == SHN_UNDEF ||
                place - symbols[i].st_value >= symbols[i].st_size)
                continue;
            if (!found || symbols[i].st_size < ret_symbol->st_size)
                *ret_symbol = symbols[i];
            found = true;
        }
    }
    return found;
}

static bool find_in(int file, const struct search *search, char *ret_name, size_t size,
                    size_t *ret_offset)
{
    ElfW(Ehdr) header;
    ElfW(Shdr) table, names;
    ElfW(Sym) symbol;
    uintptr_t place = search->address - search->base;
    if (!read_at(file, &header, sizeof header, 0) || !is_same(file, &header, search) ||
        !find_table(file, &header, &table, &names) || !find_symbol(file, &table, place, &symbol) ||
        symbol.st_name >= names.sh_size)
        return false;
    ssize_t length = pread(file, ret_name, size - 1, (off_t)(names.sh_offset + symbol.st_name));
    if (length <= 0)
        return false;
    ret_name[length] = '\0';
    *ret_offset = place - symbol.st_value;
    return *ret_name != '\0';
}

bool thrum__symbol_find(const void *address, char *ret_name, size_t size, size_t *ret_offset)
{
    struct search search = {.address = (uintptr_t)address};
    (void)dl_iterate_phdr(look_at_module, &search);
    int file = search.found ? open(search.path, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0)
        return false;
    bool found = find_in(file, &search, ret_name, size, ret_offset);
    (void)close(file);
    return found;
}
