/* How often a case fails without a schedule: it runs COUNT times in a process of its own, one run after another, and those
 * that did not end with status 0 are counted. A run that lasts longer than others is set aside, so that the next one can
 * begin. It hangs if none of its threads has run or could run for HANG_MS, or if it has used SPIN_MS of processor time, and
 * is ended then. No case that is counted so sleeps or computes that long.
 */
#ifndef TESTS_SCHEDULE_NATIVE_H
#define TESTS_SCHEDULE_NATIVE_H

#include <dirent.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { ASIDE_MOST = 64, ASIDE_MS = 3, HANG_MS = 1000, SPIN_MS = 100 };

static struct native_late {
    pid_t pid;
    long since;          /* milliseconds: when its threads began to rest */
    unsigned long ticks; /* of processor time that it had used then */
} native_late_list[ASIDE_MOST];
static int native_late_count;
static long native_count, native_failed, native_hung;

static long now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static pid_t start_run(void (*run)(void))
{
    pid_t pid = fork();
    if (pid > 0)
        return pid;
    if (pid < 0 || !freopen("/dev/null", "w", stdout) || !freopen("/dev/null", "w", stderr))
        exit(4);
    sigset_t none;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    run();
    exit(0);
}

/* True if each thread of the process sleeps. Adds the processor time that they have used. */
static bool rests(pid_t pid, unsigned long *ret_ticks)
{
    char path[300], text[1024];
    bool all = true;
    snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    DIR *list = opendir(path);
    *ret_ticks = 0;
    for (struct dirent *entry; list && (entry = readdir(list)) != NULL;) {
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "/proc/%d/task/%s/stat", (int)pid, entry->d_name);
        FILE *file = fopen(path, "r");
        size_t size = file ? fread(text, 1, sizeof text - 1, file) : 0;
        text[size] = 0;
        const char *rest = strrchr(text, ')');
        char state = '?';
        unsigned long user = 0, kernel = 0;
        if (rest && sscanf(rest + 1, " %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &state,
                           &user, &kernel) == 3)
            *ret_ticks += user + kernel;
        all &= state == 'S';
        if (file)
            fclose(file);
    }
    if (list)
        closedir(list);
    return all;
}

static void note_end(int status)
{
    native_count++;
    native_failed += status != 0;
}

static bool hangs(struct native_late *late)
{
    unsigned long ticks;
    bool rest = rests(late->pid, &ticks);
    if (ticks * 1000 / (unsigned long)sysconf(_SC_CLK_TCK) >= SPIN_MS)
        return true;
    if (rest && ticks == late->ticks)
        return now_ms() - late->since >= HANG_MS;
    late->ticks = ticks;
    late->since = now_ms();
    return false;
}

/* Looks at the runs that were set aside. */
static void look_aside(void)
{
    for (int i = 0; i < native_late_count; i++) {
        int status;
        if (waitpid(native_late_list[i].pid, &status, WNOHANG) == native_late_list[i].pid) {
            note_end(status);
            native_late_list[i--] = native_late_list[--native_late_count];
        } else if (hangs(&native_late_list[i])) {
            kill(native_late_list[i].pid, SIGKILL);
            waitpid(native_late_list[i].pid, &status, 0);
            note_end(status);
            native_hung++;
            native_late_list[i--] = native_late_list[--native_late_count];
        }
    }
}

static void run_once(void (*run)(void), const sigset_t *child)
{
    struct timespec most = {0, ASIDE_MS * 1000000l};
    int status;
    pid_t pid = start_run(run);
    long begun = now_ms();
    while (waitpid(pid, &status, WNOHANG) == 0) {
        if (now_ms() - begun >= ASIDE_MS) {
            native_late_list[native_late_count].pid = pid;
            native_late_list[native_late_count].ticks = 0;
            native_late_list[native_late_count++].since = now_ms();
            return;
        }
        (void)sigtimedwait(child, NULL, &most);
    }
    note_end(status);
}

static int native_runs(void (*run)(void), long count)
{
    sigset_t child;
    struct timespec most = {0, ASIDE_MS * 1000000l};
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child, NULL);
    for (long i = 0; i < count; i++) {
        while (native_late_count == ASIDE_MOST) {
            (void)sigtimedwait(&child, NULL, &most);
            look_aside();
        }
        run_once(run, &child);
        if (native_late_count && i % 16 == 0)
            look_aside();
    }
    while (native_late_count) {
        (void)sigtimedwait(&child, NULL, &most);
        look_aside();
    }
    printf("%ld of %ld failed, %ld of them hung\n", native_failed, native_count, native_hung);
    return 0;
}

#endif
