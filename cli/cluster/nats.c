/* The server is a child process that cannot outlive this one: the kernel kills it then (PR_SET_PDEATHSIG), and only its folder
 * would stay. It has a process group of its own, so Ctrl-C does not end it before its clients. It is made by fork, as there is
 * one thread, and as posix_spawn has no place for the two.
 *
 * It chooses its port itself and writes it to a file in its folder; nothing else could know a port that stays free. */
#include "nats.h"

#include "interrupt.h"
#include "trouble.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PATIENCE_SECONDS = 20, STATUS_NOT_FOUND = 127, PATH_SIZE = 320 };

static int make_folder(struct nats *nats, thrum_error *ret_error)
{
    const char *parent = getenv("TMPDIR");
    parent = parent && *parent ? parent : "/tmp";
    int size = snprintf(nats->folder, sizeof nats->folder, "%s/thrum-nats-XXXXXX", parent);
    if (size >= (int)sizeof nats->folder) {
        nats->folder[0] = '\0';
        return trouble(ret_error, -ENAMETOOLONG, "TMPDIR is too long: %.100s...", parent);
    }
    if (mkdtemp(nats->folder))
        return 0;
    int code = errno;
    nats->folder[0] = '\0';
    return trouble(ret_error, -code, "cannot make a directory in %.120s: %s", parent,
                   thrum_strerror(-code));
}

__attribute__((noreturn)) static void become_server(pid_t parent, const char *folder)
{
    char log[PATH_SIZE], state[PATH_SIZE];
    char *words[] = {(char *)"nats-server",
                     (char *)"-js",
                     (char *)"-a",
                     (char *)"127.0.0.1",
                     (char *)"-p",
                     (char *)"-1",
                     (char *)"-sd",
                     state,
                     (char *)"--ports_file_dir",
                     (char *)(uintptr_t)folder,
                     NULL};
    snprintf(log, sizeof log, "%s/log", folder);
    snprintf(state, sizeof state, "%s/state", folder);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)setpgid(0, 0);
    sigset_t none;
    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    int file = open(log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (file < 0 || dup2(file, STDOUT_FILENO) < 0 || dup2(file, STDERR_FILENO) < 0 ||
        getppid() != parent)
        _exit(STATUS_NOT_FOUND - 1);
    execvp(words[0], words);
    _exit(STATUS_NOT_FOUND);
}

/* Reads the address, once the server has written it. */
static bool read_url(struct nats *nats)
{
    char path[PATH_SIZE], text[512] = "";
    snprintf(path, sizeof path, "%s/nats-server_%d.ports", nats->folder, (int)nats->pid);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = file < 0 ? -1 : read(file, text, sizeof text - 1);
    if (file >= 0)
        (void)close(file);
    char *url = got > 0 ? strstr(text, "nats://") : NULL;
    if (!url || !strchr(url, '"'))
        return false;
    url[strcspn(url, "\"")] = '\0';
    return snprintf(nats->url, sizeof nats->url, "%s", url) < (int)sizeof nats->url;
}

static int await_url(struct nats *nats, thrum_error *ret_error)
{
    int status;
    thrum_deadline end = thrum_in(PATIENCE_SECONDS);
    while (!read_url(nats)) {
        if (waitpid(nats->pid, &status, WNOHANG) == nats->pid) {
            nats->pid = 0;
            bool missing = WIFEXITED(status) && WEXITSTATUS(status) == STATUS_NOT_FOUND;
            return trouble(ret_error, missing ? -ENOENT : -EPROTO,
                           missing ? "cannot start nats-server: install it, or give --nats the URL "
                                     "of one that runs"
                                   : "nats-server ends at its start");
        }
        if (interrupt_asked())
            return trouble(ret_error, -ECANCELED, "stopped");
        if (thrum_now() > end.ns)
            return trouble(ret_error, -ETIMEDOUT, "nats-server does not listen within %d s",
                           PATIENCE_SECONDS);
        (void)!thrum_sleep(thrum_in(0.01));
    }
    return 0;
}

int nats_start(struct nats *ret_nats, thrum_error *ret_error)
{
    *ret_nats = (struct nats){0};
    int rc = make_folder(ret_nats, ret_error);
    if (rc < 0)
        return rc;
    pid_t parent = getpid(), pid = fork();
    if (pid == 0)
        become_server(parent, ret_nats->folder);
    if (pid < 0)
        return trouble(ret_error, -errno, "cannot start nats-server: %s", thrum_strerror(-errno));
    ret_nats->pid = pid;
    return await_url(ret_nats, ret_error);
}

static int remove_entry(const char *path, const struct stat *about, int type, struct FTW *place)
{
    (void)about, (void)type, (void)place;
    return remove(path);
}

void nats_stop(struct nats *nats)
{
    enum { DESCRIPTORS = 16 };
    if (nats->pid > 0) {
        (void)kill(nats->pid, SIGKILL);
        while (waitpid(nats->pid, NULL, 0) < 0 && errno == EINTR)
            continue;
    }
    if (*nats->folder && nftw(nats->folder, remove_entry, DESCRIPTORS, FTW_DEPTH | FTW_PHYS) != 0)
        trouble_print("cannot remove %s: %s", nats->folder, thrum_strerror(-errno));
    *nats = (struct nats){0};
}
