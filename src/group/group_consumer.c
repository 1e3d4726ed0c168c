/*
 * The new protocol (KIP-848): one request, ConsumerGroupHeartbeat, with which members join, tell
 * what they have, learn what they are to have, and leave.
 *
 * Each heartbeat: the member as it is going to be -> does that change what the group subscribes to
 * (the group's epoch rises) -> is a new target due (the target's epoch follows) -> the member's
 * next step towards it (its own epoch follows).
 *
 * What is not in the log: when a member is to be heard of again, until when it has to have given up
 * what it was told to, and whether the group's topics were looked at since they last changed. A
 * timer outlives its member: when it fires and the member is not there, nothing happens.
 */
#define LOG_ROOM "group"
#include "group/group_consumer_int.h"

#include "base/log.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

typedef struct wire_consumer_group_heartbeat_request beat_request;
typedef struct wire_consumer_group_heartbeat_response beat_response;
typedef struct wire_consumer_group_member_metadata_value member_metadata;

/* ---- Soft state --------------------------------------------------------------------------------
 */

struct soft_group {
    struct hmap_node node;
    struct hmap members; /* soft_member */
    struct group_timer resolve;
    bool checked;          /* its topics were looked at since they last changed */
    int32_t checked_epoch; /* ... for this epoch, which may not have come to be */
    size_t id_size;
    char id[];
};

struct soft_member {
    struct hmap_node node;
    struct soft_group *group;
    struct group_timer session;
    struct group_timer rebalance;
    int32_t rebalance_epoch; /* the one that it has to leave */
    int32_t rebalance_ms;
    size_t id_size;
    char id[];
};

static struct wire_string soft_group_id(const struct soft_group *group)
{
    return wire_string_of(group->id, group->id_size);
}

static struct wire_string soft_member_id(const struct soft_member *member)
{
    return wire_string_of(member->id, member->id_size);
}

static struct soft_group *soft_group_find(struct group_coordinator *g, struct wire_string id)
{
    HMAP_FOR_EACH_HASH (node, &g->consumer, hash_bytes(id.data, id.size)) {
        struct soft_group *group = HMAP_ENTRY(node, struct soft_group, node);
        if (wire_string_equal(soft_group_id(group), id))
            return group;
    }
    return NULL;
}

static void resolve_fire(struct group_work *work, struct group_timer *timer)
{
    struct soft_group *group = CONTAINER_OF(timer, struct soft_group, resolve);
    group_consumer_resolve(work, soft_group_id(group));
}

static struct soft_group *soft_group_get(struct group_coordinator *g, struct wire_string id)
{
    struct soft_group *group = soft_group_find(g, id);
    if (group != NULL)
        return group;
    group = mem_zalloc(sizeof *group + id.size);
    hmap_init(&group->members);
    group_timer_init(&group->resolve, resolve_fire);
    group->id_size = id.size;
    memcpy(group->id, id.data, id.size);
    hmap_insert(&g->consumer, &group->node, hash_bytes(id.data, id.size));
    return group;
}

static struct soft_member *soft_member_find(struct soft_group *group, struct wire_string id)
{
    HMAP_FOR_EACH_HASH (node, &group->members, hash_bytes(id.data, id.size)) {
        struct soft_member *member = HMAP_ENTRY(node, struct soft_member, node);
        if (wire_string_equal(soft_member_id(member), id))
            return member;
    }
    return NULL;
}

static void soft_member_free(struct group_coordinator *g, struct soft_member *member)
{
    group_timer_cancel(g, &member->session);
    group_timer_cancel(g, &member->rebalance);
    hmap_remove(&member->group->members, &member->node);
    mem_free(member);
}

static void soft_group_free(struct group_coordinator *g, struct soft_group *group)
{
    HMAP_FOR_EACH_SAFE (node, after, &group->members)
        soft_member_free(g, HMAP_ENTRY(node, struct soft_member, node));
    group_timer_cancel(g, &group->resolve);
    hmap_remove(&g->consumer, &group->node);
    hmap_deinit(&group->members);
    mem_free(group);
}

static void session_fire(struct group_work *work, struct group_timer *timer);
static void rebalance_fire(struct group_work *work, struct group_timer *timer);

static struct soft_member *soft_member_get(struct soft_group *group, struct wire_string id)
{
    struct soft_member *member = soft_member_find(group, id);
    if (member != NULL)
        return member;
    member = mem_zalloc(sizeof *member + id.size);
    member->group = group;
    group_timer_init(&member->session, session_fire);
    group_timer_init(&member->rebalance, rebalance_fire);
    member->id_size = id.size;
    memcpy(member->id, id.data, id.size);
    hmap_insert(&group->members, &member->node, hash_bytes(id.data, id.size));
    return member;
}

/* ---- Settings
 * ------------------------------------------------------------------------------------ */

/* The group's own setting within the node's bounds, or the node's. */
static int32_t group_setting(const struct group_coordinator *g, struct wire_string group,
                             const char *name, enum conf_broker_id fallback,
                             enum conf_broker_id least, enum conf_broker_id most)
{
    const char *text =
        meta_image_config(g->image, META_RESOURCE_GROUP, group.data, group.size, name);
    int64_t value = text == NULL ? conf_int(g->conf, fallback) : strtoll(text, NULL, 10);
    if (text != NULL && value < conf_int(g->conf, least))
        value = conf_int(g->conf, least);
    if (text != NULL && value > conf_int(g->conf, most))
        value = conf_int(g->conf, most);
    return (int32_t)value;
}

static int32_t session_timeout_ms(const struct group_coordinator *g, struct wire_string group)
{
    return group_setting(g, group, "consumer.session.timeout.ms",
                         CONF_BROKER_GROUP_CONSUMER_SESSION_TIMEOUT_MS,
                         CONF_BROKER_GROUP_CONSUMER_MIN_SESSION_TIMEOUT_MS,
                         CONF_BROKER_GROUP_CONSUMER_MAX_SESSION_TIMEOUT_MS);
}

static int32_t heartbeat_interval_ms(const struct group_coordinator *g, struct wire_string group)
{
    return group_setting(g, group, "consumer.heartbeat.interval.ms",
                         CONF_BROKER_GROUP_CONSUMER_HEARTBEAT_INTERVAL_MS,
                         CONF_BROKER_GROUP_CONSUMER_MIN_HEARTBEAT_INTERVAL_MS,
                         CONF_BROKER_GROUP_CONSUMER_MAX_HEARTBEAT_INTERVAL_MS);
}

static int32_t assignment_interval_ms(const struct group_coordinator *g, struct wire_string group)
{
    return group_setting(g, group, "consumer.assignment.interval.ms",
                         CONF_BROKER_GROUP_CONSUMER_ASSIGNMENT_INTERVAL_MS,
                         CONF_BROKER_GROUP_CONSUMER_MIN_ASSIGNMENT_INTERVAL_MS,
                         CONF_BROKER_GROUP_CONSUMER_MAX_ASSIGNMENT_INTERVAL_MS);
}

/* ---- Answers
 * -------------------------------------------------------------------------------------- */

static void *beat_error(struct arena *arena, int16_t error, struct wire_string message)
{
    beat_response *response = GROUP_NEW(arena, consumer_group_heartbeat_response);
    response->error_code = error;
    response->error_message = message;
    return response;
}

void *group_consumer_heartbeat_error(const struct group_call *call, int16_t error)
{
    return beat_error(call->arena, error, WIRE_NULL_STRING);
}

void group_consumer_refuse(struct group_work *work, int16_t error, struct wire_string message)
{
    work->count = 0;
    group_reply(work, beat_error(work->call->arena, error, message));
}

#define REFUSE(work, error, ...) \
    group_consumer_refuse(work, WIRE_ERROR_##error, group_text((work)->call->arena, __VA_ARGS__))
#define TEXT(string) WIRE_STRING_ARGS(string)

static bool is_blank(struct wire_string text)
{
    if (text.data == NULL)
        return false;
    for (uint32_t i = 0; i < text.size; i++) {
        if ((uint8_t)text.data[i] > ' ')
            return false;
    }
    return true;
}

static const char *assignors_text(const struct group_work *work)
{
    struct conf_list served = conf_list(work->g->conf, CONF_BROKER_GROUP_CONSUMER_ASSIGNORS);
    const char *text = "";
    for (size_t i = 0; i < served.count; i++)
        text = arena_printf(work->call->arena, "%s%s%s", text, i == 0 ? "" : ", ", served.items[i]);
    return text == NULL ? "" : text;
}

static bool assignor_served(const struct group_work *work, struct wire_string name)
{
    struct conf_list served = conf_list(work->g->conf, CONF_BROKER_GROUP_CONSUMER_ASSIGNORS);
    for (size_t i = 0; i < served.count; i++) {
        if (wire_string_is(name, served.items[i]))
            return true;
    }
    return false;
}

/* NULL: the request is one. Else what is wrong with it. */
static const char *request_fault(const struct group_work *work, const beat_request *request)
{
    int32_t epoch = request->member_epoch;
    if ((work->call->version >= 1 || epoch > 0 || epoch == GROUP_EPOCH_LEFT) &&
        is_blank(request->member_id))
        return "MemberId can't be empty.";
    if (is_blank(request->group_id))
        return "GroupId can't be empty.";
    if (is_blank(request->instance_id))
        return "InstanceId can't be empty.";
    if (is_blank(request->rack_id))
        return "RackId can't be empty.";
    if (epoch == 0) {
        if (request->rebalance_timeout_ms == -1)
            return "RebalanceTimeoutMs must be provided in first request.";
        if (request->topic_partitions.count != 0)
            return "TopicPartitions must be empty when (re-)joining.";
        if (request->subscribed_topic_names.count < 0 &&
            request->subscribed_topic_regex.data == NULL)
            return "Either SubscribedTopicNames or SubscribedTopicRegex must be non-null when "
                   "(re-)joining.";
    } else if (epoch == GROUP_EPOCH_LEFT_STATIC) {
        if (request->instance_id.data == NULL)
            return "InstanceId can't be null.";
    } else if (epoch < GROUP_EPOCH_LEFT_STATIC) {
        return "MemberEpoch is invalid.";
    }
    return NULL;
}

/* ---- Fencing
 * --------------------------------------------------------------------------------------- */

/* The member goes, and with it what only it subscribed to. */
static void fence(struct group_work *work, struct wire_string group_id,
                  const struct group_consumer *group, struct wire_string id)
{
    const struct group_member *member = group_member_find(group, id);
    struct group_view view = {
        .group = group, .image = work->g->image, .member_id = id, .arena = work->arena};
    group_record_member_gone(work, group_id, id);
    struct wire_string expression = member->subscription->metadata->subscribed_topic_regex;
    if (expression.size > 0 && group_resolved_find(group, expression) != NULL &&
        group_view_regex_count(&view, expression) == 0)
        group_record_resolved_gone(work, group_id, expression);
    struct group_summary summary;
    group_view_summary(&view, &summary);
    group_record_epoch(work, group_id, group->epoch + 1, summary.metadata_hash);
    LOG_INFO("group %.*s: epoch %d, member %.*s is gone", TEXT(group_id), group->epoch + 1,
             TEXT(id));
}

static void session_fire(struct group_work *work, struct group_timer *timer)
{
    struct soft_member *soft = CONTAINER_OF(timer, struct soft_member, session);
    struct wire_string group_id = soft_group_id(soft->group);
    const struct group_consumer *group = group_consumer_find(work->hard, group_id);
    if (group == NULL || group_member_find(group, soft_member_id(soft)) == NULL) {
        struct soft_group *soft_group = soft->group;
        soft_member_free(work->g, soft);
        if (soft_group->members.count == 0)
            soft_group_free(work->g, soft_group);
        return;
    }
    LOG_INFO("group %.*s: member %.*s was not heard of for %d ms", TEXT(group_id),
             TEXT(soft_member_id(soft)), session_timeout_ms(work->g, group_id));
    fence(work, group_id, group, soft_member_id(soft));
    /* Should this not come to be logged, it is tried again. */
    group_timer_set(work->g, &soft->session,
                    work->time.now_ms + session_timeout_ms(work->g, group_id));
}

static void rebalance_fire(struct group_work *work, struct group_timer *timer)
{
    struct soft_member *soft = CONTAINER_OF(timer, struct soft_member, rebalance);
    struct wire_string group_id = soft_group_id(soft->group);
    const struct group_consumer *group = group_consumer_find(work->hard, group_id);
    const struct group_member *member =
        group == NULL ? NULL : group_member_find(group, soft_member_id(soft));
    if (member == NULL || member->state.epoch != soft->rebalance_epoch)
        return;
    LOG_INFO("group %.*s: member %.*s did not give up its partitions within %d ms", TEXT(group_id),
             TEXT(soft_member_id(soft)), soft->rebalance_ms);
    fence(work, group_id, group, soft_member_id(soft));
}

/* ---- Leaving
 * ---------------------------------------------------------------------------------------- */

static void reply_left(struct group_work *work, struct wire_string id, int32_t epoch)
{
    beat_response *response = GROUP_NEW(work->call->arena, consumer_group_heartbeat_response);
    response->member_id = id;
    response->member_epoch = epoch;
    group_reply(work, response);
}

/* The member that an instance is, if the request is from it; else refuses and returns NULL. */
static const struct group_member *static_member_of(struct group_work *work,
                                                   const beat_request *request,
                                                   const struct group_consumer *group)
{
    const struct group_text_value *id = group_static_find(group, request->instance_id);
    if (id == NULL) {
        REFUSE(work, UNKNOWN_MEMBER_ID, "Instance id %.*s is unknown.", TEXT(request->instance_id));
        return NULL;
    }
    struct wire_string owner = wire_string_of(id->data, id->size);
    if (!wire_string_equal(owner, request->member_id)) {
        REFUSE(work, FENCED_INSTANCE_ID,
               "Static member %.*s with instance id %.*s was fenced by member %.*s.",
               TEXT(request->member_id), TEXT(request->instance_id), TEXT(owner));
        return NULL;
    }
    return group_member_find(group, owner);
}

static const struct group_member *dynamic_member_of(struct group_work *work,
                                                    const beat_request *request,
                                                    const struct group_consumer *group)
{
    const struct group_member *member = group_member_find(group, request->member_id);
    if (member == NULL)
        REFUSE(work, UNKNOWN_MEMBER_ID, "Member %.*s is not a member of group %.*s.",
               TEXT(request->member_id), TEXT(request->group_id));
    return member;
}

/* NULL: refused. */
static const struct group_consumer *group_of(struct group_work *work, const beat_request *request)
{
    const struct group_object *object = group_object_find(work->hard, request->group_id);
    if (object != NULL && object->type == GROUP_TYPE_CONSUMER)
        return group_consumer_of(object);
    if (object == NULL)
        REFUSE(work, GROUP_ID_NOT_FOUND, "%s %.*s not found.",
               request->member_epoch < 0 ? "Group" : "Consumer group", TEXT(request->group_id));
    else
        REFUSE(work, GROUP_ID_NOT_FOUND, "Group %.*s is not a consumer group.",
               TEXT(request->group_id));
    return NULL;
}

static void leave(struct group_work *work, const beat_request *request)
{
    const struct group_consumer *group = group_of(work, request);
    if (group == NULL)
        return;
    bool is_static = request->instance_id.data != NULL;
    const struct group_member *member = is_static ? static_member_of(work, request, group)
                                                  : dynamic_member_of(work, request, group);
    if (member == NULL)
        return;
    if (is_static && request->member_epoch == GROUP_EPOCH_LEFT_STATIC) {
        struct group_member_state state = member->state;
        state.epoch = GROUP_EPOCH_LEFT_STATIC;
        state.revoking.count = 0;
        state.assigned.items =
            arena_must_alloc_array(work->arena, state.assigned.count, sizeof *state.assigned.items);
        for (size_t i = 0; i < state.assigned.count; i++) {
            state.assigned.items[i] = member->state.assigned.items[i];
            state.assigned.items[i].epoch = 0;
        }
        group_record_current(work, request->group_id, request->member_id, &state);
        LOG_INFO("group %.*s: static member %.*s (%.*s) left for now", TEXT(request->group_id),
                 TEXT(request->instance_id), TEXT(request->member_id));
    } else {
        fence(work, request->group_id, group, request->member_id);
    }
    reply_left(work, request->member_id, request->member_epoch);
}

/* ---- A heartbeat
 * -------------------------------------------------------------------------------------- */

struct beat {
    struct group_work *work;
    const beat_request *request;
    struct wire_string group_id;
    struct wire_string id;              /* the member's */
    const struct group_consumer *group; /* NULL: it comes to be */
    struct soft_group *soft;
    /* The member as it is, or would be without what the request says. */
    struct group_member_state state;
    const member_metadata *metadata; /* NULL: it is new */
    struct wire_string replaced_id;  /* a static member's former id */
    member_metadata *updated;
    struct group_parts owned; /* what it says it has */
    struct group_view view;   /* the group with the updated member */
    int32_t epoch;            /* the group's, from now on */
    bool homogeneous;
    bool summed; /* homogeneous is known */
};

static bool owns_subset(const struct beat *beat, const struct group_parts *assigned)
{
    if (beat->request->topic_partitions.count < 0)
        return false;
    for (size_t i = 0; i < beat->owned.count; i++) {
        const struct group_part *part = &beat->owned.items[i];
        if (group_parts_find(assigned, &part->topic, part->partition) == NULL)
            return false;
    }
    return true;
}

/* False: refused. A member one epoch behind may have lost our answer. */
static bool epoch_accepted(struct beat *beat, const struct group_member_state *state)
{
    int32_t told = beat->request->member_epoch;
    if (told == 0 || told == state->epoch)
        return true;
    if (told < state->epoch && told == state->previous_epoch && owns_subset(beat, &state->assigned))
        return true;
    REFUSE(beat->work, FENCED_MEMBER_EPOCH,
           "The consumer group member has a %s member epoch (%d) than the one known by the group "
           "coordinator (%d). The member must abandon all its partitions and rejoin.",
           told > state->epoch ? "greater" : "smaller", told, state->epoch);
    return false;
}

static void member_is(struct beat *beat, const struct group_member *member)
{
    beat->state = member->state;
    beat->metadata = member->subscription->metadata;
}

static bool dynamic_member(struct beat *beat)
{
    const beat_request *request = beat->request;
    const struct group_member *member =
        beat->group == NULL ? NULL : group_member_find(beat->group, beat->id);
    if (member == NULL) {
        if (request->member_epoch == 0)
            return true;
        return dynamic_member_of(beat->work, request, beat->group) != NULL;
    }
    member_is(beat, member);
    return epoch_accepted(beat, &member->state);
}

/* An instance comes back under another id: it takes over what the former one has. */
static void replace_member(struct beat *beat, struct wire_string former,
                           const struct group_member *member)
{
    struct group_work *work = beat->work;
    member_is(beat, member);
    beat->state.epoch = 0;
    beat->state.previous_epoch = 0;
    group_record_member_gone(work, beat->group_id, former);
    group_record_member(work, beat->group_id, beat->id, beat->metadata);
    const struct group_parts *target = group_target_find(beat->group, former);
    group_record_target(work, beat->group_id, beat->id,
                        target != NULL ? target : &(struct group_parts){0});
    group_record_current(work, beat->group_id, beat->id, &beat->state);
    if (!wire_string_equal(former, beat->id))
        beat->replaced_id = former;
    LOG_INFO("group %.*s: static member %.*s is back as %.*s (it was %.*s)", TEXT(beat->group_id),
             TEXT(beat->request->instance_id), TEXT(beat->id), TEXT(former));
}

static bool static_member(struct beat *beat)
{
    const beat_request *request = beat->request;
    if (request->member_epoch != 0) {
        const struct group_member *member = static_member_of(beat->work, request, beat->group);
        if (member == NULL)
            return false;
        member_is(beat, member);
        return epoch_accepted(beat, &member->state);
    }
    const struct group_text_value *owner =
        beat->group == NULL ? NULL : group_static_find(beat->group, request->instance_id);
    if (owner == NULL) {
        const struct group_member *member =
            beat->group == NULL ? NULL : group_member_find(beat->group, beat->id);
        if (member != NULL)
            member_is(beat, member);
        return true;
    }
    struct wire_string former = wire_string_of(owner->data, owner->size);
    const struct group_member *member = group_member_find(beat->group, former);
    if (member->subscription->metadata->classic_member_metadata == NULL &&
        member->state.epoch != GROUP_EPOCH_LEFT_STATIC) {
        REFUSE(
            beat->work, UNRELEASED_INSTANCE_ID,
            "Static member %.*s with instance id %.*s cannot join the group because the instance "
            "id is owned by %.*s member.",
            TEXT(beat->id), TEXT(request->instance_id), TEXT(former));
        return false;
    }
    replace_member(beat, former, member);
    return true;
}

static int compare_strings(const void *a, const void *b)
{
    return group_text_compare(*(const struct wire_string *)a, *(const struct wire_string *)b);
}

static struct wire_strings sorted_names(struct wire_strings names, struct arena *arena)
{
    struct wire_strings out = {
        .items = arena_must_alloc_array(arena, (size_t)names.count, sizeof *out.items)};
    for (int32_t i = 0; i < names.count; i++)
        out.items[i] = names.items[i];
    if (names.count > 1)
        qsort(out.items, (size_t)names.count, sizeof *out.items, compare_strings);
    for (int32_t i = 0; i < names.count; i++) {
        if (out.count == 0 || !wire_string_equal(out.items[out.count - 1], out.items[i]))
            out.items[out.count++] = out.items[i];
    }
    return out;
}

/* The member with what the request says anew. */
static void update_metadata(struct beat *beat)
{
    const beat_request *request = beat->request;
    struct group_work *work = beat->work;
    member_metadata *updated = GROUP_NEW(work->arena, consumer_group_member_metadata_value);
    updated->instance_id = WIRE_NULL_STRING;
    updated->rack_id = WIRE_NULL_STRING;
    updated->server_assignor = WIRE_NULL_STRING;
    updated->subscribed_topic_regex = WIRE_EMPTY_STRING;
    if (beat->metadata != NULL)
        *updated = *beat->metadata;
    if (request->instance_id.data != NULL)
        updated->instance_id = request->instance_id;
    if (request->rack_id.data != NULL)
        updated->rack_id = request->rack_id;
    if (request->rebalance_timeout_ms != -1)
        updated->rebalance_timeout_ms = request->rebalance_timeout_ms;
    if (request->server_assignor.data != NULL)
        updated->server_assignor = request->server_assignor;
    if (request->subscribed_topic_names.count >= 0)
        updated->subscribed_topic_names =
            sorted_names(request->subscribed_topic_names, work->arena);
    if (request->subscribed_topic_regex.data != NULL)
        updated->subscribed_topic_regex = request->subscribed_topic_regex;
    updated->client_id =
        work->call->client_id.data != NULL ? work->call->client_id : WIRE_EMPTY_STRING;
    updated->client_host = work->call->client_host;
    updated->classic_member_metadata = NULL;
    beat->updated = updated;
}

static bool names_equal(struct wire_strings a, struct wire_strings b)
{
    bool equal = a.count == b.count;
    for (int32_t i = 0; equal && i < a.count; i++)
        equal = wire_string_equal(a.items[i], b.items[i]);
    return equal;
}

/* Says the member's record when it changed. True: it names other topics. */
static bool subscription_changed(struct beat *beat)
{
    if (beat->metadata == NULL) {
        group_record_member(beat->work, beat->group_id, beat->id, beat->updated);
        return beat->updated->subscribed_topic_names.count > 0;
    }
    if (wire_equal(&wire_consumer_group_member_metadata_value_schema, 0, beat->metadata,
                   beat->updated))
        return false;
    group_record_member(beat->work, beat->group_id, beat->id, beat->updated);
    return !names_equal(beat->metadata->subscribed_topic_names,
                        beat->updated->subscribed_topic_names);
}

static void sum_up(struct beat *beat, struct group_summary *summary)
{
    group_view_summary(&beat->view, summary);
    beat->homogeneous = summary->homogeneous;
    beat->summed = true;
}

/* The group's epoch rises when it subscribes to something else, or its topics are others. */
static void update_epoch(struct beat *beat, bool bump)
{
    const struct group_consumer *group = beat->group;
    struct group_summary summary;
    sum_up(beat, &summary);
    bool other_topics = summary.metadata_hash != (group == NULL ? 0 : group->metadata_hash);
    if (bump || other_topics) {
        beat->epoch++;
        group_record_epoch(beat->work, beat->group_id, beat->epoch, summary.metadata_hash);
        LOG_INFO("group %.*s: epoch %d, member %.*s %s", TEXT(beat->group_id), beat->epoch,
                 TEXT(beat->id),
                 !bump                    ? "found its topics changed"
                 : beat->metadata == NULL ? "joined"
                                          : "subscribes to other topics");
    }
    beat->soft->checked = true;
    beat->soft->checked_epoch = beat->epoch;
    if (group != NULL && group->has_partition_metadata)
        group_record_partition_metadata_gone(beat->work, beat->group_id);
}

/* The target that the member goes to from now on, and its epoch. */
static int32_t update_target(struct beat *beat, struct group_parts *target)
{
    const struct group_consumer *group = beat->group;
    struct group_work *work = beat->work;
    int32_t epoch = group == NULL ? 0 : group->target_epoch;
    int64_t made_ms = group == NULL ? 0 : group->target_timestamp_ms;
    int32_t interval = assignment_interval_ms(work->g, beat->group_id);
    if (epoch >= beat->epoch ||
        (made_ms != 0 && interval != 0 && work->time.wall_ms < made_ms + interval)) {
        const struct group_parts *last = group == NULL ? NULL : group_target_find(group, beat->id);
        if (last == NULL && beat->replaced_id.data != NULL)
            last = group_target_find(group, beat->replaced_id);
        *target = last != NULL ? *last : (struct group_parts){0};
        return epoch;
    }
    struct group_summary summary;
    if (!beat->summed)
        sum_up(beat, &summary);
    enum group_assignor assignor = group_view_assignor(&beat->view, work->g->conf);
    *target = group_view_assign(work, &beat->view, beat->group_id, beat->epoch, assignor,
                                beat->homogeneous);
    LOG_INFO("group %.*s: a new target of epoch %d by %s", TEXT(beat->group_id), beat->epoch,
             group_assignor_name(assignor));
    return beat->epoch;
}

static bool beat_subscribes(void *context, const struct uuid *topic)
{
    const struct beat *beat = context;
    return group_view_subscribes(&beat->view, beat->updated, topic);
}

static int32_t beat_owner_epoch(void *context, const struct uuid *topic, int32_t partition)
{
    const struct beat *beat = context;
    return beat->group == NULL ? -1 : group_owned_epoch(beat->group, topic, partition);
}

static void rebalance_timer(struct beat *beat, struct soft_member *soft,
                            const struct group_member_state *state)
{
    if (state->step != GROUP_MEMBER_UNREVOKED) {
        group_timer_cancel(beat->work->g, &soft->rebalance);
        return;
    }
    soft->rebalance_epoch = state->epoch;
    soft->rebalance_ms = beat->updated->rebalance_timeout_ms;
    group_timer_set(beat->work->g, &soft->rebalance, beat->work->time.now_ms + soft->rebalance_ms);
    LOG_INFO("group %.*s: waits for member %.*s to give up %zu partitions", TEXT(beat->group_id),
             TEXT(beat->id), state->revoking.count);
}

/* The member's next step. False: refused. */
static bool reconcile(struct beat *beat, struct soft_member *soft, bool changed,
                      int32_t target_epoch, const struct group_parts *target,
                      struct group_member_state *out)
{
    *out = beat->state;
    if (!changed && group_member_reconciled(&beat->state, target_epoch))
        return true;
    struct group_reconcile in = {
        .member = &beat->state,
        .target_epoch = target_epoch,
        .target = target,
        .subscription_changed = changed,
        .owned = beat->request->topic_partitions.count < 0 ? NULL : &beat->owned,
        .context = beat,
        .subscribes = beat_subscribes,
        .owner_epoch = beat_owner_epoch,
        .arena = beat->work->arena,
    };
    if (!group_reconcile(&in, out)) {
        REFUSE(beat->work, FENCED_MEMBER_EPOCH,
               "The consumer group member is in a unknown state. The member must abandon all its "
               "partitions and rejoin.");
        return false;
    }
    if (out->epoch == beat->state.epoch && out->previous_epoch == beat->state.previous_epoch &&
        out->step == beat->state.step && group_parts_equal(&out->assigned, &beat->state.assigned) &&
        group_parts_equal(&out->revoking, &beat->state.revoking))
        return true;
    group_record_current(beat->work, beat->group_id, beat->id, out);
    rebalance_timer(beat, soft, out);
    return true;
}

static void reply_beat(struct beat *beat, const struct group_member_state *state)
{
    const beat_request *request = beat->request;
    struct arena *arena = beat->work->call->arena;
    beat_response *response = GROUP_NEW(arena, consumer_group_heartbeat_response);
    response->member_id = beat->id;
    response->member_epoch = state->epoch;
    response->heartbeat_interval_ms = heartbeat_interval_ms(beat->work->g, beat->group_id);
    bool whole = request->rebalance_timeout_ms != -1 &&
                 (request->subscribed_topic_names.count >= 0 ||
                  request->subscribed_topic_regex.data != NULL) &&
                 request->topic_partitions.count >= 0;
    if (request->member_epoch == 0 || whole ||
        !group_parts_equal(&state->assigned, &beat->state.assigned)) {
        struct wire_consumer_group_heartbeat_response_assignment *assignment =
            GROUP_NEW(arena, consumer_group_heartbeat_response_assignment);
        const struct group_parts *parts = &state->assigned;
        assignment->topic_partitions.items = GROUP_NEW_ARRAY(
            arena, consumer_group_heartbeat_response_topic_partitions, group_parts_topics(parts));
        int32_t *numbers = arena_must_alloc_array(arena, parts->count, sizeof *numbers);
        for (size_t begin = 0, end; begin < parts->count; begin = end) {
            end = group_parts_run(parts, begin);
            struct wire_consumer_group_heartbeat_response_topic_partitions *topic =
                &assignment->topic_partitions.items[assignment->topic_partitions.count++];
            topic->topic_id = parts->items[begin].topic;
            topic->partitions.items = numbers + begin;
            for (size_t i = begin; i < end; i++)
                topic->partitions.items[topic->partitions.count++] = parts->items[i].partition;
        }
        response->assignment = assignment;
    }
    group_reply(beat->work, response);
}

static struct group_parts owned_parts(const beat_request *request, struct arena *arena)
{
    struct group_parts parts = {0};
    for (int32_t i = 0; i < request->topic_partitions.count; i++)
        parts.count += (size_t)request->topic_partitions.items[i].partitions.count;
    parts.items = arena_must_alloc_array(arena, parts.count, sizeof *parts.items);
    parts.count = 0;
    for (int32_t i = 0; i < request->topic_partitions.count; i++) {
        const struct wire_consumer_group_heartbeat_request_topic_partitions *topic =
            &request->topic_partitions.items[i];
        for (int32_t k = 0; k < topic->partitions.count; k++)
            parts.items[parts.count++] = (struct group_part){
                .topic = topic->topic_id, .partition = topic->partitions.items[k]};
    }
    group_parts_sort(&parts);
    return parts;
}

/* The group, if it is or may come to be. False: refused. */
static bool beat_group(struct beat *beat)
{
    struct group_work *work = beat->work;
    const beat_request *request = beat->request;
    const struct group_object *object = group_object_find(work->hard, beat->group_id);
    if (request->member_epoch != 0 || (object != NULL && object->type == GROUP_TYPE_CONSUMER)) {
        beat->group = group_of(work, request);
        if (beat->group == NULL)
            return false;
    } else if (object != NULL && !group_convert_to_consumer(work, beat->group_id, object)) {
        return false;
    }
    int64_t most = conf_int(work->g->conf, CONF_BROKER_GROUP_CONSUMER_MAX_SIZE);
    if (beat->group != NULL && (int64_t)pmap_count(beat->group->members) >= most &&
        group_member_find(beat->group, beat->id) == NULL) {
        REFUSE(work, GROUP_MAX_SIZE_REACHED,
               "The consumer group has reached its maximum capacity of %d members.", (int)most);
        return false;
    }
    return true;
}

/* Of members that do not choose their own (version 0). */
static struct wire_string random_id(struct group_coordinator *g, struct arena *arena)
{
    uint8_t draw[16];
    struct uuid id;
    do {
        g->options.random(g->options.context, draw, sizeof draw);
    } while (!uuid_from_random(draw, &id));
    char *text = arena_must_alloc(arena, UUID_TEXT_BYTES);
    return wire_string_from(uuid_to_text(&id, text));
}

static void heartbeat(struct group_work *work, const beat_request *request)
{
    struct beat beat = {
        .work = work,
        .request = request,
        .group_id = request->group_id,
        .id = request->member_id,
        .state = {.previous_epoch = -1},
        .replaced_id = WIRE_NULL_STRING,
    };
    if (!beat_group(&beat))
        return;
    if (beat.id.size == 0)
        beat.id = random_id(work->g, work->call->arena);
    beat.owned = owned_parts(request, work->arena);
    if (request->instance_id.data == NULL ? !dynamic_member(&beat) : !static_member(&beat))
        return;
    update_metadata(&beat);
    beat.view = (struct group_view){
        .group = beat.group,
        .image = work->g->image,
        .member_id = beat.id,
        .metadata = beat.updated,
        .replaced_id = beat.replaced_id,
        .arena = work->arena,
    };
    beat.epoch = beat.group == NULL ? GROUP_EPOCH_FIRST : beat.group->epoch;
    struct group_regex_change regex;
    if (!group_consumer_regex(work, &beat.view, beat.metadata, &regex))
        return;
    bool names = subscription_changed(&beat);
    if (regex.drop.data != NULL && group_resolved_find(beat.group, regex.drop) != NULL)
        group_record_resolved_gone(work, beat.group_id, regex.drop);
    beat.soft = soft_group_get(work->g, beat.group_id);
    struct soft_member *soft = soft_member_get(beat.soft, beat.id);
    bool expired = !beat.soft->checked || beat.soft->checked_epoch > beat.epoch;
    if (names || regex.resolved || expired)
        update_epoch(&beat, names || regex.resolved);
    struct group_parts target;
    int32_t target_epoch = update_target(&beat, &target);
    struct group_member_state state;
    if (!reconcile(&beat, soft, names || regex.changed, target_epoch, &target, &state))
        return;
    group_timer_set(work->g, &soft->session,
                    work->time.now_ms + session_timeout_ms(work->g, beat.group_id));
    if (regex.resolve)
        group_timer_set(work->g, &beat.soft->resolve, work->time.now_ms);
    reply_beat(&beat, &state);
}

void group_consumer_heartbeat(struct group_work *work)
{
    const beat_request *request = work->call->request;
    const char *fault = request_fault(work, request);
    if (fault != NULL)
        REFUSE(work, INVALID_REQUEST, "%s", fault);
    else if (request->server_assignor.data != NULL &&
             !assignor_served(work, request->server_assignor))
        REFUSE(work, UNSUPPORTED_ASSIGNOR,
               "ServerAssignor %.*s is not supported. Supported assignors: %s.",
               TEXT(request->server_assignor), assignors_text(work));
    else if (request->member_epoch < 0)
        leave(work, request);
    else
        heartbeat(work, request);
}

/* ---- Coming and going
 * ------------------------------------------------------------------------------ */

static void member_activate(struct group_coordinator *g, struct soft_group *soft,
                            const struct pmap_entry *entry)
{
    const struct group_member *member = group_member_of(entry);
    struct soft_member *soft_member = soft_member_get(soft, group_entry_key(entry));
    group_timer_set(g, &soft_member->session,
                    g->time.now_ms + session_timeout_ms(g, soft_group_id(soft)));
    if (member->state.step != GROUP_MEMBER_UNREVOKED)
        return;
    soft_member->rebalance_epoch = member->state.epoch;
    soft_member->rebalance_ms = member->subscription->metadata->rebalance_timeout_ms;
    group_timer_set(g, &soft_member->rebalance, g->time.now_ms + soft_member->rebalance_ms);
}

void group_consumer_activate(struct group_coordinator *g)
{
    struct pmap_iter iter, members;
    struct pmap_entry entry, member;
    pmap_iter_init(&iter, g->hard.groups, NULL, 0);
    while (pmap_iter_next(&iter, &entry)) {
        const struct group_object *object = CONTAINER_OF(entry.value, struct group_object, value);
        if (object->type != GROUP_TYPE_CONSUMER)
            continue;
        struct soft_group *soft = soft_group_get(g, group_entry_key(&entry));
        pmap_iter_init(&members, group_consumer_of(object)->members, NULL, 0);
        while (pmap_iter_next(&members, &member))
            member_activate(g, soft, &member);
    }
}

void group_consumer_forget(struct group_coordinator *g)
{
    HMAP_FOR_EACH_SAFE (node, after, &g->consumer)
        soft_group_free(g, HMAP_ENTRY(node, struct soft_group, node));
}

/* ---- Topics that come and go
 * -------------------------------------------------------------------------- */

struct image_change {
    bool any;
    bool new_topics;
};

static void image_topic(void *context, const struct meta_topic *before,
                        const struct meta_topic *after)
{
    struct image_change *change = context;
    if (before == NULL)
        change->new_topics = true;
    if (before == NULL || after == NULL || before->partition_count != after->partition_count)
        change->any = true;
}

static void image_partition(void *context, const struct meta_partition *before,
                            const struct meta_partition *after)
{
    struct image_change *change = context;
    if (before == NULL || after == NULL || !meta_ids_equal(before->replicas, after->replicas))
        change->any = true;
}

void group_consumer_image(struct group_coordinator *g, const struct meta_image *before)
{
    struct image_change change = {0};
    meta_image_diff(before, g->image,
                    &(struct meta_diff){
                        .context = &change, .topic = image_topic, .partition = image_partition});
    if (change.new_topics)
        g->topics_version = g->image->offset;
    if (!change.any)
        return;
    HMAP_FOR_EACH (node, &g->consumer)
        HMAP_ENTRY(node, struct soft_group, node)->checked = false;
}
