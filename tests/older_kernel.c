/* Runs a program as on an older kernel: older_kernel PROGRAM [ARGUMENTS]
 *
 * A seccomp filter refuses some system calls to the program and its children, with the error of a kernel that does not have
 * them. Each is made before the program starts, and a call that is not refused is an error. So a test that passes did without
 * them. Guards of pages (MADV_GUARD_INSTALL, Linux 6.13) are an advice to madvise, and are refused by its number. */
#include <err.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined __x86_64__
#define ARCHITECTURE AUDIT_ARCH_X86_64
#else
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#endif

enum { GUARD_INSTALL = 102 };

/* Headers may be older than the calls, whose numbers are the same on x86-64 and aarch64. */
static const struct call {
    const char *name; /* and the kernel that brought it */
    unsigned number;
} calls[] = {
    {"membarrier (4.3)", SYS_membarrier}, {"io_uring_setup (5.1)", 425}, {"close_range (5.9)", 436},
    {"epoll_pwait2 (5.11)", 441},         {"futex_waitv (5.16)", 449},
};
enum { CALLS = sizeof calls / sizeof calls[0] };

/* Statements of a filter: what the kernel runs for each system call. */
static struct sock_filter filter[2 * CALLS + 9];
static unsigned short length;

static void add(unsigned code, size_t value, unsigned char if_true, unsigned char if_false)
{
    filter[length++] =
        (struct sock_filter){(unsigned short)code, if_true, if_false, (unsigned)value};
}

static void refuse_all(void)
{
    add(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch), 0, 0);
    add(BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 1, 0);
    add(BPF_RET | BPF_K, SECCOMP_RET_ALLOW, 0, 0);
    add(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr), 0, 0);
    for (size_t i = 0; i < CALLS; i++) {
        add(BPF_JMP | BPF_JEQ | BPF_K, calls[i].number, 0, 1);
        add(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS, 0, 0);
    }
    add(BPF_JMP | BPF_JEQ | BPF_K, SYS_madvise, 0, 3);
    add(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2]), 0,
        0); /* its lower half */
    add(BPF_JMP | BPF_JEQ | BPF_K, GUARD_INSTALL, 0, 1);
    add(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL, 0, 0);
    add(BPF_RET | BPF_K, SECCOMP_RET_ALLOW, 0, 0);
    const struct sock_fprog program = {length, filter};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
        err(1, "the kernel takes no filter");
}

static void check_all(void)
{
    for (size_t i = 0; i < CALLS; i++)
        if (syscall(calls[i].number, 0, 0, 0, 0, 0, 0) != -1 || errno != ENOSYS)
            errx(1, "%s is not refused", calls[i].name);
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED || madvise(page, 4096, GUARD_INSTALL) == 0 || errno != EINVAL)
        errx(1, "guards of pages are not refused");
    if (madvise(page, 4096, MADV_DONTNEED) < 0)
        err(1, "another advice is refused");
}

int main(int argc, char **argv)
{
    if (argc < 2)
        errx(2, "usage: older_kernel PROGRAM [ARGUMENTS]");
    refuse_all();
    check_all();
    execvp(argv[1], argv + 1);
    err(1, "%s", argv[1]);
}
