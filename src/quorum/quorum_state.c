#include "quorum/quorum_state.h"

#include <stdbool.h>
#include <string.h>

/*
 * A reader of just enough JSON: an object whose members are numbers, texts, literals, or anything
 * else, which is passed over. Depth is bounded.
 */
struct reader {
    const char *text;
    size_t size;
    size_t at;
};

enum { DEPTH_MAX = 16 };

static void skip_blanks(struct reader *reader)
{
    while (reader->at < reader->size && strchr(" \t\r\n", reader->text[reader->at]) != NULL &&
           reader->text[reader->at] != '\0')
        reader->at++;
}

static bool take(struct reader *reader, char c)
{
    skip_blanks(reader);
    if (reader->at == reader->size || reader->text[reader->at] != c)
        return false;
    reader->at++;
    return true;
}

/* A text without its quotes; escapes are left as they are, as no text here needs one. */
static bool read_text(struct reader *reader, const char **text, size_t *size)
{
    if (!take(reader, '"'))
        return false;
    size_t begin = reader->at;
    while (reader->at < reader->size && reader->text[reader->at] != '"') {
        if (reader->text[reader->at] == '\\')
            reader->at++;
        reader->at++;
    }
    if (reader->at >= reader->size)
        return false;
    *text = reader->text + begin;
    *size = reader->at - begin;
    reader->at++;
    return true;
}

static bool read_int32(struct reader *reader, int32_t *out)
{
    skip_blanks(reader);
    bool negative = reader->at < reader->size && reader->text[reader->at] == '-';
    if (negative)
        reader->at++;
    int64_t value = 0;
    size_t begin = reader->at;
    while (reader->at < reader->size && reader->text[reader->at] >= '0' &&
           reader->text[reader->at] <= '9' && value <= INT32_MAX) {
        value = value * 10 + (reader->text[reader->at] - '0');
        reader->at++;
    }
    value = negative ? -value : value;
    if (reader->at == begin || value < INT32_MIN || value > INT32_MAX)
        return false;
    *out = (int32_t)value;
    return true;
}

/* Any value. */
static bool skip_value(struct reader *reader, int depth)
{
    const char *text;
    size_t size;
    if (depth > DEPTH_MAX)
        return false;
    skip_blanks(reader);
    if (reader->at == reader->size)
        return false;
    char first = reader->text[reader->at];
    if (first == '"')
        return read_text(reader, &text, &size);
    if (first == '{' || first == '[') {
        char last = first == '{' ? '}' : ']';
        reader->at++;
        if (take(reader, last))
            return true;
        do {
            if (first == '{' && (!read_text(reader, &text, &size) || !take(reader, ':')))
                return false;
            if (!skip_value(reader, depth + 1))
                return false;
        } while (take(reader, ','));
        return take(reader, last);
    }
    /* A number or a literal: up to what ends it. */
    size_t begin = reader->at;
    while (reader->at < reader->size && strchr(",]} \t\r\n", reader->text[reader->at]) == NULL)
        reader->at++;
    return reader->at > begin;
}

static bool is(const char *text, size_t size, const char *name)
{
    return strlen(name) == size && memcmp(text, name, size) == 0;
}

static bool read_member(struct reader *reader, const char *name, size_t size,
                        struct raft_election *out, int32_t *data_version)
{
    const char *text;
    size_t text_size;
    if (is(name, size, "leaderId"))
        return read_int32(reader, &out->leader_id);
    if (is(name, size, "leaderEpoch"))
        return read_int32(reader, &out->epoch);
    if (is(name, size, "votedId"))
        return read_int32(reader, &out->voted_id);
    if (is(name, size, "data_version"))
        return read_int32(reader, data_version);
    if (is(name, size, "votedDirectoryId"))
        return read_text(reader, &text, &text_size) &&
               uuid_from_text(text, text_size, &out->voted_directory_id) == ERR_OK;
    return skip_value(reader, 0);
}

enum err quorum_state_parse(const char *text, size_t size, struct raft_election *out,
                            int *data_version)
{
    struct reader reader = {.text = text, .size = size};
    int32_t version = -1;
    *out = (struct raft_election){.leader_id = RAFT_NOBODY, .voted_id = RAFT_NOBODY};
    if (!take(&reader, '{'))
        return ERR_CORRUPT;
    if (!take(&reader, '}')) {
        do {
            const char *name;
            size_t name_size;
            if (!read_text(&reader, &name, &name_size) || !take(&reader, ':') ||
                !read_member(&reader, name, name_size, out, &version))
                return ERR_CORRUPT;
        } while (take(&reader, ','));
        if (!take(&reader, '}'))
            return ERR_CORRUPT;
    }
    skip_blanks(&reader);
    if (reader.at != size || version == -1 || out->epoch < 0 || out->leader_id < RAFT_NOBODY ||
        out->voted_id < RAFT_NOBODY)
        return ERR_CORRUPT;
    if (version != 0 && version != 1)
        return ERR_VERSION;
    *data_version = version;
    return ERR_OK;
}

void quorum_state_print(const struct raft_election *election, int data_version,
                        const struct raft_voter *voters, size_t voter_count, struct buf *out)
{
    char id[UUID_TEXT_BYTES];
    if (data_version == 0) {
        buf_printf(out,
                   "{\"clusterId\":\"\",\"leaderId\":%d,\"leaderEpoch\":%d,\"votedId\":%d,"
                   "\"appliedOffset\":0,\"currentVoters\":[",
                   election->leader_id, election->epoch, election->voted_id);
        for (size_t i = 0; i < voter_count; i++)
            buf_printf(out, "%s{\"voterId\":%d}", i > 0 ? "," : "", voters[i].id);
        buf_put_text(out, "],\"data_version\":0}");
        return;
    }
    buf_printf(out,
               "{\"leaderId\":%d,\"leaderEpoch\":%d,\"votedId\":%d,\"votedDirectoryId\":\"%s\","
               "\"data_version\":1}",
               election->leader_id, election->epoch, election->voted_id,
               uuid_to_text(&election->voted_directory_id, id));
}
