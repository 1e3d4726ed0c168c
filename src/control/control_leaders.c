/*
 * Who leads a partition, and who is in sync, when a broker comes or goes (KIP-841, KIP-966).
 *
 * In order of preference a leader is: who leads now; the first replica in sync; where nobody is in
 * sync, the first eligible one; the one that led last, if it is known to be the last; and, where
 * the topic allows it, anybody. Only the last two may lose records: the partition is then
 * RECOVERING.
 */
#include "control_int.h"

#include "conf/conf.h"
#include "meta/features.h"

#include <stdlib.h>

bool control_broker_is_active(const struct meta_broker *broker)
{
    return broker != NULL && !broker->fenced && !broker->in_controlled_shutdown;
}

bool control_leads_any(const struct meta_image *image, int32_t broker_id)
{
    struct meta_iter iter;
    meta_iter_partitions(&iter, image, NULL);
    const struct meta_partition *partition;
    while ((partition = meta_iter_partition_next(&iter)) != NULL) {
        if (partition->leader == broker_id)
            return true;
    }
    return false;
}

/* Sets of broker ids on their way; as many as a partition may have replicas. */
struct id_set {
    int32_t *items;
    int32_t count;
};

static struct id_set set_new(struct control_work *work, int32_t capacity)
{
    return (struct id_set){arena_must_alloc_array(work->in->arena, (size_t)capacity + 1, sizeof(int32_t)),
                           0};
}

static bool set_has(const struct id_set *set, int32_t id)
{
    for (int32_t i = 0; i < set->count; i++) {
        if (set->items[i] == id)
            return true;
    }
    return false;
}

static void set_add(struct id_set *set, int32_t id)
{
    if (!set_has(set, id))
        set->items[set->count++] = id;
}

static bool set_is(const struct id_set *set, struct wire_int32s ids)
{
    return meta_ids_equal((struct wire_int32s){set->items, set->count}, ids);
}

static struct wire_int32s set_wire(const struct id_set *set)
{
    return (struct wire_int32s){set->items, set->count};
}

/* min.insync.replicas as it works: of the topic, else of the cluster, never more than replicas. */
static int32_t min_isr(const struct control_work *work, const struct meta_topic *topic,
                      const struct meta_partition *partition)
{
    const char *text = meta_image_config(work->in->image, META_RESOURCE_TOPIC, topic->name.data,
                                         topic->name.size, "min.insync.replicas");
    if (text == NULL)
        text =
            meta_image_config(work->in->image, META_RESOURCE_BROKER, "", 0, "min.insync.replicas");
    long wanted = text != NULL
                      ? strtol(text, NULL, 10)
                      : (long)conf_int(work->control->conf, CONF_BROKER_MIN_INSYNC_REPLICAS);
    int32_t count = wanted < 1 ? 1 : (int32_t)wanted;
    return count < partition->replicas.count ? count : partition->replicas.count;
}

static bool unclean_allowed(const struct control_work *work, const struct meta_topic *topic)
{
    const char *name = "unclean.leader.election.enable";
    const char *text = meta_image_config(work->in->image, META_RESOURCE_TOPIC, topic->name.data,
                                         topic->name.size, name);
    if (text == NULL)
        text = meta_image_config(work->in->image, META_RESOURCE_BROKER, "", 0, name);
    if (text != NULL)
        return strcmp(text, "true") == 0;
    return conf_bool(work->control->conf, CONF_BROKER_UNCLEAN_LEADER_ELECTION_ENABLE);
}

/* One partition while it is decided about. */
struct election {
    struct control_work *work;
    const struct control_leaders *change;
    const struct meta_topic *topic;
    const struct meta_partition *partition;
    bool elr; /* the feature */
    struct id_set isr;
    struct id_set eligible;
    struct id_set last_known;
    int32_t leader;
    bool unclean;
};

static bool may_lead(const struct election *election, int32_t id)
{
    if (id == election->change->leaving || id == election->change->unclean)
        return false;
    const struct meta_broker *broker = meta_image_broker(election->work->in->image, id);
    if (id == election->change->entering)
        return broker != NULL;
    return control_broker_is_active(broker);
}

static void elect(struct election *election)
{
    const struct meta_partition *partition = election->partition;
    election->leader = META_NO_LEADER;
    if (set_has(&election->isr, partition->leader) && may_lead(election, partition->leader)) {
        election->leader = partition->leader;
        return;
    }
    for (int32_t i = 0; i < partition->replicas.count; i++) {
        int32_t id = partition->replicas.items[i];
        bool eligible = election->elr && election->isr.count == 0 &&
                        meta_ids_contain(partition->elr, id) && id != election->change->unclean;
        if ((set_has(&election->isr, id) || eligible) && may_lead(election, id)) {
            election->leader = id;
            break;
        }
    }
    bool nobody = election->isr.count == 0 && election->eligible.count == 0;
    if (election->leader == META_NO_LEADER && election->elr && nobody &&
        partition->last_known_elr.count == 1 &&
        may_lead(election, partition->last_known_elr.items[0])) {
        election->leader = partition->last_known_elr.items[0];
        election->unclean = true;
    }
    bool anybody =
        election->leader == META_NO_LEADER && unclean_allowed(election->work, election->topic);
    for (int32_t i = 0; anybody && i < partition->replicas.count; i++) {
        if (!may_lead(election, partition->replicas.items[i]))
            continue;
        election->leader = partition->replicas.items[i];
        election->unclean = true;
        break;
    }
    if (election->leader != META_NO_LEADER && !set_has(&election->isr, election->leader)) {
        election->isr.count = 0;
        set_add(&election->isr, election->leader);
    }
}

/* In sync and eligible as far as the change tells, before anybody is elected. */
static void election_begin(struct election *election)
{
    const struct meta_partition *partition = election->partition;
    int32_t most = partition->replicas.count + partition->isr.count + partition->elr.count;
    election->isr = set_new(election->work, most);
    election->eligible = set_new(election->work, most);
    election->last_known = set_new(election->work, partition->last_known_elr.count + 1);
    for (int32_t i = 0; i < partition->isr.count; i++) {
        int32_t id = partition->isr.items[i];
        if (id != election->change->leaving && id != election->change->unclean)
            set_add(&election->isr, id);
    }
    for (int32_t i = 0; i < partition->elr.count; i++) {
        if (partition->elr.items[i] != election->change->unclean)
            set_add(&election->eligible, partition->elr.items[i]);
    }
    for (int32_t i = 0; i < partition->isr.count; i++) {
        int32_t id = partition->isr.items[i];
        if (election->elr && id != election->change->unclean && !set_has(&election->isr, id))
            set_add(&election->eligible, id);
    }
}

/* Who was in sync and is not any more stays eligible while fewer than min.insync.replicas are. */
static void election_eligible(struct election *election)
{
    const struct meta_partition *partition = election->partition;
    if (!election->elr) {
        /* The last ones in sync stay it: nobody else may be elected cleanly. */
        if (election->isr.count == 0) {
            for (int32_t i = 0; i < partition->isr.count; i++)
                set_add(&election->isr, partition->isr.items[i]);
        }
        return;
    }
    if (election->isr.count >= min_isr(election->work, election->topic, partition)) {
        election->eligible.count = 0;
        return;
    }
    int32_t kept = 0;
    for (int32_t i = 0; i < election->eligible.count; i++) {
        if (!set_has(&election->isr, election->eligible.items[i]))
            election->eligible.items[kept++] = election->eligible.items[i];
    }
    election->eligible.count = kept;
    for (int32_t i = 0; i < partition->last_known_elr.count; i++)
        set_add(&election->last_known, partition->last_known_elr.items[i]);
    if (election->isr.count == 0 && partition->leader != META_NO_LEADER) {
        election->last_known.count = 0;
        set_add(&election->last_known, partition->leader);
    }
}

static void election_record(struct election *election)
{
    struct control_work *work = election->work;
    const struct meta_partition *partition = election->partition;
    struct wire_partition_change_record *record = CONTROL_NEW(work, partition_change_record);
    bool changed = false;
    record->partition_id = partition->index;
    record->topic_id = partition->topic_id;
    if (election->leader != partition->leader) {
        record->leader = election->leader;
        changed = true;
    }
    if (!set_is(&election->isr, partition->isr)) {
        record->isr = set_wire(&election->isr);
        changed = true;
    }
    if (!set_is(&election->eligible, partition->elr)) {
        record->eligible_leader_replicas = set_wire(&election->eligible);
        changed = true;
    }
    if (!set_is(&election->last_known, partition->last_known_elr)) {
        record->last_known_elr = set_wire(&election->last_known);
        changed = true;
    }
    if (election->unclean && partition->leader_recovery_state != META_RECOVERING)
        record->leader_recovery_state = META_RECOVERING;
    if (!changed)
        return;
    int16_t version =
        meta_partition_change_record_version(meta_image_metadata_version(work->in->image));
    control_record(work, WIRE_METADATA_RECORD_PARTITION_CHANGE, version, record);
}

static bool concerns(const struct meta_partition *partition, const struct control_leaders *change)
{
    if (change->entering >= 0)
        return partition->leader == META_NO_LEADER &&
               meta_ids_contain(partition->replicas, change->entering);
    int32_t gone = change->leaving >= 0 ? change->leaving : change->unclean;
    return partition->leader == gone || meta_ids_contain(partition->isr, gone) ||
           meta_ids_contain(partition->elr, gone);
}

void control_move_leaders(struct control_work *work, const struct control_leaders *change)
{
    const struct meta_image *image = work->in->image;
    bool elr = meta_image_feature(image, META_FEATURE_ELR_VERSION) >= 1 &&
               meta_image_metadata_version(image) >= META_VERSION_4_0_IV1;
    struct meta_iter iter;
    meta_iter_partitions(&iter, image, NULL);
    const struct meta_partition *partition;
    while ((partition = meta_iter_partition_next(&iter)) != NULL) {
        if (!concerns(partition, change))
            continue;
        struct election election = {
            .work = work,
            .change = change,
            .topic = meta_image_topic_by_id(image, &partition->topic_id),
            .partition = partition,
            .elr = elr,
        };
        ASSERT(election.topic != NULL);
        election_begin(&election);
        elect(&election);
        election_eligible(&election);
        election_record(&election);
    }
}
