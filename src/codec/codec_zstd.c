/* zstd frames, one after the other, with or without their content's size. */
#include "codec/codec_int.h"

#include "base/mem.h"

#include <zstd.h>
#include <zstd_errors.h>

/* A compressor of the usual levels stays below; what level 22 needs for a large batch is given
 * back. */
#define COMPRESSOR_IDLE_BYTES_MAX ((size_t)8 << 20)

struct zstd_decoder {
    struct codec_decoder base;
    ZSTD_DCtx *dctx;
    bool in_frame;
    bool any_frame;
};

static struct zstd_decoder *decoder_of(struct codec_decoder *base)
{
    return CONTAINER_OF(base, struct zstd_decoder, base);
}

static struct codec_decoder *decoder_new(void)
{
    struct zstd_decoder *decoder = mem_try_alloc(sizeof *decoder);
    if (decoder == NULL)
        return NULL;
    *decoder = (struct zstd_decoder){.dctx = ZSTD_createDCtx()};
    if (decoder->dctx == NULL) {
        mem_free(decoder);
        return NULL;
    }
    return &decoder->base;
}

static void decoder_free(struct codec_decoder *base)
{
    ZSTD_freeDCtx(decoder_of(base)->dctx);
    mem_free(decoder_of(base));
}

static enum err decoder_begin(struct codec_decoder *base)
{
    struct zstd_decoder *decoder = decoder_of(base);
    decoder->in_frame = false;
    decoder->any_frame = false;
    return ZSTD_isError(ZSTD_DCtx_reset(decoder->dctx, ZSTD_reset_session_only)) ? ERR_NOMEM
                                                                                 : ERR_OK;
}

static size_t decoder_bytes(const struct codec_decoder *base)
{
    return ZSTD_sizeof_DCtx(decoder_of((struct codec_decoder *)(uintptr_t)base)->dctx);
}

static enum err decode(struct codec_decoder *base, struct codec_stream *stream, uint8_t *out,
                       size_t size, size_t *out_size, bool *ended)
{
    struct zstd_decoder *decoder = decoder_of(base);
    if (!decoder->in_frame && stream->left == 0) {
        *ended = decoder->any_frame;
        return decoder->any_frame ? ERR_OK : ERR_CORRUPT;
    }
    ZSTD_inBuffer in = {stream->next, stream->left, 0};
    ZSTD_outBuffer to = {out, size, 0};
    size_t hint = ZSTD_decompressStream(decoder->dctx, &to, &in);
    if (ZSTD_isError(hint)) {
        bool memory = ZSTD_getErrorCode(hint) == ZSTD_error_memory_allocation;
        return memory ? ERR_NOMEM : ERR_CORRUPT;
    }
    stream->next += in.pos;
    stream->left -= in.pos;
    *out_size = to.pos;
    decoder->any_frame = true;
    decoder->in_frame = hint != 0;
    /* Nothing came and nothing went: the input ends within the frame. */
    return in.pos == 0 && to.pos == 0 && hint != 0 ? ERR_CORRUPT : ERR_OK;
}

static void state_free(void *state)
{
    ZSTD_freeCCtx(state);
}

static enum err compress_all(void **state, int level, const uint8_t *data, size_t size,
                             struct buf *out)
{
    if (*state == NULL)
        *state = ZSTD_createCCtx();
    if (*state == NULL)
        return ERR_NOMEM;
    size_t bound = ZSTD_compressBound(size);
    uint8_t *at = buf_try_reserve(out, bound);
    if (at == NULL)
        return ERR_NOMEM;
    size_t written = ZSTD_compressCCtx(*state, at, bound, data, size, level);
    bool failed = ZSTD_isError(written) != 0; /* only for want of memory */
    if (!failed)
        out->size += written;
    if (failed || ZSTD_sizeof_CCtx(*state) > COMPRESSOR_IDLE_BYTES_MAX) {
        state_free(*state);
        *state = NULL;
    }
    return failed ? ERR_NOMEM : ERR_OK;
}

const struct codec_format codec_zstd = {
    .name = "zstd",
    .level_default = ZSTD_CLEVEL_DEFAULT,
    .level_min = ZSTD_minCLevel,
    .level_max = ZSTD_maxCLevel,
    .decoder_new = decoder_new,
    .decoder_free = decoder_free,
    .decoder_begin = decoder_begin,
    .decoder_bytes = decoder_bytes,
    .decode = decode,
    .compress = compress_all,
    .state_free = state_free,
};
