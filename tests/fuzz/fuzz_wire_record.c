/*
 * What is neither request nor response: records of the internal topics, control records, files.
 * Input: u16 place in the list of all schemas, i8 version, bytes; the same bytes are also read as
 * records of each family in their frames.
 */
#include "base/bytes.h"
#include "wire/records.h"
#include "wire_round.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_framed(const uint8_t *data, size_t size)
{
    struct arena arena;
    arena_init(&arena, FUZZ_ARENA_BYTES);
    struct buf out = BUF_EMPTY;
    struct wire_record record;
    if (wire_metadata_record_decode(data, size, &arena, &record) == ERR_OK)
        ASSERT(wire_metadata_record_encode(record.type, record.version, record.message, &out) ==
               ERR_OK);
    if (wire_remote_log_record_decode(data, size, &arena, &record) == ERR_OK)
        ASSERT(wire_remote_log_record_encode(record.type, record.version, record.message, &out) ==
               ERR_OK);
    for (unsigned family = WIRE_RECORDS_GROUP; family <= WIRE_RECORDS_SHARE; family++) {
        struct wire_record key;
        if (wire_coordinator_key_decode(family, data, size, &arena, &key) == ERR_OK)
            ASSERT(wire_coordinator_key_encode(key.type, key.message, &out) == ERR_OK);
        size_t count;
        const struct wire_record_type *types = wire_record_types(family, &count);
        for (size_t i = 0; i < count; i++) {
            if (wire_coordinator_value_decode(&types[i], data, size, &arena, &record) == ERR_OK)
                ASSERT(wire_coordinator_value_encode(&types[i], record.version, record.message,
                                                     &out) == ERR_OK);
        }
    }
    buf_deinit(&out);
    arena_deinit(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 3)
        return 0;
    size_t count;
    const struct wire_schema *const *schemas = wire_schema_all(&count);
    size_t index = load_be16(data);
    int16_t version = (int8_t)data[2];
    if (index < count && version >= schemas[index]->version_min &&
        version <= schemas[index]->version_max)
        wire_round(schemas[index], version, data + 3, size - 3);
    read_framed(data + 3, size - 3);
    return 0;
}
