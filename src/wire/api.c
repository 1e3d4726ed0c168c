#include "wire/api.h"

#include "base/bytes.h"
#include "wire/schema.h"

const struct wire_api *wire_api_find(int16_t key)
{
    size_t low = 0, high = wire_api_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (wire_apis[middle].key == key)
            return &wire_apis[middle];
        if (wire_apis[middle].key < key)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

int16_t wire_request_header_version(const struct wire_api *api, int16_t version)
{
    return version >= api->flexible_from ? 2 : 1;
}

int16_t wire_response_header_version(const struct wire_api *api, int16_t version)
{
    /* A client that guessed too high a version has to be able to read the answer that says so. */
    if (api->key == WIRE_API_API_VERSIONS)
        return 0;
    return version >= api->flexible_from ? 1 : 0;
}

enum err wire_request_header_decode(const uint8_t *data, size_t size, struct arena *arena,
                                    struct wire_request_header *header, const struct wire_api **api,
                                    size_t *consumed)
{
    if (size < 4)
        return ERR_TRUNCATED;
    *api = wire_api_find((int16_t)load_be16(data));
    if (*api == NULL)
        return ERR_UNSUPPORTED;
    int16_t header_version = wire_request_header_version(*api, (int16_t)load_be16(data + 2));
    return wire_decode(&wire_request_header_schema, header_version, arena, data, size, header,
                       consumed);
}

enum err wire_response_header_decode(const struct wire_api *api, int16_t version,
                                     const uint8_t *data, size_t size, int32_t *correlation_id,
                                     size_t *consumed)
{
    struct wire_response_header header;
    struct arena arena;
    arena_init(&arena, ARENA_LIMIT_DEFAULT_BYTES);
    enum err err =
        wire_decode(&wire_response_header_schema, wire_response_header_version(api, version),
                    &arena, data, size, &header, consumed);
    if (err == ERR_OK)
        *correlation_id = header.correlation_id;
    arena_deinit(&arena);
    return err;
}

/* Header, body and, at last, the size before them. */
static enum err frame_encode(const struct wire_schema *header_schema, int16_t header_version,
                             const void *header, const struct wire_schema *schema, int16_t version,
                             const void *message, struct buf *out, struct wire_gather *gather)
{
    size_t start = out->size;
    size_t gathered = gather != NULL ? gather->bytes : 0;
    buf_put_be32(out, 0);
    enum err err = wire_encode(header_schema, header_version, header, out, NULL);
    if (err == ERR_OK)
        err = wire_encode(schema, version, message, out, gather);
    if (err != ERR_OK) {
        out->size = start;
        return err;
    }
    size_t size = out->size - start - 4 + (gather != NULL ? gather->bytes - gathered : 0);
    ASSERT(size <= INT32_MAX);
    store_be32(out->data + start, (uint32_t)size);
    return ERR_OK;
}

enum err wire_request_frame_encode(const struct wire_api *api, int16_t version,
                                   int32_t correlation_id, struct wire_string client_id,
                                   const void *request, struct buf *out, struct wire_gather *gather)
{
    struct wire_request_header header;
    wire_default(&wire_request_header_schema, &header);
    header.request_api_key = api->key;
    header.request_api_version = version;
    header.correlation_id = correlation_id;
    header.client_id = client_id;
    return frame_encode(&wire_request_header_schema, wire_request_header_version(api, version),
                        &header, api->request, version, request, out, gather);
}

enum err wire_response_frame_encode(const struct wire_api *api, int16_t version,
                                    int32_t correlation_id, const void *response, struct buf *out,
                                    struct wire_gather *gather)
{
    struct wire_response_header header;
    wire_default(&wire_response_header_schema, &header);
    header.correlation_id = correlation_id;
    return frame_encode(&wire_response_header_schema, wire_response_header_version(api, version),
                        &header, api->response, version, response, out, gather);
}
