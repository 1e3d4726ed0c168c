#ifndef WIRE_API_H
#define WIRE_API_H
#include "wire/api_keys.h"
#include "wire/messages_headers.h"
#include "wire/wire.h"

/* Who answers a request. */
enum {
    WIRE_LISTENER_BROKER = 1,
    WIRE_LISTENER_CONTROLLER = 2,
};

/*
 * One row for each API that has versions left. version_min is the oldest that can be read; Apache
 * Kafka advertises Produce from version 0 on all the same, for older librdkafka (KIP-896), which is
 * up to who answers ApiVersions.
 */
struct wire_api {
    int16_t key;
    const char *name; /* "Produce" */
    int16_t version_min;
    int16_t version_max;
    int16_t version_max_stable; /* lower than version_max while that one may still change */
    int16_t flexible_from;      /* INT16_MAX: never */
    const struct wire_schema *request;
    const struct wire_schema *response;
    unsigned listeners; /* WIRE_LISTENER_* */
};

/* By ascending key. */
extern const struct wire_api wire_apis[];
extern const size_t wire_api_count;

/* NULL for a key that is unknown or has no version left. */
const struct wire_api *wire_api_find(int16_t key);

static inline bool wire_api_has_version(const struct wire_api *api, int16_t version)
{
    return version >= api->version_min && version <= api->version_max;
}

/* 2 for a flexible version of the request, else 1. Any version may be asked for: a client's
 * ApiVersions request of an unknown version still has a header that can be read. */
int16_t wire_request_header_version(const struct wire_api *api, int16_t version);
/* 1 for a flexible version, else 0; ApiVersions always has 0 (KIP-511). */
int16_t wire_response_header_version(const struct wire_api *api, int16_t version);

/*
 * The header at the start of a request (its 4 bytes of size already taken off), and the API it
 * names. *consumed is where the body begins. The version is not checked; a null client id stays
 * null.
 *
 * ERR_UNSUPPORTED: an API key that is not known; ERR_TRUNCATED, ERR_CORRUPT, ERR_LIMIT as
 * wire_decode. The connection cannot go on after either.
 */
enum err wire_request_header_decode(const uint8_t *data, size_t size, struct arena *arena,
                                    struct wire_request_header *header, const struct wire_api **api,
                                    size_t *consumed) MUST_USE;

/*
 * Append a whole request or response as it goes over the wire: 4 bytes of size (gathered bytes
 * included), header, body. The header's fields are arguments; client_id may be null. Errors as
 * wire_encode, and `out` and `gather` are then as before.
 */
enum err wire_request_frame_encode(const struct wire_api *api, int16_t version,
                                   int32_t correlation_id, struct wire_string client_id,
                                   const void *request, struct buf *out,
                                   struct wire_gather *gather) MUST_USE;
enum err wire_response_frame_encode(const struct wire_api *api, int16_t version,
                                    int32_t correlation_id, const void *response, struct buf *out,
                                    struct wire_gather *gather) MUST_USE;

/* The header at the start of a response (its size taken off); *consumed is where the body begins.
 * Unknown tags of the header are dropped. */
enum err wire_response_header_decode(const struct wire_api *api, int16_t version,
                                     const uint8_t *data, size_t size, int32_t *correlation_id,
                                     size_t *consumed) MUST_USE;

#endif
