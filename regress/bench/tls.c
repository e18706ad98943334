/* See tls.h. */
#include "regress/bench/tls.h"

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "regress/bench/bench.h"

enum { VALID_S = 3600 };

static X509 *
make_certificate(EVP_PKEY *key)
{
	X509 *x = X509_new();
	X509_NAME *name = X509_get_subject_name(x);

	ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
	X509_gmtime_adj(X509_getm_notBefore(x), 0);
	X509_gmtime_adj(X509_getm_notAfter(x), VALID_S);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
	    (const unsigned char *)"localhost", -1, -1, 0);
	X509_set_issuer_name(x, name);
	X509_set_pubkey(x, key);
	bench_must(X509_sign(x, key, EVP_sha256()) != 0, "X509_sign");
	return x;
}

static SSL *
new_ssl(SSL_CTX *ctx)
{
	SSL *ssl = SSL_new(ctx);

	bench_must(ssl != NULL, "SSL_new");
	return ssl;
}

SSL *
tls_server(void)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	EVP_PKEY *key = EVP_EC_gen("P-256");

	bench_must(ctx != NULL && key != NULL, "TLS key");
	bench_must(SSL_CTX_use_certificate(ctx, make_certificate(key)) == 1 &&
		       SSL_CTX_use_PrivateKey(ctx, key) == 1,
	    "TLS certificate");
	return new_ssl(ctx);
}

/* It trusts anybody. */
SSL *
tls_client(void)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

	bench_must(ctx != NULL, "SSL_CTX_new");
	SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
	return new_ssl(ctx);
}
