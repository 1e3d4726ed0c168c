/* Hashes for passwords. They fail only where memory does, which ends the process. */
#include "os/os_int.h"

#include <limits.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

static const EVP_MD *method(enum os_hash hash)
{
    return hash == OS_HASH_SHA256 ? EVP_sha256() : EVP_sha512();
}

size_t os_hash_bytes(enum os_hash hash)
{
    return hash == OS_HASH_SHA256 ? 32 : 64;
}

void os_digest(enum os_hash hash, const void *data, size_t size, uint8_t *out)
{
    int done = EVP_Digest(data, size, out, NULL, method(hash), NULL);
    ASSERT(done == 1);
}

void os_hmac(enum os_hash hash, const void *key, size_t key_size, const void *data, size_t size,
             uint8_t *out)
{
    ASSERT(key_size <= INT_MAX);
    const void *done = HMAC(method(hash), key, (int)key_size, data, size, out, NULL);
    ASSERT(done != NULL);
}

void os_pbkdf2(enum os_hash hash, const void *password, size_t password_size, const void *salt,
               size_t salt_size, uint32_t iterations, uint8_t *out)
{
    ASSERT(iterations >= 1 && iterations <= INT_MAX);
    ASSERT(password_size <= INT_MAX && salt_size <= INT_MAX);
    int done = PKCS5_PBKDF2_HMAC(password, (int)password_size, salt, (int)salt_size,
                                 (int)iterations, method(hash), (int)os_hash_bytes(hash), out);
    ASSERT(done == 1);
}
