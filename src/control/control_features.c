/*
 * Features get other levels (KIP-584, KIP-778, KIP-1022). One that cannot be spoils the request:
 * none is changed then.
 */
#include "control_int.h"

#include "conf/conf.h"
#include "meta/features.h"

#include <inttypes.h>

enum upgrade_type { UPGRADE = 1, SAFE_DOWNGRADE = 2, UNSAFE_DOWNGRADE = 3 };

struct wanted_level {
    struct wire_string feature;
    int16_t level;
    int8_t type;
    int16_t now;
};

static struct wire_string invalid(const struct control_work *work,
                                  const struct wanted_level *wanted, const char *why)
{
    return control_text(work, "Invalid update version %d for feature %.*s. %s", wanted->level,
                        WIRE_STRING_ARGS(wanted->feature), why);
}

/* ---- Who supports it ---- */

static struct wire_string unsupported(const struct control_work *work,
                                      const struct wanted_level *wanted, const char *who,
                                      int32_t id, bool known, int16_t low, int16_t high)
{
    if (wanted->level == 0 && (!known || low == 0))
        return WIRE_NULL_STRING;
    if (!known)
        return invalid(work, wanted,
                       control_text(work, "%s %d does not support this feature.", who, id).data);
    if (wanted->level >= low && wanted->level <= high)
        return WIRE_NULL_STRING;
    return invalid(
        work, wanted,
        control_text(work, "%s %d only supports versions %d-%d", who, id, low, high).data);
}

static const struct meta_feature_range *range_of(const struct meta_feature_range *ranges,
                                                 size_t count, struct wire_string feature)
{
    for (size_t i = 0; i < count; i++) {
        if (wire_string_equal(ranges[i].name, feature))
            return &ranges[i];
    }
    return NULL;
}

static struct wire_string unsupported_by_any(const struct control_work *work,
                                             const struct wanted_level *wanted)
{
    const struct meta_feature_support *own =
        meta_feature_find(wanted->feature.data, wanted->feature.size);
    struct wire_string why =
        unsupported(work, wanted, "Local controller", work->control->node_id, own != NULL,
                    own == NULL ? 0 : own->version_min, own == NULL ? 0 : own->version_max);
    struct meta_iter iter;
    meta_iter_brokers(&iter, work->in->image);
    for (const struct meta_broker *broker;
         why.data == NULL && (broker = meta_iter_broker_next(&iter)) != NULL;) {
        const struct meta_feature_range *range =
            range_of(broker->features, broker->feature_count, wanted->feature);
        why = unsupported(work, wanted, "Broker", broker->id, range != NULL,
                          range == NULL ? 0 : range->version_min,
                          range == NULL ? 0 : range->version_max);
    }
    meta_iter_controllers(&iter, work->in->image);
    for (const struct meta_controller *controller;
         why.data == NULL && (controller = meta_iter_controller_next(&iter)) != NULL;) {
        const struct meta_feature_range *range =
            range_of(controller->features, controller->feature_count, wanted->feature);
        why = unsupported(work, wanted, "Controller", controller->id, range != NULL,
                          range == NULL ? 0 : range->version_min,
                          range == NULL ? 0 : range->version_max);
    }
    return why;
}

/* ---- One feature ---- */

static struct wire_string downgrade_refused(const struct control_work *work,
                                            const struct wanted_level *wanted)
{
    if (!wire_string_is(wanted->feature, META_FEATURE_METADATA_VERSION))
        return WIRE_NULL_STRING;
    bool changed = false;
    for (int16_t level = wanted->now; level > wanted->level; level--)
        changed = changed || meta_version_changed_metadata(level);
    if (!changed)
        return WIRE_NULL_STRING;
    return control_text(work, "Unsupported metadata.version downgrade from %d to %d. %s",
                        wanted->now, wanted->level,
                        wanted->type == UNSAFE_DOWNGRADE
                            ? "Unsafe metadata downgrade is not supported in this version."
                            : "Refusing to perform the requested downgrade because it might delete "
                              "metadata information.");
}

static struct wire_string level_refused(const struct control_work *work,
                                        const struct wanted_level *wanted)
{
    if (wanted->type < UPGRADE || wanted->type > UNSAFE_DOWNGRADE)
        return invalid(work, wanted, "The controller does not support the given upgrade type.");
    if (wanted->level < 0)
        return invalid(work, wanted, "A feature version cannot be less than 0.");
    struct wire_string why = unsupported_by_any(work, wanted);
    if (why.data != NULL)
        return why;
    if (meta_feature_find(wanted->feature.data, wanted->feature.size) == NULL)
        return invalid(
            work, wanted,
            control_text(work, "Feature %.*s not found.", WIRE_STRING_ARGS(wanted->feature)).data);
    if (wanted->level < wanted->now && wanted->type == UPGRADE)
        return invalid(work, wanted,
                       "Can't downgrade the version of this feature without setting the upgrade "
                       "type to either safe or unsafe downgrade.");
    if (wanted->level > wanted->now && wanted->type != UPGRADE)
        return invalid(work, wanted, "Can't downgrade to a newer version.");
    return wanted->level < wanted->now ? downgrade_refused(work, wanted) : WIRE_NULL_STRING;
}

/* The quorum's own feature lives in the log's control records; it is as it was formatted. */
static struct wire_string kraft_refused(const struct control_work *work,
                                        const struct wanted_level *wanted)
{
    if (!wire_string_is(wanted->feature, META_FEATURE_KRAFT_VERSION) ||
        wanted->level == wanted->now)
        return WIRE_NULL_STRING;
    return invalid(work, wanted, "The version of the quorum is chosen when it is formatted.");
}

/* Levels that build on metadata.version, with all changes of the request made. */
static struct wire_string dependency_refused(const struct control_work *work,
                                             const struct wanted_level *wanted,
                                             int16_t metadata_version)
{
    const struct meta_feature_support *own =
        meta_feature_find(wanted->feature.data, wanted->feature.size);
    int16_t needed = meta_feature_needs_metadata_version(own->name, wanted->level);
    if (wanted->level == 0 || needed <= metadata_version)
        return WIRE_NULL_STRING;
    return invalid(work, wanted,
                   control_text(work,
                                "%s could not be set to %d because it depends on metadata.version "
                                "level %d",
                                own->name, wanted->level, needed)
                       .data);
}

/* ---- Records ---- */

/* Eligible leaders are counted by the cluster's min.insync.replicas, no broker's own. */
static void begin_elr(struct control_work *work)
{
    static const char name[] = "min.insync.replicas";
    const struct meta_image *image = work->in->image;
    if (meta_image_config(image, META_RESOURCE_BROKER, "", 0, name) == NULL)
        control_config_record(
            work, META_RESOURCE_BROKER, WIRE_EMPTY_STRING, name,
            control_text(work, "%" PRId64,
                         conf_int(work->control->conf, CONF_BROKER_MIN_INSYNC_REPLICAS))
                .data);
    struct meta_iter iter;
    meta_iter_brokers(&iter, image);
    const struct meta_broker *broker;
    while ((broker = meta_iter_broker_next(&iter)) != NULL) {
        struct wire_string id = control_text(work, "%d", broker->id);
        if (meta_image_config(image, META_RESOURCE_BROKER, id.data, id.size, name) != NULL)
            control_config_record(work, META_RESOURCE_BROKER, id, name, NULL);
    }
}

static void write_down(struct control_work *work, const struct wanted_level *wanted)
{
    if (wanted->level == wanted->now || wire_string_is(wanted->feature, META_FEATURE_KRAFT_VERSION))
        return;
    struct wire_feature_level_record *record = CONTROL_NEW(work, feature_level_record);
    record->name = wanted->feature;
    record->feature_level = wanted->level;
    control_record(work, WIRE_METADATA_RECORD_FEATURE_LEVEL, 0, record);
    if (wire_string_is(wanted->feature, META_FEATURE_ELR_VERSION) && wanted->level > 0)
        begin_elr(work);
}

/* ---- The request ---- */

static int16_t level_now(const struct control_work *work, struct wire_string feature)
{
    const struct meta_feature_support *own = meta_feature_find(feature.data, feature.size);
    if (own == NULL)
        return 0;
    if (wire_string_is(feature, META_FEATURE_KRAFT_VERSION))
        return work->in->kraft_version;
    return meta_image_feature(work->in->image, own->name);
}

/* The metadata.version that the request leaves. */
static int16_t metadata_version_then(const struct control_work *work)
{
    const struct wire_update_features_request *request = work->request;
    int16_t level = meta_image_metadata_version(work->in->image);
    for (int32_t i = 0; i < request->feature_updates.count; i++) {
        if (wire_string_is(request->feature_updates.items[i].feature,
                           META_FEATURE_METADATA_VERSION))
            level = request->feature_updates.items[i].max_version_level;
    }
    return level;
}

void control_update_features(struct control_work *work)
{
    const struct wire_update_features_request *request = work->request;
    struct wire_update_features_response *reply = CONTROL_NEW(work, update_features_response);
    work->out->reply = reply;
    reply->error_message = WIRE_NULL_STRING;
    int32_t count = request->feature_updates.count;
    int16_t metadata_version = metadata_version_then(work);
    struct wanted_level *levels =
        arena_must_alloc_array(work->in->arena, (size_t)count + 1, sizeof *levels);
    struct wire_string why = WIRE_NULL_STRING;
    for (int32_t i = 0; i < count && why.data == NULL; i++) {
        levels[i] = (struct wanted_level){
            .feature = request->feature_updates.items[i].feature,
            .level = request->feature_updates.items[i].max_version_level,
            .type = work->version == 0 ? UPGRADE : request->feature_updates.items[i].upgrade_type,
            .now = level_now(work, request->feature_updates.items[i].feature),
        };
        why = level_refused(work, &levels[i]);
        if (why.data == NULL)
            why = kraft_refused(work, &levels[i]);
        if (why.data == NULL)
            why = dependency_refused(work, &levels[i], metadata_version);
    }
    if (why.data != NULL) {
        reply->error_code = WIRE_ERROR_INVALID_UPDATE_VERSION;
        reply->error_message = control_text(
            work, "The update failed for all features since the following feature had an error: %s",
            why.data);
        return;
    }
    for (int32_t i = 0; i < count && !request->validate_only; i++)
        write_down(work, &levels[i]);
    if (work->version >= 2)
        return;
    reply->results.count = count;
    reply->results.items =
        CONTROL_NEW_ARRAY(work, update_features_response_updatable_feature_result, (size_t)count);
    for (int32_t i = 0; i < count; i++) {
        reply->results.items[i].feature = levels[i].feature;
        reply->results.items[i].error_message = wire_string_from("NONE");
    }
}
