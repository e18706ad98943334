/* Old names that the tests use, on top of OpenSSL 3. */
#ifndef SHIM_OPENSSL_COMPAT_H
#define SHIM_OPENSSL_COMPAT_H

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/ssl.h>

#endif
