/*
 * A member of a group under the classic protocol: it joins, is told its partitions (by the leader,
 * who deals them out in turn), looks at what is committed, commits, and beats; it leaves by chance,
 * and begins again after every error.
 *
 * What is checked, across all members, while the machine has power (struct client_group)
 * 1. A partition has one owner in a generation: whoever gets it from SyncGroup.
 * 2. A generation that a join is answered with is no lower than any that was synced before the
 *    join was sent.
 * 3. What OffsetFetch tells is no lower than what was acknowledged before it was sent, and was
 *    committed by somebody. Commits only grow, so an older one that is taken late is found out.
 *
 * Stages: FIND -> JOIN -> SYNC -> LOOK -> BEAT <-> COMMIT, LEAVE -> JOIN
 */
#include "base/mem.h"
#include "client.h"
#include "wire/api_keys.h"
#include "wire/errors.h"

#include <inttypes.h>
#include <string.h>

#define GROUP "group"
#define PROTOCOL_TYPE "sim"
#define PROTOCOL "deal"
#define MEMBERS_MAX 16
#define MEMBER_ID_BYTES CLIENT_MEMBER_ID_BYTES

enum stage {
    STAGE_FIND,
    STAGE_JOIN,
    STAGE_SYNC,
    STAGE_LOOK,
    STAGE_BEAT,
    STAGE_COMMIT,
    STAGE_LEAVE
};

struct member {
    struct client client; /* first */
    struct client_member_options options;
    struct client_request request;
    enum stage stage;
    bool sent;
    uint64_t send_after_ns;
    char id[MEMBER_ID_BYTES];
    int32_t generation;
    bool leads;
    bool skips; /* the assignment is to stay as it is */
    char others[MEMBERS_MAX][MEMBER_ID_BYTES];
    int32_t other_count;
    bool owns[CLIENT_GROUP_PARTITIONS_MAX];
    /* Of the request under way. */
    int32_t sent_generation; /* the highest that was synced when it was sent */
    int64_t sent_committed[CLIENT_GROUP_PARTITIONS_MAX];
    int32_t commit_partition;
    int64_t commit_offset;
};

/* ---- What all members see ---- */

static struct client_group *truth_of(struct member *member)
{
    struct client_group *group = member->options.group;
    if (group->power != member->client.model->generation) {
        /* Nobody syncs for the group: a power loss takes generations and offsets. */
        *group = (struct client_group){.topic = group->topic,
                                       .power = member->client.model->generation,
                                       .offset_next = group->offset_next};
        for (int32_t i = 0; i < CLIENT_GROUP_PARTITIONS_MAX; i++)
            group->committed[i] = -1;
    }
    return group;
}

static void group_owned(struct member *member, int32_t partition)
{
    struct client_group *group = truth_of(member);
    struct client_owner *free_slot = &group->owners[partition][0];
    for (size_t i = 0; i < CLIENT_GROUP_OWNERS; i++) {
        struct client_owner *owner = &group->owners[partition][i];
        if (owner->generation < free_slot->generation)
            free_slot = owner;
        if (owner->generation != member->generation)
            continue;
        SIM_CHECK(member->client.world, strcmp(owner->member, member->id) == 0,
                  "partition %d has two owners in generation %d: %s and %s", partition,
                  member->generation, owner->member, member->id);
        return;
    }
    free_slot->generation = member->generation;
    memcpy(free_slot->member, member->id, MEMBER_ID_BYTES);
}

/* ---- Stages ---- */

static void stage_enter(struct member *member, enum stage stage, uint64_t after_ns)
{
    member->stage = stage;
    member->send_after_ns = env_now_ns(member->client.env) + after_ns;
}

/* True: there is an error, and what is to be done about it is on its way. */
static bool failed(struct member *member, int16_t error, const char *what)
{
    switch (error) {
    case WIRE_ERROR_NONE:
        return false;
    case WIRE_ERROR_UNKNOWN_MEMBER_ID:
        member->id[0] = '\0';
        stage_enter(member, STAGE_JOIN, 0);
        return true;
    case WIRE_ERROR_ILLEGAL_GENERATION:
    case WIRE_ERROR_REBALANCE_IN_PROGRESS:
        stage_enter(member, STAGE_JOIN, 0);
        return true;
    default:
        SIM_CHECK(member->client.world, wire_error_retriable(error), "%s: %s", what,
                  wire_error_name(error));
        stage_enter(member, STAGE_FIND, 50 * SIM_MS);
        return true;
    }
}

/* The answer did not come: whether it was carried out nobody knows. */
static bool lost(struct member *member, const struct link_response *response)
{
    member->sent = false;
    if (response->err == ERR_OK)
        return false;
    stage_enter(member, STAGE_FIND, 20 * SIM_MS);
    return true;
}

static bool member_send(struct member *member, int16_t key, int16_t version_min, int16_t version,
                        const void *message,
                        void (*done)(struct client *, struct client_request *,
                                     const struct link_response *))
{
    struct client_group *group = truth_of(member);
    member->sent_generation = group->generation;
    memcpy(member->sent_committed, group->committed, sizeof member->sent_committed);
    member->client.version_pinned = version;
    member->sent = client_send(&member->client, &member->request, key, version_min, message, done);
    member->client.version_pinned = 0;
    return member->sent;
}

static struct member *member_of(struct client *client)
{
    return CONTAINER_OF(client, struct member, client);
}

/* ---- FIND ---- */

static void find_done(struct client *client, struct client_request *request,
                      const struct link_response *response)
{
    UNUSED(request);
    struct member *member = member_of(client);
    if (lost(member, response))
        return;
    const struct wire_find_coordinator_response *message = response->message;
    if (!failed(member, message->error_code, "FindCoordinator"))
        stage_enter(member, STAGE_JOIN, 0);
}

static void find_send(struct member *member)
{
    struct wire_find_coordinator_request message;
    wire_default(&wire_find_coordinator_request_schema, &message);
    message.key = wire_string_from(GROUP);
    (void)member_send(member, WIRE_API_FIND_COORDINATOR, 3, 3, &message, find_done);
}

/* ---- JOIN ---- */

static void id_take(char out[MEMBER_ID_BYTES], struct wire_string id)
{
    size_t size = id.size < MEMBER_ID_BYTES - 1 ? id.size : MEMBER_ID_BYTES - 1;
    memcpy(out, id.data, size);
    out[size] = '\0';
}

static void join_done(struct client *client, struct client_request *request,
                      const struct link_response *response)
{
    UNUSED(request);
    struct member *member = member_of(client);
    if (lost(member, response))
        return;
    const struct wire_join_group_response *message = response->message;
    if (message->error_code == WIRE_ERROR_MEMBER_ID_REQUIRED) {
        id_take(member->id, message->member_id);
        return;
    }
    if (failed(member, message->error_code, "JoinGroup"))
        return;
    SIM_CHECK(client->world, message->generation_id >= member->sent_generation,
              "a join is answered with generation %d, and %d was there before",
              message->generation_id, member->sent_generation);
    id_take(member->id, message->member_id);
    member->generation = message->generation_id;
    member->leads = wire_string_is(message->leader, member->id);
    member->skips = message->skip_assignment;
    member->other_count = member->leads ? message->members.count : 0;
    SIM_CHECK(client->world, member->other_count <= MEMBERS_MAX, "there are %d members",
              member->other_count);
    for (int32_t i = 0; i < member->other_count; i++)
        id_take(member->others[i], message->members.items[i].member_id);
    stage_enter(member, STAGE_SYNC, 0);
}

static void join_send(struct member *member)
{
    struct wire_join_group_request_join_group_request_protocol protocol;
    wire_default(&wire_join_group_request_join_group_request_protocol_schema, &protocol);
    protocol.name = wire_string_from(PROTOCOL);
    protocol.metadata = wire_bytes_of((const uint8_t *)"", 0);
    struct wire_join_group_request message;
    wire_default(&wire_join_group_request_schema, &message);
    message.group_id = wire_string_from(GROUP);
    message.session_timeout_ms = 6000;
    message.rebalance_timeout_ms = 8000;
    message.member_id = wire_string_from(member->id);
    message.protocol_type = wire_string_from(PROTOCOL_TYPE);
    message.protocols.items = &protocol;
    message.protocols.count = 1;
    memset(member->owns, 0, sizeof member->owns);
    (void)member_send(member, WIRE_API_JOIN_GROUP, 2, 0, &message, join_done);
}

/* ---- SYNC ---- */

static void sync_done(struct client *client, struct client_request *request,
                      const struct link_response *response)
{
    UNUSED(request);
    struct member *member = member_of(client);
    if (lost(member, response))
        return;
    const struct wire_sync_group_response *message = response->message;
    if (failed(member, message->error_code, "SyncGroup"))
        return;
    struct client_group *group = truth_of(member);
    if (member->generation > group->generation)
        group->generation = member->generation;
    for (uint32_t i = 0; i < message->assignment.size; i++) {
        int32_t partition = message->assignment.data[i];
        SIM_CHECK(client->world, partition < group->topic->partition_count,
                  "partition %d is assigned", partition);
        member->owns[partition] = true;
        group_owned(member, partition);
    }
    stage_enter(member, STAGE_LOOK, 0);
}

static void sync_send(struct member *member)
{
    struct wire_sync_group_request_sync_group_request_assignment items[MEMBERS_MAX];
    uint8_t dealt[MEMBERS_MAX][CLIENT_GROUP_PARTITIONS_MAX];
    struct wire_sync_group_request message;
    wire_default(&wire_sync_group_request_schema, &message);
    message.group_id = wire_string_from(GROUP);
    message.generation_id = member->generation;
    message.member_id = wire_string_from(member->id);
    message.protocol_type = wire_string_from(PROTOCOL_TYPE);
    message.protocol_name = wire_string_from(PROTOCOL);
    message.assignments.items = items;
    message.assignments.count = member->leads && !member->skips ? member->other_count : 0;
    int32_t partitions = member->options.group->topic->partition_count;
    for (int32_t i = 0; i < message.assignments.count; i++) {
        uint32_t size = 0;
        for (int32_t p = i; p < partitions; p += message.assignments.count)
            dealt[i][size++] = (uint8_t)p;
        wire_default(&wire_sync_group_request_sync_group_request_assignment_schema, &items[i]);
        items[i].member_id = wire_string_from(member->others[i]);
        items[i].assignment = wire_bytes_of(dealt[i], size);
    }
    (void)member_send(member, WIRE_API_SYNC_GROUP, 0, 0, &message, sync_done);
}

/* ---- LOOK, COMMIT ---- */

static void look_done(struct client *client, struct client_request *request,
                      const struct link_response *response)
{
    UNUSED(request);
    struct member *member = member_of(client);
    if (lost(member, response))
        return;
    const struct wire_offset_fetch_response *message = response->message;
    if (failed(member, message->error_code, "OffsetFetch"))
        return;
    struct client_group *group = truth_of(member);
    for (int32_t t = 0; t < message->topics.count; t++) {
        for (int32_t i = 0; i < message->topics.items[t].partitions.count; i++) {
            const struct wire_offset_fetch_response_offset_fetch_response_partition *part =
                &message->topics.items[t].partitions.items[i];
            if (failed(member, part->error_code, "OffsetFetch"))
                return;
            int32_t p = part->partition_index;
            SIM_CHECK(client->world, p >= 0 && p < group->topic->partition_count,
                      "OffsetFetch tells of partition %d", p);
            SIM_CHECK(client->world, part->committed_offset >= member->sent_committed[p],
                      "the committed offset of partition %d goes back from %" PRId64 " to %" PRId64,
                      p, member->sent_committed[p], part->committed_offset);
            SIM_CHECK(client->world, part->committed_offset < group->offset_next,
                      "partition %d has a committed offset of %" PRId64 ", which is nobody's", p,
                      part->committed_offset);
        }
    }
    stage_enter(member, STAGE_BEAT, 0);
}

static void look_send(struct member *member)
{
    int32_t owned[CLIENT_GROUP_PARTITIONS_MAX];
    struct wire_offset_fetch_request_offset_fetch_request_topic topic;
    wire_default(&wire_offset_fetch_request_offset_fetch_request_topic_schema, &topic);
    topic.name = wire_string_from(member->options.group->topic->name);
    topic.partition_indexes.items = owned;
    for (int32_t i = 0; i < member->options.group->topic->partition_count; i++)
        owned[topic.partition_indexes.count++] = i; /* those of others as well */
    struct wire_offset_fetch_request message;
    wire_default(&wire_offset_fetch_request_schema, &message);
    message.group_id = wire_string_from(GROUP);
    message.topics.items = &topic;
    message.topics.count = 1;
    (void)member_send(member, WIRE_API_OFFSET_FETCH, 5, 5, &message, look_done);
}

static void commit_done(struct client *client, struct client_request *request,
                        const struct link_response *response)
{
    UNUSED(request);
    struct member *member = member_of(client);
    if (lost(member, response))
        return;
    const struct wire_offset_commit_response *message = response->message;
    bool whole = message->topics.count == 1 && message->topics.items[0].partitions.count == 1;
    SIM_CHECK(client->world, whole, "OffsetCommit answers for something else");
    if (!whole ||
        failed(member, message->topics.items[0].partitions.items[0].error_code, "OffsetCommit"))
        return;
    struct client_group *group = truth_of(member);
    if (member->commit_offset > group->committed[member->commit_partition])
        group->committed[member->commit_partition] = member->commit_offset;
    member->client.model->progress++;
    stage_enter(member, STAGE_BEAT, sim_draw(&client->prng, 500 * SIM_MS));
}

static void commit_send(struct member *member)
{
    struct client_group *group = truth_of(member);
    struct wire_offset_commit_request_offset_commit_request_partition part;
    wire_default(&wire_offset_commit_request_offset_commit_request_partition_schema, &part);
    part.partition_index = member->commit_partition;
    part.committed_offset = member->commit_offset = group->offset_next++;
    part.committed_metadata = wire_string_from("");
    struct wire_offset_commit_request_offset_commit_request_topic topic;
    wire_default(&wire_offset_commit_request_offset_commit_request_topic_schema, &topic);
    topic.name = wire_string_from(group->topic->name);
    topic.partitions.items = &part;
    topic.partitions.count = 1;
    struct wire_offset_commit_request message;
    wire_default(&wire_offset_commit_request_schema, &message);
    message.group_id = wire_string_from(GROUP);
    message.generation_id_or_member_epoch = member->generation;
    message.member_id = wire_string_from(member->id);
    message.topics.items = &topic;
    message.topics.count = 1;
    (void)member_send(member, WIRE_API_OFFSET_COMMIT, 6, 6, &message, commit_done);
}

/* ---- BEAT, LEAVE ---- */

static int32_t partition_draw(struct member *member)
{
    int32_t count = member->options.group->topic->partition_count;
    int32_t first = (int32_t)prng_below(&member->client.prng, (uint64_t)count);
    for (int32_t i = 0; i < count; i++) {
        if (member->owns[(first + i) % count])
            return (first + i) % count;
    }
    return -1;
}

static void beat_done(struct client *client, struct client_request *request,
                      const struct link_response *response)
{
    UNUSED(request);
    struct member *member = member_of(client);
    if (lost(member, response))
        return;
    const struct wire_heartbeat_response *message = response->message;
    if (failed(member, message->error_code, "Heartbeat"))
        return;
    /* It may have outlived a power loss. */
    struct client_group *group = truth_of(member);
    if (member->generation > group->generation)
        group->generation = member->generation;
    member->commit_partition = partition_draw(member);
    if (member->options.leaves > 0 && prng_chance(&client->prng, 1, 20)) {
        member->options.leaves--;
        stage_enter(member, STAGE_LEAVE, 0);
    } else if (member->commit_partition >= 0 && prng_chance(&client->prng, 2, 3)) {
        stage_enter(member, STAGE_COMMIT, 0);
    } else {
        stage_enter(member, STAGE_BEAT, sim_draw(&client->prng, SIM_S));
    }
}

static void beat_send(struct member *member)
{
    struct wire_heartbeat_request message;
    wire_default(&wire_heartbeat_request_schema, &message);
    message.group_id = wire_string_from(GROUP);
    message.generation_id = member->generation;
    message.member_id = wire_string_from(member->id);
    (void)member_send(member, WIRE_API_HEARTBEAT, 0, 0, &message, beat_done);
}

static void leave_done(struct client *client, struct client_request *request,
                       const struct link_response *response)
{
    UNUSED(request);
    struct member *member = member_of(client);
    member->id[0] = '\0';
    member->generation = -1;
    if (!lost(member, response))
        stage_enter(member, STAGE_JOIN, sim_draw(&client->prng, 2 * SIM_S));
}

static void leave_send(struct member *member)
{
    struct wire_leave_group_request_member_identity identity;
    wire_default(&wire_leave_group_request_member_identity_schema, &identity);
    identity.member_id = wire_string_from(member->id);
    struct wire_leave_group_request message;
    wire_default(&wire_leave_group_request_schema, &message);
    message.group_id = wire_string_from(GROUP);
    message.members.items = &identity;
    message.members.count = 1;
    memset(member->owns, 0, sizeof member->owns);
    (void)member_send(member, WIRE_API_LEAVE_GROUP, 3, 0, &message, leave_done);
}

/* ---- Turns ---- */

static void member_step(struct client *client)
{
    static void (*const sends[])(struct member *) = {find_send, join_send,   sync_send, look_send,
                                                     beat_send, commit_send, leave_send};
    struct member *member = member_of(client);
    bool there = member->options.group->topic->state == MODEL_TOPIC_CREATED;
    if (member->sent || !there || !client_may_send(client) ||
        env_now_ns(client->env) < member->send_after_ns)
        return;
    member->send_after_ns = env_now_ns(client->env) + 5 * SIM_MS; /* where sending fails */
    sends[member->stage](member);
}

int32_t client_member_settled(const struct client *client)
{
    const struct member *member = CONTAINER_OF(client, struct member, client);
    const struct client_group *group = member->options.group;
    bool settled = member->stage == STAGE_BEAT || member->stage == STAGE_COMMIT;
    if (!settled || member->generation != group->generation ||
        group->power != client->model->generation)
        return -1;
    int32_t owned = 0;
    for (int32_t i = 0; i < group->topic->partition_count; i++)
        owned += member->owns[i];
    return owned;
}

struct client *client_member_new(struct env *env, const struct client_member_options *options)
{
    struct member *member = mem_zalloc(sizeof *member);
    member->options = *options;
    member->generation = -1;
    client_init(&member->client, env, &options->client, "member", member_step);
    (void)truth_of(member);
    return &member->client;
}
