#ifndef CODEC_CODEC_H
#define CODEC_CODEC_H
/*
 * The compressions of record batches behind one door, in the framings that Kafka's clients write:
 * gzip members; snappy in xerial's framing (raw blocks are read as well); LZ4 frames of independent
 * blocks; zstd frames.
 */
#include "base/assert.h"
#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The numbers are those in a batch's attributes and in compression.type's table. */
enum codec {
    CODEC_NONE = 0,
    CODEC_GZIP = 1,
    CODEC_SNAPPY = 2,
    CODEC_LZ4 = 3,
    CODEC_ZSTD = 4,
    CODEC_COUNT,
};

/* "none", "gzip", "snappy", "lz4", "zstd". */
const char *codec_name(enum codec codec);
/* False when it is none of these. */
bool codec_from_name(const char *name, size_t size, enum codec *out);

/*
 * Levels: gzip -1 (zlib's own choice) and 1..9; lz4 1..17, of which the default is the fast
 * compressor and all others are HC (KIP-390); zstd its library's range. Snappy and none have none
 * and take any.
 */
int codec_level_default(enum codec codec);
bool codec_level_valid(enum codec codec, int level);

/*
 * The libraries' working memory, kept from one use to the next: one per shard, or per thread of a
 * tool. Not for two threads at once.
 */
struct codec_context;
struct codec_context *codec_context_new(void);
/* All streams are closed. */
void codec_context_free(struct codec_context *context);

/* Append the compressed form to out. The level is valid. ERR_NOMEM: out is as it was. */
enum err codec_compress(struct codec_context *context, enum codec codec, int level,
                        const void *data, size_t size, struct buf *out) MUST_USE;

/*
 * Append the whole content to out. On an error out is as it was, but for its capacity. What is
 * allocated grows with what has come out, never with what the input says of itself.
 * ERR_LIMIT: it is more than limit_bytes. ERR_CORRUPT: it is not whole, not of this format, or ends
 * before the input does. ERR_NOMEM.
 */
enum err codec_decompress(struct codec_context *context, enum codec codec, const void *data,
                          size_t size, size_t limit_bytes, struct buf *out) MUST_USE;

/*
 * The same piece by piece, for content that need not be in memory as a whole. Several streams may
 * be open on one context. The input stays where it is until deinit. Memory: the format's window or
 * block (LZ4 4 MiB, zstd 128 MiB of which only what was written is touched, raw snappy the
 * content).
 */
struct codec_stream {
    struct codec_context *context;
    struct codec_decoder *decoder; /* NULL for CODEC_NONE */
    enum codec codec;
    bool ended;
    enum err err; /* what a read returned; it returns it again */
    const uint8_t *next;
    size_t left;
    size_t limit_left;
};

/* ERR_NOMEM, or ERR_INVALID when there is no such codec; the stream is then closed already. */
enum err codec_stream_init(struct codec_stream *stream, struct codec_context *context,
                           enum codec codec, const void *data, size_t size,
                           size_t limit_bytes) MUST_USE;
/* Fills `out` as far as there is content: fewer than `size` bytes only at the end, 0 past it.
 * Errors as codec_decompress; *out_size is then what came before. */
enum err codec_stream_read(struct codec_stream *stream, void *out, size_t size,
                           size_t *out_size) MUST_USE;
/* Harmless on a closed one. */
void codec_stream_deinit(struct codec_stream *stream);

#endif
