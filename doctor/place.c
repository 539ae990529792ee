/* What is at an address of code, remembered: threads of one program stand at few places. */
#include "unwind.h"

#include "call_site.h"
#include "demangle.h"

#include <stdlib.h>
#include <string.h>

static void name_callee(struct places *places, struct place *place)
{
    uint64_t function = 0;
    struct symbol symbol;
    if (call_before(places->modules, place->address, &function) != CALL_KNOWN)
        return;
    place->callee_start = function;
    const struct module *module = modules_find(places->modules, function);
    if (module && module_function(module, function, &symbol) && symbol.start == function)
        place->callee = demangle(symbol.name);
}

static void fill(struct places *places, struct place *place)
{
    /* The place after a call may belong to the next function, if the call never returns. */
    uint64_t inside = place->exact ? place->address : place->address - 1;
    struct module *module = modules_find(places->modules, inside);
    struct symbol symbol;
    place->module = module;
    if (module) {
        if (module_function(module, inside, &symbol)) {
            place->function = demangle(symbol.name);
            place->function_start = symbol.start;
        }
        place->has_row = cfi_find(module, inside - module->bias, &place->row);
        if (place->has_row)
            place->function_start = place->row.start + module->bias;
    }
    if (!place->exact)
        name_callee(places, place);
}

struct place *places_find(struct places *places, uint64_t address, bool exact)
{
    struct place **bucket = &places->buckets[(address ^ address >> 10) % PLACES];
    for (struct place *place = *bucket; place; place = place->next)
        if (place->address == address && place->exact == exact)
            return place;
    struct place *place = calloc(1, sizeof *place);
    if (!place) {
        places->modules->out_of_room = true;
        return NULL;
    }
    place->address = address;
    place->exact = exact;
    fill(places, place);
    place->next = *bucket;
    *bucket = place;
    return place;
}

bool place_is_preload(const struct place *place)
{
    const char *name = place->module ? strrchr(place->module->path, '/') : NULL;
    return name && strncmp(name, "/libthrum-doctor.so", 19) == 0;
}

void places_free(struct places *places)
{
    for (int i = 0; i < PLACES; i++)
        for (struct place *place = places->buckets[i], *next; place; place = next) {
            next = place->next;
            free(place->file);
            free(place);
        }
    *places = (struct places){0};
}
