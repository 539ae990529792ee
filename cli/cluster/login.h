/* How a command reaches the servers of a cluster: options that several commands have. */
#ifndef CLI_CLUSTER_LOGIN_H
#define CLI_CLUSTER_LOGIN_H

#include <stddef.h>
#include <thrum.h>

struct thrum_cluster_options;

struct cluster_login {
    const char *server; /* URLs with commas between them */
    const char *user, *password_file, *credentials, *nkey, *nkey_seed;
    const char *tls_ca, *tls_name, *tls_certificate, *tls_key;
};

enum { CLUSTER_PASSWORD_SIZE = 1024 };

/* The row of the server, and those of the other options. INTO(field) is the offset in the command's struct, which has them as
 * `login`. */
#define CLUSTER_SERVER_ROW(INTO)                                                                   \
    {                                                                                              \
        's', "server", "URL", "The NATS server; several with commas between them.",                \
            "The default is $NATS_URL, and without it nats://127.0.0.1:4222. All users of the "    \
            "machine can read the command line: leave a token in $NATS_URL.",                      \
            OPTION_TEXT, INTO(login.server)                                                        \
    }

#define CLUSTER_LOGIN_ROWS(INTO)                                                                   \
    {0, "user", "NAME", "The user of the server.", NULL, OPTION_TEXT, INTO(login.user)},           \
        {0,                                                                                        \
         "password-file",                                                                          \
         "FILE",                                                                                   \
         "The first line of FILE is the password.",                                                \
         NULL,                                                                                     \
         OPTION_TEXT,                                                                              \
         INTO(login.password_file),                                                                \
         .completion = COMPLETE_FILE},                                                             \
        {0,                                                                                        \
         "credentials",                                                                            \
         "FILE",                                                                                   \
         "A file with a JWT and the seed of its nkey.",                                            \
         NULL,                                                                                     \
         OPTION_TEXT,                                                                              \
         INTO(login.credentials),                                                                  \
         .completion = COMPLETE_FILE},                                                             \
        {0, "nkey", "KEY", "A public nkey.", NULL, OPTION_TEXT, INTO(login.nkey)},                 \
        {0,                                                                                        \
         "nkey-seed",                                                                              \
         "FILE",                                                                                   \
         "The file with the seed of --nkey.",                                                      \
         NULL,                                                                                     \
         OPTION_TEXT,                                                                              \
         INTO(login.nkey_seed),                                                                    \
         .completion = COMPLETE_FILE},                                                             \
        {0,                                                                                        \
         "tls-ca",                                                                                 \
         "FILE",                                                                                   \
         "Encrypt, and trust the authorities in FILE.",                                            \
         NULL,                                                                                     \
         OPTION_TEXT,                                                                              \
         INTO(login.tls_ca),                                                                       \
         .completion = COMPLETE_FILE},                                                             \
        {0,                                                                                        \
         "tls-name",                                                                               \
         "NAME",                                                                                   \
         "The name in the server's certificate; that of the URL by default.",                      \
         NULL,                                                                                     \
         OPTION_TEXT,                                                                              \
         INTO(login.tls_name)},                                                                    \
        {0,                                                                                        \
         "tls-certificate",                                                                        \
         "FILE",                                                                                   \
         "The certificate to show to the server.",                                                 \
         NULL,                                                                                     \
         OPTION_TEXT,                                                                              \
         INTO(login.tls_certificate),                                                              \
         .completion = COMPLETE_FILE},                                                             \
    {                                                                                              \
        0, "tls-key", "FILE", "The key of --tls-certificate.", NULL, OPTION_TEXT,                  \
            INTO(login.tls_key), .completion = COMPLETE_FILE                                       \
    }

/* The name of an option that was given, but for the server; or NULL. */
const char *cluster_login_given(const struct cluster_login *login);

/* Says what is wrong with the options as a whole and the name of the pool, which may be NULL. NULL if they make sense. */
const char *cluster_login_wrong(const struct cluster_login *login, const char *pool);

/* Sets the options of `ret_options` that are about the servers, and leaves the others. `password` has room for
 * CLUSTER_PASSWORD_SIZE bytes and must live as long as the options. Returns 0 or a negative errno. */
int cluster_login_take(const struct cluster_login *login, struct thrum_cluster_options *ret_options,
                       char *password, thrum_error *ret_error);

#endif
