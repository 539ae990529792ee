/* The command `thrum` with one failing call: this file is linked with it, and the linker replaces each
 * function of the table by the one here (--wrap). Only calls of the command's own code are replaced, not
 * those inside of the C library, libthrum, libcurl or SQLite.
 *
 *     THRUM_FAULT_LOG=FILE        appends the name of each call to FILE, one a line
 *     THRUM_FAULT='write 3 EIO'   the third call of write fails with EIO; nothing is done
 *     THRUM_FAULT='write 3 SHORT' the third call of write (or read, pread) transfers one byte
 *     THRUM_FAULT='write 3 KILL'  before the third call of write the process is killed
 *
 * A failing close closes all the same, as in Linux. A failing sqlite3_exec returns SQLITE_BUSY for EAGAIN, and else
 * SQLITE_IOERR. Names are those of the source, without "64".
 * tests/cli/faults.sh runs a command once for the log and then once for each call and error.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

enum { SHORT = 100000, KILL, LOG_DESCRIPTOR = 500 };

static const struct {
    const char *name;
    int code;
} codes[] = {{"EIO", EIO},     {"ENOSPC", ENOSPC}, {"EMFILE", EMFILE}, {"ENOMEM", ENOMEM},
             {"EINTR", EINTR}, {"EAGAIN", EAGAIN}, {"EACCES", EACCES}, {"EDQUOT", EDQUOT},
             {"EROFS", EROFS}, {"EXDEV", EXDEV},   {"EPERM", EPERM},   {"ENOTSUP", ENOTSUP},
             {"SHORT", SHORT}, {"KILL", KILL}};

int __real_open64(const char *path, int flags, ...);
ssize_t __real_write(int file, const void *bytes, size_t size);
int __real_close(int file);

/* The call that fails: its name, its number from 1, how. `left` counts down to it. */
static char failing[32];
static int left, code;
static int log_file = -1;

__attribute__((constructor)) static void read_environment(void)
{
    const char *fault = getenv("THRUM_FAULT"), *path = getenv("THRUM_FAULT_LOG");
    char how[16] = "";
    if (path) {
        int file = __real_open64(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
        /* The command is to get the same descriptors as without a log. */
        log_file = fcntl(file, F_DUPFD_CLOEXEC, LOG_DESCRIPTOR);
        __real_close(file); /* or the numbers of the log would not be those of a run without one */
    }
    if (!fault)
        return;
    if (sscanf(fault, "%31s %d %15s", failing, &left, how) == 3)
        for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
            if (strcmp(how, codes[i].name) == 0)
                code = codes[i].code;
    if (code == 0) {
        fprintf(stderr, "THRUM_FAULT: \"%s\" is not CALL NUMBER ERROR\n", fault);
        _exit(99);
    }
}

/* 0, or how this call is to fail. */
static int fault(const char *name)
{
    if (log_file >= 0) {
        char line[40];
        int length = snprintf(line, sizeof line, "%s\n", name);
        if (__real_write(log_file, line, (size_t)length) != length)
            _exit(99);
    }
    if (code == 0 || strcmp(name, failing) != 0 ||
        __atomic_sub_fetch(&left, 1, __ATOMIC_RELAXED) != 0)
        return 0;
    if (code == KILL)
        kill(getpid(), SIGKILL);
    return code;
}

/* In each of these, `wrong` is how the call fails; 0 for not at all. */
#define WRAP(type, failed, name, shown, parameters, ...)                                           \
    type __real_##name parameters;                                                                 \
    type __wrap_##name parameters;                                                                 \
    type __wrap_##name parameters                                                                  \
    {                                                                                              \
        int wrong = fault(#shown);                                                                 \
        if (wrong == 0 || wrong == SHORT)                                                          \
            return __real_##name(__VA_ARGS__);                                                     \
        errno = wrong;                                                                             \
        return failed;                                                                             \
    }

/* For transfers: SHORT is one byte. */
#define WRAP_TRANSFER(name, shown, parameters, size, ...)                                          \
    ssize_t __real_##name parameters;                                                              \
    ssize_t __wrap_##name parameters;                                                              \
    ssize_t __wrap_##name parameters                                                               \
    {                                                                                              \
        int wrong = fault(#shown);                                                                 \
        if (wrong == SHORT && size > 1)                                                            \
            size = 1;                                                                              \
        else if (wrong != 0 && wrong != SHORT) {                                                   \
            errno = wrong;                                                                         \
            return -1;                                                                             \
        }                                                                                          \
        return __real_##name(__VA_ARGS__);                                                         \
    }

/* The call is made, and is said to have failed. */
#define WRAP_LAST(type, failed, name, shown, parameters, ...)                                      \
    type __real_##name parameters;                                                                 \
    type __wrap_##name parameters;                                                                 \
    type __wrap_##name parameters                                                                  \
    {                                                                                              \
        int wrong = fault(#shown);                                                                 \
        type result = __real_##name(__VA_ARGS__);                                                  \
        if (wrong == 0 || wrong == SHORT)                                                          \
            return result;                                                                         \
        errno = wrong;                                                                             \
        return failed;                                                                             \
    }

/* ferror(file) is then true. */
#define WRAP_STREAM(type, failed, name, shown, parameters, ...)                                    \
    type __real_##name parameters;                                                                 \
    type __wrap_##name parameters;                                                                 \
    type __wrap_##name parameters                                                                  \
    {                                                                                              \
        enum { ERROR_SEEN = 0x20 }; /* in glibc */                                                 \
        int wrong = fault(#shown);                                                                 \
        if (wrong == 0 || wrong == SHORT)                                                          \
            return __real_##name(__VA_ARGS__);                                                     \
        if (file)                                                                                  \
            file->_flags |= ERROR_SEEN;                                                            \
        errno = wrong;                                                                             \
        return failed;                                                                             \
    }

WRAP_TRANSFER(read, read, (int file, void *bytes, size_t size), size, file, bytes, size)
WRAP_TRANSFER(pread64, pread, (int file, void *bytes, size_t size, off_t at), size, file, bytes,
              size, at)
WRAP_TRANSFER(write, write, (int file, const void *bytes, size_t size), size, file, bytes, size)
WRAP_LAST(int, -1, close, close, (int file), file)
WRAP_LAST(int, EOF, fclose, fclose, (FILE * file), file)
WRAP_LAST(int, -1, closedir, closedir, (DIR * directory), directory)
WRAP(FILE *, NULL, fopen64, fopen, (const char *path, const char *mode), path, mode)
WRAP(FILE *, NULL, fdopen, fdopen, (int file, const char *mode), file, mode)
WRAP(FILE *, NULL, open_memstream, open_memstream, (char **text, size_t *size), text, size)
WRAP(DIR *, NULL, opendir, opendir, (const char *path), path)
WRAP(DIR *, NULL, fdopendir, fdopendir, (int file), file)
WRAP(struct dirent64 *, NULL, readdir64, readdir, (DIR * directory), directory)
WRAP(int, -1, fstat64, fstat, (int file, struct stat64 *about), file, about)
WRAP(int, -1, stat64, stat, (const char *path, struct stat64 *about), path, about)
WRAP(int, -1, fstatat64, fstatat, (int folder, const char *path, struct stat64 *about, int flags),
     folder, path, about, flags)
WRAP(int, -1, faccessat, faccessat, (int folder, const char *path, int mode, int flags), folder,
     path, mode, flags)
WRAP(int, -1, mkdir, mkdir, (const char *path, mode_t mode), path, mode)
WRAP(int, -1, mkdirat, mkdirat, (int folder, const char *path, mode_t mode), folder, path, mode)
WRAP(int, -1, mkostemp64, mkostemp, (char *path, int flags), path, flags)
WRAP(int, -1, rename, rename, (const char *from, const char *to), from, to)
WRAP(int, -1, renameat, renameat, (int a, const char *from, int b, const char *to), a, from, b, to)
WRAP(int, -1, renameat2, renameat2,
     (int a, const char *from, int b, const char *to, unsigned flags), a, from, b, to, flags)
WRAP(int, -1, link, link, (const char *from, const char *to), from, to)
WRAP(int, -1, linkat, linkat, (int a, const char *from, int b, const char *to, int flags), a, from,
     b, to, flags)
WRAP(int, -1, unlink, unlink, (const char *path), path)
WRAP(int, -1, unlinkat, unlinkat, (int folder, const char *path, int flags), folder, path, flags)
WRAP(int, -1, fsync, fsync, (int file), file)
WRAP(int, -1, fdatasync, fdatasync, (int file), file)
WRAP(int, -1, ftruncate64, ftruncate, (int file, off_t size), file, size)
WRAP(off_t, -1, lseek64, lseek, (int file, off_t at, int whence), file, at, whence)
WRAP(int, -1, flock, flock, (int file, int how), file, how)
WRAP(int, -1, fsetxattr, fsetxattr,
     (int file, const char *name, const void *value, size_t size, int flags), file, name, value,
     size, flags)
WRAP(ssize_t, -1, fgetxattr, fgetxattr, (int file, const char *name, void *value, size_t size),
     file, name, value, size)
WRAP(int, -1, fremovexattr, fremovexattr, (int file, const char *name), file, name)
WRAP(void *, (void *)-1, mmap64, mmap,
     (void *where, size_t size, int access, int flags, int file, off_t at), where, size, access,
     flags, file, at)
WRAP(int, -1, dup, dup, (int file), file)
WRAP(int, -1, dup2, dup2, (int file, int onto), file, onto)
WRAP(int, -1, dup3, dup3, (int file, int onto, int flags), file, onto, flags)
WRAP(int, -1, pipe, pipe, (int files[2]), files)
WRAP(int, -1, pipe2, pipe2, (int files[2], int flags), files, flags)
WRAP(pid_t, -1, fork, fork, (void), )
WRAP(pid_t, -1, wait4, wait4, (pid_t pid, int *status, int options, struct rusage *usage), pid,
     status, options, usage)
WRAP(pid_t, -1, waitpid, waitpid, (pid_t pid, int *status, int options), pid, status, options)
WRAP(int, -1, poll, poll, (struct pollfd * files, nfds_t count, int timeout), files, count, timeout)
WRAP(int, -1, ppoll, ppoll,
     (struct pollfd * files, nfds_t count, const struct timespec *timeout, const sigset_t *mask),
     files, count, timeout, mask)
WRAP(int, -1, pidfd_open, pidfd_open, (pid_t pid, unsigned flags), pid, flags)
WRAP(int, -1, eventfd, eventfd, (unsigned value, int flags), value, flags)
WRAP(int, -1, memfd_create, memfd_create, (const char *label, unsigned flags), label, flags)
WRAP(char *, NULL, strndup, strndup, (const char *text, size_t length), text, length)
WRAP(int, -1, inotify_init1, inotify_init1, (int flags), flags)
WRAP(int, -1, inotify_add_watch, inotify_add_watch, (int file, const char *path, uint32_t mask),
     file, path, mask)
WRAP(void *, NULL, malloc, malloc, (size_t size), size)
WRAP(void *, NULL, calloc, calloc, (size_t count, size_t size), count, size)
WRAP(void *, NULL, realloc, realloc, (void *old, size_t size), old, size)
WRAP(char *, NULL, strdup, strdup, (const char *text), text)
WRAP(int, -1, vasprintf, vasprintf, (char **ret_text, const char *format, va_list list), ret_text,
     format, list)
WRAP_STREAM(ssize_t, -1, getline, getline, (char **line, size_t *room, FILE *file), line, room,
            file)
WRAP_STREAM(ssize_t, -1, __getdelim, getdelim, (char **line, size_t *room, int end, FILE *file),
            line, room, end, file)
WRAP_STREAM(size_t, 0, fread, fread, (void *bytes, size_t one, size_t count, FILE *file), bytes,
            one, count, file)
WRAP_STREAM(size_t, 0, fwrite, fwrite, (const void *bytes, size_t one, size_t count, FILE *file),
            bytes, one, count, file)
WRAP_STREAM(int, EOF, fflush, fflush, (FILE * file), file)

/* Those that return the error, or take more arguments than they name. */

int __real_posix_spawnp(pid_t *ret_pid, const char *file, const posix_spawn_file_actions_t *actions,
                        const posix_spawnattr_t *attributes, char *const words[],
                        char *const environment[]);
int __wrap_posix_spawnp(pid_t *ret_pid, const char *file, const posix_spawn_file_actions_t *actions,
                        const posix_spawnattr_t *attributes, char *const words[],
                        char *const environment[]);
int __wrap_posix_spawnp(pid_t *ret_pid, const char *file, const posix_spawn_file_actions_t *actions,
                        const posix_spawnattr_t *attributes, char *const words[],
                        char *const environment[])
{
    int wrong = fault("posix_spawnp");
    return wrong ? wrong
                 : __real_posix_spawnp(ret_pid, file, actions, attributes, words, environment);
}

typedef int sqlite_row(void *context, int count, char **columns, char **names);
int __real_sqlite3_exec(sqlite3 *database, const char *sql, sqlite_row *row, void *context,
                        char **ret_message);
int __wrap_sqlite3_exec(sqlite3 *database, const char *sql, sqlite_row *row, void *context,
                        char **ret_message);
int __wrap_sqlite3_exec(sqlite3 *database, const char *sql, sqlite_row *row, void *context,
                        char **ret_message)
{
    int wrong = fault("sqlite3_exec");
    if (wrong == 0)
        return __real_sqlite3_exec(database, sql, row, context, ret_message);
    return wrong == EAGAIN ? SQLITE_BUSY : SQLITE_IOERR;
}

static mode_t mode_of(int flags, va_list list)
{
    return flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(list, mode_t) : 0;
}

int __wrap_open64(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...)
{
    va_list list;
    va_start(list, flags);
    mode_t mode = mode_of(flags, list);
    va_end(list);
    int wrong = fault("open");
    if (wrong == 0)
        return __real_open64(path, flags, mode);
    errno = wrong;
    return -1;
}

int __real_openat64(int folder, const char *path, int flags, ...);
int __wrap_openat64(int folder, const char *path, int flags, ...);
int __wrap_openat64(int folder, const char *path, int flags, ...)
{
    va_list list;
    va_start(list, flags);
    mode_t mode = mode_of(flags, list);
    va_end(list);
    int wrong = fault("openat");
    if (wrong == 0)
        return __real_openat64(folder, path, flags, mode);
    errno = wrong;
    return -1;
}

int __real_fcntl64(int file, int what, ...);
int __wrap_fcntl64(int file, int what, ...);
int __wrap_fcntl64(int file, int what, ...)
{
    va_list list;
    va_start(list, what);
    void *argument = va_arg(list, void *); /* every argument fits, and none is looked at */
    va_end(list);
    int wrong = fault("fcntl");
    if (wrong == 0)
        return __real_fcntl64(file, what, argument);
    errno = wrong;
    return -1;
}

int __real_asprintf(char **ret_text, const char *format, ...);
int __wrap_asprintf(char **ret_text, const char *format, ...) __attribute__((format(printf, 2, 3)));
int __wrap_asprintf(char **ret_text, const char *format, ...)
{
    va_list list;
    if (fault("asprintf")) {
        errno = ENOMEM;
        return -1;
    }
    va_start(list, format);
    int length = __real_vasprintf(ret_text, format, list);
    va_end(list);
    return length;
}
