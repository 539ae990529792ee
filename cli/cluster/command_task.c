/* A request is the timeout and the words, each with a zero byte behind it. A result is a head of fixed size, the name of the
 * host, and the two outputs. */
#include "command_task.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

struct head {
    int32_t error, status;
    uint16_t timed_out, wanted_terminal;
    uint32_t host_size;
    double seconds;
    uint64_t out_size, err_size;
};

void command_task_register(thrum_task_fn *function)
{
    static thrum_named_task task;
    task = (thrum_named_task){function, "thrum_run_command", 1, NULL};
    thrum_task_register(&task);
}

char *command_pack(char *const *words, double timeout, size_t *ret_size)
{
    size_t size = sizeof timeout, at = sizeof timeout;
    for (char *const *word = words; *word; word++)
        size += strlen(*word) + 1;
    char *bytes = malloc(size);
    if (!bytes)
        return NULL;
    memcpy(bytes, &timeout, sizeof timeout);
    for (char *const *word = words; *word; word++) {
        size_t length = strlen(*word) + 1;
        memcpy(bytes + at, *word, length);
        at += length;
    }
    *ret_size = size;
    return bytes;
}

int command_unpack(char *bytes, size_t size, char ***ret_words, double *ret_timeout)
{
    double timeout;
    size_t count = 0, at = 0;
    if (size <= sizeof timeout || bytes[size - 1] != '\0' || !bytes[sizeof timeout])
        return -EINVAL;
    memcpy(&timeout, bytes, sizeof timeout);
    for (size_t i = sizeof timeout; i < size; i++)
        count += bytes[i] == '\0';
    if (!isfinite(timeout) || timeout < 0 || count > COMMAND_WORDS_MOST)
        return -EINVAL;
    char **words = calloc(count + 1, sizeof *words);
    if (!words)
        return -ENOMEM;
    for (char *word = bytes + sizeof timeout; at < count; word += strlen(word) + 1)
        words[at++] = word;
    *ret_words = words;
    *ret_timeout = timeout;
    return 0;
}

size_t command_head_size(const struct command_outcome *outcome)
{
    return sizeof(struct head) + strlen(outcome->host);
}

void command_head_pack(const struct command_outcome *outcome, char *bytes)
{
    struct head head = {
        .error = outcome->error,
        .status = outcome->status,
        .timed_out = outcome->timed_out,
        .wanted_terminal = outcome->wanted_terminal,
        .host_size = (uint32_t)strlen(outcome->host),
        .seconds = outcome->seconds,
        .out_size = outcome->out_size,
        .err_size = outcome->err_size,
    };
    memcpy(bytes, &head, sizeof head);
    memcpy(bytes + sizeof head, outcome->host, head.host_size);
}

/* The name goes to the log as it is. */
static bool is_host(const char *name, size_t size)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
    for (size_t i = 0; i < size; i++)
        if (!name[i] || !strchr(letters, name[i]))
            return false;
    return size > 0;
}

int command_outcome_unpack(const char *bytes, size_t size, struct command_outcome *ret_outcome)
{
    struct head head;
    if (size < sizeof head)
        return -EPROTO;
    memcpy(&head, bytes, sizeof head);
    size_t left = size - sizeof head;
    if (head.host_size >= COMMAND_HOST_SIZE || head.host_size > left ||
        !is_host(bytes + sizeof head, head.host_size))
        return -EPROTO;
    left -= head.host_size;
    if (head.out_size > left || head.err_size != left - head.out_size)
        return -EPROTO;
    bool ended = WIFEXITED(head.status) || WIFSIGNALED(head.status);
    if (!ended || head.status < 0 || head.status > 0xffff || head.error > 0 || head.error < -4095 ||
        head.timed_out > 1 || head.wanted_terminal > 1 || !isfinite(head.seconds) ||
        head.seconds < 0)
        return -EPROTO;
    *ret_outcome = (struct command_outcome){
        .error = head.error,
        .status = head.status,
        .timed_out = head.timed_out,
        .wanted_terminal = head.wanted_terminal,
        .seconds = head.seconds,
        .out = bytes + sizeof head + head.host_size,
        .err = bytes + sizeof head + head.host_size + head.out_size,
        .out_size = (size_t)head.out_size,
        .err_size = (size_t)head.err_size,
    };
    memcpy(ret_outcome->host, bytes + sizeof head, head.host_size);
    return 0;
}
