/* Settings: OpenSSL's contexts, one for each certificate of a server.
 *
 * A server with several certificates has a context for each. The first makes all connections. When
 * the client has said which name it asks for, the connection is given the first context whose
 * certificate is for that name (OpenSSL compares names, wildcards included). So names need not be
 * listed anywhere else.
 *
 * All contexts are alike but for the certificate, as OpenSSL asks the context that a connection has
 * at the moment, such as for ALPN.
 *
 * OpenSSL keeps errors in a queue for each thread. Every function here empties it before it calls
 * and reads it before it returns; no fiber switch lies between.
 */
#include "settings.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <thrum/task.h>

int thrum_tls__fail(thrum_error *ret_error, int code, const char *what)
{
    unsigned long first = ERR_peek_error();
    const char *reason = first ? ERR_reason_error_string(first) : NULL;
    if (first && ERR_GET_REASON(first) == ERR_R_MALLOC_FAILURE)
        code = -ENOMEM;
    if (!reason)
        reason = thrum_strerror(code);
    ERR_clear_error();
    if (ret_error) {
        ret_error->code = code;
        snprintf(ret_error->message, sizeof ret_error->message, "%s: %s", what, reason);
    }
    return code;
}

/* A file that cannot be used: because it cannot be opened, or for what is in it. */
static int fail_file(thrum_error *ret_error, const char *what, const char *path)
{
    char text[160];
    int code = -EINVAL;
    FILE *file = path ? fopen(path, "re") : NULL;
    if (path && !file) {
        code = -errno;
        ERR_clear_error();
    }
    if (file)
        fclose(file);
    snprintf(text, sizeof text, "%s %s", what, path ? path : "of the system");
    return thrum_tls__fail(ret_error, code, text);
}

/* ----------------------------------------------------------------------------------------- ALPN */

/* The names, each after its length. Returns 0, -EINVAL or -ENOMEM. */
static int pack_protocols(thrum_tls *tls, const char *const *names)
{
    size_t size = 0;
    for (const char *const *name = names; name && *name; name++) {
        size_t length = strlen(*name);
        if (length == 0 || length > 255)
            return -EINVAL;
        size += length + 1;
    }
    if (size == 0)
        return 0;
    if (size > 65535)
        return -EINVAL;
    unsigned char *end = tls->protocols = malloc(size);
    if (!tls->protocols)
        return -ENOMEM;
    tls->protocols_size = size;
    for (const char *const *name = names; *name; name++) {
        size_t length = strlen(*name);
        *end++ = (unsigned char)length;
        memcpy(end, *name, length);
        end += length;
    }
    return 0;
}

/* The server's preference decides. Without one in common the handshake fails, as RFC 7301 has
 * it. */
static int choose_protocol(SSL *ssl, const unsigned char **ret_name, unsigned char *ret_size,
                           const unsigned char *offered, unsigned int offered_size, void *argument)
{
    const thrum_tls *tls = argument;
    unsigned char *chosen;
    (void)ssl;
    if (SSL_select_next_proto(&chosen, ret_size, tls->protocols, (unsigned int)tls->protocols_size,
                              offered, offered_size) != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *ret_name = chosen;
    return SSL_TLSEXT_ERR_OK;
}

static int choose_certificate(SSL *ssl, int *ret_alert, void *argument)
{
    const thrum_tls *tls = argument;
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    (void)ret_alert;
    for (size_t i = 0; name && i < tls->count; i++)
        if (X509_check_host(SSL_CTX_get0_certificate(tls->contexts[i]), name, 0, 0, NULL) == 1)
            return SSL_set_SSL_CTX(ssl, tls->contexts[i]) ? SSL_TLSEXT_ERR_OK
                                                          : SSL_TLSEXT_ERR_ALERT_FATAL;
    return SSL_TLSEXT_ERR_OK;
}

/* ------------------------------------------------------------------------------------- contexts */

static int load_certificate(SSL_CTX *context, const char *certificate, const char *key,
                            thrum_error *ret_error)
{
    if (SSL_CTX_use_certificate_chain_file(context, certificate) != 1)
        return fail_file(ret_error, "certificate", certificate);
    key = key ? key : certificate;
    if (SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1)
        return fail_file(ret_error, "private key", key);
    return 0;
}

static int load_trusted(const thrum_tls *tls, SSL_CTX *context, thrum_error *ret_error)
{
    int loaded = tls->trusted ? SSL_CTX_load_verify_file(context, tls->trusted)
                              : SSL_CTX_set_default_verify_paths(context);
    if (loaded != 1)
        return fail_file(ret_error, "trusted certificates", tls->trusted);
    if (tls->server && tls->trusted)
        SSL_CTX_set_client_CA_list(context, SSL_load_client_CA_file(tls->trusted));
    ERR_clear_error();
    return 0;
}

static int set_up(const thrum_tls *tls, SSL_CTX *context, thrum_error *ret_error)
{
    static const unsigned char name[] = "thrum";
    int mode = SSL_VERIFY_NONE;
    if (!tls->server && tls->verifies)
        mode = SSL_VERIFY_PEER;
    if (tls->server && tls->verify_client)
        mode = SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
    SSL_CTX_set_verify(context, mode, NULL);
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    /* A refused write is offered again from another place. Idle connections have no buffers. */
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                  SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF); /* tickets carry sessions */
    SSL_CTX_set_session_id_context(context, name, sizeof name - 1);
    if (tls->server) {
        SSL_CTX_set_tlsext_servername_callback(context, choose_certificate);
        SSL_CTX_set_tlsext_servername_arg(context, (void *)(uintptr_t)tls);
    }
    if (tls->protocols && tls->server)
        SSL_CTX_set_alpn_select_cb(context, choose_protocol, (void *)(uintptr_t)tls);
    if (tls->protocols && !tls->server &&
        SSL_CTX_set_alpn_protos(context, tls->protocols, (unsigned int)tls->protocols_size) != 0)
        return thrum_tls__fail(ret_error, -ENOMEM, "protocols");
    return mode == SSL_VERIFY_NONE ? 0 : load_trusted(tls, context, ret_error);
}

/* Adds a context, with a certificate unless that is NULL. */
static int add_context(thrum_tls *tls, const char *certificate, const char *key,
                       thrum_error *ret_error)
{
    ERR_clear_error();
    SSL_CTX **larger = realloc(tls->contexts, (tls->count + 1) * sizeof *larger);
    if (!larger)
        return thrum_tls__fail(ret_error, -ENOMEM, "TLS settings");
    tls->contexts = larger;
    SSL_CTX *context = SSL_CTX_new(tls->server ? TLS_server_method() : TLS_client_method());
    if (!context)
        return thrum_tls__fail(ret_error, -ENOMEM, "TLS settings");
    int rc = set_up(tls, context, ret_error);
    if (rc == 0 && certificate)
        rc = load_certificate(context, certificate, key, ret_error);
    if (rc < 0)
        SSL_CTX_free(context);
    else
        tls->contexts[tls->count++] = context;
    return rc;
}

/* ---------------------------------------------------------------------------------------- lives */

static int new_settings(const thrum_tls_options *options, bool server, thrum_tls **ret_tls,
                        thrum_error *ret_error)
{
    thrum_tls_options chosen = options ? *options : (thrum_tls_options){0};
    /* OpenSSL must not clean up at the exit of the program: tasks of pools use it until the library
     * has joined its workers, and that comes later. */
    if (OPENSSL_init_ssl(OPENSSL_INIT_NO_ATEXIT, NULL) != 1)
        return thrum_tls__fail(ret_error, -ENOMEM, "OpenSSL");
    thrum_tls *tls = calloc(1, sizeof *tls);
    if (!tls)
        return thrum_tls__fail(ret_error, -ENOMEM, "TLS settings");
    tls->server = server;
    tls->verifies = !server && !chosen.no_verify;
    tls->verify_client = server && chosen.verify_client;
    int rc = pack_protocols(tls, chosen.protocols);
    if (rc < 0)
        rc = thrum_tls__fail(ret_error, rc, "a protocol's name must have 1 to 255 bytes");
    if (rc == 0 && chosen.trusted && !(tls->trusted = strdup(chosen.trusted)))
        rc = thrum_tls__fail(ret_error, -ENOMEM, "TLS settings");
    if (rc == 0)
        rc = add_context(tls, chosen.certificate, chosen.key, ret_error);
    if (rc < 0)
        thrum_tls_free(tls);
    else
        *ret_tls = tls;
    return rc;
}

int thrum_tls_new_client(const thrum_tls_options *options, thrum_tls **ret_tls,
                         thrum_error *ret_error)
{
    if (options && options->verify_client)
        return thrum_tls__fail(ret_error, -EINVAL, "verify_client is for servers");
    return new_settings(options, false, ret_tls, ret_error);
}

int thrum_tls_new_server(const thrum_tls_options *options, thrum_tls **ret_tls,
                         thrum_error *ret_error)
{
    if (!options || !options->certificate)
        return thrum_tls__fail(ret_error, -EINVAL, "a server needs a certificate");
    if (options->no_verify)
        return thrum_tls__fail(ret_error, -EINVAL, "no_verify is for clients");
    return new_settings(options, true, ret_tls, ret_error);
}

int thrum_tls_add_certificate(thrum_tls *tls, const char *certificate, const char *key,
                              thrum_error *ret_error)
{
    if (!tls->server)
        return thrum_tls__fail(ret_error, -EINVAL,
                               "only settings for servers take further certificates");
    return add_context(tls, certificate, key, ret_error);
}

void thrum_tls_free(thrum_tls *tls)
{
    if (!tls)
        return;
    for (size_t i = 0; i < tls->count; i++)
        SSL_CTX_free(tls->contexts[i]);
    free(tls->contexts);
    free(tls->protocols);
    free(tls->trusted);
    free(tls);
}
