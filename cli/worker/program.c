/* A program into which nothing can be preloaded would run its main, as if it had been started by itself. So it is refused
 * before it starts. That the file may change between the check and the start is no danger: the program then runs with the
 * rights of the caller, who could have started it. */
#include "program.h"

#include "trouble.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

/* Sets `path` to the place of the program, as execvp finds it. Returns false if it is not there. */
static bool find(const char *name, char *path)
{
    const char *places = getenv("PATH");
    if (strchr(name, '/')) {
        snprintf(path, PATH_MAX, "%s", name);
        return strlen(name) < PATH_MAX && access(path, F_OK) == 0;
    }
    for (const char *at = places ? places : "/usr/bin:/bin"; *at; at += *at == ':') {
        size_t length = strcspn(at, ":");
        int size = snprintf(path, PATH_MAX, "%.*s%s%s", (int)length, at, length ? "/" : "", name);
        if (size < PATH_MAX && access(path, X_OK) == 0)
            return true;
        at += length;
    }
    return false;
}

/* NULL, or why the loader would not preload a library for it. */
static const char *without_rights(int file, const struct stat *about)
{
    if (!S_ISREG(about->st_mode))
        return "it is no file";
    if (about->st_mode & (S_ISUID | S_ISGID) || fgetxattr(file, "security.capability", NULL, 0) > 0)
        return "it has set-user-ID, set-group-ID or file capabilities; it can call "
               "thrum_cluster_serve";
    return NULL;
}

/* Reads the name of the loader that a program asks for, without its folder; empty if it asks for none. Returns false if the
 * file is no program, or of the other size of words. */
static bool read_loader(int file, char *loader, size_t size)
{
    ElfW(Ehdr) head;
    char path[PATH_MAX] = "";
    if (pread(file, &head, sizeof head, 0) != (ssize_t)sizeof head ||
        memcmp(head.e_ident, ELFMAG, SELFMAG) != 0 || head.e_phentsize != sizeof(ElfW(Phdr)))
        return false;
    for (size_t i = 0; i < head.e_phnum; i++) {
        ElfW(Phdr) part;
        off_t at = (off_t)(head.e_phoff + i * head.e_phentsize);
        if (pread(file, &part, sizeof part, at) != (ssize_t)sizeof part)
            return false;
        size_t length = part.p_filesz < sizeof path ? part.p_filesz : sizeof path - 1;
        if (part.p_type == PT_INTERP &&
            pread(file, path, length, (off_t)part.p_offset) != (ssize_t)length)
            return false;
    }
    const char *name = strrchr(path, '/');
    snprintf(loader, size, "%s", name ? name + 1 : path);
    return true;
}

/* NULL, or why the loader of this command, which has the library, is not that of the program. */
static const char *without_loader(int file)
{
    char loader[64], own[64];
    int self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    bool known = self >= 0 && read_loader(self, own, sizeof own);
    if (self >= 0)
        (void)close(self);
    if (!known)
        return "/proc does not tell which loader this command has";
    if (!read_loader(file, loader, sizeof loader))
        return "it is a script or no program of this machine; give the program itself";
    if (!*loader)
        return "it is linked statically; link it to the shared library, or call "
               "thrum_cluster_serve in it";
    return strcmp(loader, own) == 0 ? NULL : "it is for another machine or another C library";
}

int worker_program_find(const char *name, char *path, thrum_error *ret_error)
{
    if (!find(name, path))
        return trouble(ret_error, -ENOENT, "cannot find the program %.160s", name);
    struct stat about;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    int rc = file < 0 || fstat(file, &about) != 0 ? -errno : 0;
    if (rc < 0)
        trouble(ret_error, rc, "cannot read the program %.160s: %s", path, strerror(-rc));
    const char *why = rc == 0 ? without_rights(file, &about) : NULL;
    if (rc == 0 && !why)
        why = without_loader(file);
    if (why)
        rc = trouble(ret_error, -ENOEXEC, "%.160s cannot become a worker: %s", path, why);
    if (file >= 0)
        (void)close(file);
    return rc;
}
