/* What the files of this adapter share. */
#ifndef THRUM_ADAPTER_TLS_SETTINGS_H
#define THRUM_ADAPTER_TLS_SETTINGS_H

#include "thrum_tls.h"

#include <openssl/ssl.h>

struct thrum_tls {
    bool server;
    bool verifies;
    SSL_CTX **contexts; /* a server has one for each certificate, a client one in all */
    size_t count;
    unsigned char *protocols; /* for ALPN, as on the wire */
    size_t protocols_size;
    char *trusted; /* the option, for further contexts; NULL for the system's */
    bool verify_client;
};

/* Fills an error, if it is wanted: with `what`, and what OpenSSL says about it, if anything.
 * Forgets that. Returns `code`. */
int thrum_tls__fail(thrum_error *ret_error, int code, const char *what);

#endif
