/* Finds the C library's functions in its table of symbols.
 *
 * dlsym would do it, too, but it takes the loader's lock, may allocate, and finds the functions of
 * this library where their names are the same. The table is read instead: which file the C library
 * is, is known by the address of one of its functions that this library does not replace. Of the
 * versions of a name the default one is taken, as a program that is linked today does.
 *
 * System calls are replaced by other libraries, too, by sanitizers and by preloaded ones. Of these functions
 * the next one after this library is called, as each of those libraries does.
 *
 * The first call comes before the program has threads, from this library's constructor or from that
 * of another library; so nothing can be unloaded meanwhile.
 */
#include "real.h"

#include <elf.h>
#include <link.h>
#include <stdbool.h>
#include <string.h>

struct real thrum__real_table;
bool thrum__real_allocator;

struct library {
    uintptr_t base;
    const ElfW(Sym) * symbols;
    const char *names;
    const ElfW(Half) * versions;
    const uint32_t *hash; /* DT_GNU_HASH */
};

static const void *at(const struct library *library, ElfW(Addr) address)
{
    /* The loader has relocated most of these entries, but not all of them. */
    return (const void *)(address < library->base ? address + library->base : address);
}

static bool library_open(struct library *library, const struct link_map *map)
{
    *library = (struct library){.base = map->l_addr};
    for (const ElfW(Dyn) *entry = map->l_ld; entry->d_tag != DT_NULL; entry++) {
        const void *address = at(library, entry->d_un.d_ptr);
        if (entry->d_tag == DT_SYMTAB)
            library->symbols = address;
        else if (entry->d_tag == DT_STRTAB)
            library->names = address;
        else if (entry->d_tag == DT_VERSYM)
            library->versions = address;
        else if (entry->d_tag == DT_GNU_HASH)
            library->hash = address;
    }
    return library->symbols && library->names && library->hash;
}

static uint32_t hash_of(const char *name)
{
    uint32_t hash = 5381;
    for (; *name; name++)
        hash = hash * 33 + (unsigned char)*name;
    return hash;
}

static void *library_find(const struct library *library, const char *name)
{
    const uint32_t *hash = library->hash;
    uint32_t buckets = hash[0], first = hash[1], bloom = hash[2], wanted = hash_of(name);
    const uint32_t *bucket = hash + 4 + bloom * (sizeof(ElfW(Addr)) / 4);
    const uint32_t *chain = bucket + buckets;
    uint32_t index = buckets ? bucket[wanted % buckets] : 0;
    void *hidden = NULL;
    if (index < first)
        return NULL;
    for (;; index++) {
        uint32_t value = chain[index - first];
        const ElfW(Sym) *symbol = &library->symbols[index];
        if ((value | 1) == (wanted | 1) && symbol->st_shndx != SHN_UNDEF &&
            strcmp(library->names + symbol->st_name, name) == 0) {
            void *address = (void *)(library->base + symbol->st_value);
            if (!library->versions || !(library->versions[index] & 0x8000))
                return address;
            hidden = address;
        }
        if (value & 1)
            return hidden;
    }
}

static bool holds(const struct link_map *map, uintptr_t address)
{
    const ElfW(Ehdr) *header = (const ElfW(Ehdr) *)map->l_addr;
    if (!map->l_addr || memcmp(header->e_ident, ELFMAG, SELFMAG) != 0)
        return false;
    const ElfW(Phdr) *segments = (const ElfW(Phdr) *)(map->l_addr + header->e_phoff);
    for (int i = 0; i < header->e_phnum; i++)
        if (segments[i].p_type == PT_LOAD && address - map->l_addr >= segments[i].p_vaddr &&
            address - map->l_addr - segments[i].p_vaddr < segments[i].p_memsz)
            return true;
    return false;
}

static bool is_c_library(const struct link_map *map)
{
    const char *name = map->l_name ? strrchr(map->l_name, '/') : NULL;
    return name && strncmp(name, "/libc.so", 8) == 0 &&
           holds(map, (uintptr_t)&__pthread_mutex_lock);
}

#define REAL_FIND(type, name, arguments)                                                           \
    *(void **)&thrum__real_table.name = library_find(&library, #name);

#define REAL_FIND_NEXT(type, name, arguments)                                                      \
    if (!next.name)                                                                                \
        *(void **)&next.name = library_find(&library, #name);

#define REAL_KEEP(type, name, arguments) thrum__real_table.name = next.name;

/* Libraries stand in the order in which names are looked up. */
static void find_next(const struct link_map *map)
{
    struct real next = {0};
    struct library library;
    for (; map; map = map->l_next)
        if (library_open(&library, map)) {
            REAL_CALLS(REAL_FIND_NEXT)
        }
    REAL_CALLS(REAL_KEEP)
}

void thrum__real_find(void)
{
    struct library library;
    const struct link_map *c_library = NULL;
    for (const struct link_map *map = _r_debug.r_map; map; map = map->l_next) {
        if (is_c_library(map) && library_open(&library, map)) {
            REAL_FUNCTIONS(REAL_FIND)
            REAL_MORE(REAL_FIND)
            c_library = map;
        }
        if (holds(map, (uintptr_t)&thrum__real_table))
            find_next(map->l_next);
    }
    thrum__real_allocator = c_library && thrum__real_table.malloc_usable_size &&
                            holds(c_library, (uintptr_t)thrum__real_table.free);
}
