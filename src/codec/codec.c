/*
 * The door, and the pool of decoders behind it.
 *
 * Invariants:
 *  1. A decoder is either in its format's idle list or held by one open stream.
 *  2. An idle decoder holds at most DECODER_IDLE_BYTES_MAX, and there are at most DECODERS_IDLE_MAX
 *     of a format.
 */
#include "codec/codec.h"

#include "codec/codec_int.h"

#include "base/mem.h"

#include <string.h>

/* A zstd decoder of the usual 2 MiB window is kept, one of level 22's 128 MiB is not. */
#define DECODER_IDLE_BYTES_MAX ((size_t)4 << 20)
#define DECODERS_IDLE_MAX 4

/* First room for decompressed bytes; doubled from there as they come. */
#define DECOMPRESS_ROOM_FIRST ((size_t)4096)

static const struct codec_format *const formats[CODEC_COUNT] = {
    [CODEC_GZIP] = &codec_gzip,
    [CODEC_SNAPPY] = &codec_snappy,
    [CODEC_LZ4] = &codec_lz4,
    [CODEC_ZSTD] = &codec_zstd,
};

struct codec_context {
    struct codec_decoder *idle[CODEC_COUNT];
    size_t idle_count[CODEC_COUNT];
    size_t open_count;
    void *compressors[CODEC_COUNT];
};

static bool is_codec(enum codec codec)
{
    return (unsigned)codec < CODEC_COUNT;
}

const char *codec_name(enum codec codec)
{
    ASSERT(is_codec(codec));
    return formats[codec] == NULL ? "none" : formats[codec]->name;
}

bool codec_from_name(const char *name, size_t size, enum codec *out)
{
    for (int codec = 0; codec < CODEC_COUNT; codec++) {
        const char *known = codec_name((enum codec)codec);
        if (strlen(known) == size && memcmp(known, name, size) == 0) {
            *out = (enum codec)codec;
            return true;
        }
    }
    return false;
}

int codec_level_default(enum codec codec)
{
    ASSERT(is_codec(codec));
    return formats[codec] == NULL ? 0 : formats[codec]->level_default;
}

bool codec_level_valid(enum codec codec, int level)
{
    ASSERT(is_codec(codec));
    const struct codec_format *format = formats[codec];
    if (format == NULL || format->level_min == NULL || level == format->level_default)
        return true;
    return level >= format->level_min() && level <= format->level_max();
}

struct codec_context *codec_context_new(void)
{
    return mem_zalloc(sizeof(struct codec_context));
}

void codec_context_free(struct codec_context *context)
{
    if (context == NULL)
        return;
    ASSERT(context->open_count == 0);
    for (int codec = 0; codec < CODEC_COUNT; codec++) {
        const struct codec_format *format = formats[codec];
        if (format == NULL)
            continue;
        for (struct codec_decoder *next; context->idle[codec] != NULL;
             context->idle[codec] = next) {
            next = context->idle[codec]->next_free;
            format->decoder_free(context->idle[codec]);
        }
        if (context->compressors[codec] != NULL)
            format->state_free(context->compressors[codec]);
    }
    mem_free(context);
}

enum err codec_compress(struct codec_context *context, enum codec codec, int level,
                        const void *data, size_t size, struct buf *out)
{
    ASSERT(codec_level_valid(codec, level));
    if (size > INT32_MAX)
        return ERR_LIMIT;
    if (codec == CODEC_NONE) {
        uint8_t *at = buf_try_reserve(out, size);
        if (at == NULL)
            return ERR_NOMEM;
        if (size > 0)
            memcpy(at, data, size);
        out->size += size;
        return ERR_OK;
    }
    size_t size_before = out->size;
    enum err err = formats[codec]->compress(&context->compressors[codec], level, data, size, out);
    if (err != ERR_OK)
        out->size = size_before;
    return err;
}

enum err codec_stream_init(struct codec_stream *stream, struct codec_context *context,
                           enum codec codec, const void *data, size_t size, size_t limit_bytes)
{
    *stream = (struct codec_stream){
        .context = context,
        .codec = codec,
        .next = data,
        .left = size,
        .limit_left = limit_bytes,
    };
    if (!is_codec(codec))
        return ERR_INVALID;
    const struct codec_format *format = formats[codec];
    if (format == NULL)
        return ERR_OK;
    ASSERT(context != NULL);
    struct codec_decoder *decoder = context->idle[codec];
    if (decoder != NULL) {
        context->idle[codec] = decoder->next_free;
        context->idle_count[codec]--;
    } else {
        decoder = format->decoder_new();
        if (decoder == NULL)
            return ERR_NOMEM;
    }
    enum err err = format->decoder_begin(decoder);
    if (err != ERR_OK) {
        format->decoder_free(decoder);
        return err;
    }
    decoder->next_free = NULL;
    stream->decoder = decoder;
    context->open_count++;
    return ERR_OK;
}

void codec_stream_deinit(struct codec_stream *stream)
{
    struct codec_decoder *decoder = stream->decoder;
    if (decoder == NULL)
        return;
    struct codec_context *context = stream->context;
    const struct codec_format *format = formats[stream->codec];
    stream->decoder = NULL;
    ASSERT(context->open_count > 0);
    context->open_count--;
    if (context->idle_count[stream->codec] == DECODERS_IDLE_MAX ||
        format->decoder_bytes(decoder) > DECODER_IDLE_BYTES_MAX) {
        format->decoder_free(decoder);
        return;
    }
    decoder->next_free = context->idle[stream->codec];
    context->idle[stream->codec] = decoder;
    context->idle_count[stream->codec]++;
}

static enum err read_plain(struct codec_stream *stream, uint8_t *out, size_t size, size_t *out_size)
{
    if (stream->left > stream->limit_left)
        return ERR_LIMIT;
    size_t count = size < stream->left ? size : stream->left;
    if (count > 0)
        memcpy(out, stream->next, count);
    stream->next += count;
    stream->left -= count;
    stream->limit_left -= count;
    *out_size = count;
    return ERR_OK;
}

static enum err read_decoded(struct codec_stream *stream, uint8_t *out, size_t size,
                             size_t *out_size)
{
    const struct codec_format *format = formats[stream->codec];
    while (!stream->ended && *out_size < size) {
        /* At the limit one more byte is asked for, to tell an end from too much. */
        uint8_t probe;
        bool at_limit = stream->limit_left == 0;
        uint8_t *at = at_limit ? &probe : out + *out_size;
        size_t room = at_limit ? 1 : size - *out_size;
        if (!at_limit && room > stream->limit_left)
            room = stream->limit_left;
        size_t left_before = stream->left;
        size_t got = 0;
        enum err err = format->decode(stream->decoder, stream, at, room, &got, &stream->ended);
        ASSERT(got <= room);
        if (at_limit && got > 0)
            return ERR_LIMIT;
        *out_size += got;
        stream->limit_left -= got;
        if (err != ERR_OK)
            return err;
        if (!stream->ended && got == 0 && stream->left == left_before)
            return ERR_CORRUPT; /* a library that neither goes on nor says why */
        ASSERT(!stream->ended || stream->left == 0);
    }
    return ERR_OK;
}

enum err codec_stream_read(struct codec_stream *stream, void *out, size_t size, size_t *out_size)
{
    *out_size = 0;
    if (stream->err != ERR_OK)
        return stream->err;
    if (stream->codec == CODEC_NONE)
        stream->err = read_plain(stream, out, size, out_size);
    else
        stream->err = read_decoded(stream, out, size, out_size);
    return stream->err;
}

enum err codec_decompress(struct codec_context *context, enum codec codec, const void *data,
                          size_t size, size_t limit_bytes, struct buf *out)
{
    struct codec_stream stream;
    enum err err = codec_stream_init(&stream, context, codec, data, size, limit_bytes);
    if (err != ERR_OK)
        return err;
    size_t size_before = out->size;
    size_t room = 2 * size > DECOMPRESS_ROOM_FIRST ? 2 * size : DECOMPRESS_ROOM_FIRST;
    for (;;) {
        /* One byte more than the limit, so that a full read is never the last. */
        if (limit_bytes < SIZE_MAX && room > limit_bytes + 1)
            room = limit_bytes + 1;
        size_t done = out->size - size_before;
        uint8_t *at = buf_try_reserve(out, room - done);
        size_t got = 0;
        err = at == NULL ? ERR_NOMEM : codec_stream_read(&stream, at, room - done, &got);
        out->size += got;
        if (err != ERR_OK || got < room - done)
            break;
        if (room > SIZE_MAX / 2) {
            err = ERR_NOMEM;
            break;
        }
        room *= 2;
    }
    codec_stream_deinit(&stream);
    if (err != ERR_OK)
        out->size = size_before;
    return err;
}
