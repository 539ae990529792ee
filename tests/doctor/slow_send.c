/* A part of a program that lets a second pass between the connection of the doctor's library to the command and the record that
 * it sends, as when the system runs other programs meanwhile. The library finds this `syscall` in place of the C library's.
 */
#include <dlfcn.h>
#include <stdarg.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

long syscall(long number, ...)
{
    long (*real)(long, ...) = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
    struct timespec second = {.tv_sec = 1};
    long arguments[6];
    va_list list;
    va_start(list, number);
    for (int i = 0; i < 6; i++)
        arguments[i] = va_arg(list, long);
    va_end(list);
    if (number == SYS_sendmsg)
        real(SYS_nanosleep, &second, NULL);
    return real(number, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4],
                arguments[5]);
}
