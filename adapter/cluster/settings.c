/* Options: what is checked before anything connects, and the defaults. */
#include "link.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static thrum_time nanoseconds(double seconds, double standard)
{
    double used = seconds > 0 ? seconds : standard;
    return (thrum_time)((used < 1e6 ? used : 1e6) * 1e9);
}

/* Refuses a file that cannot be read: libnats tells it late, and not by its name. */
static int check_file(const char *option, const char *path, thrum_error *ret_error)
{
    if (!path || access(path, R_OK) == 0)
        return 0;
    return thrum_cluster__link_error(ret_error, -EINVAL,
                                     "the file of %s, %.120s, cannot be read: %s", option, path,
                                     thrum_strerror(-errno));
}

/* The host of a URL, not terminated. */
static const char *host_in(const char *url, size_t length, size_t *ret_length)
{
    const char *end = url + length, *at = memrchr(url, '@', length), *scheme = strstr(url, "://");
    const char *host = at ? at + 1 : scheme && scheme < end ? scheme + 3 : url;
    bool brackets = *host == '[';
    host += brackets;
    *ret_length = strcspn(host, brackets ? "]" : ":/, ");
    return host;
}

/* libnats checks no name in a certificate unless it is told one, and then the same for all servers. */
static int name_servers(struct settings *settings, thrum_error *ret_error)
{
    const thrum_cluster_options *given = &settings->given;
    size_t length, used = 0;
    for (const char *url = given->servers; given->tls_ca && !given->tls_name && *url;) {
        size_t size = strcspn(url, ", ");
        const char *host = host_in(url, size, &length);
        if (length >= sizeof settings->tls_name ||
            (used && (length != used || strncmp(host, settings->tls_name, used) != 0)))
            return thrum_cluster__link_error(
                ret_error, -EINVAL,
                "the servers have several names: give tls_name, which the certificates of all have");
        memcpy(settings->tls_name, host, length);
        used = length;
        url += size;
        url += strspn(url, ", ");
    }
    if (given->tls_name)
        snprintf(settings->tls_name, sizeof settings->tls_name, "%s", given->tls_name);
    return 0;
}

static int check_files(const thrum_cluster_options *given, thrum_error *ret_error)
{
    const char *const files[][2] = {{"credentials", given->credentials},
                                    {"nkey_seed", given->nkey_seed},
                                    {"tls_ca", given->tls_ca},
                                    {"tls_certificate", given->tls_certificate},
                                    {"tls_key", given->tls_key}};
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < sizeof files / sizeof files[0]; i++)
        rc = check_file(files[i][0], files[i][1], ret_error);
    if (rc == 0 && given->nkey && !given->nkey_seed)
        rc = thrum_cluster__link_error(ret_error, -EINVAL,
                                       "nkey needs nkey_seed, the file with its seed");
    return rc;
}

int thrum_cluster__settings_take(struct settings *settings, const thrum_cluster_options *options,
                                 thrum_error *ret_error)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
    *settings = (struct settings){.given = options ? *options : (thrum_cluster_options){0}};
    thrum_cluster_options *given = &settings->given;
    const char *pool = given->pool ? given->pool : "default";
    size_t length = strlen(pool);
    if (length == 0 || length > POOL_MOST || strspn(pool, letters) != length)
        return thrum_cluster__link_error(
            ret_error, -EINVAL,
            "the pool \"%.40s\" has no valid name: use at most %d letters, digits, "
            "\"-\" and \"_\"",
            pool, POOL_MOST);
    if (given->max_deliveries < 0 || given->replicas < 0 || given->replicas > 5)
        return thrum_cluster__link_error(
            ret_error, -EINVAL,
            "max_deliveries is %d and replicas is %d: neither may be negative, nor "
            "replicas more than 5",
            given->max_deliveries, given->replicas);
    memcpy(settings->pool, pool, length + 1);
    if (!given->servers)
        given->servers = "nats://127.0.0.1:4222";
    if (!given->max_deliveries)
        given->max_deliveries = 3;
    settings->lease = nanoseconds(given->lease, 30);
    settings->grace = nanoseconds(given->grace, 0.1);
    int rc = check_files(given, ret_error);
    return rc < 0 ? rc : name_servers(settings, ret_error);
}
