/* Symbols: from an address to a name and back.
 *
 * The tables are searched from end to end: a look asks for few addresses (unwind.c remembers the
 * answers), so sorting them would take longer. One place often has several names, as
 * pthread_mutex_lock and __pthread_mutex_lock; the one with the fewest leading underscores is what
 * a program calls.
 */
#include "module.h"

#include <string.h>

static int underscores(const char *name)
{
    return (int)strspn(name, "_");
}

static bool better(const char *name, const char *than)
{
    int mine = underscores(name), theirs = underscores(than);
    return mine != theirs ? mine < theirs : strlen(name) < strlen(than);
}

enum wanted { FUNCTION, VARIABLE };

enum { FAR = 512 };

static bool kind_fits(const Elf64_Sym *symbol, enum wanted wanted)
{
    unsigned type = ELF64_ST_TYPE(symbol->st_info);
    if (symbol->st_shndx == SHN_UNDEF || symbol->st_shndx == SHN_ABS || symbol->st_value == 0)
        return false;
    if (wanted == VARIABLE)
        return type == STT_OBJECT || type == STT_COMMON;
    return type == STT_FUNC || type == STT_GNU_IFUNC || (type == STT_NOTYPE && symbol->st_size > 0);
}

/* Code without sizes, as written in assembler, is named by the nearest function before it, if no
 * other symbol lies between and it is not far. */
static void search(const struct module *module, const struct symbols *symbols, uint64_t address,
                   enum wanted wanted, struct symbol *best, struct symbol *nearest)
{
    size_t count = symbols->table.size / sizeof(Elf64_Sym);
    const Elf64_Sym *table = (const Elf64_Sym *)symbols->table.bytes;
    uint64_t linked = address - module->bias;
    for (size_t i = 0; i < count; i++) {
        const Elf64_Sym *symbol = &table[i];
        if (symbol->st_value > linked || symbol->st_name >= symbols->names.size ||
            !kind_fits(symbol, wanted))
            continue;
        const char *name = (const char *)symbols->names.bytes + symbol->st_name;
        if (linked - symbol->st_value < symbol->st_size) {
            if (!best->name || better(name, best->name))
                *best = (struct symbol){name, symbol->st_value + module->bias, symbol->st_size};
        } else if (wanted == FUNCTION && symbol->st_value + module->bias >= nearest->start)
            *nearest = (struct symbol){name, symbol->st_value + module->bias, symbol->st_size};
    }
}

static bool lookup(const struct module *module, uint64_t address, enum wanted wanted,
                   struct symbol *ret)
{
    struct symbol best = {0}, nearest = {0};
    search(module, &module->dynamic, address, wanted, &best, &nearest);
    search(module, &module->full, address, wanted, &best, &nearest);
    if (!best.name && nearest.name && nearest.size == 0 && address - nearest.start < FAR)
        best = nearest;
    *ret = best;
    return ret->name != NULL;
}

bool module_function(const struct module *module, uint64_t address, struct symbol *ret)
{
    return lookup(module, address, FUNCTION, ret);
}

bool module_variable(const struct module *module, uint64_t address, struct symbol *ret)
{
    return lookup(module, address, VARIABLE, ret);
}

bool module_named(const struct module *module, const char *name, struct symbol *ret)
{
    const struct symbols *both[] = {&module->dynamic, &module->full};
    for (int which = 0; which < 2; which++) {
        const struct symbols *symbols = both[which];
        const Elf64_Sym *table = (const Elf64_Sym *)symbols->table.bytes;
        for (size_t i = 0; i < symbols->table.size / sizeof *table; i++) {
            if (table[i].st_shndx == SHN_UNDEF || table[i].st_name >= symbols->names.size)
                continue;
            const char *found = (const char *)symbols->names.bytes + table[i].st_name;
            if (strcmp(found, name) == 0) {
                *ret = (struct symbol){found, table[i].st_value + module->bias, table[i].st_size};
                return true;
            }
        }
    }
    return false;
}
