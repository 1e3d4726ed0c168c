/*
 * Brokers: registration, heartbeats, fencing, controlled shutdown, blocks of producer ids.
 *
 *     FENCED --caught up--> UNFENCED --wants to go--> IN CONTROLLED SHUTDOWN --nobody needs it-->
 * FENCED
 *        ^---- session over, or it asks ----'
 *
 * A registration's epoch is the offset at which its decision begins. A broker has a session while
 * it was heard of as that epoch within broker.session.timeout.ms; after a change of leadership each
 * unfenced broker has that long to be heard of. Until then it has no session that would keep its
 * next incarnation out, as Apache Kafka gives it: a node alone that was killed need not wait for
 * its own ghost.
 */
#include "control_int.h"

#include "base/mem.h"
#include "conf/conf.h"
#include "meta/features.h"

#include <string.h>

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

static struct control_broker *broker_add(struct control *control, int32_t id, int64_t now_ms)
{
    struct control_broker *broker = control_broker_get(control, id);
    if (broker != NULL)
        return broker;
    broker = mem_zalloc(sizeof *broker);
    broker->id = id;
    broker->epoch = -1;
    broker->contact_ms = now_ms;
    broker->registered_offset = -1;
    broker->metadata_offset = -1;
    broker->shutdown_offset = -1;
    hmap_insert(&control->brokers, &broker->node, hash_u64((uint32_t)id));
    return broker;
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

struct follow {
    struct control *control;
    int64_t now_ms;
};

static void on_broker(void *context, const struct meta_broker *before,
                      const struct meta_broker *after)
{
    struct follow *follow = context;
    struct control *control = follow->control;
    if (after == NULL) {
        struct control_broker *gone = control_broker_get(control, before->id);
        if (gone != NULL)
            broker_forget(control, gone);
        return;
    }
    struct control_broker *broker = broker_add(control, after->id, follow->now_ms);
    broker->fenced = after->fenced;
    /* Whatever it has got to, it has not seen this yet. */
    broker->metadata_offset = -1;
    if (after->fenced)
        broker->shutdown_offset = -1;
}

void control_brokers_follow(struct control *control, const struct meta_image *before,
                            const struct meta_image *after, int64_t now_ms)
{
    struct follow follow = {control, now_ms};
    struct meta_diff diff = {.context = &follow, .broker = on_broker};
    meta_image_diff(before, after, &diff);
}

/* Heard of as this epoch, and not too long ago. */
static bool has_session(const struct control_work *work, const struct meta_broker *meta)
{
    const struct control_broker *broker = control_broker_get(work->control, meta->id);
    return broker != NULL && broker->epoch == meta->epoch &&
           work->in->now_ms - broker->contact_ms <= session_ms(work->control);
}

/* ---- Registration
 * ---------------------------------------------------------------------------------------- */

static bool names_feature(const struct wire_broker_registration_request *request,
                          struct wire_string name)
{
    for (int32_t i = 0; i < request->features.count; i++) {
        if (wire_string_equal(request->features.items[i].name, name))
            return true;
    }
    return false;
}

/* Does the broker understand everything that is finalized, and can it do without what is not? */
static bool supports_features(const struct control_work *work,
                              const struct wire_broker_registration_request *request)
{
    const struct meta_image *image = work->in->image;
    struct meta_iter iter;
    meta_iter_features(&iter, image);
    const struct meta_feature *feature;
    while ((feature = meta_iter_feature_next(&iter)) != NULL) {
        if (feature->level != 0 && !names_feature(request, feature->name))
            return false;
    }
    for (int32_t i = 0; i < request->features.count; i++) {
        const struct wire_broker_registration_request_feature *range = &request->features.items[i];
        const char *name = control_text(work, "%.*s", WIRE_STRING_ARGS(range->name)).data;
        int16_t level = meta_image_feature(image, name);
        /* Not in the metadata: the quorum keeps it by itself, and checks its own voters. */
        bool elsewhere = strcmp(name, META_FEATURE_KRAFT_VERSION) == 0;
        if (!elsewhere &&
            (level < range->min_supported_version || level > range->max_supported_version))
            return false;
    }
    return true;
}

static bool is_reserved(const struct uuid *id)
{
    static const uint8_t zeros[8];
    return memcmp(id->bytes, zeros, sizeof zeros) == 0 && load_be64(id->bytes + 8) < 100;
}

/* Another broker's already. */
static bool dir_is_taken(const struct meta_image *image, const struct uuid *id, int32_t broker_id)
{
    struct meta_iter iter;
    meta_iter_brokers(&iter, image);
    const struct meta_broker *broker;
    while ((broker = meta_iter_broker_next(&iter)) != NULL) {
        for (size_t i = 0; broker->id != broker_id && i < broker->log_dir_count; i++) {
            if (uuid_equal(&broker->log_dirs[i], id))
                return true;
        }
    }
    return false;
}

/* More than a broker has; what follows is quadratic in it. */
#define REGISTRATION_LISTS_MAX 1000

static bool dirs_are_wrong(const struct meta_image *image,
                           const struct wire_broker_registration_request *request)
{
    if (request->log_dirs.count <= 0 || request->log_dirs.count > REGISTRATION_LISTS_MAX)
        return true;
    for (int32_t i = 0; i < request->log_dirs.count; i++) {
        const struct uuid *id = &request->log_dirs.items[i];
        for (int32_t j = 0; j < i; j++) {
            if (uuid_equal(&request->log_dirs.items[j], id))
                return true;
        }
        if (is_reserved(id) || dir_is_taken(image, id, request->broker_id))
            return true;
    }
    return false;
}

/* Nobody could dial it. */
static bool listeners_are_wrong(const struct wire_broker_registration_request *request)
{
    if (request->listeners.count <= 0 || request->listeners.count > REGISTRATION_LISTS_MAX)
        return true;
    for (int32_t i = 0; i < request->listeners.count; i++) {
        struct wire_string name = request->listeners.items[i].name;
        for (int32_t j = 0; j < i; j++) {
            if (wire_string_equal(request->listeners.items[j].name, name))
                return true;
        }
        if (request->listeners.items[i].host.size == 0 || request->listeners.items[i].port == 0)
            return true;
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
        has_session(work, existing))
        return WIRE_ERROR_DUPLICATE_BROKER_REGISTRATION;
    if (request->is_migrating_zk_broker)
        return WIRE_ERROR_BROKER_ID_NOT_REGISTERED;
    if (meta_image_metadata_version(image) >= META_VERSION_3_7_IV2 &&
        dirs_are_wrong(image, request))
        return WIRE_ERROR_INVALID_REGISTRATION;
    if (listeners_are_wrong(request))
        return WIRE_ERROR_UNKNOWN_SERVER_ERROR;
    if (request->features.count > REGISTRATION_LISTS_MAX ||
        !names_feature(request, wire_string_from(META_FEATURE_METADATA_VERSION)))
        return WIRE_ERROR_INVALID_REGISTRATION;
    if (!supports_features(work, request))
        return WIRE_ERROR_UNSUPPORTED_VERSION;
    return WIRE_ERROR_NONE;
}

/* `amended`: the same process again, which stays what it was. NULL: another. */
static void registration_record(struct control_work *work,
                                const struct wire_broker_registration_request *request,
                                const struct meta_broker *amended, int64_t broker_epoch)
{
    int16_t metadata_version = meta_image_metadata_version(work->in->image);
    struct wire_register_broker_record *record = CONTROL_NEW(work, register_broker_record);
    record->broker_id = request->broker_id;
    record->incarnation_id = request->incarnation_id;
    record->broker_epoch = broker_epoch;
    record->rack = request->rack;
    record->fenced = amended == NULL || amended->fenced;
    record->in_controlled_shutdown = amended != NULL && amended->in_controlled_shutdown;
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
    if (metadata_version >= META_VERSION_3_7_IV2)
        record->log_dirs = request->log_dirs;
    control_record(work, WIRE_METADATA_RECORD_REGISTER_BROKER,
                   meta_register_broker_record_version(metadata_version), record);
}

/* The incarnation before is gone: nobody is led by it until this one has caught up. Only one that
 * ended cleanly has surely all that it had (KIP-966). */
static void previous_is_gone(struct control_work *work, int32_t broker_id, bool clean)
{
    bool elr = meta_image_feature(work->in->image, META_FEATURE_ELR_VERSION) >= 1;
    struct control_leaders change = {
        .of = CONTROL_LEADERS_IN_SYNC,
        .broker = broker_id,
        .leaving = clean || !elr ? broker_id : -1,
        .unclean = clean || !elr ? -1 : broker_id,
        .entering = -1,
    };
    control_move_leaders(work, &change);
    change.of = CONTROL_LEADERS_ELIGIBLE;
    if (change.unclean >= 0)
        control_move_leaders(work, &change);
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
    int64_t epoch = amends ? existing->epoch : work->in->next_offset;
    struct control_broker *broker = broker_add(work->control, request->broker_id, work->in->now_ms);
    if (!amends) {
        bool clean = work->version >= 3 && existing != NULL &&
                     request->previous_broker_epoch == existing->epoch;
        previous_is_gone(work, request->broker_id, clean);
        broker->epoch = -1;
        broker->contact_ms = work->in->now_ms;
    }
    broker->shutdown_offset = -1;
    broker->registered_offset = work->in->next_offset + (int64_t)work->out->count;
    registration_record(work, request, amends ? existing : NULL, epoch);
    reply->broker_epoch = epoch;
}

/* ---- Heartbeats
 * --------------------------------------------------------------------------------------------- */

enum broker_state { BROKER_FENCED, BROKER_UNFENCED, BROKER_IN_SHUTDOWN, BROKER_GOES };

/* How far the brokers that serve have all got: they have to know before one may go. */
static int64_t lowest_active_offset(const struct control_work *work)
{
    int64_t lowest = INT64_MAX;
    HMAP_FOR_EACH (node, &work->control->brokers) {
        const struct control_broker *broker = HMAP_ENTRY(node, struct control_broker, node);
        bool serves = !broker->fenced && broker->shutdown_offset < 0;
        if (serves && broker->metadata_offset < lowest)
            lowest = broker->metadata_offset;
    }
    return lowest;
}

static enum broker_state next_state(const struct control_work *work, const struct meta_broker *meta,
                                    const struct control_broker *broker,
                                    const struct wire_broker_heartbeat_request *request,
                                    bool caught_up)
{
    if (broker->shutdown_offset >= 0) {
        if (control_leads_any(work->in->image, meta->id))
            return BROKER_IN_SHUTDOWN;
        return lowest_active_offset(work) >= broker->shutdown_offset ? BROKER_GOES
                                                                     : BROKER_IN_SHUTDOWN;
    }
    if (meta->fenced) {
        if (request->want_shut_down)
            return BROKER_GOES;
        return !request->want_fence && caught_up ? BROKER_UNFENCED : BROKER_FENCED;
    }
    if (request->want_fence)
        return request->want_shut_down ? BROKER_GOES : BROKER_FENCED;
    if (!request->want_shut_down)
        return BROKER_UNFENCED;
    return control_leads_any(work->in->image, meta->id) ? BROKER_IN_SHUTDOWN : BROKER_GOES;
}

static struct wire_broker_registration_change_record *
change_record(struct control_work *work, const struct meta_broker *meta, int16_t version)
{
    struct wire_broker_registration_change_record *record =
        CONTROL_NEW(work, broker_registration_change_record);
    record->broker_id = meta->id;
    record->broker_epoch = meta->epoch;
    control_record(work, WIRE_METADATA_RECORD_BROKER_REGISTRATION_CHANGE, version, record);
    return record;
}

static void fence(struct control_work *work, const struct meta_broker *meta)
{
    struct control_leaders change = {.of = CONTROL_LEADERS_IN_SYNC,
                                     .broker = meta->id,
                                     .leaving = meta->id,
                                     .unclean = -1,
                                     .entering = -1};
    control_move_leaders(work, &change);
    change_record(work, meta, 0)->fenced = 1;
}

static void unfence(struct control_work *work, const struct meta_broker *meta)
{
    struct control_leaders change = {.of = CONTROL_LEADERS_NONE,
                                     .broker = meta->id,
                                     .leaving = -1,
                                     .unclean = -1,
                                     .entering = meta->id};
    change_record(work, meta, 0)->fenced = -1;
    control_move_leaders(work, &change);
}

static void shut_down(struct control_work *work, const struct meta_broker *meta)
{
    struct control_leaders change = {.of = CONTROL_LEADERS_IN_SYNC,
                                     .broker = meta->id,
                                     .leaving = meta->id,
                                     .unclean = -1,
                                     .entering = -1};
    if (!meta->in_controlled_shutdown)
        change_record(work, meta, 1)->in_controlled_shutdown = 1;
    control_move_leaders(work, &change);
}

static bool uuid_in(const struct uuid *ids, size_t count, const struct uuid *id)
{
    for (size_t i = 0; i < count; i++) {
        if (uuid_equal(&ids[i], id))
            return true;
    }
    return false;
}

/* Directories that the broker has lost (KIP-858): who leads from there leads no more. */
static void dirs_offline(struct control_work *work, const struct meta_broker *meta,
                         const struct wire_broker_heartbeat_request *request)
{
    if (meta_image_metadata_version(work->in->image) < META_VERSION_3_7_IV2)
        return;
    size_t lost_count =
        request->offline_log_dirs.count > 0 ? (size_t)request->offline_log_dirs.count : 0;
    struct uuid *left =
        arena_must_alloc_array(work->in->arena, meta->log_dir_count + 1, sizeof *left);
    int32_t left_count = 0;
    for (size_t i = 0; i < meta->log_dir_count; i++) {
        const struct uuid *dir = &meta->log_dirs[i];
        if (!uuid_in(request->offline_log_dirs.items, lost_count, dir)) {
            left[left_count++] = *dir;
            continue;
        }
        struct control_leaders change = {.of = CONTROL_LEADERS_IN_DIRECTORY,
                                         .broker = meta->id,
                                         .directory = *dir,
                                         .leaving = meta->id,
                                         .unclean = -1,
                                         .entering = -1};
        control_move_leaders(work, &change);
    }
    if ((size_t)left_count < meta->log_dir_count)
        change_record(work, meta, 2)->log_dirs = (struct wire_uuids){left, left_count};
}

/* Directories that take no new replicas (KIP-1066). */
static void dirs_cordoned(struct control_work *work, const struct meta_broker *meta,
                          const struct wire_broker_heartbeat_request *request)
{
    int32_t count = request->cordoned_log_dirs.count;
    if (meta_image_metadata_version(work->in->image) < META_VERSION_4_3_IV0 || count < 0)
        return;
    bool same = meta->has_cordoned_log_dirs && (size_t)count == meta->cordoned_log_dir_count;
    for (int32_t i = 0; same && i < count; i++)
        same = uuid_in(meta->cordoned_log_dirs, meta->cordoned_log_dir_count,
                       &request->cordoned_log_dirs.items[i]);
    if (!same)
        change_record(work, meta, 3)->cordoned_log_dirs = request->cordoned_log_dirs;
}

static void heartbeat_transition(struct control_work *work, const struct meta_broker *meta,
                                 struct control_broker *broker, enum broker_state next)
{
    bool in_shutdown = broker->shutdown_offset >= 0;
    if (next == BROKER_UNFENCED && meta->fenced)
        unfence(work, meta);
    else if (next == BROKER_IN_SHUTDOWN && !in_shutdown)
        shut_down(work, meta);
    else if ((next == BROKER_FENCED && !meta->fenced) || next == BROKER_GOES)
        fence(work, meta);
}

void control_broker_heartbeat(struct control_work *work)
{
    const struct wire_broker_heartbeat_request *request = work->request;
    struct wire_broker_heartbeat_response *reply = CONTROL_NEW(work, broker_heartbeat_response);
    work->out->reply = reply;
    const struct meta_broker *meta = meta_image_broker(work->in->image, request->broker_id);
    struct control_broker *broker = control_broker_get(work->control, request->broker_id);
    if (meta == NULL || broker == NULL || meta->epoch != request->broker_epoch) {
        reply->error_code = WIRE_ERROR_STALE_BROKER_EPOCH;
        return;
    }
    int64_t registered = broker->registered_offset >= 0 ? broker->registered_offset : meta->epoch;
    bool caught_up = request->current_metadata_offset >= registered;
    enum broker_state next = next_state(work, meta, broker, request, caught_up);
    heartbeat_transition(work, meta, broker, next);
    broker->epoch = meta->epoch;
    broker->contact_ms = work->in->now_ms;
    broker->metadata_offset = request->current_metadata_offset;
    dirs_offline(work, meta, request);
    dirs_cordoned(work, meta, request);
    /* The last offset of this decision, or before it. */
    if (next == BROKER_IN_SHUTDOWN && broker->shutdown_offset < 0)
        broker->shutdown_offset = work->in->next_offset + (int64_t)work->out->count - 1;
    reply->is_caught_up = caught_up;
    reply->is_fenced = next == BROKER_FENCED || next == BROKER_GOES;
    reply->should_shut_down = next == BROKER_GOES;
}

/* ---- Silence ---- */

/* Who was silent for longest of those that are not fenced; NULL: nobody to wait for. */
static struct control_broker *longest_silent(const struct control *control)
{
    struct control_broker *found = NULL;
    HMAP_FOR_EACH (node, &control->brokers) {
        struct control_broker *broker = HMAP_ENTRY(node, struct control_broker, node);
        if (broker->fenced)
            continue;
        if (found == NULL || broker->contact_ms < found->contact_ms ||
            (broker->contact_ms == found->contact_ms && broker->id < found->id))
            found = broker;
    }
    return found;
}

int64_t control_session_deadline_ms(const struct control *control)
{
    const struct control_broker *broker = longest_silent(control);
    return broker == NULL ? INT64_MAX : broker->contact_ms + session_ms(control) + 1;
}

void control_fence_stale(struct control_work *work)
{
    struct control_broker *broker = longest_silent(work->control);
    if (broker == NULL || work->in->now_ms - broker->contact_ms <= session_ms(work->control))
        return;
    /* Should the log not take it, it is tried again a session later. */
    broker->contact_ms = work->in->now_ms;
    broker->epoch = -1;
    const struct meta_broker *meta = meta_image_broker(work->in->image, broker->id);
    if (meta != NULL && !meta->fenced)
        fence(work, meta);
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
    struct control_leaders change = {.of = CONTROL_LEADERS_IN_SYNC,
                                     .broker = meta->id,
                                     .leaving = meta->id,
                                     .unclean = -1,
                                     .entering = -1};
    control_move_leaders(work, &change);
    change.of = CONTROL_LEADERS_ELIGIBLE;
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
        reply->error_code = WIRE_ERROR_STALE_BROKER_EPOCH;
        return;
    }
    int64_t first = work->in->image->next_producer_id;
    if (first < 0)
        first = 0; /* no block was ever given out */
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
