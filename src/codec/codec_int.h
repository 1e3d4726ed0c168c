#ifndef CODEC_CODEC_INT_H
#define CODEC_CODEC_INT_H
/* What a format implements. */
#include "codec/codec.h"

/* A decoder's common part, first in the format's own struct. */
struct codec_decoder {
    struct codec_decoder *next_free; /* in the context's list, while it is not in use */
};

struct codec_format {
    const char *name;
    int level_default;
    int (*level_min)(void); /* NULL: it has no levels and takes any */
    int (*level_max)(void);

    /* NULL: no memory. */
    struct codec_decoder *(*decoder_new)(void);
    void (*decoder_free)(struct codec_decoder *decoder);
    /* Forget what came before. */
    enum err (*decoder_begin)(struct codec_decoder *decoder);
    /* Memory that it holds. */
    size_t (*decoder_bytes)(const struct codec_decoder *decoder);
    /*
     * Decode into `out` (size > 0) and move stream->next and left on. *ended: all input is taken
     * and complete. ERR_OK without an end means progress: bytes came out or went in. No more than
     * stream->limit_left bytes are ever allocated for what comes out.
     */
    enum err (*decode)(struct codec_decoder *decoder, struct codec_stream *stream, uint8_t *out,
                       size_t size, size_t *out_size, bool *ended);

    /* *state is kept for the next call, NULL at first. The level is valid, size <= INT32_MAX. */
    enum err (*compress)(void **state, int level, const uint8_t *data, size_t size,
                         struct buf *out);
    void (*state_free)(void *state);
};

extern const struct codec_format codec_gzip;
extern const struct codec_format codec_snappy;
extern const struct codec_format codec_lz4;
extern const struct codec_format codec_zstd;

#endif
