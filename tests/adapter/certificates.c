#include "certificates.h"
#include "harness.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

static void add_extension(X509 *x509, X509 *issuer, int kind, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, x509, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, kind, value);
    CHECK(extension && X509_add_ext(x509, extension, -1));
    X509_EXTENSION_free(extension);
}

/* The descriptor stays open: the path names it. */
static void store(struct certificate *certificate)
{
    int descriptor = memfd_create("certificate", 0);
    CHECK(descriptor >= 0);
    FILE *file = fdopen(dup(descriptor), "w");
    CHECK(file && PEM_write_X509(file, certificate->x509) &&
          PEM_write_PrivateKey(file, certificate->key, NULL, NULL, 0, NULL, NULL));
    CHECK_INT(fclose(file), ==, 0);
    snprintf(certificate->path, sizeof certificate->path, "/proc/%d/fd/%d", (int)getpid(),
             descriptor);
}

void certificate_make(struct certificate *ret_certificate, const char *name,
                      const struct certificate *issuer, long from, long to)
{
    static long serial;
    char names[128];
    /* As thrum_tls.h asks of a program that uses OpenSSL before the library does. */
    CHECK(OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, NULL) == 1);
    X509 *x509 = X509_new();
    EVP_PKEY *key = EVP_EC_gen("P-256");
    CHECK(x509 && key);
    *ret_certificate = (struct certificate){x509, key, ""};
    X509 *signer = issuer ? issuer->x509 : x509;
    X509_set_version(x509, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x509), ++serial);
    X509_gmtime_adj(X509_getm_notBefore(x509), from);
    X509_gmtime_adj(X509_getm_notAfter(x509), to);
    X509_set_pubkey(x509, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x509), "CN", MBSTRING_ASC,
                               (const unsigned char *)name, -1, -1, 0);
    X509_set_issuer_name(x509, X509_get_subject_name(signer));
    snprintf(names, sizeof names, "DNS:%s%s", name, issuer ? ",IP:127.0.0.1" : "");
    add_extension(x509, signer, NID_subject_alt_name, names);
    if (!issuer)
        add_extension(x509, signer, NID_basic_constraints, "critical,CA:TRUE");
    CHECK(X509_sign(x509, issuer ? issuer->key : key, EVP_sha256()) > 0);
    store(ret_certificate);
}

void certificate_free(struct certificate *certificate)
{
    X509_free(certificate->x509);
    EVP_PKEY_free(certificate->key);
}
