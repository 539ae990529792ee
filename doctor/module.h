/* The files that are mapped into a process: where they lie, their symbols and unwind tables. */
#ifndef DOCTOR_MODULE_H
#define DOCTOR_MODULE_H

#include "memory.h"

#include <elf.h>

struct blob {
    uint8_t *bytes; /* to be freed; NULL for none */
    size_t size;
    uint64_t address; /* as the file was linked */
};

struct symbols {
    struct blob table, names;
};

struct segment {
    uint64_t address, size; /* as the file was linked */
    uint64_t offset, file_size;
};

enum { SEGMENTS = 16 };

struct module {
    char *path; /* as the process sees it */
    uint64_t start, end;
    uint64_t first_offset; /* in the file, of what lies at `start` */
    uint64_t last_offset;  /* the same of its last mapping so far */
    uint64_t inode;
    bool read;     /* the fields below are filled in */
    int trouble;   /* an errno if its file is there, and could not be opened or read as a whole */
    bool foreign;  /* it is no ELF file of this machine */
    bool code;     /* a part of it may be executed */
    int file;      /* -1: there is only what the process has in memory */
    uint64_t bias; /* address in the process - address as linked */
    struct segment segments[SEGMENTS];
    int segment_count;
    struct blob frame_header, frames; /* .eh_frame_hdr and .eh_frame */
    struct symbols dynamic, full;     /* .dynsym; .symtab, of the file or of its debug file */
    bool has_interpreter;             /* it is linked dynamically */
};

struct mapping {
    uint64_t start, end;
    bool read, write, execute, shared;
    int module;     /* -1: none */
    char label[24]; /* as "[heap]", or empty */
};

struct modules {
    struct module *list;
    int count, room;
    struct mapping *maps;
    int map_count, map_room;
    const struct memory *memory;
    int pid;          /* 0 for a core file */
    bool out_of_room; /* memory ran out for what is known of places */
};

/* Reads /proc/PID/maps. Returns 0 or a negative errno. Files are opened when they are needed. */
int modules_read(struct modules *modules, int pid, const struct memory *memory);
void modules_free(struct modules *modules);

/* For a core file: adds what was mapped; `path` NULL for no file. False if memory ran out. */
bool modules_add(struct modules *modules, struct mapping mapping, const char *path, uint64_t offset,
                 uint64_t inode);

/* The first module whose file is there, but could not be read: its names are missing. NULL if there is none. With it, or
 * if memory ran out, *ret_error is an errno, else 0. */
const struct module *modules_trouble(const struct modules *modules, int *ret_error);

/* The mapping with that address, or NULL. */
const struct mapping *modules_map(const struct modules *modules, uint64_t address);

/* The module with that address, read; NULL if there is none. */
struct module *modules_find(struct modules *modules, uint64_t address);

/* True if code can lie there. */
bool modules_executable(const struct modules *modules, uint64_t address);

struct symbol {
    const char *name;     /* in the module */
    uint64_t start, size; /* in the process; size 0: not known */
};

/* The function or the variable that contains an address of the process. */
bool module_function(const struct module *module, uint64_t address, struct symbol *ret);
bool module_variable(const struct module *module, uint64_t address, struct symbol *ret);

/* The symbol with that name; false if there is none. */
bool module_named(const struct module *module, const char *name, struct symbol *ret);

#endif
