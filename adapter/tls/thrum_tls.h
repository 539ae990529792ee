/* libthrum-tls: encrypted streams by OpenSSL, for fibers and threads.
 *
 *     thrum_tls *tls;
 *     thrum_stream *stream;
 *     thrum_error error;
 *     thrum_deadline deadline = thrum_in(10);
 *     int rc = thrum_tls_new_client(NULL, &tls, &error);        // once, for many connections
 *     if (rc < 0)
 *         return thrum_fail(self, rc, "%s", error.message);
 *     rc = thrum_stream_connect("example.org", 443, NULL, &stream, deadline);
 *     if (rc == 0) {
 *         rc = thrum_tls_connect(tls, stream, "example.org", &error, deadline);
 *         if (rc == 0)
 *             rc = talk(stream);                                // as over any other stream
 *         int closed = thrum_stream_close(stream, deadline);
 *         rc = rc < 0 ? rc : closed;
 *         thrum_stream_free(stream);
 *     }
 *     thrum_tls_free(tls);
 *
 * A handshake turns a stream into an encrypted one: thrum_stream_read, thrum_stream_write and all
 * others then work on the decrypted bytes, with the same deadlines, cancellation, half close and
 * back-pressure. The stream may have carried other bytes before, as SMTP does before STARTTLS.
 *
 * A client checks the certificate of the server: it must come from a trusted authority, be valid
 * today, and name `host`. TLS 1.2 is the oldest version. There is no renegotiation and no
 * compression.
 *
 * An end that the other side has announced is 0 from a read, as over a socket. A connection that
 * ends without an announcement may have been cut by anybody on the way: the read returns
 * -ECONNABORTED.
 *
 * Errors of the other side's TLS are -EPROTO. As every error of a connection, they stay: each later
 * call returns the same code.
 *
 * This is a library of its own: link with -lthrum-tls. It calls OpenSSL under a lock that belongs
 * to the connection, and never waits in it. Cryptography uses the processor: the handshake of a
 * server takes about a millisecond, in which other fibers of the worker wait.
 *
 * The library initialises OpenSSL with OPENSSL_INIT_NO_ATEXIT, because tasks may use OpenSSL until
 * the library has joined its workers, at the end of the program. A program that uses OpenSSL
 * earlier and leaves pools open at its end calls OPENSSL_init_ssl(OPENSSL_INIT_NO_ATEXIT, NULL)
 * first.
 *
 * Python: ssl.SSLContext, with asyncio's `ssl` argument and loop.start_tls.
 */
#ifndef THRUM_TLS_H
#define THRUM_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <thrum/error.h>
#include <thrum/export.h>
#include <thrum/stream.h>
#include <thrum/time.h>

THRUM_BEGIN

struct ssl_st; /* OpenSSL calls it SSL */

/* Settings for many connections: certificates and what is trusted. */
typedef struct thrum_tls thrum_tls;

/* TLS options. Zero selects the default. Files are in PEM format. */
typedef struct thrum_tls_options {
    const char *certificate; /* file with the own certificate and those of its authorities, in this
                                order; a server needs one */
    const char *key;         /* file with its private key; `certificate` by default */
    const char *trusted; /* file with the certificates to trust; those of the system by default */
    const char *const *protocols; /* names for ALPN, the preferred first, NULL at the end; none by
                                     default */
    bool verify_client; /* a server: clients must have a certificate that `trusted` vouches for */
    bool no_verify;     /* a client: accept any certificate. Anybody can then read and change all */
    THRUM__OPTIONS(thrum_tls_options)
} thrum_tls_options;

/* Makes settings for clients. `options` may be NULL. Reads files. `ret_error` may be NULL. Python:
 * ssl.create_default_context.
 *
 * Returns:
 *     0                 settings, to be given to thrum_tls_free
 *     -ENOENT, -EACCES  a file cannot be opened
 *     -EINVAL           a file or an option makes no sense; the message says which
 *     -ENOMEM           memory ran out
 */
THRUM_API THRUM_MUST_CHECK int thrum_tls_new_client(const thrum_tls_options *options,
                                                    thrum_tls **ret_tls, thrum_error *ret_error);

/* Makes settings for servers, which need a certificate. Returns what thrum_tls_new_client returns.
 * Python: ssl.create_default_context(Purpose.CLIENT_AUTH). */
THRUM_API THRUM_MUST_CHECK int thrum_tls_new_server(const thrum_tls_options *options,
                                                    thrum_tls **ret_tls, thrum_error *ret_error);

/* Adds a certificate to those of a server. A client that asks for a name (SNI) gets the first
 * certificate for this name, or the first of all. `key` NULL means that it is in the same file. No
 * handshake may be in progress. Returns what thrum_tls_new_server returns. Python:
 * SSLContext.sni_callback. */
THRUM_API THRUM_MUST_CHECK int thrum_tls_add_certificate(thrum_tls *tls, const char *certificate,
                                                         const char *key, thrum_error *ret_error);

/* Frees settings. Connections that were made with them are not affected, but no handshake may be in
 * progress. NULL is accepted. Does not block. */
THRUM_API void thrum_tls_free(thrum_tls *tls);

/* Encrypts a stream, as its client: makes the handshake and checks that the server is `host`, a
 * name or an address. `host` may be NULL only with `no_verify`. No other thread or fiber may use
 * the stream during the call. After a failure with a code other than -EBUSY or -EINVAL, the stream
 * is closed; free it in any case. `ret_error` may be NULL. Blocks. Python: loop.start_tls, the
 * `ssl` argument of open_connection.
 *
 * Returns:
 *     0              the stream is encrypted
 *     -EKEYREJECTED  the certificate of the server is not accepted; the message says why
 *     -EPROTO        the other side speaks no TLS that this side knows, or refused the handshake
 *     -ECONNABORTED  the connection ended during the handshake
 *     -ETIMEDOUT     the deadline has passed
 *     -EAGAIN        the deadline is THRUM_NOW
 *     -ECANCELED     the running task was cancelled
 *     -EBADF         the stream is closed
 *     -EBUSY         the stream has read bytes ahead, or has not sent all
 *     -EINVAL        `host` is missing or cannot be a name, or `tls` is for servers
 *     -ENOMEM        memory ran out
 *     -ECONNRESET and other codes of the system
 */
THRUM_API THRUM_MUST_CHECK int thrum_tls_connect(thrum_tls *tls, thrum_stream *stream,
                                                 const char *host, thrum_error *ret_error,
                                                 thrum_deadline deadline);

/* Encrypts a stream, as its server. Returns what thrum_tls_connect returns; -EKEYREJECTED is about
 * the certificate of the client. Blocks. Python: loop.start_tls with server_side, the `ssl`
 * argument of start_server. */
THRUM_API THRUM_MUST_CHECK int thrum_tls_accept(thrum_tls *tls, thrum_stream *stream,
                                                thrum_error *ret_error, thrum_deadline deadline);

/* What the two sides agreed on. The texts belong to the stream and live as long as it does. */
typedef struct thrum_tls_info {
    const char *version;  /* "TLSv1.3" */
    const char *cipher;   /* "TLS_AES_256_GCM_SHA384" */
    const char *protocol; /* of ALPN; "" if none was agreed */
    const char *host;     /* the name that the client asked for; "" if none */
} thrum_tls_info;

/* Fills `ret_info`. Does not block. Python: get_extra_info("ssl_object").
 *
 * Returns:
 *     0        the information is there
 *     -EINVAL  the stream is not encrypted by this library
 */
THRUM_API THRUM_MUST_CHECK int thrum_tls_info_get(const thrum_stream *stream,
                                                  thrum_tls_info *ret_info);

/* OpenSSL's handle of an encrypted stream, for what has no function here, such as the certificate
 * of the other side; NULL for another stream. It stays the stream's. Do not read, write or shut
 * down with it, and use it only while no other thread or fiber uses the stream. Does not block. */
THRUM_API struct ssl_st *thrum_tls_ssl(const thrum_stream *stream);

THRUM_END

#endif
