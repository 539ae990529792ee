/* Certificates that a test makes for itself, with keys that no one else has. */
#ifndef TESTS_ADAPTER_CERTIFICATES_H
#define TESTS_ADAPTER_CERTIFICATES_H

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdbool.h>

struct certificate {
    X509 *x509;
    EVP_PKEY *key;
    char path[64]; /* a file in memory with both, in PEM; also for child processes */
};

enum { DAY = 86400 };

/* Makes a certificate for `name`, valid from and to so many seconds from now. `issuer` signs it;
 * NULL: it signs itself. */
void certificate_make(struct certificate *ret_certificate, const char *name,
                      const struct certificate *issuer, long from, long to);
void certificate_free(struct certificate *certificate);

#endif
