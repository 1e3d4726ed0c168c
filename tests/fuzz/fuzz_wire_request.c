/* A request as a connection receives it, without its size: header, then the body that the header
 * says. */
#include "wire/api.h"
#include "wire_round.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    arena_init(&arena, FUZZ_ARENA_BYTES);
    struct wire_request_header header;
    const struct wire_api *api;
    size_t consumed;
    if (wire_request_header_decode(data, size, &arena, &header, &api, &consumed) == ERR_OK) {
        ASSERT(consumed <= size && header.request_api_key == api->key);
        wire_round(&wire_request_header_schema,
                   wire_request_header_version(api, header.request_api_version), data, size);
        if (wire_api_has_version(api, header.request_api_version))
            wire_round(api->request, header.request_api_version, data + consumed, size - consumed);
    }
    arena_deinit(&arena);
    return 0;
}
