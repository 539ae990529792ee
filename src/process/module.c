/* Functions by name.
 *
 * The same function has another address in each process that exec has started, because the system
 * places modules at random. Its module and its offset in the module stay. A module is recognised by
 * its build-id, which the linker makes from its contents, so a library that was replaced on disk is
 * not taken for the parent's. A module without a build-id is recognised by the identity and size of
 * its file.
 *
 * The sending side numbers the modules as their functions come along. The table only grows, because
 * an entry may be on its way to another process. The program itself is number 0 and is never
 * unloaded, so its functions need no question to the loader. For others the loader is asked each
 * time, because a library may be unloaded and another take its addresses.
 *
 * The receiving side searches its own modules, and loads the library by its path if it is missing.
 * So a plug-in that the parent has opened since its start may also hold task functions.
 *
 * Rejected: dladdr and names of symbols. Static functions have none.
 */
#include "process/module.h"
#include "base/atomic.h"
#include "sync/fork_lock.h"
#include <thrum/with.h>

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static thrum_lock lock; /* for the table */
static thrum__module table[THRUM__MODULES];
static uint32_t known; /* modules in the table; also read without the lock */
static struct {
    uintptr_t base, begin, end;
} program; /* fixed once `known` is not 0 */

/* --------------------------------------------------------------------------- what the loader has */

static bool holds(const struct dl_phdr_info *info, uintptr_t address, uintptr_t *ret_begin,
                  uintptr_t *ret_end)
{
    for (int i = 0; i < info->dlpi_phnum; i++) {
        uintptr_t begin = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
        uintptr_t end = begin + info->dlpi_phdr[i].p_memsz;
        if (info->dlpi_phdr[i].p_type == PT_LOAD && address >= begin && address < end) {
            *ret_begin = begin;
            *ret_end = end;
            return true;
        }
    }
    return false;
}

static size_t rounded(size_t size)
{
    return (size + 3) & ~(size_t)3;
}

/* Looks for the build-id among the notes of one segment. */
static void read_notes(thrum__module *module, uintptr_t at, uintptr_t end)
{
    while (at + sizeof(ElfW(Nhdr)) <= end) {
        const ElfW(Nhdr) *note = (const void *)at;
        const char *name = (const char *)(note + 1);
        const char *text = name + rounded(note->n_namesz);
        if (note->n_type == NT_GNU_BUILD_ID && note->n_namesz == 4 && memcmp(name, "GNU", 4) == 0 &&
            note->n_descsz <= THRUM__MODULE_ID) {
            module->id_size = note->n_descsz;
            memcpy(module->id, text, note->n_descsz);
            return;
        }
        at = (uintptr_t)text + rounded(note->n_descsz);
    }
}

static void identify(thrum__module *module, const struct dl_phdr_info *info, bool is_program)
{
    char whole[PATH_MAX];
    const char *path = is_program ? "/proc/self/exe" : info->dlpi_name;
    struct stat about;
    *module = (thrum__module){0};
    if (stat(path, &about) == 0) {
        module->device = about.st_dev;
        module->inode = about.st_ino;
        module->size = (uint64_t)about.st_size;
    }
    if (!is_program && realpath(path, whole) && strlen(whole) < sizeof module->path)
        strcpy(module->path, whole); /* a longer one can be found only if it is loaded already */
    for (int i = 0; i < info->dlpi_phnum && !module->id_size; i++)
        if (info->dlpi_phdr[i].p_type == PT_NOTE) {
            uintptr_t at = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
            read_notes(module, at, at + info->dlpi_phdr[i].p_memsz);
        }
}

static bool same(const thrum__module *a, const thrum__module *b)
{
    if (a->id_size || b->id_size)
        return a->id_size == b->id_size && memcmp(a->id, b->id, a->id_size) == 0;
    return a->inode && a->inode == b->inode && a->device == b->device && a->size == b->size;
}

/* ------------------------------------------------------------------------------ the sending side */

/* What is sought, and what was found. */
struct search {
    uintptr_t address;
    const thrum__module *wanted;
    uint32_t seen;
    bool found;
    uintptr_t base, begin, end;
    thrum__module module;
    thrum__module_place place;
};

/* The loader names the program first. */
static int look_for_address(struct dl_phdr_info *info, size_t size, void *argument)
{
    (void)size;
    struct search *search = argument;
    bool is_program = search->seen++ == 0;
    search->found = holds(info, search->address, &search->begin, &search->end);
    if (!search->found)
        return 0;
    search->base = info->dlpi_addr;
    identify(&search->module, info, is_program);
    return 1;
}

static int look_for_program(struct dl_phdr_info *info, size_t size, void *argument)
{
    (void)size;
    struct search *search = argument;
    search->base = info->dlpi_addr;
    identify(&search->module, info, true);
    return 1;
}

/* Under the lock. */
static void know_program(void)
{
    struct search search = {0};
    dl_iterate_phdr(look_for_program, &search);
    table[0] = search.module;
    program.base = search.base;
    thrum__store_release(&known, 1);
}

/* Under the lock. */
static int number_of(const struct search *search, uint32_t *ret_module)
{
    if (search->seen == 1) { /* the program's; most often all functions are in this segment */
        program.begin = search->begin;
        program.end = search->end;
        *ret_module = 0;
        return 0;
    }
    for (uint32_t i = 1; i < known; i++)
        if (same(&table[i], &search->module)) {
            *ret_module = i;
            return 0;
        }
    if (known == THRUM__MODULES)
        return -ENOSPC;
    table[known] = search->module;
    *ret_module = known;
    thrum__store_release(&known, known + 1);
    return 0;
}

int thrum__module_of(thrum_task_fn *function, uint32_t *ret_module, uint64_t *ret_offset)
{
    uintptr_t address = (uintptr_t)function;
    struct search search = {.address = address};
    int rc = 0;
    thrum__lock_across_fork(&lock);
    thrum_with (&lock) {
        if (!known)
            know_program();
        if (address >= program.begin && address < program.end) {
            *ret_module = 0;
            *ret_offset = address - program.base;
        } else {
            dl_iterate_phdr(look_for_address, &search);
            rc = search.found ? number_of(&search, ret_module) : -ENOENT;
            if (rc == 0)
                *ret_offset = address - search.base;
        }
    }
    return rc;
}

const thrum__module *thrum__module_at(uint32_t number)
{
    return &table[number];
}

/* ---------------------------------------------------------------------------- the receiving side */

/* The range of the segments that may be executed. */
static void find_code(thrum__module_place *place, const struct dl_phdr_info *info)
{
    *place = (thrum__module_place){.base = info->dlpi_addr, .code_begin = UINT64_MAX};
    for (int i = 0; i < info->dlpi_phnum; i++) {
        uint64_t begin = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
        uint64_t end = begin + info->dlpi_phdr[i].p_memsz;
        if (info->dlpi_phdr[i].p_type != PT_LOAD || !(info->dlpi_phdr[i].p_flags & PF_X))
            continue;
        place->code_begin = begin < place->code_begin ? begin : place->code_begin;
        place->code_end = end > place->code_end ? end : place->code_end;
    }
}

static int look_for_module(struct dl_phdr_info *info, size_t size, void *argument)
{
    (void)size;
    struct search *search = argument;
    thrum__module own;
    identify(&own, info, search->seen++ == 0);
    search->found = same(&own, search->wanted);
    if (search->found)
        find_code(&search->place, info);
    return search->found;
}

static bool find(const thrum__module *module, thrum__module_place *ret_place)
{
    struct search search = {.wanted = module};
    dl_iterate_phdr(look_for_module, &search);
    if (search.found)
        *ret_place = search.place;
    return search.found;
}

int thrum__module_find(const thrum__module *module, thrum__module_place *ret_place)
{
    if (module->id_size > THRUM__MODULE_ID ||
        strnlen(module->path, sizeof module->path) == sizeof module->path)
        return -EINVAL;
    if (find(module, ret_place))
        return 0;
    if (module->path[0] != '/' || !dlopen(module->path, RTLD_NOW | RTLD_LOCAL))
        return -ENOENT;
    return find(module, ret_place) ? 0 : -ENOENT;
}
