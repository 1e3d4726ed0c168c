/* A response's body as a client receives it: i16 API key, i16 version, body. */
#include "base/bytes.h"
#include "wire/api.h"
#include "wire_round.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 4)
        return 0;
    const struct wire_api *api = wire_api_find((int16_t)load_be16(data));
    int16_t version = (int16_t)load_be16(data + 2);
    if (api != NULL && wire_api_has_version(api, version))
        wire_round(api->response, version, data + 4, size - 4);
    return 0;
}
