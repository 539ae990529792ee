/* Secrets stand in files, or in NATS_URL: the command line of a process can be read by all users of the machine. */
#include "login.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <thrum_cluster.h>

const char *cluster_login_given(const struct cluster_login *login)
{
    return login->user              ? "--user"
           : login->password_file   ? "--password-file"
           : login->credentials     ? "--credentials"
           : login->nkey            ? "--nkey"
           : login->nkey_seed       ? "--nkey-seed"
           : login->tls_ca          ? "--tls-ca"
           : login->tls_name        ? "--tls-name"
           : login->tls_certificate ? "--tls-certificate"
           : login->tls_key         ? "--tls-key"
                                    : NULL;
}

const char *cluster_login_wrong(const struct cluster_login *login, const char *pool)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
    size_t length = pool ? strlen(pool) : 1;
    if (length == 0 || length > 32 || (pool && strspn(pool, letters) != length))
        return "the name of a pool has 1 to 32 letters, digits, '-' and '_'";
    if (!login->user != !login->password_file)
        return "--user and --password-file need each other";
    if (!login->nkey != !login->nkey_seed)
        return "--nkey and --nkey-seed need each other";
    if (!login->tls_ca && (login->tls_certificate || login->tls_name))
        return "--tls-certificate and --tls-name need --tls-ca";
    if (!login->tls_certificate && login->tls_key)
        return "--tls-key needs --tls-certificate";
    return NULL;
}

static int fail(thrum_error *ret_error, int code, const char *file, const char *why)
{
    ret_error->code = code;
    snprintf(ret_error->message, sizeof ret_error->message,
             "--password-file: cannot read %.160s: %s", file, why);
    return code;
}

/* The first line of a file, which may have no end. */
static int read_password(const char *file, char *password, thrum_error *ret_error)
{
    FILE *stream = fopen(file, "re");
    if (!stream)
        return fail(ret_error, -errno, file, strerror(errno));
    errno = 0;
    bool read = fgets(password, CLUSTER_PASSWORD_SIZE, stream) != NULL;
    int error = ferror(stream) ? errno : 0;
    (void)fclose(stream);
    if (error)
        return fail(ret_error, -error, file, strerror(error));
    size_t length = read ? strcspn(password, "\r\n") : 0;
    if (length == 0 || length == CLUSTER_PASSWORD_SIZE - 1)
        return fail(ret_error, -EINVAL, file,
                    length ? "its first line is too long" : "its first line is empty");
    password[length] = '\0';
    return 0;
}

int cluster_login_take(const struct cluster_login *login, thrum_cluster_options *ret_options,
                       char *password, thrum_error *ret_error)
{
    const char *url = getenv("NATS_URL");
    int rc = login->password_file ? read_password(login->password_file, password, ret_error) : 0;
    if (rc < 0)
        return rc;
    ret_options->servers = login->server && *login->server ? login->server
                           : url && *url                   ? url
                                                           : NULL;
    ret_options->user = login->user;
    ret_options->password = login->password_file ? password : NULL;
    ret_options->credentials = login->credentials;
    ret_options->nkey = login->nkey;
    ret_options->nkey_seed = login->nkey_seed;
    ret_options->tls_ca = login->tls_ca;
    ret_options->tls_name = login->tls_name;
    ret_options->tls_certificate = login->tls_certificate;
    ret_options->tls_key = login->tls_key;
    return 0;
}
