/* gzip (RFC 1952): members one after the other, as java.util.zip reads them. */
#include "codec/codec_int.h"

#include "base/mem.h"

#include <string.h>
#include <zlib.h>

#define GZIP_WINDOW_BITS (15 + 16)        /* the largest window; 16 asks zlib for gzip's framing */
#define INFLATE_BYTES ((size_t)48 << 10)  /* about what a decoder holds, zlib's manual says */
#define CHUNK_BYTES_MAX ((size_t)1 << 30) /* zlib counts in 32 bits */

struct gzip_decoder {
    struct codec_decoder base;
    z_stream z;
    bool in_member;
    bool any_member;
};

static void *zlib_alloc(void *opaque, unsigned count, unsigned size)
{
    UNUSED(opaque);
    size_t bytes;
    return __builtin_mul_overflow((size_t)count, (size_t)size, &bytes) ? NULL
                                                                       : mem_try_alloc(bytes);
}

static void zlib_free(void *opaque, void *ptr)
{
    UNUSED(opaque);
    mem_free(ptr);
}

static int level_min(void)
{
    return Z_BEST_SPEED;
}

static int level_max(void)
{
    return Z_BEST_COMPRESSION;
}

static struct codec_decoder *decoder_new(void)
{
    struct gzip_decoder *decoder = mem_try_alloc(sizeof *decoder);
    if (decoder == NULL)
        return NULL;
    *decoder = (struct gzip_decoder){.z = {.zalloc = zlib_alloc, .zfree = zlib_free}};
    if (inflateInit2(&decoder->z, GZIP_WINDOW_BITS) != Z_OK) {
        mem_free(decoder);
        return NULL;
    }
    return &decoder->base;
}

static struct gzip_decoder *decoder_of(struct codec_decoder *base)
{
    return CONTAINER_OF(base, struct gzip_decoder, base);
}

static void decoder_free(struct codec_decoder *base)
{
    inflateEnd(&decoder_of(base)->z);
    mem_free(decoder_of(base));
}

static enum err decoder_begin(struct codec_decoder *base)
{
    decoder_of(base)->in_member = false;
    decoder_of(base)->any_member = false;
    return ERR_OK;
}

static size_t decoder_bytes(const struct codec_decoder *base)
{
    UNUSED(base);
    return INFLATE_BYTES;
}

static enum err decode(struct codec_decoder *base, struct codec_stream *stream, uint8_t *out,
                       size_t size, size_t *out_size, bool *ended)
{
    struct gzip_decoder *decoder = decoder_of(base);
    z_stream *z = &decoder->z;
    if (!decoder->in_member) {
        if (stream->left == 0) {
            *ended = decoder->any_member;
            return decoder->any_member ? ERR_OK : ERR_CORRUPT;
        }
        if (inflateReset(z) != Z_OK)
            return ERR_CORRUPT;
        decoder->in_member = true;
        decoder->any_member = true;
    }
    size_t in = stream->left < CHUNK_BYTES_MAX ? stream->left : CHUNK_BYTES_MAX;
    size_t room = size < CHUNK_BYTES_MAX ? size : CHUNK_BYTES_MAX;
    z->next_in = (Bytef *)(uintptr_t)stream->next; /* zlib's type is not const, its use is */
    z->avail_in = (uInt)in;
    z->next_out = out;
    z->avail_out = (uInt)room;
    int result = inflate(z, Z_NO_FLUSH);
    stream->next += in - z->avail_in;
    stream->left -= in - z->avail_in;
    *out_size = room - z->avail_out;
    if (result == Z_STREAM_END)
        decoder->in_member = false;
    if (result == Z_STREAM_END || (result == Z_OK && (stream->left > 0 || z->avail_out == 0)))
        return ERR_OK;
    /* Z_OK and Z_BUF_ERROR: the input ends within the member. */
    return result == Z_MEM_ERROR ? ERR_NOMEM : ERR_CORRUPT;
}

struct gzip_compressor {
    z_stream z;
    int level;
};

static void state_free(void *state)
{
    struct gzip_compressor *compressor = state;
    deflateEnd(&compressor->z);
    mem_free(compressor);
}

static enum err prepare(void **state, int level)
{
    struct gzip_compressor *compressor = *state;
    if (compressor != NULL && compressor->level == level) {
        int result = deflateReset(&compressor->z);
        ASSERT(result == Z_OK);
        return ERR_OK;
    }
    if (compressor != NULL)
        state_free(compressor);
    *state = NULL;
    compressor = mem_try_alloc(sizeof *compressor);
    if (compressor == NULL)
        return ERR_NOMEM;
    *compressor =
        (struct gzip_compressor){.z = {.zalloc = zlib_alloc, .zfree = zlib_free}, .level = level};
    if (deflateInit2(&compressor->z, level, Z_DEFLATED, GZIP_WINDOW_BITS, MAX_MEM_LEVEL - 1,
                     Z_DEFAULT_STRATEGY) != Z_OK) {
        mem_free(compressor);
        return ERR_NOMEM;
    }
    *state = compressor;
    return ERR_OK;
}

static enum err compress_all(void **state, int level, const uint8_t *data, size_t size,
                             struct buf *out)
{
    enum err err = prepare(state, level);
    if (err != ERR_OK)
        return err;
    z_stream *z = &((struct gzip_compressor *)*state)->z;
    size_t bound = deflateBound(z, (uLong)size);
    z->next_out = buf_try_reserve(out, bound);
    if (z->next_out == NULL)
        return ERR_NOMEM;
    z->avail_out = (uInt)bound;
    z->next_in = (Bytef *)(uintptr_t)data;
    z->avail_in = (uInt)size;
    int result = deflate(z, Z_FINISH);
    ASSERT(result == Z_STREAM_END);
    out->size += bound - z->avail_out;
    return ERR_OK;
}

const struct codec_format codec_gzip = {
    .name = "gzip",
    .level_default = Z_DEFAULT_COMPRESSION,
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
