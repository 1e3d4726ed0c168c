/*
 * Snappy in xerial's framing, as Java's clients write it, or as one raw block, as librdkafka and
 * others do.
 *
 * xerial: a header of 16 bytes ("\x82SNAPPY\0", version and lowest compatible version, both be32
 * and 1), then chunks: be32 length and a raw block. Another header may come where a chunk would.
 */
#include "codec/codec_int.h"

#include "base/bytes.h"
#include "base/mem.h"

#include <snappy-c.h>
#include <string.h>

static const uint8_t magic[8] = {0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0};

#define HEADER_BYTES 16
#define VERSION 1
#define CHUNK_BYTES \
    ((size_t)32 << 10) /* what Java's SnappyOutputStream fills before it compresses */

/* The most that a block can expand: a copy of 64 bytes is written in 3. */
#define EXPANSION_MAX ((size_t)22)

struct snappy_decoder {
    struct codec_decoder base;
    bool begun;
    bool xerial;
    uint8_t *block; /* decoded, as far as the reader's buffer was too small for it */
    size_t block_capacity;
    size_t block_size;
    size_t block_read;
};

static struct snappy_decoder *decoder_of(struct codec_decoder *base)
{
    return CONTAINER_OF(base, struct snappy_decoder, base);
}

static struct codec_decoder *decoder_new(void)
{
    struct snappy_decoder *decoder = mem_try_alloc(sizeof *decoder);
    if (decoder == NULL)
        return NULL;
    *decoder = (struct snappy_decoder){0};
    return &decoder->base;
}

static void decoder_free(struct codec_decoder *base)
{
    mem_free(decoder_of(base)->block);
    mem_free(decoder_of(base));
}

static enum err decoder_begin(struct codec_decoder *base)
{
    struct snappy_decoder *decoder = decoder_of(base);
    decoder->begun = false;
    decoder->block_size = 0;
    decoder->block_read = 0;
    return ERR_OK;
}

static size_t decoder_bytes(const struct codec_decoder *base)
{
    const struct snappy_decoder *decoder =
        CONTAINER_OF((struct codec_decoder *)(uintptr_t)base, struct snappy_decoder, base);
    return decoder->block_capacity;
}

static bool header_here(const struct codec_stream *stream)
{
    return stream->left >= HEADER_BYTES && memcmp(stream->next, magic, sizeof magic) == 0 &&
           load_be32(stream->next + sizeof magic) >= VERSION;
}

static void take(struct codec_stream *stream, size_t size)
{
    stream->next += size;
    stream->left -= size;
}

/* The next block's length; *none at the end. */
static enum err next_block(struct snappy_decoder *decoder, struct codec_stream *stream,
                           size_t *size, bool *none)
{
    if (!decoder->begun) {
        decoder->begun = true;
        decoder->xerial = header_here(stream);
        if (!decoder->xerial) {
            *size = stream->left;
            return ERR_OK;
        }
        take(stream, HEADER_BYTES);
    }
    while (decoder->xerial && header_here(stream))
        take(stream, HEADER_BYTES);
    *none = stream->left == 0;
    if (*none)
        return ERR_OK;
    if (!decoder->xerial || stream->left < 4)
        return ERR_CORRUPT;
    *size = load_be32(stream->next);
    take(stream, 4);
    return *size <= stream->left ? ERR_OK : ERR_CORRUPT;
}

static enum err grow_block(struct snappy_decoder *decoder, size_t size)
{
    if (size <= decoder->block_capacity)
        return ERR_OK;
    mem_free(decoder->block);
    decoder->block_capacity = 0;
    decoder->block = mem_try_alloc(size);
    if (decoder->block == NULL)
        return ERR_NOMEM;
    decoder->block_capacity = size;
    return ERR_OK;
}

static enum err decode(struct codec_decoder *base, struct codec_stream *stream, uint8_t *out,
                       size_t size, size_t *out_size, bool *ended)
{
    struct snappy_decoder *decoder = decoder_of(base);
    if (decoder->block_read == decoder->block_size) {
        size_t compressed = 0, plain = 0;
        enum err err = next_block(decoder, stream, &compressed, ended);
        if (err != ERR_OK || *ended)
            return err;
        const char *block = (const char *)stream->next;
        if (snappy_uncompressed_length(block, compressed, &plain) != SNAPPY_OK ||
            plain / EXPANSION_MAX > compressed)
            return ERR_CORRUPT;
        if (plain > stream->limit_left)
            return ERR_LIMIT;
        bool direct = plain <= size;
        if (!direct && (err = grow_block(decoder, plain)) != ERR_OK)
            return err;
        char *to = (char *)(direct ? out : decoder->block);
        if (snappy_uncompress(block, compressed, to, &plain) != SNAPPY_OK)
            return ERR_CORRUPT;
        take(stream, compressed);
        decoder->block_read = 0;
        decoder->block_size = direct ? 0 : plain;
        if (direct) {
            *out_size = plain;
            return ERR_OK;
        }
    }
    size_t count = decoder->block_size - decoder->block_read;
    if (count > size)
        count = size;
    memcpy(out, decoder->block + decoder->block_read, count);
    decoder->block_read += count;
    *out_size = count;
    return ERR_OK;
}

static enum err compress_all(void **state, int level, const uint8_t *data, size_t size,
                             struct buf *out)
{
    UNUSED(state);
    UNUSED(level);
    uint8_t *at = buf_try_reserve(out, HEADER_BYTES);
    if (at == NULL)
        return ERR_NOMEM;
    memcpy(at, magic, sizeof magic);
    store_be32(at + 8, VERSION);
    store_be32(at + 12, VERSION);
    out->size += HEADER_BYTES;
    while (size > 0) {
        size_t count = size < CHUNK_BYTES ? size : CHUNK_BYTES;
        size_t compressed = snappy_max_compressed_length(count);
        at = buf_try_reserve(out, 4 + compressed);
        if (at == NULL)
            return ERR_NOMEM;
        snappy_status status =
            snappy_compress((const char *)data, count, (char *)at + 4, &compressed);
        ASSERT(status == SNAPPY_OK);
        store_be32(at, (uint32_t)compressed);
        out->size += 4 + compressed;
        data += count;
        size -= count;
    }
    return ERR_OK;
}

const struct codec_format codec_snappy = {
    .name = "snappy",
    .level_default = 0,
    .decoder_new = decoder_new,
    .decoder_free = decoder_free,
    .decoder_begin = decoder_begin,
    .decoder_bytes = decoder_bytes,
    .decode = decode,
    .compress = compress_all,
};
