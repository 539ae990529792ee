/* __cxa_demangle of the C++ library decodes names, and any machine that runs a C++ program has it.
 * It is loaded when the first such name is met. Decoded names are kept: a look has few.
 */
#include "demangle.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

typedef char *demangle_function(const char *name, char *buffer, size_t *size, int *ret_status);

struct decoded {
    struct decoded *next;
    char *text;
    char name[];
};

static struct decoded *known;

static demangle_function *decoder(void)
{
    static demangle_function *function;
    static int tried;
    if (!tried) {
        tried = 1;
        void *library = dlopen("libstdc++.so.6", RTLD_NOW | RTLD_LOCAL);
        if (library)
            *(void **)&function = dlsym(library, "__cxa_demangle");
    }
    return function;
}

const char *demangle(const char *name)
{
    if (strncmp(name, "_Z", 2) != 0)
        return name;
    for (struct decoded *each = known; each; each = each->next)
        if (strcmp(each->name, name) == 0)
            return each->text;
    demangle_function *decode = decoder();
    int status = 0;
    char *text = decode ? decode(name, NULL, NULL, &status) : NULL;
    if (!text)
        return name;
    size_t size = strlen(name) + 1;
    struct decoded *each = malloc(sizeof *each + size);
    if (!each) {
        free(text);
        return name;
    }
    memcpy(each->name, name, size);
    each->text = text;
    each->next = known;
    known = each;
    return text;
}
