/* Names of objects.
 *
 * Objects have no room for a name: a lock takes 16 bytes. So names are in a table beside them, which only
 * messages read. Each entry is a range of addresses. A name that a program gives to its own struct is thus that of
 * each lock and event in it, and of the locks inside of a condition or a queue, of which the program knows nothing.
 * Of several ranges around an address the smallest counts.
 *
 * An object without a name has that of the variable that it lies in, by the symbols of the file (symbol.c).
 *
 * The table is under a word of its own, held for a walk through one chain by a writer, or through all by a reader. It
 * is held in a section (section.h), so a fork finds it free. A message may come amid anything, so its reader gives
 * up after some turns.
 *
 * A name outlives its object if the program does not take it away, and then may be given to another at the same
 * place.
 */
#include "base/names.h"
#include "base/atomic.h"
#include "base/memory.h"
#include "base/probe.h"
#include "base/section.h"
#include "base/spin.h"
#include "base/symbol.h"
#include <thrum/name.h>

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHAINS = 256, NAME_MOST = 63, PATIENCE = 10000 };

typedef struct name {
    struct name *next;
    uintptr_t begin;
    size_t size;
    char text[NAME_MOST + 1];
} name;

static uint32_t held; /* for these: */
static name *chains[CHAINS];

static bool acquire(uint32_t most)
{
    uint32_t turn = 0;
    for (uint32_t i = 0; i < most; i++) {
        uint32_t free_word = 0;
        void *section = thrum__section_enter();
        if (thrum__cas_acquire(&held, &free_word, 1))
            return true;
        thrum__section_leave(section);
        thrum__spin(&turn);
    }
    return false;
}

static void release(void)
{
    thrum__store_release(&held, 0);
    thrum__section_leave(thrum__section_self_in());
}

static name **chain_of(uintptr_t address)
{
    return &chains[(address >> 4) % CHAINS];
}

/* Takes the name of exactly this object out; NULL if it has none. */
static name *take_out(uintptr_t begin)
{
    for (name **at = chain_of(begin); *at; at = &(*at)->next)
        if ((*at)->begin == begin) {
            name *found = *at;
            *at = found->next;
            return found;
        }
    return NULL;
}

int thrum_name_set(const void *object, size_t size, const char *text)
{
    name *fresh = NULL;
    uintptr_t begin = (uintptr_t)object;
    if (!object || (text && !size))
        return -EINVAL;
    if (text) {
        fresh = thrum__alloc(sizeof *fresh);
        if (!fresh)
            return -ENOMEM;
        fresh->begin = begin;
        fresh->size = size;
        strncpy(fresh->text, text, NAME_MOST);
    }
    while (!acquire(UINT32_MAX))
        ;
    name *old = take_out(begin);
    if (fresh) {
        fresh->next = *chain_of(begin);
        *chain_of(begin) = fresh;
    }
    release();
    thrum__free(old);
    thrum__probe(named, object, size, text);
    return 0;
}

/* Copies the name that the program gave to what is at the address. */
static bool find_given(uintptr_t address, char *ret_text, size_t size)
{
    const name *best = NULL;
    if (!acquire(PATIENCE))
        return false;
    for (int i = 0; i < CHAINS; i++)
        for (const name *at = chains[i]; at; at = at->next)
            if (address - at->begin < at->size && (!best || at->size < best->size))
                best = at;
    if (best)
        snprintf(ret_text, size, "%s", best->text);
    release();
    return best != NULL;
}

void thrum__name_text(char *ret_text, size_t size, const void *address)
{
    char symbol[128];
    size_t offset;
    *ret_text = '\0';
    if (find_given((uintptr_t)address, ret_text, size) ||
        !thrum__symbol_find(address, symbol, sizeof symbol, &offset))
        return;
    if (offset)
        snprintf(ret_text, size, "%s+0x%zx", symbol, offset);
    else
        snprintf(ret_text, size, "%s", symbol);
}

void thrum__names_add(char *text, size_t size)
{
    char found[NAME_MOST + 128];
    for (char *at = text; (at = strstr(at, " 0x"));) {
        char *end;
        uintptr_t address = (uintptr_t)strtoull(at + 1, &end, 16);
        at = end;
        thrum__name_text(found, sizeof found, (const void *)address);
        size_t length = strlen(found), rest = strlen(at);
        if (!length || (size_t)(at - text) + length + 3 + rest >= size)
            continue;
        memmove(at + length + 3, at, rest + 1);
        memcpy(at, " \"", 2);
        memcpy(at + 2, found, length);
        at[length + 2] = '"';
        at += length + 3;
    }
}
