#include "quorum/voters_int.h"

/* Voters are few and small; a record that takes more is no voters record. */
#define ARENA_BYTES ((size_t)4 << 20)

void quorum_voters_init(struct quorum_voters *voters)
{
    *voters = (struct quorum_voters){.record_offset = -1};
    arena_init(&voters->arena, ARENA_BYTES);
}

void quorum_voters_deinit(struct quorum_voters *voters)
{
    arena_deinit(&voters->arena);
}

void quorum_voters_set(struct quorum_voters *voters, const struct wire_voters_record *record,
                       int64_t offset)
{
    struct arena arena;
    struct wire_voters_record copy;
    arena_init(&arena, ARENA_BYTES);
    enum err err = wire_copy_into(&wire_voters_record_schema, record, &arena, &copy);
    ASSERT(err == ERR_OK);
    arena_deinit(&voters->arena);
    voters->arena = arena;
    voters->record = copy;
    voters->has_record = true;
    voters->record_offset = offset;
}

void quorum_voters_copy(struct quorum_voters *to, const struct quorum_voters *from)
{
    to->kraft_version = from->kraft_version;
    to->has_record = false;
    if (from->has_record)
        quorum_voters_set(to, &from->record, from->record_offset);
}

static enum err read_voters(struct quorum_voters *voters, const struct batch_record *record,
                            int64_t offset)
{
    struct arena arena;
    struct wire_voters_record decoded;
    arena_init(&arena, ARENA_BYTES / 2);
    enum err err = wire_decode(&wire_voters_record_schema, 0, &arena, record->value,
                               record->value_size, &decoded, NULL);
    if (err == ERR_OK && (decoded.voters.count == 0 || decoded.voters.count > RAFT_VOTERS_MAX))
        err = ERR_CORRUPT;
    if (err == ERR_OK)
        quorum_voters_set(voters, &decoded, offset);
    arena_deinit(&arena);
    return err;
}

enum err quorum_voters_read(struct quorum_voters *voters, const struct batch_record *record,
                            int64_t offset)
{
    enum batch_control type;
    enum err err = batch_control_key_read(record, &type);
    if (err != ERR_OK)
        return err;
    if (type == BATCH_CONTROL_KRAFT_VOTERS)
        return read_voters(voters, record, offset);
    if (type != BATCH_CONTROL_KRAFT_VERSION)
        return ERR_OK;
    struct arena arena;
    struct wire_kraft_version_record version;
    arena_init(&arena, ARENA_BYTES);
    err = wire_decode(&wire_kraft_version_record_schema, 0, &arena, record->value,
                      record->value_size, &version, NULL);
    arena_deinit(&arena);
    if (err != ERR_OK)
        return err;
    if (version.kraft_version < 0 || version.kraft_version > 1)
        return ERR_VERSION;
    voters->kraft_version = version.kraft_version;
    return ERR_OK;
}

size_t quorum_voters_list(const struct quorum_voters *voters,
                          struct raft_voter out[RAFT_VOTERS_MAX])
{
    if (!voters->has_record)
        return 0;
    size_t count = (size_t)voters->record.voters.count;
    for (size_t i = 0; i < count; i++)
        out[i] = (struct raft_voter){
            .id = voters->record.voters.items[i].voter_id,
            .directory_id = voters->record.voters.items[i].voter_directory_id,
        };
    return count;
}

void quorum_control_add(struct batch_builder *builder, enum batch_control type,
                        const struct wire_schema *schema, int16_t version, const void *message,
                        int64_t offset, int64_t timestamp_ms)
{
    uint8_t key[BATCH_CONTROL_KEY_BYTES];
    struct buf value = BUF_EMPTY;
    batch_control_key_write(type, key);
    enum err err = wire_encode(schema, version, message, &value, NULL);
    ASSERT(err == ERR_OK);
    struct batch_record record = {
        .offset = offset,
        .timestamp = timestamp_ms,
        .key = key,
        .key_size = sizeof key,
        .value = value.data,
        .value_size = value.size,
    };
    err = batch_builder_add(builder, &record);
    ASSERT(err == ERR_OK);
    buf_deinit(&value);
}
