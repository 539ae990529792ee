/* Stands before the C library's in the program that it is linked into, for its libraries, too: no name
 * has an address, and to find that out takes a while. */
#include <netdb.h>
#include <unistd.h>

int getaddrinfo(const char *name, const char *service, const struct addrinfo *wanted,
                struct addrinfo **ret_list)
{
    (void)name;
    (void)service;
    (void)wanted;
    (void)ret_list;
    usleep(300000);
    return EAI_NONAME;
}
