/*
 * Soft state of classic groups: groups, members, what they are made of.
 *
 * 1. joining_count is the number of members whose `join` is set.
 * 2. A member's text and bytes are its own; protocols lie in one allocation.
 * 3. The leader is a member, or NULL when there is none.
 */
#include "group/group_classic_int.h"

#include "base/mem.h"

#include <string.h>

/* ---- Text ------------------------------------------------------------------------------------ */

static struct wire_string text_new(struct wire_string text)
{
    if (text.data == NULL)
        return text;
    return wire_string_of(mem_strndup(text.data, text.size), text.size);
}

static void text_set(struct wire_string *text, struct wire_string value)
{
    struct wire_string copy = text_new(value); /* it may be the text itself */
    mem_free((char *)text->data);
    *text = copy;
}

/* ---- Groups ---------------------------------------------------------------------------------- */

struct classic_group *classic_find(const struct group_coordinator *g, struct wire_string id)
{
    HMAP_FOR_EACH_HASH (node, &g->classic, hash_bytes(id.data, id.size)) {
        struct classic_group *group = HMAP_ENTRY(node, struct classic_group, node);
        if (wire_string_equal(group->id, id))
            return group;
    }
    return NULL;
}

static struct classic_group *classic_new(struct group_coordinator *g, struct wire_string id)
{
    struct classic_group *group = mem_zalloc(sizeof *group);
    group->g = g;
    group->id = text_new(id);
    group->state_wall_ms = g->time.wall_ms;
    list_init(&group->members);
    list_init(&group->pending);
    classic_timers_init(group);
    hmap_insert(&g->classic, &group->node, hash_bytes(id.data, id.size));
    return group;
}

static void classic_set_type(struct classic_group *group, struct wire_string type)
{
    text_set(&group->protocol_type, type.size == 0 ? WIRE_NULL_STRING : type);
}

static void classic_read(struct classic_group *group, const struct group_object *object)
{
    const struct wire_group_metadata_value *metadata = group_classic_object_of(object)->metadata;
    if (metadata == NULL)
        return;
    group->generation = metadata->generation;
    group->state_wall_ms = metadata->current_state_timestamp;
    classic_set_type(group, metadata->protocol_type);
}

struct classic_group *classic_get(struct group_work *work, struct wire_string id)
{
    struct classic_group *group = classic_find(work->g, id);
    if (group != NULL)
        return group;
    group = classic_new(work->g, id);
    const struct group_object *object = group_object_find(work->hard, id);
    if (object != NULL)
        classic_read(group, object);
    return group;
}

void classic_free(struct classic_group *group)
{
    struct group_coordinator *g = group->g;
    group->leader = NULL;
    while (!list_empty(&group->members)) {
        struct classic_member *member =
            LIST_ENTRY(group->members.next, struct classic_member, node);
        member->join = NULL;
        member->sync = NULL;
        classic_member_remove(member);
    }
    while (!list_empty(&group->pending))
        classic_pending_remove(LIST_ENTRY(group->pending.next, struct classic_pending, node));
    group_timer_cancel(g, &group->join_timer);
    group_timer_cancel(g, &group->sync_timer);
    group_timer_cancel(g, &group->retry);
    hmap_remove(&g->classic, &group->node);
    mem_free((char *)group->id.data);
    mem_free((char *)group->protocol_type.data);
    mem_free((char *)group->protocol_name.data);
    mem_free(group);
}

void classic_answer_all(struct classic_group *group, int16_t error)
{
    LIST_FOR_EACH (node, &group->members) {
        struct classic_member *member = LIST_ENTRY(node, struct classic_member, node);
        if (member->join != NULL) {
            group_answer(group->g, member->join, group_error_response(member->join, error));
            member->join = NULL;
            group->joining_count--;
        }
        if (member->sync != NULL)
            group_answer(group->g, member->sync, group_error_response(member->sync, error));
        member->sync = NULL;
    }
}

void classic_enter(struct classic_group *group, enum classic_state state)
{
    group->state_before = group->state;
    group->state = state;
    group->state_wall_ms = group->g->time.wall_ms;
}

const char *classic_state_text(enum classic_state state)
{
    static const char *const texts[] = {
        [CLASSIC_EMPTY] = "Empty",
        [CLASSIC_PREPARING_REBALANCE] = "PreparingRebalance",
        [CLASSIC_COMPLETING_REBALANCE] = "CompletingRebalance",
        [CLASSIC_STABLE] = "Stable",
    };
    return texts[state];
}

/* ---- Members --------------------------------------------------------------------------------- */

struct classic_member *classic_member_find(const struct classic_group *group,
                                           struct wire_string member_id)
{
    LIST_FOR_EACH (node, &group->members) {
        struct classic_member *member = LIST_ENTRY(node, struct classic_member, node);
        if (wire_string_equal(member->id, member_id))
            return member;
    }
    return NULL;
}

struct classic_member *classic_member_of_instance(const struct classic_group *group,
                                                  struct wire_string instance_id)
{
    if (instance_id.data == NULL)
        return NULL;
    LIST_FOR_EACH (node, &group->members) {
        struct classic_member *member = LIST_ENTRY(node, struct classic_member, node);
        if (wire_string_equal(member->instance_id, instance_id))
            return member;
    }
    return NULL;
}

struct classic_pending *classic_pending_find(const struct classic_group *group,
                                             struct wire_string member_id)
{
    LIST_FOR_EACH (node, &group->pending) {
        struct classic_pending *pending = LIST_ENTRY(node, struct classic_pending, node);
        if (wire_string_equal(pending->id, member_id))
            return pending;
    }
    return NULL;
}

static void session_over(struct group_work *work, struct group_timer *timer)
{
    struct classic_member *member = CONTAINER_OF(timer, struct classic_member, session);
    UNUSED(work);
    /* Who waits for an answer of ours is well, but for a newcomer that never came back for it. */
    if (!member->is_new && (member->join != NULL || member->sync != NULL))
        return;
    classic_member_lost(work, member,
                        member->is_new ? "it joined and did not wait for the answer"
                                       : "no heartbeat came within its session timeout");
}

struct classic_member *classic_member_add(struct classic_group *group, struct wire_string id,
                                          struct wire_string instance_id)
{
    struct classic_member *member = mem_zalloc(sizeof *member);
    member->group = group;
    member->id = text_new(id);
    member->instance_id = text_new(instance_id);
    group_timer_init(&member->session, session_over);
    list_push_back(&group->members, &member->node);
    group->member_count++;
    if (group->leader == NULL)
        group->leader = member;
    return member;
}

void classic_member_remove(struct classic_member *member)
{
    struct classic_group *group = member->group;
    ASSERT(member->join == NULL && member->sync == NULL);
    list_remove(&member->node);
    group->member_count--;
    if (group->leader == member)
        group->leader = list_empty(&group->members)
                            ? NULL
                            : LIST_ENTRY(group->members.next, struct classic_member, node);
    group_timer_cancel(group->g, &member->session);
    mem_free((char *)member->id.data);
    mem_free((char *)member->instance_id.data);
    mem_free((char *)member->client_id.data);
    mem_free((char *)member->client_host.data);
    mem_free((uint8_t *)member->assignment.data);
    mem_free(member->protocols);
    mem_free(member);
}

void classic_member_rename(struct classic_member *member, struct wire_string id)
{
    text_set(&member->id, id);
}

void classic_member_set_client(struct classic_member *member, struct wire_string client_id,
                               struct wire_string client_host)
{
    text_set(&member->client_id, client_id);
    text_set(&member->client_host, client_host);
}

void classic_member_set_protocols(struct classic_member *member,
                                  const struct classic_protocol *protocols, size_t count)
{
    size_t size = count * sizeof protocols[0];
    for (size_t i = 0; i < count; i++)
        size += protocols[i].name.size + protocols[i].metadata.size;
    struct classic_protocol *copy = mem_zalloc(size + 1);
    char *at = (char *)(copy + count);
    for (size_t i = 0; i < count; i++) {
        copy[i].name = wire_string_of(at, protocols[i].name.size);
        if (protocols[i].name.size > 0)
            memcpy(at, protocols[i].name.data, protocols[i].name.size);
        at += protocols[i].name.size;
        copy[i].metadata = wire_bytes_of(at, protocols[i].metadata.size);
        if (protocols[i].metadata.size > 0)
            memcpy(at, protocols[i].metadata.data, protocols[i].metadata.size);
        at += protocols[i].metadata.size;
    }
    mem_free(member->protocols);
    member->protocols = copy;
    member->protocol_count = count;
}

void classic_member_set_assignment(struct classic_member *member, struct wire_bytes assignment)
{
    uint8_t *copy = mem_alloc(assignment.size + 1);
    if (assignment.size > 0)
        memcpy(copy, assignment.data, assignment.size);
    mem_free((uint8_t *)member->assignment.data);
    member->assignment = wire_bytes_of(copy, assignment.size);
}

struct wire_bytes classic_member_metadata(const struct classic_member *member,
                                          struct wire_string protocol)
{
    for (size_t i = 0; i < member->protocol_count; i++) {
        if (wire_string_equal(member->protocols[i].name, protocol))
            return member->protocols[i].metadata;
    }
    return wire_bytes_of("", 0);
}

void classic_session_extend(struct classic_member *member)
{
    struct group_coordinator *g = member->group->g;
    group_timer_set(g, &member->session, g->time.now_ms + member->session_timeout_ms);
}

int16_t classic_check_member(const struct classic_group *group, struct wire_string member_id,
                             struct wire_string instance_id, struct classic_member **out)
{
    *out = NULL;
    if (group == NULL)
        return WIRE_ERROR_UNKNOWN_MEMBER_ID;
    if (instance_id.data != NULL) {
        struct classic_member *member = classic_member_of_instance(group, instance_id);
        if (member == NULL)
            return WIRE_ERROR_UNKNOWN_MEMBER_ID;
        if (!wire_string_equal(member->id, member_id))
            return WIRE_ERROR_FENCED_INSTANCE_ID;
    }
    *out = classic_member_find(group, member_id);
    return *out == NULL ? WIRE_ERROR_UNKNOWN_MEMBER_ID : WIRE_ERROR_NONE;
}

/* ---- Ids that are given out ------------------------------------------------------------------ */

static void pending_over(struct group_work *work, struct group_timer *timer)
{
    classic_pending_lost(work, CONTAINER_OF(timer, struct classic_pending, session));
}

void classic_pending_add(struct classic_group *group, struct wire_string id, int32_t session_ms)
{
    struct classic_pending *pending = mem_zalloc(sizeof *pending);
    pending->group = group;
    pending->id = text_new(id);
    list_push_back(&group->pending, &pending->node);
    group_timer_init(&pending->session, pending_over);
    group_timer_set(group->g, &pending->session, group->g->time.now_ms + session_ms);
}

void classic_pending_remove(struct classic_pending *pending)
{
    group_timer_cancel(pending->group->g, &pending->session);
    list_remove(&pending->node);
    mem_free((char *)pending->id.data);
    mem_free(pending);
}

void classic_set_protocol(struct classic_group *group, struct wire_string type,
                          struct wire_string name)
{
    classic_set_type(group, type);
    text_set(&group->protocol_name, name);
}

/* ---- Records --------------------------------------------------------------------------------- */

#define GROUP_METADATA_VERSION 3

void classic_record(struct group_work *work, const struct classic_group *group)
{
    struct wire_group_metadata_key *key = GROUP_NEW(work->arena, group_metadata_key);
    key->group = wire_string_copy(group->id, work->arena);
    struct wire_group_metadata_value *value = GROUP_NEW(work->arena, group_metadata_value);
    value->protocol_type = group->protocol_type.data == NULL
                               ? WIRE_EMPTY_STRING
                               : wire_string_copy(group->protocol_type, work->arena);
    value->generation = group->generation;
    value->protocol = group->protocol_name;
    value->leader = group->leader == NULL ? WIRE_NULL_STRING : group->leader->id;
    value->current_state_timestamp = group->state_wall_ms;
    value->members.count = (int32_t)group->member_count;
    value->members.items =
        GROUP_NEW_ARRAY(work->arena, group_metadata_value_member_metadata, group->member_count);
    struct wire_group_metadata_value_member_metadata *out = value->members.items;
    LIST_FOR_EACH (node, &group->members) {
        const struct classic_member *member = LIST_ENTRY(node, struct classic_member, node);
        out->member_id = member->id;
        out->group_instance_id = member->instance_id;
        out->client_id = member->client_id;
        out->client_host = member->client_host;
        out->rebalance_timeout = member->rebalance_timeout_ms;
        out->session_timeout = member->session_timeout_ms;
        out->subscription = classic_member_metadata(member, group->protocol_name);
        out->assignment =
            member->assignment.data == NULL ? wire_bytes_of("", 0) : member->assignment;
        out++;
    }
    group_record(work, WIRE_GROUP_RECORD_GROUP_METADATA, key, GROUP_METADATA_VERSION, value);
}

/* ---- Life ------------------------------------------------------------------------------------ */

static void group_load_members(struct group_coordinator *g, struct wire_string id,
                               const struct group_object *object)
{
    const struct wire_group_metadata_value *metadata = group_classic_object_of(object)->metadata;
    if (metadata == NULL || metadata->members.count == 0)
        return;
    struct classic_group *group = classic_new(g, id);
    classic_read(group, object);
    classic_set_protocol(group, metadata->protocol_type, metadata->protocol);
    group->state = CLASSIC_STABLE;
    group->state_before = CLASSIC_COMPLETING_REBALANCE;
    for (int32_t i = 0; i < metadata->members.count; i++) {
        const struct wire_group_metadata_value_member_metadata *from = &metadata->members.items[i];
        struct classic_member *member =
            classic_member_add(group, from->member_id, from->group_instance_id);
        classic_member_set_client(member, from->client_id, from->client_host);
        member->session_timeout_ms = from->session_timeout;
        member->rebalance_timeout_ms =
            from->rebalance_timeout >= 0 ? from->rebalance_timeout : from->session_timeout;
        struct classic_protocol protocol = {.name = metadata->protocol,
                                            .metadata = from->subscription};
        classic_member_set_protocols(member, &protocol, metadata->protocol.data != NULL);
        classic_member_set_assignment(member, from->assignment);
        if (wire_string_equal(member->id, metadata->leader))
            group->leader = member;
        classic_session_extend(member);
    }
}

void group_classic_activate(struct group_coordinator *g)
{
    struct pmap_iter iter;
    struct pmap_entry entry;
    pmap_iter_init(&iter, g->hard.groups, NULL, 0);
    while (pmap_iter_next(&iter, &entry)) {
        const struct group_object *object = CONTAINER_OF(entry.value, struct group_object, value);
        if (object->type == GROUP_TYPE_CLASSIC)
            group_load_members(g, wire_string_of((const char *)entry.key, (uint32_t)entry.key_size),
                               object);
    }
}

void group_classic_forget(struct group_coordinator *g)
{
    HMAP_FOR_EACH_SAFE (node, after, &g->classic)
        classic_free(HMAP_ENTRY(node, struct classic_group, node));
}
