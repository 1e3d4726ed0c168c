#ifndef BASE_HASH_H
#define BASE_HASH_H
#include <stddef.h>
#include <stdint.h>

/*
 * Checksums and hashes that Kafka's formats name.
 *
 * crc32c: Castagnoli, by the processor's instruction where there is one. `crc` is 0 to begin, or
 * the result so far.
 */
uint32_t crc32c(uint32_t crc, const void *data, size_t size);
/* The portable one, for tests to compare with. */
uint32_t crc32c_portable(uint32_t crc, const void *data, size_t size);

/* Kafka's murmur2 (Utils.murmur2, seed 0x9747b28c): the default partitioner's hash; partition =
 * (hash & 0x7fffffff) % count. */
uint32_t murmur2(const void *data, size_t size);

/* XXH3 of 64 bits without a seed: what a consumer group's metadata hash is made with (KIP-1101). */
uint64_t xxh3_64(const void *data, size_t size);

/* java.lang.String.hashCode of UTF-8 text: what picks a group's or transaction's coordinator
 * partition. */
int32_t java_string_hash(const char *utf8, size_t size);

#endif
