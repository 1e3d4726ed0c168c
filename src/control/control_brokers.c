/*
 * Brokers: registration, heartbeats, fencing, controlled shutdown, blocks of producer ids.
 *
 *     FENCED --caught up--> UNFENCED --wants to go--> IN CONTROLLED SHUTDOWN --nobody needs it-->
 * FENCED
 *        ^---- session over, or it asks ----'
 *
 * A registration's epoch is the offset of its record. A broker has a session while it was heard of
 * as that epoch within broker.session.timeout.ms; after a change of leadership each registered
 * broker has that long to be heard of.
 */
#include "control_int.h"

#include "base/mem.h"
#include "conf/conf.h"
#include "meta/features.h"

#include <stdlib.h>

#define PRODUCER_IDS_BLOCK 1000

static int64_t session_ms(const struct control *control)
{
    return conf_int(control->conf, CONF_BROKER_BROKER_SESSION_TIMEOUT_MS);
}

/* ---- Soft state
 * ---------------------------------------------------------------------------------------- */

struct control_broker *control_broker_get(struct control *control, int32_t id)
{
    HMAP_FOR_EACH_HASH (node, &control->brokers, hash_u64((uint32_t)id)) {
        struct control_broker *broker = HMAP_ENTRY(node, struct control_broker, node);
        if (broker->id == id)
            return broker;
    }
    return NULL;
}

static void broker_forget(struct control *control, struct control_broker *broker)
{
    hmap_remove(&control->brokers, &broker->node);
    mem_free(broker);
}

void control_brokers_forget(struct control *control)
{
    HMAP_FOR_EACH_SAFE (node, after, &control->brokers)
        broker_forget(control, HMAP_ENTRY(node, struct control_broker, node));
}

void control_brokers_follow(struct control *control, const struct meta_image *image, int64_t now_ms)
{
    HMAP_FOR_EACH_SAFE (node, after, &control->brokers) {
        struct control_broker *broker = HMAP_ENTRY(node, struct control_broker, node);
        if (meta_image_broker(image, broker->id) == NULL)
            broker_forget(control, broker);
    }
    struct meta_iter iter;
    meta_iter_brokers(&iter, image);
    const struct meta_broker *meta;
    while ((meta = meta_iter_broker_next(&iter)) != NULL) {
        if (control_broker_get(control, meta->id) != NULL)
            continue;
        struct control_broker *broker = mem_zalloc(sizeof *broker);
        broker->id = meta->id;
        broker->epoch = -1;
        broker->contact_ms = now_ms;
        broker->metadata_offset = -1;
        broker->shutdown_offset = -1;
        hmap_insert(&control->brokers, &broker->node, hash_u64((uint32_t)meta->id));
    }
}

/* Heard of as this epoch, and not too long ago. */
static bool has_session(const struct control_work *work, const struct meta_broker *meta)
{
    const struct control_broker *broker = control_broker_get(work->control, meta->id);
    return broker != NULL && broker->epoch == meta->epoch &&
           work->in->now_ms - broker->contact_ms < session_ms(work->control);
}

/* ---- Registration
 * ---------------------------------------------------------------------------------------- */

static const struct wire_broker_registration_request_feature *
registration_feature(const struct wire_broker_registration_request *request, struct wire_string name)
{
    for (int32_t i = 0; i < request->features.count; i++) {
        struct wire_string have = request->features.items[i].name;
        if (have.size == name.size && memcmp(have.data, name.data, name.size) == 0)
            return &request->features.items[i];
    }
    return NULL;
}

/* Does the broker understand everything that is finalized? */
static bool supports_features(const struct meta_image *image,
                              const struct wire_broker_registration_request *request)
{
    struct meta_iter iter;
    meta_iter_features(&iter, image);
    const struct meta_feature *feature;
    while ((feature = meta_iter_feature_next(&iter)) != NULL) {
        if (feature->level == 0)
            continue;
        const struct wire_broker_registration_request_feature *range =
            registration_feature(request, feature->name);
        if (range == NULL || feature->level < range->min_supported_version ||
            feature->level > range->max_supported_version)
            return false;
    }
    return true;
}

/* No two brokers may say that a directory is theirs. */
static bool dirs_are_taken(const struct meta_image *image,
                           const struct wire_broker_registration_request *request)
{
    struct meta_iter iter;
    meta_iter_brokers(&iter, image);
    const struct meta_broker *broker;
    while ((broker = meta_iter_broker_next(&iter)) != NULL) {
        for (size_t i = 0; broker->id != request->broker_id && i < broker->log_dir_count; i++) {
            for (int32_t j = 0; j < request->log_dirs.count; j++) {
                if (uuid_equal(&broker->log_dirs[i], &request->log_dirs.items[j]))
                    return true;
            }
        }
    }
    return false;
}

static int16_t registration_refused(const struct control_work *work,
                                    const struct wire_broker_registration_request *request)
{
    const struct meta_image *image = work->in->image;
    const struct meta_broker *existing = meta_image_broker(image, request->broker_id);
    if (!wire_string_is(request->cluster_id, work->control->cluster_id))
        return WIRE_ERROR_INCONSISTENT_CLUSTER_ID;
    if (existing != NULL && !uuid_equal(&existing->incarnation_id, &request->incarnation_id) &&
        !existing->in_controlled_shutdown && !existing->fenced && has_session(work, existing))
        return WIRE_ERROR_DUPLICATE_BROKER_REGISTRATION;
    if (request->is_migrating_zk_broker)
        return WIRE_ERROR_BROKER_ID_NOT_REGISTERED;
    if (meta_image_metadata_version(image) >= META_VERSION_3_7_IV2 &&
        (request->log_dirs.count <= 0 || dirs_are_taken(image, request)))
        return WIRE_ERROR_INVALID_REGISTRATION;
    if (!supports_features(image, request))
        return WIRE_ERROR_UNSUPPORTED_VERSION;
    return WIRE_ERROR_NONE;
}

static int compare_uuids(const void *a, const void *b)
{
    return uuid_compare(a, b);
}

static void registration_record(struct control_work *work,
                                const struct wire_broker_registration_request *request,
                                int64_t broker_epoch)
{
    int16_t metadata_version = meta_image_metadata_version(work->in->image);
    struct wire_register_broker_record *record = CONTROL_NEW(work, register_broker_record);
    record->broker_id = request->broker_id;
    record->incarnation_id = request->incarnation_id;
    record->broker_epoch = broker_epoch;
    record->rack = request->rack;
    record->fenced = true;
    record->end_points.count = request->listeners.count;
    record->end_points.items = CONTROL_NEW_ARRAY(work, register_broker_record_broker_endpoint,
                                                 (size_t)request->listeners.count);
    for (int32_t i = 0; i < request->listeners.count; i++) {
        record->end_points.items[i].name = request->listeners.items[i].name;
        record->end_points.items[i].host = request->listeners.items[i].host;
        record->end_points.items[i].port = request->listeners.items[i].port;
        record->end_points.items[i].security_protocol =
            request->listeners.items[i].security_protocol;
    }
    record->features.count = request->features.count;
    record->features.items = CONTROL_NEW_ARRAY(work, register_broker_record_broker_feature,
                                               (size_t)request->features.count);
    for (int32_t i = 0; i < request->features.count; i++) {
        record->features.items[i].name = request->features.items[i].name;
        record->features.items[i].min_supported_version =
            request->features.items[i].min_supported_version;
        record->features.items[i].max_supported_version =
            request->features.items[i].max_supported_version;
    }
    if (metadata_version >= META_VERSION_3_7_IV2 && request->log_dirs.count > 0) {
        size_t count = (size_t)request->log_dirs.count;
        struct uuid *dirs = arena_must_alloc_array(work->in->arena, count, sizeof *dirs);
        memcpy(dirs, request->log_dirs.items, count * sizeof *dirs);
        qsort(dirs, count, sizeof *dirs, compare_uuids);
        record->log_dirs = (struct wire_uuids){dirs, (int32_t)count};
    }
    control_record(work, WIRE_METADATA_RECORD_REGISTER_BROKER,
                   meta_register_broker_record_version(metadata_version), record);
}

void control_broker_registration(struct control_work *work)
{
    const struct wire_broker_registration_request *request = work->request;
    struct wire_broker_registration_response *reply =
        CONTROL_NEW(work, broker_registration_response);
    work->out->reply = reply;
    reply->error_code = registration_refused(work, request);
    if (reply->error_code != WIRE_ERROR_NONE)
        return;
    const struct meta_broker *existing = meta_image_broker(work->in->image, request->broker_id);
    bool amends =
        existing != NULL && uuid_equal(&existing->incarnation_id, &request->incarnation_id);
    if (existing != NULL && !amends) {
        /* The one before it is gone: nobody is led by it until this one has caught up. Only one
         * that ended cleanly has surely all that it had (KIP-966). */
        bool clean = request->previous_broker_epoch == existing->epoch;
        struct control_leaders change = {
            .leaving = clean ? request->broker_id : -1,
            .unclean = clean ? -1 : request->broker_id,
            .entering = -1,
        };
        control_move_leaders(work, &change);
    }
    int64_t epoch = amends ? existing->epoch : work->in->next_offset + (int64_t)work->out->count;
    registration_record(work, request, epoch);
    reply->broker_epoch = epoch;

    struct control_broker *broker = control_broker_get(work->control, request->broker_id);
    if (broker != NULL) {
        broker->epoch = epoch;
        broker->contact_ms = work->in->now_ms;
        broker->shutdown_offset = -1;
    }
}

/* ---- Heartbeats
 * --------------------------------------------------------------------------------------------- */

enum broker_state { BROKER_FENCED, BROKER_UNFENCED, BROKER_IN_SHUTDOWN, BROKER_GOES };

/* The lowest metadata offset among brokers that serve; they have to know before one may go. */
static int64_t lowest_active_offset(const struct control_work *work)
{
    int64_t lowest = INT64_MAX;
    HMAP_FOR_EACH (node, &work->control->brokers) {
        const struct control_broker *broker = HMAP_ENTRY(node, struct control_broker, node);
        const struct meta_broker *meta = meta_image_broker(work->in->image, broker->id);
        if (control_broker_is_active(meta) && broker->metadata_offset < lowest)
            lowest = broker->metadata_offset;
    }
    return lowest;
}

static enum broker_state next_state(const struct control_work *work, const struct meta_broker *meta,
                                    const struct control_broker *broker,
                                    const struct wire_broker_heartbeat_request *request)
{
    if (meta->fenced) {
        if (request->want_shut_down)
            return BROKER_GOES;
        bool caught_up = request->current_metadata_offset >= meta->epoch;
        return !request->want_fence && caught_up ? BROKER_UNFENCED : BROKER_FENCED;
    }
    if (meta->in_controlled_shutdown) {
        if (control_leads_any(work->in->image, meta->id))
            return BROKER_IN_SHUTDOWN;
        return lowest_active_offset(work) >= broker->shutdown_offset ? BROKER_GOES
                                                                     : BROKER_IN_SHUTDOWN;
    }
    if (request->want_fence)
        return request->want_shut_down ? BROKER_GOES : BROKER_FENCED;
    if (!request->want_shut_down)
        return BROKER_UNFENCED;
    return control_leads_any(work->in->image, meta->id) ? BROKER_IN_SHUTDOWN : BROKER_GOES;
}

static void change_record(struct control_work *work, const struct meta_broker *meta, int8_t fenced,
                          int8_t in_controlled_shutdown)
{
    struct wire_broker_registration_change_record *record =
        CONTROL_NEW(work, broker_registration_change_record);
    record->broker_id = meta->id;
    record->broker_epoch = meta->epoch;
    record->fenced = fenced; /* 1 fence, -1 unfence, 0 as it is */
    record->in_controlled_shutdown = in_controlled_shutdown;
    int16_t version = meta_broker_registration_change_record_version(
        meta_image_metadata_version(work->in->image));
    control_record(work, WIRE_METADATA_RECORD_BROKER_REGISTRATION_CHANGE, version, record);
}

static void fence(struct control_work *work, const struct meta_broker *meta)
{
    struct control_leaders change = {.leaving = meta->id, .unclean = -1, .entering = -1};
    change_record(work, meta, 1, 0);
    control_move_leaders(work, &change);
}

static void heartbeat_transition(struct control_work *work, const struct meta_broker *meta,
                                 struct control_broker *broker, enum broker_state next)
{
    if (next == BROKER_UNFENCED && meta->fenced) {
        struct control_leaders change = {.leaving = -1, .unclean = -1, .entering = meta->id};
        change_record(work, meta, -1, 0);
        control_move_leaders(work, &change);
    } else if (next == BROKER_IN_SHUTDOWN && !meta->in_controlled_shutdown) {
        struct control_leaders change = {.leaving = meta->id, .unclean = -1, .entering = -1};
        change_record(work, meta, 0, 1);
        control_move_leaders(work, &change);
        broker->shutdown_offset = work->in->next_offset + (int64_t)work->out->count;
    } else if ((next == BROKER_FENCED || next == BROKER_GOES) && !meta->fenced) {
        fence(work, meta);
    }
}

void control_broker_heartbeat(struct control_work *work)
{
    const struct wire_broker_heartbeat_request *request = work->request;
    struct wire_broker_heartbeat_response *reply = CONTROL_NEW(work, broker_heartbeat_response);
    work->out->reply = reply;
    const struct meta_broker *meta = meta_image_broker(work->in->image, request->broker_id);
    struct control_broker *broker = control_broker_get(work->control, request->broker_id);
    if (meta == NULL || broker == NULL) {
        reply->error_code = WIRE_ERROR_BROKER_ID_NOT_REGISTERED;
        return;
    }
    if (meta->epoch != request->broker_epoch) {
        reply->error_code = WIRE_ERROR_STALE_BROKER_EPOCH;
        return;
    }
    broker->epoch = meta->epoch;
    broker->contact_ms = work->in->now_ms;
    broker->metadata_offset = request->current_metadata_offset;
    enum broker_state next = next_state(work, meta, broker, request);
    heartbeat_transition(work, meta, broker, next);
    reply->is_caught_up = request->current_metadata_offset >= meta->epoch;
    reply->is_fenced = next == BROKER_FENCED || next == BROKER_GOES;
    reply->should_shut_down = next == BROKER_GOES;
}

int64_t control_session_deadline_ms(const struct control *control)
{
    int64_t deadline = INT64_MAX;
    HMAP_FOR_EACH (node, &control->brokers) {
        const struct control_broker *broker = HMAP_ENTRY(node, struct control_broker, node);
        if (broker->contact_ms < deadline)
            deadline = broker->contact_ms;
    }
    return deadline == INT64_MAX ? INT64_MAX : deadline + session_ms(control);
}

void control_fence_stale(struct control_work *work)
{
    HMAP_FOR_EACH (node, &work->control->brokers) {
        struct control_broker *broker = HMAP_ENTRY(node, struct control_broker, node);
        if (work->in->now_ms - broker->contact_ms < session_ms(work->control))
            continue;
        /* Looked at again a session later: a fenced broker stays silent for as long as it likes. */
        broker->contact_ms = work->in->now_ms;
        broker->epoch = -1;
        const struct meta_broker *meta = meta_image_broker(work->in->image, broker->id);
        if (meta == NULL || meta->fenced)
            continue;
        fence(work, meta);
        return; /* one a decision: the next builds on this one's records */
    }
}

/* ---- Going for good, controllers, producer ids
 * ---------------------------------------------------------------- */

void control_unregister_broker(struct control_work *work)
{
    const struct wire_unregister_broker_request *request = work->request;
    struct wire_unregister_broker_response *reply = CONTROL_NEW(work, unregister_broker_response);
    work->out->reply = reply;
    const struct meta_broker *meta = meta_image_broker(work->in->image, request->broker_id);
    if (meta == NULL) {
        reply->error_code = WIRE_ERROR_BROKER_ID_NOT_REGISTERED;
        reply->error_message =
            control_text(work, "Broker ID %d is not currently registered", request->broker_id);
        return;
    }
    struct control_leaders change = {.leaving = meta->id, .unclean = -1, .entering = -1};
    control_move_leaders(work, &change);
    struct wire_unregister_broker_record *record = CONTROL_NEW(work, unregister_broker_record);
    record->broker_id = meta->id;
    record->broker_epoch = meta->epoch;
    control_record(work, WIRE_METADATA_RECORD_UNREGISTER_BROKER, 0, record);
}

void control_controller_registration(struct control_work *work)
{
    const struct wire_controller_registration_request *request = work->request;
    struct wire_controller_registration_response *reply =
        CONTROL_NEW(work, controller_registration_response);
    work->out->reply = reply;
    if (meta_image_metadata_version(work->in->image) < META_VERSION_3_7_IV0) {
        reply->error_code = WIRE_ERROR_UNSUPPORTED_VERSION;
        reply->error_message = wire_string_from(
            "The current MetadataVersion is too old to support controller registrations.");
        return;
    }
    struct wire_register_controller_record *record = CONTROL_NEW(work, register_controller_record);
    record->controller_id = request->controller_id;
    record->incarnation_id = request->incarnation_id;
    record->zk_migration_ready = request->zk_migration_ready;
    record->end_points.count = request->listeners.count;
    record->end_points.items = CONTROL_NEW_ARRAY(
        work, register_controller_record_controller_endpoint, (size_t)request->listeners.count);
    for (int32_t i = 0; i < request->listeners.count; i++) {
        record->end_points.items[i].name = request->listeners.items[i].name;
        record->end_points.items[i].host = request->listeners.items[i].host;
        record->end_points.items[i].port = request->listeners.items[i].port;
        record->end_points.items[i].security_protocol =
            request->listeners.items[i].security_protocol;
    }
    record->features.count = request->features.count;
    record->features.items = CONTROL_NEW_ARRAY(work, register_controller_record_controller_feature,
                                               (size_t)request->features.count);
    for (int32_t i = 0; i < request->features.count; i++) {
        record->features.items[i].name = request->features.items[i].name;
        record->features.items[i].min_supported_version =
            request->features.items[i].min_supported_version;
        record->features.items[i].max_supported_version =
            request->features.items[i].max_supported_version;
    }
    control_record(work, WIRE_METADATA_RECORD_REGISTER_CONTROLLER, 0, record);
}

void control_allocate_producer_ids(struct control_work *work)
{
    const struct wire_allocate_producer_ids_request *request = work->request;
    struct wire_allocate_producer_ids_response *reply =
        CONTROL_NEW(work, allocate_producer_ids_response);
    work->out->reply = reply;
    const struct meta_broker *meta = meta_image_broker(work->in->image, request->broker_id);
    if (meta == NULL || meta->epoch != request->broker_epoch) {
        reply->error_code =
            meta == NULL ? WIRE_ERROR_BROKER_ID_NOT_REGISTERED : WIRE_ERROR_STALE_BROKER_EPOCH;
        return;
    }
    int64_t first = work->in->image->next_producer_id;
    if (first > INT64_MAX - PRODUCER_IDS_BLOCK) {
        reply->error_code = WIRE_ERROR_UNKNOWN_SERVER_ERROR;
        return;
    }
    struct wire_producer_ids_record *record = CONTROL_NEW(work, producer_ids_record);
    record->broker_id = request->broker_id;
    record->broker_epoch = request->broker_epoch;
    record->next_producer_id = first + PRODUCER_IDS_BLOCK;
    control_record(work, WIRE_METADATA_RECORD_PRODUCER_IDS, 0, record);
    reply->producer_id_start = first;
    reply->producer_id_len = PRODUCER_IDS_BLOCK;
}
