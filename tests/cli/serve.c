/* The server of hostile_server.h as a program, for tests that are scripts: prints its port and serves until
 * standard input ends. */
#include "harness.h"
#include "hostile_server.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The server's checks are those of a test. */
void test_fail(const char *file, int line, const char *what, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    fprintf(stderr, "%s:%d: %s ", file, line, what);
    vfprintf(stderr, format, list);
    fputc('\n', stderr);
    va_end(list);
    _Exit(1);
}

int main(void)
{
    static struct hostile_server server;
    hostile_server_start(&server);
    printf("%d\n", server.port);
    if (fflush(stdout) != 0)
        return 1;
    while (getchar() != EOF)
        continue;
    _Exit(0); /* connections may wait for the gate */
}
