/* Both ends of a TLS connection, for the time that the process lives. */
#ifndef BENCH_TLS_H
#define BENCH_TLS_H

#include <openssl/ssl.h>

/* With a key and a certificate made for the occasion. */
SSL *tls_server(void);
SSL *tls_client(void);

#endif
