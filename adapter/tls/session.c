/* Sessions: the transport of an encrypted stream, which stands on the transport that the stream had
 * before.
 *
 *     stream  ->  session (SSL)  ->  BIO of this file  ->  the transport below
 *
 * OpenSSL reads and writes through a BIO whose two functions call the transport below. That never
 * waits, so neither does OpenSSL: it says what it would have to wait for. A read may have to wait
 * until something can be written (an answer to a key update) and so on: `wants` has it for each
 * side of the stream.
 *
 * One reads while another writes, and an SSL is not for two threads. So a lock is held around each
 * call of OpenSSL. No wait lies in it, and no wake is lost by it: all that was read from below is
 * in the SSL when the lock is released, and a reader that is told to wait for the transport has
 * found nothing in there. The writing side does not read from below after the handshake, as there
 * is no renegotiation.
 *
 * OpenSSL wants a write that was refused to be made again with the same bytes, or more of them. The
 * stream keeps its unsent bytes in order and offers them from the first, so that is so
 * (net/stream.c).
 *
 * The end. A close_notify is the end of the bytes (0). An end of the transport without one is
 * -ECONNABORTED: an attacker may have cut the connection. `end` sends a close_notify; reads
 * continue after it, as TLS 1.3 allows.
 *
 * Errors. What the transport below returned is kept in `below_error`, as OpenSSL only says that it
 * failed. The error queue belongs to the thread: it is emptied before each call of OpenSSL and read
 * after it, under the lock, and no fiber switch lies between.
 *
 * The session becomes the transport of the stream before the handshake: thrum_stream_layer refuses
 * it if bytes were read ahead. They came in the clear, and must not be taken for what the other
 * side says after it has shown its certificate (the injection of commands into STARTTLS).
 *
 * Rejected: memory BIOs, which hold all that is on the way twice and keep it while the connection
 * is idle.
 *
 * Source: asyncio's sslproto.py for what an end and a cut are.
 */
#include "settings.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <thrum/lock.h>

enum { SIDES = 2, HOST_SIZE = 256 };

struct session {
    SSL *ssl;
    thrum_lock lock; /* around each call of OpenSSL */
    const thrum_transport *below;
    void *object;
    thrum_transport_side wants[SIDES]; /* what a side of ours waits for below */
    int below_error;
    bool below_ended;
    char protocol[256];
};

/* -------------------------------------------------------------------------------------- the BIO */

static int bio_read(BIO *bio, char *buffer, int size)
{
    struct session *session = BIO_get_data(bio);
    ptrdiff_t got = session->below->read(session->object, buffer, (size_t)size);
    BIO_clear_retry_flags(bio);
    if (got == -EAGAIN)
        BIO_set_retry_read(bio);
    else if (got < 0)
        session->below_error = (int)got;
    else if (got == 0)
        session->below_ended = true;
    return got < 0 ? -1 : (int)got;
}

static int bio_write(BIO *bio, const char *data, int size)
{
    struct session *session = BIO_get_data(bio);
    ptrdiff_t put = session->below->write(session->object, data, (size_t)size);
    BIO_clear_retry_flags(bio);
    if (put == -EAGAIN)
        BIO_set_retry_write(bio);
    else if (put < 0)
        session->below_error = (int)put;
    return put < 0 ? -1 : (int)put;
}

static long bio_control(BIO *bio, int command, long number, void *argument)
{
    const struct session *session = BIO_get_data(bio);
    (void)number, (void)argument;
    if (command == BIO_CTRL_EOF)
        return session->below_ended;
    return command == BIO_CTRL_FLUSH;
}

/* Made once, and kept: BIOs refer to it. */
static BIO_METHOD *bio_method(void)
{
    static thrum_lock lock;
    static BIO_METHOD *made;
    thrum_lock_acquire(&lock);
    BIO_METHOD *method = made;
    if (!method) {
        method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "thrum");
        if (method && BIO_meth_set_read(method, bio_read) &&
            BIO_meth_set_write(method, bio_write) && BIO_meth_set_ctrl(method, bio_control)) {
            made = method;
        } else {
            BIO_meth_free(method);
            method = NULL;
        }
    }
    thrum_lock_release(&lock);
    return method;
}

/* -------------------------------------------------------------------------------- the transport */

static void begin(struct session *session)
{
    thrum_lock_acquire(&session->lock);
    ERR_clear_error();
    session->below_error = 0;
}

/* What OpenSSL complains of. It may have failed to tell the other side about it: that is not the
 * reason. */
static int complaint(void)
{
    switch (ERR_GET_REASON(ERR_peek_error())) {
    case SSL_R_UNEXPECTED_EOF_WHILE_READING:
        return -ECONNABORTED;
    case SSL_R_CERTIFICATE_VERIFY_FAILED:
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
        return -EKEYREJECTED;
    case ERR_R_MALLOC_FAILURE:
        return -ENOMEM;
    default:
        return -EPROTO;
    }
}

/* What a call of OpenSSL says that moved nothing. Within the lock, and leaves OpenSSL's errors. */
static int outcome(struct session *session, thrum_transport_side side, int result)
{
    switch (SSL_get_error(session->ssl, result)) {
    case SSL_ERROR_WANT_READ:
        session->wants[side] = THRUM_TRANSPORT_READ;
        return -EAGAIN;
    case SSL_ERROR_WANT_WRITE:
        session->wants[side] = THRUM_TRANSPORT_WRITE;
        return -EAGAIN;
    case SSL_ERROR_ZERO_RETURN:
        return 0;
    case SSL_ERROR_SYSCALL:
        return session->below_error ? session->below_error : -ECONNABORTED;
    default:
        return complaint();
    }
}

static void finish(struct session *session)
{
    ERR_clear_error();
    thrum_lock_release(&session->lock);
}

static ptrdiff_t session_read(void *object, void *buffer, size_t size)
{
    struct session *session = object;
    size_t got = 0;
    begin(session);
    int result = SSL_read_ex(session->ssl, buffer, size, &got);
    int rc = result == 1 ? 0 : outcome(session, THRUM_TRANSPORT_READ, result);
    finish(session);
    return result == 1 ? (ptrdiff_t)got : rc;
}

static ptrdiff_t session_write(void *object, const void *data, size_t size)
{
    struct session *session = object;
    size_t put = 0;
    begin(session);
    int result = SSL_write_ex(session->ssl, data, size, &put);
    int rc = result == 1 ? 0 : outcome(session, THRUM_TRANSPORT_WRITE, result);
    finish(session);
    if (result == 1)
        return (ptrdiff_t)put;
    return rc == 0 ? -EPIPE : rc;
}

static int session_wait(void *object, thrum_transport_side side, bool tried,
                        thrum_deadline deadline)
{
    struct session *session = object;
    if (tried)
        return session->below->wait(session->object, session->wants[side], true, deadline);
    if (side == THRUM_TRANSPORT_WRITE)
        return 0;
    begin(session);
    bool pending = SSL_has_pending(session->ssl);
    finish(session);
    return pending ? 0 : session->below->wait(session->object, side, false, deadline);
}

/* A session that has failed has nobody to announce its end to. */
static int session_end(void *object, bool closing)
{
    struct session *session = object;
    begin(session);
    int result = SSL_shutdown(session->ssl);
    int rc = result >= 0 ? 0 : outcome(session, THRUM_TRANSPORT_WRITE, result);
    finish(session);
    return closing && rc != -EAGAIN ? 0 : rc;
}

static void session_close(void *object)
{
    struct session *session = object;
    session->below->close(session->object);
}

/* Without what lies below. */
static void drop(struct session *session)
{
    SSL_free(session->ssl);
    free(session);
}

static void session_free(void *object)
{
    struct session *session = object;
    session->below->free(session->object);
    drop(session);
}

static const thrum_transport over_tls = {
    .read = session_read,
    .write = session_write,
    .wait = session_wait,
    .end = session_end,
    .close = session_close,
    .free = session_free,
};

/* -------------------------------------------------------------------------------- the handshake */

static struct session *new_session(thrum_tls *tls, thrum_stream *stream)
{
    struct session *session = calloc(1, sizeof *session);
    BIO_METHOD *method = bio_method();
    if (!session || !method || !(session->ssl = SSL_new(tls->contexts[0]))) {
        free(session);
        return NULL;
    }
    BIO *bio = BIO_new(method);
    if (!bio) {
        drop(session);
        return NULL;
    }
    BIO_set_data(bio, session);
    BIO_set_init(bio, 1);
    SSL_set_bio(session->ssl, bio, bio);
    session->below = thrum_stream_transport(stream, &session->object);
    return session;
}

/* Has the certificate checked for `host`, and asks for it by SNI if it is a name. */
static int expect(const thrum_tls *tls, SSL *ssl, const char *host)
{
    char name[HOST_SIZE];
    size_t length = host ? strlen(host) : 0;
    if (!host)
        return tls->verifies ? -EINVAL : 0;
    if (length > 1 && host[length - 1] == '.')
        length--; /* the root of the tree of names, which certificates leave out */
    if (length == 0 || length >= sizeof name)
        return -EINVAL;
    memcpy(name, host, length);
    name[length] = '\0';
    if (X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name) == 1)
        return 0;
    ERR_clear_error();
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    if (SSL_set1_host(ssl, name) != 1 || SSL_set_tlsext_host_name(ssl, name) != 1)
        return -EINVAL;
    return 0;
}

/* One step. Fills `ret_error` for all but -EAGAIN. */
static int step(struct session *session, thrum_error *ret_error)
{
    begin(session);
    int result = SSL_do_handshake(session->ssl);
    int rc = result == 1 ? 0 : outcome(session, THRUM_TRANSPORT_READ, result);
    if (result != 1 && rc == 0)
        rc = -ECONNABORTED;
    long verified = SSL_get_verify_result(session->ssl);
    if (rc == -EKEYREJECTED && verified != X509_V_OK) {
        ERR_clear_error();
        char text[128];
        snprintf(text, sizeof text, "certificate not accepted, %s",
                 X509_verify_cert_error_string(verified));
        (void)thrum_tls__fail(ret_error, rc, text);
    } else if (rc < 0 && rc != -EAGAIN) {
        (void)thrum_tls__fail(ret_error, rc, "TLS handshake");
    }
    finish(session);
    return rc;
}

static int shake_hands(struct session *session, thrum_error *ret_error, thrum_deadline deadline)
{
    int rc;
    while ((rc = step(session, ret_error)) == -EAGAIN) {
        rc = session_wait(session, THRUM_TRANSPORT_READ, true, deadline);
        if (rc < 0)
            return thrum_tls__fail(ret_error, rc, "TLS handshake");
    }
    return rc;
}

static void note_protocol(struct session *session)
{
    const unsigned char *name;
    unsigned int size;
    SSL_get0_alpn_selected(session->ssl, &name, &size);
    if (size > 0 && size < sizeof session->protocol)
        memcpy(session->protocol, name, size);
}

static int encrypt(thrum_tls *tls, thrum_stream *stream, const char *host, thrum_error *ret_error,
                   thrum_deadline deadline)
{
    ERR_clear_error();
    struct session *session = new_session(tls, stream);
    if (!session) {
        (void)!thrum_stream_close(stream, THRUM_NOW); /* nothing was sent that counts */
        return thrum_tls__fail(ret_error, -ENOMEM, "TLS handshake");
    }
    if (tls->server)
        SSL_set_accept_state(session->ssl);
    else
        SSL_set_connect_state(session->ssl);
    int rc = tls->server ? 0 : expect(tls, session->ssl, host);
    if (rc < 0) {
        drop(session);
        return thrum_tls__fail(ret_error, rc, "the host of a TLS connection");
    }
    rc = thrum_stream_layer(stream, &over_tls, session);
    if (rc < 0) {
        drop(session);
        return thrum_tls__fail(ret_error, rc,
                               "bytes were read or written before the TLS handshake");
    }
    rc = shake_hands(session, ret_error, deadline);
    if (rc < 0)
        (void)!thrum_stream_close(stream, THRUM_NOW); /* nothing was sent that counts */
    else
        note_protocol(session);
    return rc;
}

int thrum_tls_connect(thrum_tls *tls, thrum_stream *stream, const char *host,
                      thrum_error *ret_error, thrum_deadline deadline)
{
    if (tls->server)
        return thrum_tls__fail(ret_error, -EINVAL, "these TLS settings are for servers");
    return encrypt(tls, stream, host, ret_error, deadline);
}

int thrum_tls_accept(thrum_tls *tls, thrum_stream *stream, thrum_error *ret_error,
                     thrum_deadline deadline)
{
    if (!tls->server)
        return thrum_tls__fail(ret_error, -EINVAL, "these TLS settings are for clients");
    return encrypt(tls, stream, NULL, ret_error, deadline);
}

/* -------------------------------------------------------------------------------------- details */

static struct session *session_of(const thrum_stream *stream)
{
    void *object;
    return thrum_stream_transport(stream, &object) == &over_tls ? object : NULL;
}

int thrum_tls_info_get(const thrum_stream *stream, thrum_tls_info *ret_info)
{
    struct session *session = session_of(stream);
    if (!session)
        return -EINVAL;
    const char *host = SSL_get_servername(session->ssl, TLSEXT_NAMETYPE_host_name);
    *ret_info = (thrum_tls_info){.version = SSL_get_version(session->ssl),
                                 .cipher = SSL_get_cipher_name(session->ssl),
                                 .protocol = session->protocol,
                                 .host = host ? host : ""};
    return 0;
}

struct ssl_st *thrum_tls_ssl(const thrum_stream *stream)
{
    struct session *session = session_of(stream);
    return session ? session->ssl : NULL;
}
