/*
 * Decompression of anything: within the limit, the same at once as in pieces, and what comes out
 * goes through the compressor and back. The first byte picks the codec, the second the size of the
 * pieces.
 */
#include "base/assert.h"
#include "base/mem.h"
#include "codec/codec.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define LIMIT ((size_t)1 << 20)

static void check_stream(struct codec_context *context, enum codec codec, const uint8_t *data,
                         size_t size, size_t piece, enum err expected, const struct buf *whole)
{
    struct codec_stream stream;
    enum err err = codec_stream_init(&stream, context, codec, data, size, LIMIT);
    ASSERT(err == ERR_OK);
    uint8_t *out = mem_alloc(piece);
    size_t done = 0, got = 1;
    while (err == ERR_OK && got > 0) {
        err = codec_stream_read(&stream, out, piece, &got);
        done += got;
        ASSERT(got <= piece && done <= LIMIT);
        ASSERT(expected != ERR_OK || memcmp(whole->data + done - got, out, got) == 0);
    }
    ASSERT(err == expected);
    ASSERT(err != ERR_OK || done == whole->size);
    codec_stream_deinit(&stream);
    mem_free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    enum codec codec = (enum codec)(1 + data[0] % (CODEC_COUNT - 1));
    size_t piece = 1 + (size_t)data[1] * data[1];
    data += 2;
    size -= 2;
    struct codec_context *context = codec_context_new();
    struct buf plain = BUF_EMPTY, packed = BUF_EMPTY, again = BUF_EMPTY;
    enum err err = codec_decompress(context, codec, data, size, LIMIT, &plain);
    ASSERT(err == ERR_OK || err == ERR_CORRUPT || err == ERR_LIMIT);
    if (piece > 64 || plain.size < 10000)
        check_stream(context, codec, data, size, piece, err, &plain);
    if (err == ERR_OK) {
        err = codec_compress(context, codec, codec_level_default(codec), plain.data, plain.size,
                             &packed);
        ASSERT(err == ERR_OK);
        err = codec_decompress(context, codec, packed.data, packed.size, LIMIT, &again);
        ASSERT(err == ERR_OK && again.size == plain.size);
        ASSERT(plain.size == 0 || memcmp(again.data, plain.data, plain.size) == 0);
    }
    buf_deinit(&plain);
    buf_deinit(&packed);
    buf_deinit(&again);
    codec_context_free(context);
    return 0;
}
