/*
 * LZ4 frames as Kafka's clients accept them: version 1, independent blocks, no dictionary. Written
 * with blocks of 64 KiB and no checksums, like Java's; read with any of the format's options, whose
 * checksums and content size then have to be right.
 */
#include "codec/codec_int.h"

#include "base/bytes.h"
#include "base/mem.h"

#include <lz4.h>
#include <lz4frame.h>
#include <lz4hc.h>
#include <string.h>

#define LEVEL_DEFAULT 9
#define LEVEL_MAX 17

#define BLOCK_BYTES ((size_t)64 << 10)
#define BLOCK_STORED UINT32_C(0x80000000) /* in a block's length: not compressed */

/* Magic; version 1 and independent blocks; blocks of 64 KiB; the checksum of these two (the second
 * byte of their XXH32). */
static const uint8_t frame_header[7] = {0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82};

#define MAGIC_BYTES 4
#define FLAGS_INDEPENDENT 0x20
#define FLAGS_RESERVED 0x03 /* reserved, and a dictionary id, which Kafka's readers refuse */

struct lz4_decoder {
    struct codec_decoder base;
    LZ4F_dctx *dctx;
    bool in_frame;
    bool any_frame;
    size_t block_bytes_max; /* of all frames so far */
};

static int level_min(void)
{
    return 1;
}

static int level_max(void)
{
    return LEVEL_MAX;
}

static struct lz4_decoder *decoder_of(struct codec_decoder *base)
{
    return CONTAINER_OF(base, struct lz4_decoder, base);
}

static struct codec_decoder *decoder_new(void)
{
    struct lz4_decoder *decoder = mem_try_alloc(sizeof *decoder);
    if (decoder == NULL)
        return NULL;
    *decoder = (struct lz4_decoder){0};
    if (LZ4F_isError(LZ4F_createDecompressionContext(&decoder->dctx, LZ4F_VERSION))) {
        mem_free(decoder);
        return NULL;
    }
    return &decoder->base;
}

static void decoder_free(struct codec_decoder *base)
{
    LZ4F_freeDecompressionContext(decoder_of(base)->dctx);
    mem_free(decoder_of(base));
}

static enum err decoder_begin(struct codec_decoder *base)
{
    struct lz4_decoder *decoder = decoder_of(base);
    LZ4F_resetDecompressionContext(decoder->dctx);
    decoder->in_frame = false;
    decoder->any_frame = false;
    return ERR_OK;
}

static size_t decoder_bytes(const struct codec_decoder *base)
{
    const struct lz4_decoder *decoder =
        CONTAINER_OF((struct codec_decoder *)(uintptr_t)base, struct lz4_decoder, base);
    return 2 * decoder->block_bytes_max; /* one compressed, one plain */
}

/* The library reads more than Kafka's clients do (linked blocks, skippable frames); what they could
 * not read is refused here, and everything else by the library. */
static enum err frame_begin(struct lz4_decoder *decoder, const struct codec_stream *stream)
{
    if (stream->left < sizeof frame_header || memcmp(stream->next, frame_header, MAGIC_BYTES) != 0)
        return ERR_CORRUPT;
    uint8_t flags = stream->next[MAGIC_BYTES];
    if ((flags & FLAGS_INDEPENDENT) == 0 || (flags & FLAGS_RESERVED) != 0)
        return ERR_CORRUPT;
    /* 4 to 7: 64 KiB, 256 KiB, 1 MiB, 4 MiB. */
    unsigned block_size = stream->next[MAGIC_BYTES + 1] >> 4 & 7;
    size_t block_bytes = (size_t)1 << (8 + 2 * block_size);
    if (block_bytes > decoder->block_bytes_max)
        decoder->block_bytes_max = block_bytes;
    decoder->in_frame = true;
    decoder->any_frame = true;
    return ERR_OK;
}

static enum err decode(struct codec_decoder *base, struct codec_stream *stream, uint8_t *out,
                       size_t size, size_t *out_size, bool *ended)
{
    struct lz4_decoder *decoder = decoder_of(base);
    if (!decoder->in_frame) {
        if (stream->left == 0) {
            *ended = decoder->any_frame;
            return decoder->any_frame ? ERR_OK : ERR_CORRUPT;
        }
        enum err err = frame_begin(decoder, stream);
        if (err != ERR_OK)
            return err;
    }
    size_t in = stream->left, written = size;
    size_t hint = LZ4F_decompress(decoder->dctx, out, &written, stream->next, &in, NULL);
    if (LZ4F_isError(hint)) {
        bool memory = strcmp(LZ4F_getErrorName(hint), "ERROR_allocation_failed") == 0;
        return memory ? ERR_NOMEM : ERR_CORRUPT;
    }
    stream->next += in;
    stream->left -= in;
    *out_size = written;
    if (hint == 0)
        decoder->in_frame = false;
    else if (in == 0 && written == 0)
        return ERR_CORRUPT; /* the input ends within the frame */
    return ERR_OK;
}

static void state_free(void *state)
{
    mem_free(state);
}

/* Compressed length, or 0 when it would not be shorter than the block. */
static size_t compress_block(void *state, int level, const uint8_t *data, size_t size, uint8_t *out)
{
    const char *from = (const char *)data;
    int room = (int)size - 1;
    int written =
        level == LEVEL_DEFAULT
            ? LZ4_compress_fast_extState(state, from, (char *)out, (int)size, room, 1)
            : LZ4_compress_HC_extStateHC(state, from, (char *)out, (int)size, room, level);
    return written > 0 ? (size_t)written : 0;
}

static enum err compress_all(void **state, int level, const uint8_t *data, size_t size,
                             struct buf *out)
{
    if (*state == NULL) {
        /* One that is large enough for both compressors. */
        size_t fast = (size_t)LZ4_sizeofState(), high = (size_t)LZ4_sizeofStateHC();
        *state = mem_try_alloc(fast > high ? fast : high);
        if (*state == NULL)
            return ERR_NOMEM;
    }
    size_t block_count = (size + BLOCK_BYTES - 1) / BLOCK_BYTES;
    uint8_t *at = buf_try_reserve(out, sizeof frame_header + size + 4 * block_count + 4);
    if (at == NULL)
        return ERR_NOMEM;
    memcpy(at, frame_header, sizeof frame_header);
    at += sizeof frame_header;
    while (size > 0) {
        size_t count = size < BLOCK_BYTES ? size : BLOCK_BYTES;
        size_t written = compress_block(*state, level, data, count, at + 4);
        uint32_t length = written > 0 ? (uint32_t)written : (uint32_t)count | BLOCK_STORED;
        if (written == 0) {
            memcpy(at + 4, data, count);
            written = count;
        }
        memcpy(at, &length, sizeof length); /* little-endian, as this machine is */
        at += 4 + written;
        data += count;
        size -= count;
    }
    memset(at, 0, 4); /* the end mark */
    out->size = (size_t)(at + 4 - out->data);
    return ERR_OK;
}

const struct codec_format codec_lz4 = {
    .name = "lz4",
    .level_default = LEVEL_DEFAULT,
    .level_min = level_min,
    .level_max = level_max,
    .decoder_new = decoder_new,
    .decoder_free = decoder_free,
    .decoder_begin = decoder_begin,
    .decoder_bytes = decoder_bytes,
    .decode = decode,
    .compress = compress_all,
    .state_free = state_free,
};
