/* What administrators ask: describe, list, delete. */
#define LOG_ROOM "group"
#include "group/group_classic_int.h"
#include "group/group_int.h"

#include "base/log.h"

static const char *object_state_text(const struct group_coordinator *g,
                                     const struct group_hard *hard,
                                     const struct group_object *object, struct wire_string id)
{
    switch (object->type) {
    case GROUP_TYPE_CLASSIC: {
        const struct classic_group *group = classic_find(g, id);
        return classic_state_text(group == NULL ? CLASSIC_EMPTY : group->state);
    }
    case GROUP_TYPE_CONSUMER:
        return group_consumer_state_text(hard, id);
    case GROUP_TYPE_SHARE:
    case GROUP_TYPE_STREAMS:
        break;
    }
    return "Stable";
}

/* ---- DescribeGroups -------------------------------------------------------------------------- */

void *group_describe_error(const struct group_call *call, int16_t error)
{
    const struct wire_string *id = call->request;
    struct wire_describe_groups_response_described_group *response =
        GROUP_NEW(call->arena, describe_groups_response_described_group);
    response->group_id = *id;
    response->error_code = error;
    return response;
}

static void describe_member(const struct classic_member *member, bool stable, struct arena *arena,
                            struct wire_describe_groups_response_described_group_member *out)
{
    out->member_id = wire_string_copy(member->id, arena);
    out->group_instance_id = wire_string_copy(member->instance_id, arena);
    out->client_id = wire_string_copy(member->client_id, arena);
    out->client_host = wire_string_copy(member->client_host, arena);
    out->member_assignment = group_bytes_copy(member->assignment, arena);
    if (stable)
        out->member_metadata =
            group_bytes_copy(classic_member_metadata(member, member->group->protocol_name), arena);
}

static void describe_members(const struct classic_group *group, struct arena *arena,
                             struct wire_describe_groups_response_described_group *response)
{
    bool stable = group->state == CLASSIC_STABLE;
    response->members.count = (int32_t)group->member_count;
    response->members.items = GROUP_NEW_ARRAY(
        arena, describe_groups_response_described_group_member, group->member_count);
    struct wire_describe_groups_response_described_group_member *out = response->members.items;
    LIST_FOR_EACH (node, &group->members)
        describe_member(LIST_ENTRY(node, struct classic_member, node), stable, arena, out++);
    if (stable)
        response->protocol_data = wire_string_copy(group->protocol_name, arena);
}

void group_describe(struct group_work *work)
{
    const struct wire_string *id = work->call->request;
    struct arena *arena = work->call->arena;
    struct wire_describe_groups_response_described_group *response =
        group_describe_error(work->call, WIRE_ERROR_NONE);
    const struct group_object *object = group_object_find(work->g->committed, *id);
    const struct classic_group *group = classic_find(work->g, *id);
    group_reply(work, response);
    if (object == NULL || object->type != GROUP_TYPE_CLASSIC) {
        response->group_state = WIRE_STRING("Dead");
        if (work->call->version >= 6) {
            response->error_code = WIRE_ERROR_GROUP_ID_NOT_FOUND;
            response->error_message =
                object == NULL ? group_text(arena, "Group %.*s not found.", WIRE_STRING_ARGS(*id))
                               : group_text(arena, "Group %.*s is not a classic group.",
                                            WIRE_STRING_ARGS(*id));
        }
        return;
    }
    const struct wire_group_metadata_value *metadata = group_classic_object_of(object)->metadata;
    enum classic_state state = group == NULL ? CLASSIC_EMPTY : group->state;
    response->group_state = wire_string_from(classic_state_text(state));
    struct wire_string type = group != NULL      ? group->protocol_type
                              : metadata != NULL ? metadata->protocol_type
                                                 : WIRE_NULL_STRING;
    response->protocol_type = type.data == NULL ? WIRE_EMPTY_STRING : wire_string_copy(type, arena);
    if (group != NULL)
        describe_members(group, arena, response);
}

/* ---- ListGroups ------------------------------------------------------------------------------ */

void *group_list_error(const struct group_call *call, int16_t error)
{
    struct wire_list_groups_response *response = GROUP_NEW(call->arena, list_groups_response);
    response->error_code = error;
    return response;
}

static bool same_word(struct wire_string a, struct wire_string b)
{
    if (a.size != b.size)
        return false;
    for (uint32_t i = 0; i < a.size; i++) {
        if ((a.data[i] | 0x20) != (b.data[i] | 0x20))
            return false;
    }
    return true;
}

static bool listed(const struct wire_strings *filter, struct wire_string word)
{
    if (filter->count <= 0)
        return true;
    for (int32_t i = 0; i < filter->count; i++) {
        if (same_word(filter->items[i], word))
            return true;
    }
    return false;
}

static struct wire_string object_protocol_type(const struct group_coordinator *g,
                                               const struct group_object *object,
                                               struct wire_string id)
{
    switch (object->type) {
    case GROUP_TYPE_CONSUMER:
        return WIRE_STRING("consumer");
    case GROUP_TYPE_SHARE:
        return WIRE_STRING("share");
    case GROUP_TYPE_STREAMS:
        return WIRE_STRING("streams");
    case GROUP_TYPE_CLASSIC:
        break;
    }
    const struct classic_group *group = classic_find(g, id);
    const struct wire_group_metadata_value *metadata = group_classic_object_of(object)->metadata;
    struct wire_string type = group != NULL      ? group->protocol_type
                              : metadata != NULL ? metadata->protocol_type
                                                 : WIRE_NULL_STRING;
    return type.data == NULL ? WIRE_EMPTY_STRING : type;
}

void group_list(struct group_work *work)
{
    static const char *const types[] = {
        [GROUP_TYPE_CLASSIC] = "classic",
        [GROUP_TYPE_CONSUMER] = "consumer",
        [GROUP_TYPE_SHARE] = "share",
        [GROUP_TYPE_STREAMS] = "streams",
    };
    const struct wire_list_groups_request *request = work->call->request;
    struct group_coordinator *g = work->g;
    struct arena *arena = work->call->arena;
    struct wire_list_groups_response *response = group_list_error(work->call, WIRE_ERROR_NONE);
    size_t room = 0;
    struct pmap_iter iter;
    struct pmap_entry entry;
    pmap_iter_init(&iter, g->committed->groups, NULL, 0);
    while (pmap_iter_next(&iter, &entry)) {
        const struct group_object *object = CONTAINER_OF(entry.value, struct group_object, value);
        struct wire_string id = wire_string_of((const char *)entry.key, (uint32_t)entry.key_size);
        struct wire_string type = wire_string_from(types[object->type]);
        struct wire_string state = wire_string_from(object_state_text(g, g->committed, object, id));
        if (!listed(&request->types_filter, type) || !listed(&request->states_filter, state))
            continue;
        group_array_room(arena, &wire_list_groups_response_listed_group_schema,
                         (void **)&response->groups.items, &response->groups.count, &room);
        struct wire_list_groups_response_listed_group *out =
            &response->groups.items[response->groups.count++];
        out->group_id = wire_string_copy(id, arena);
        out->protocol_type = wire_string_copy(object_protocol_type(g, object, id), arena);
        out->group_state = state;
        out->group_type = type;
    }
    group_reply(work, response);
}

/* ---- DeleteGroups ---------------------------------------------------------------------------- */

void *group_delete_error(const struct group_call *call, int16_t error)
{
    const struct wire_string *id = call->request;
    struct wire_delete_groups_response_deletable_group_result *response =
        GROUP_NEW(call->arena, delete_groups_response_deletable_group_result);
    response->group_id = *id;
    response->error_code = error;
    return response;
}

void group_classic_tombstone(struct group_work *work, struct wire_string id)
{
    struct wire_group_metadata_key *key = GROUP_NEW(work->arena, group_metadata_key);
    key->group = wire_string_copy(id, work->arena);
    group_record(work, WIRE_GROUP_RECORD_GROUP_METADATA, key, 0, NULL);
}

static void delete_offsets(struct group_work *work, struct pmap map, struct wire_string id)
{
    struct buf prefix = BUF_EMPTY;
    struct pmap_iter iter;
    struct pmap_entry entry;
    group_key_group(&prefix, id);
    pmap_iter_init(&iter, map, prefix.data, prefix.size);
    while (pmap_iter_next(&iter, &entry) && group_key_has_prefix(&entry, &prefix)) {
        struct wire_string group;
        struct wire_string topic;
        int32_t partition;
        group_key_read(entry.key, entry.key_size, &group, &topic, &partition);
        group_offset_tombstone(work, id, topic, partition);
    }
    buf_deinit(&prefix);
}

void group_delete(struct group_work *work)
{
    const struct wire_string *id = work->call->request;
    const struct group_object *object = group_object_find(work->hard, *id);
    const struct classic_group *classic = classic_find(work->g, *id);
    int16_t error = WIRE_ERROR_NONE;
    if (object == NULL || object->type > GROUP_TYPE_CONSUMER)
        error = WIRE_ERROR_GROUP_ID_NOT_FOUND;
    else if (object->type == GROUP_TYPE_CONSUMER
                 ? !group_consumer_is_empty(work->hard, *id)
                 : classic != NULL && classic->state != CLASSIC_EMPTY)
        error = WIRE_ERROR_NON_EMPTY_GROUP;
    group_reply(work, group_delete_error(work->call, error));
    if (error != WIRE_ERROR_NONE)
        return;
    delete_offsets(work, work->hard->offsets, *id);
    delete_offsets(work, work->hard->pending, *id);
    if (object->type == GROUP_TYPE_CLASSIC)
        group_classic_tombstone(work, *id);
    else
        group_consumer_tombstones(work, *id);
    LOG_INFO("group %.*s is deleted", WIRE_STRING_ARGS(*id));
}
