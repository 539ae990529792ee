/* Addresses: from names, from paths, and to text.
 *
 * To resolve a name may take seconds, and the C library offers no way to do so without holding the
 * thread. A fiber has it done by thrum_blocking; digits need no resolving and are read at once.
 */
#include "net/socket.h"
#include <thrum/blocking.h>
#include <thrum/task.h>

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

enum { HOST_SIZE = 256 };

struct question {
    char host[HOST_SIZE];
    uint16_t port;
    bool passive;
};

struct answer {
    thrum__address addresses[THRUM__ADDRESSES];
    int count;
};

static int resolve(thrum_task *self)
{
    const struct question *question = &thrum_arg(self, struct question);
    struct answer answer = {0};
    int count = thrum__socket_resolve(question->host, question->port, question->passive, false,
                                      answer.addresses, THRUM__ADDRESSES);
    if (count < 0)
        return count;
    answer.count = count;
    return thrum_return(self, &answer, sizeof answer);
}

int thrum__addresses_of(const char *host, uint16_t port, bool passive, thrum_deadline deadline,
                        thrum__address *ret_addresses)
{
    int count = thrum__socket_resolve(host, port, passive, true, ret_addresses, THRUM__ADDRESSES);
    if (count != -ENOENT)
        return count;
    struct question question = {.port = port, .passive = passive};
    struct answer answer;
    thrum_error error;
    size_t length = strlen(host);
    if (length == 0 || length >= HOST_SIZE)
        return -EINVAL;
    memcpy(question.host, host, length);
    if (thrum_blocking(resolve, &question, sizeof question, &answer, sizeof answer, &error,
                       deadline) != 0)
        return error.code;
    memcpy(ret_addresses, answer.addresses, (size_t)answer.count * sizeof *ret_addresses);
    return answer.count;
}

int thrum__address_of_path(const char *path, thrum__address *ret_address)
{
    struct sockaddr_un unix_address = {.sun_family = AF_UNIX};
    size_t length = strlen(path);
    if (length == 0 || length >= sizeof unix_address.sun_path)
        return -EINVAL;
    memcpy(unix_address.sun_path, path, length);
    if (path[0] == '@')
        unix_address.sun_path[0] = '\0';
    else
        length++; /* its end */
    memcpy(&ret_address->storage, &unix_address, sizeof unix_address);
    ret_address->length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
    return 0;
}

static int unix_text(const thrum__address *address, char *ret_text, size_t size)
{
    const struct sockaddr_un *unix_address = (const struct sockaddr_un *)&address->storage;
    size_t start = offsetof(struct sockaddr_un, sun_path);
    size_t length = address->length > start ? address->length - start : 0;
    bool abstract = length > 0 && unix_address->sun_path[0] == '\0';
    if (!abstract)
        length = strnlen(unix_address->sun_path, length);
    if (length >= size)
        return -EMSGSIZE;
    memcpy(ret_text, unix_address->sun_path, length);
    if (abstract)
        ret_text[0] = '@';
    ret_text[length] = '\0';
    return 0;
}

int thrum__address_text(const thrum__address *address, char *ret_text, size_t size)
{
    char host[INET6_ADDRSTRLEN];
    int family = address->storage.ss_family, used;
    if (family == AF_UNIX)
        return unix_text(address, ret_text, size);
    if (family == AF_INET) {
        const struct sockaddr_in *four = (const struct sockaddr_in *)&address->storage;
        inet_ntop(family, &four->sin_addr, host, sizeof host);
        used = snprintf(NULL, 0, "%s:%u", host, ntohs(four->sin_port));
        if ((size_t)used < size)
            snprintf(ret_text, size, "%s:%u", host, ntohs(four->sin_port));
    } else {
        const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)&address->storage;
        inet_ntop(AF_INET6, &six->sin6_addr, host, sizeof host);
        used = snprintf(NULL, 0, "[%s]:%u", host, ntohs(six->sin6_port));
        if ((size_t)used < size)
            snprintf(ret_text, size, "[%s]:%u", host, ntohs(six->sin6_port));
    }
    return (size_t)used < size ? 0 : -EMSGSIZE;
}
