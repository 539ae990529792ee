/* libthrum-cluster and the rights that a server asks for: passwords, tokens, nkeys, credentials, TLS. What is wrong is
 * refused when the executor is made, with a message that says what to look at. */
#include "certificates.h"
#include "nkeys.h"
#include "support_cluster.h"
#include "untouched.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <sys/socket.h>

/* Rights that are good: a task goes to a worker and back. The client is first: nats-server 2.9 makes the storage of an
 * account at its first connection, and twice if two come at once. */
static void check_accepted(const thrum_cluster_options *rights)
{
    test_rights = *rights;
    struct local_worker worker = {0};
    thrum_executor *cluster = new_cluster(rights);
    start_local(&worker);
    check_square(cluster);
    thrum_executor_shutdown(cluster);
    stop_local(&worker);
}

/* They are refused with a message that has `text` in it. */
static void check_refused(const thrum_cluster_options *rights, int code, const char *text)
{
    thrum_error error = {0};
    thrum_cluster_options options = options_with(rights);
    FAILS(thrum_cluster_new(&options, FIRST, &error, thrum_in(600)), code);
    if (!strstr(error.message, text))
        CHECK_STR(error.message, text);
}

TEST(a_wrong_password_and_a_wrong_token_are_refused)
{
    nats_server_start(&server, "authorization { user: test, password: right }");
    check_accepted(&(thrum_cluster_options){.user = "test", .password = "right"});
    check_refused(&(thrum_cluster_options){.user = "test", .password = "wrong"}, -EACCES, "user");
    check_refused(NULL, -EACCES, "user");
    nats_server_finish(&server);
    nats_server_start(&server, "authorization { token: secret }");
    snprintf(server.url, sizeof server.url, "nats://secret@127.0.0.1:%d", server.port);
    check_accepted(&(thrum_cluster_options){0});
    snprintf(server.url, sizeof server.url, "nats://guess@127.0.0.1:%d", server.port);
    thrum_error error = {0};
    thrum_cluster_options options = options_with(NULL);
    FAILS(thrum_cluster_new(&options, FIRST, &error, thrum_in(600)), -EACCES);
    CHECK(!strstr(error.message, "guess")); /* a message goes to logs */
    nats_server_finish(&server);
}

TEST(a_wrong_nkey_is_refused)
{
    struct nkey right, wrong;
    char config[200], right_path[100], wrong_path[100];
    nkey_make(&right, NKEY_USER);
    nkey_make(&wrong, NKEY_USER);
    snprintf(config, sizeof config, "authorization { users: [ { nkey: %s } ] }", right.public);
    nats_server_start(&server, config);
    snprintf(right_path, sizeof right_path, "%s/right", server.folder);
    snprintf(wrong_path, sizeof wrong_path, "%s/wrong", server.folder);
    nkey_write(right_path, &right, NULL);
    nkey_write(wrong_path, &wrong, NULL);
    check_accepted(&(thrum_cluster_options){.nkey = right.public, .nkey_seed = right_path});
    check_refused(&(thrum_cluster_options){.nkey = wrong.public, .nkey_seed = wrong_path}, -EACCES,
                  "nkey");
    check_refused(&(thrum_cluster_options){.nkey = right.public, .nkey_seed = wrong_path}, -EACCES,
                  "nkey");
    check_refused(&(thrum_cluster_options){.nkey = right.public}, -EINVAL, "nkey_seed");
    check_refused(&(thrum_cluster_options){.nkey = right.public, .nkey_seed = "/none"}, -EINVAL,
                  "nkey_seed");
    nats_server_finish(&server);
}

/* A server that refuses all who connect, and counts those that sign its nonce. */
struct refuser {
    struct nkey key;
    int listener, port;
    int connections, with_signature;
};

/* A nonce whose signature begins with a zero byte, or does not. */
static void find_nonce(const struct nkey *key, bool zero, char nonce[16])
{
    unsigned char signature[64];
    unsigned number = 0;
    do {
        snprintf(nonce, 16, "%011u", number++);
        nkey_sign(key, nonce, signature);
    } while ((signature[0] == 0) != zero);
}

static void refuse(struct refuser *refuser, int connection)
{
    static const char refusal[] = "-ERR 'Authorization Violation'\r\n";
    char nonce[16], text[2048];
    size_t size = 0;
    ssize_t got = 1;
    find_nonce(&refuser->key, refuser->connections++ == 0, nonce);
    int length = snprintf(text, sizeof text,
                          "INFO {\"server_id\":\"x\",\"version\":\"2.9.10\",\"headers\":true,"
                          "\"auth_required\":true,\"max_payload\":1048576,\"nonce\":\"%s\"}\r\n",
                          nonce);
    CHECK_INT(write(connection, text, (size_t)length), ==, length);
    while (got > 0 && size + 1 < sizeof text) {
        text[size] = '\0';
        if (strstr(text, "PING"))
            break;
        got = read(connection, text + size, sizeof text - 1 - size);
        size += got > 0 ? (size_t)got : 0;
    }
    refuser->with_signature += strstr(text, "\"sig\":\"") && !strstr(text, "\"sig\":\"\"");
    (void)!write(connection, refusal, strlen(refusal));
    close(connection);
}

static int refuse_all(thrum_task *self)
{
    struct refuser *refuser = thrum_arg(self, struct refuser *);
    int connection;
    while ((connection = accept4(refuser->listener, NULL, NULL, SOCK_CLOEXEC)) >= 0)
        refuse(refuser, connection);
    return 0;
}

/* If a signature begins with a zero byte, libnats sends an empty one. So right keys are refused for one nonce of 256, and another
 * nonce is asked for. */
TEST(a_nonce_that_libnats_cannot_sign_is_followed_by_another)
{
    struct refuser refuser = {.connections = 0};
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof address;
    char seed[100];
    nkey_make(&refuser.key, NKEY_USER);
    nats_server_folder(&server);
    snprintf(seed, sizeof seed, "%s/seed", server.folder);
    nkey_write(seed, &refuser.key, NULL);
    refuser.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK_INT(bind(refuser.listener, (struct sockaddr *)&address, size), ==, 0);
    CHECK_INT(getsockname(refuser.listener, (struct sockaddr *)&address, &size), ==, 0);
    CHECK_INT(listen(refuser.listener, 16), ==, 0);
    snprintf(server.url, sizeof server.url, "nats://127.0.0.1:%d", ntohs(address.sin_port));
    thrum_thread *thread = thrum_thread_start(refuse_all, thrum_value(struct refuser *, &refuser));
    check_refused(&(thrum_cluster_options){.nkey = refuser.key.public, .nkey_seed = seed}, -EACCES,
                  "nkey");
    CHECK_INT(shutdown(refuser.listener, SHUT_RDWR), ==, 0);
    CHECK_INT(thrum_thread_join(thread, THRUM_FOREVER), ==, 0);
    thrum_thread_free(thread);
    close(refuser.listener);
    CHECK_INT(refuser.with_signature, >=, 1);
    CHECK_INT(refuser.connections, ==, 4);
    CHECK_INT(unlink(seed), ==, 0);
    CHECK_INT(rmdir(server.folder), ==, 0);
}

TEST(wrong_credentials_are_refused)
{
    static const char account_rights[] =
        "{\"limits\":{\"subs\":-1,\"data\":-1,\"payload\":-1,\"imports\":-1,\"exports\":-1,"
        "\"wildcards\":true,\"conn\":-1,\"leaf\":-1,\"mem_storage\":-1,\"disk_storage\":-1,"
        "\"streams\":-1,\"consumer\":-1},\"type\":\"account\",\"version\":2}";
    static const char user_rights[] =
        "{\"pub\":{},\"sub\":{},\"subs\":-1,\"data\":-1,\"payload\":-1,\"type\":\"user\","
        "\"version\":2}";
    struct nkey operator, account, system, other, user;
    char tokens[3][2048], token[2048], config[8192], path[2][100];
    nkey_make(&operator, NKEY_OPERATOR);
    nkey_make(&account, NKEY_ACCOUNT);
    nkey_make(&other, NKEY_ACCOUNT);
    nkey_make(&user, NKEY_USER);
    nkey_make(&system, NKEY_ACCOUNT);
    nkey_token(tokens[0], sizeof tokens[0], &operator, operator.public,
               "{\"type\":\"operator\",\"version\":2}");
    nkey_token(tokens[1], sizeof tokens[1], &operator, account.public, account_rights);
    nkey_token(tokens[2], sizeof tokens[2], &operator, system.public,
               "{\"type\":\"account\",\"version\":2}");
    snprintf(config, sizeof config,
             "operator: \"%s\"\nsystem_account: %s\nresolver: MEMORY\n"
             "resolver_preload: { %s: %s, %s: %s }",
             tokens[0], system.public, account.public, tokens[1], system.public, tokens[2]);
    nats_server_start(&server, config);
    for (int i = 0; i < 2; i++) {
        snprintf(path[i], sizeof path[i], "%s/%d.creds", server.folder, i);
        nkey_token(token, sizeof token, i ? &other : &account, user.public, user_rights);
        nkey_write(path[i], &user, token);
    }
    check_accepted(&(thrum_cluster_options){.credentials = path[0]});
    check_refused(&(thrum_cluster_options){.credentials = path[1]}, -EACCES, "credentials");
    check_refused(&(thrum_cluster_options){.credentials = "/none"}, -EINVAL, "credentials");
    check_refused(NULL, -EACCES, "credentials");
    nats_server_finish(&server);
}

/* ------------------------------------------------------------------------------------------- TLS */

static struct certificate authority, stranger, for_server, for_client, expired, elsewhere;

static void make_certificates(void)
{
    certificate_make(&authority, "authority", NULL, -DAY, DAY);
    certificate_make(&stranger, "stranger", NULL, -DAY, DAY);
    certificate_make(&for_server, "localhost", &authority, -DAY, DAY);
    certificate_make(&elsewhere, "elsewhere", &authority, -DAY, DAY);
    certificate_make(&expired, "localhost", &authority, -DAY, -DAY / 2);
    certificate_make(&for_client, "client", &authority, -DAY, DAY);
}

static void start_tls(const struct certificate *certificate, const char *more)
{
    char config[500];
    snprintf(config, sizeof config,
             "tls { cert_file: \"%s\", key_file: \"%s\", ca_file: \"%s\" %s }", certificate->path,
             certificate->path, authority.path, more);
    nats_server_start(&server, config);
    snprintf(server.url, sizeof server.url, "nats://localhost:%d", server.port);
}

static void free_certificates(void)
{
    struct certificate *all[] = {&authority, &stranger,   &for_server,
                                 &expired,   &for_client, &elsewhere};
    for (int i = 0; i < 6; i++)
        certificate_free(all[i]);
}

TEST(a_server_whose_certificate_nobody_has_signed_is_refused)
{
    make_certificates();
    start_tls(&for_server, "");
    check_accepted(&(thrum_cluster_options){.tls_ca = authority.path});
    check_refused(&(thrum_cluster_options){.tls_ca = stranger.path}, -EACCES, "tls_ca");
    check_refused(&(thrum_cluster_options){.tls_ca = "/none"}, -EINVAL, "tls_ca");
    check_refused(NULL, -EACCES, "tls_ca");
    snprintf(server.url, sizeof server.url, "nats://127.0.0.1:%d", server.port);
    check_accepted(&(thrum_cluster_options){.tls_ca = authority.path});
    check_refused(&(thrum_cluster_options){.tls_ca = authority.path, .tls_name = "elsewhere"},
                  -EACCES, "tls_name");
    check_accepted(&(thrum_cluster_options){.tls_ca = authority.path, .tls_name = "localhost"});
    snprintf(server.url, sizeof server.url, "nats://127.0.0.1:%d,nats://localhost:%d", server.port,
             server.port);
    check_refused(&(thrum_cluster_options){.tls_ca = authority.path}, -EINVAL, "tls_name");
    nats_server_finish(&server);
    start_tls(&elsewhere, "");
    check_refused(&(thrum_cluster_options){.tls_ca = authority.path}, -EACCES, "tls_name");
    check_accepted(&(thrum_cluster_options){.tls_ca = authority.path, .tls_name = "elsewhere"});
    nats_server_finish(&server);
    start_tls(&expired, "");
    check_refused(&(thrum_cluster_options){.tls_ca = authority.path}, -EACCES, "tls_ca");
    nats_server_finish(&server);
    nats_server_start(&server, NULL);
    check_refused(&(thrum_cluster_options){.tls_ca = authority.path}, -EACCES, "TLS");
    nats_server_finish(&server);
    free_certificates();
}

TEST(a_client_without_a_certificate_is_refused_where_the_server_asks_for_one)
{
    make_certificates();
    start_tls(&for_server, ", verify: true");
    check_accepted(&(thrum_cluster_options){
        .tls_ca = authority.path, .tls_certificate = for_client.path, .tls_key = for_client.path});
    check_refused(&(thrum_cluster_options){.tls_ca = authority.path}, -EACCES, "tls_certificate");
    check_refused(&(thrum_cluster_options){.tls_ca = authority.path,
                                           .tls_certificate = stranger.path,
                                           .tls_key = stranger.path},
                  -EACCES, "tls_certificate");
    check_refused(&(thrum_cluster_options){.tls_ca = authority.path, .tls_certificate = "/none"},
                  -EINVAL, "tls_certificate");
    nats_server_finish(&server);
    free_certificates();
}
