/*
 * Who leads a partition, and who is in sync, when brokers or their directories come and go
 * (KIP-841, KIP-858, KIP-966).
 *
 * In order of preference a leader is: who leads now; the first replica in sync; where nobody is in
 * sync, the first eligible one; the one that led last, if it is known to be the last; and, where
 * the topic allows it, anybody. Only the last two may lose records: the partition is then
 * RECOVERING. tests/unit/control/test_recorded.c compares all of it with Apache Kafka.
 */
#include "control_int.h"

#include "conf/conf.h"
#include "conf/value.h"
#include "meta/features.h"

#include <stdio.h>
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

/* ---- Sets of broker ids: as many as a partition may have replicas ---- */

struct id_set {
    int32_t *items;
    int32_t count;
};

static struct id_set set_new(struct control_work *work, int32_t capacity)
{
    size_t count = (size_t)capacity + 1;
    return (struct id_set){arena_must_alloc_array(work->in->arena, count, sizeof(int32_t)), 0};
}

static bool set_has(const struct id_set *set, int32_t id)
{
    return meta_ids_contain((struct wire_int32s){set->items, set->count}, id);
}

static void set_add(struct id_set *set, int32_t id)
{
    if (!set_has(set, id))
        set->items[set->count++] = id;
}

/* In ascending order. */
static void set_add_sorted(struct id_set *set, int32_t id)
{
    if (set_has(set, id))
        return;
    int32_t i = set->count++;
    for (; i > 0 && set->items[i - 1] > id; i--)
        set->items[i] = set->items[i - 1];
    set->items[i] = id;
}

static void set_drop(struct id_set *set, int32_t id)
{
    int32_t kept = 0;
    for (int32_t i = 0; i < set->count; i++) {
        if (set->items[i] != id)
            set->items[kept++] = set->items[i];
    }
    set->count = kept;
}

static bool set_is(const struct id_set *set, struct wire_int32s ids)
{
    return meta_ids_equal((struct wire_int32s){set->items, set->count}, ids);
}

static struct wire_int32s set_wire(const struct id_set *set)
{
    return (struct wire_int32s){set->items, set->count};
}

/* ---- Settings of a topic as the controller sees them ---- */

/* What is set for the topic, else for this node, else for all; NULL: the static setting counts. */
static const char *setting(const struct control_work *work, const struct meta_topic *topic,
                           const char *name)
{
    const struct meta_image *image = work->in->image;
    char node[16];
    snprintf(node, sizeof node, "%d", work->control->node_id);
    const char *text =
        meta_image_config(image, META_RESOURCE_TOPIC, topic->name.data, topic->name.size, name);
    if (text == NULL)
        text = meta_image_config(image, META_RESOURCE_BROKER, node, strlen(node), name);
    if (text == NULL)
        text = meta_image_config(image, META_RESOURCE_BROKER, "", 0, name);
    return text;
}

/* min.insync.replicas as it works: never more than there are replicas. */
static int32_t min_isr(const struct control_work *work, const struct meta_topic *topic,
                       const struct meta_partition *partition)
{
    const char *text = setting(work, topic, "min.insync.replicas");
    long wanted = text != NULL
                      ? strtol(text, NULL, 10)
                      : (long)conf_int(work->control->conf, CONF_BROKER_MIN_INSYNC_REPLICAS);
    return wanted < partition->replicas.count ? (int32_t)wanted : partition->replicas.count;
}

static bool unclean_allowed(const struct control_work *work, const struct meta_topic *topic)
{
    const char *text = setting(work, topic, "unclean.leader.election.enable");
    if (text != NULL)
        return conf_equal_any_case(conf_trim(text, work->in->arena), "true");
    return conf_bool(work->control->conf, CONF_BROKER_UNCLEAN_LEADER_ELECTION_ENABLE);
}

/* ---- One partition ---- */

struct election {
    struct control_work *work;
    const struct control_leaders *change;
    const struct meta_topic *topic;
    const struct meta_partition *partition;
    bool elr;            /* the feature */
    bool wanted_unclean; /* whatever the topic's settings say */
    struct id_set isr;
    struct id_set eligible; /* ascending, as Apache Kafka writes them */
    int32_t leader;
    bool unclean;
};

static bool is_reserved(const struct uuid *id, struct uuid reserved)
{
    return uuid_equal(id, &reserved);
}

/* A replica without a directory yet may be anywhere. */
static bool directory_is_online(const struct meta_broker *broker, const struct uuid *id)
{
    if (is_reserved(id, META_DIR_UNASSIGNED) || is_reserved(id, META_DIR_MIGRATING))
        return true;
    if (is_reserved(id, META_DIR_LOST))
        return false;
    for (size_t i = 0; i < broker->log_dir_count; i++) {
        if (uuid_equal(&broker->log_dirs[i], id))
            return true;
    }
    return broker->log_dir_count == 0;
}

static bool may_lead(const struct election *election, int32_t id)
{
    const struct control_leaders *change = election->change;
    if (id == change->leaving || id == change->unclean)
        return false;
    const struct meta_broker *broker = meta_image_broker(election->work->in->image, id);
    if (broker == NULL || (id != change->entering && !control_broker_is_active(broker)))
        return false;
    struct uuid directory = meta_partition_directory(election->partition, id);
    return directory_is_online(broker, &directory);
}

static bool may_lead_cleanly(const struct election *election, int32_t id)
{
    bool has_all = set_has(&election->isr, id) ||
                   (election->isr.count == 0 && set_has(&election->eligible, id));
    return has_all && may_lead(election, id);
}

static int32_t elect_cleanly(const struct election *election)
{
    const struct meta_partition *partition = election->partition;
    if (may_lead_cleanly(election, partition->leader))
        return partition->leader;
    for (int32_t i = 0; i < partition->replicas.count; i++) {
        if (may_lead_cleanly(election, partition->replicas.items[i]))
            return partition->replicas.items[i];
    }
    return META_NO_LEADER;
}

/* With a loss of what only those had that are gone. */
static int32_t elect_uncleanly(const struct election *election)
{
    const struct meta_partition *partition = election->partition;
    bool nobody = election->isr.count == 0 && election->eligible.count == 0;
    if (election->elr && nobody && partition->last_known_elr.count == 1 &&
        may_lead(election, partition->last_known_elr.items[0]))
        return partition->last_known_elr.items[0];
    if (!election->wanted_unclean && !unclean_allowed(election->work, election->topic))
        return META_NO_LEADER;
    for (int32_t i = 0; i < partition->replicas.count; i++) {
        if (may_lead(election, partition->replicas.items[i]))
            return partition->replicas.items[i];
    }
    return META_NO_LEADER;
}

static void elect(struct election *election)
{
    election->leader = elect_cleanly(election);
    if (election->leader == META_NO_LEADER) {
        election->leader = elect_uncleanly(election);
        election->unclean = election->leader != META_NO_LEADER;
    }
    if (election->unclean) {
        election->isr.count = 0;
        election->eligible.count = 0;
    }
    if (election->leader != META_NO_LEADER) {
        set_add(&election->isr, election->leader);
        set_drop(&election->eligible, election->leader);
    }
}

/* In sync and eligible as far as the change tells, before anybody is elected: who was in sync and
 * is not any more stays eligible while fewer than min.insync.replicas are. */
static void election_begin(struct election *election)
{
    const struct meta_partition *partition = election->partition;
    const struct control_leaders *change = election->change;
    int32_t most = partition->replicas.count + partition->isr.count + partition->elr.count;
    election->isr = set_new(election->work, most);
    election->eligible = set_new(election->work, most);
    for (int32_t i = 0; i < partition->isr.count; i++) {
        int32_t id = partition->isr.items[i];
        if (id != change->leaving && id != change->unclean)
            set_add(&election->isr, id);
    }
    if (!election->elr ||
        election->isr.count >= min_isr(election->work, election->topic, partition))
        return;
    const struct wire_int32s *lists[] = {&partition->isr, &partition->elr};
    for (size_t i = 0; i < ARRAY_COUNT(lists); i++) {
        for (int32_t j = 0; j < lists[i]->count; j++) {
            int32_t id = lists[i]->items[j];
            if (id != change->unclean && !set_has(&election->isr, id))
                set_add_sorted(&election->eligible, id);
        }
    }
}

/* The one that led last is kept in mind from when nobody leads until somebody does again. */
static bool last_known_changes(const struct election *election, struct id_set *last_known)
{
    const struct meta_partition *partition = election->partition;
    bool leads = election->leader != META_NO_LEADER;
    bool known = partition->last_known_elr.count > 0;
    if (!election->elr || election->leader == partition->leader || leads != known)
        return false;
    *last_known = set_new(election->work, 1);
    if (!leads)
        set_add(last_known, partition->leader);
    return true;
}

static void election_record(struct election *election)
{
    struct control_work *work = election->work;
    const struct meta_partition *partition = election->partition;
    int16_t metadata_version = meta_image_metadata_version(work->in->image);
    struct wire_partition_change_record *record = CONTROL_NEW(work, partition_change_record);
    record->partition_id = partition->index;
    record->topic_id = partition->topic_id;
    bool leads_on = election->leader == partition->leader;
    /* Without the feature the last ones in sync stay it: nobody else may be elected cleanly. */
    bool isr_changes =
        !set_is(&election->isr, partition->isr) && (election->isr.count > 0 || election->elr);
    bool eligible_changes = !set_is(&election->eligible, partition->elr);
    if (leads_on && !isr_changes && !eligible_changes)
        return;
    if (!leads_on)
        record->leader = election->leader;
    if (isr_changes)
        record->isr = set_wire(&election->isr);
    if (isr_changes && leads_on && metadata_version < META_VERSION_3_6_IV0)
        record->leader = partition->leader; /* a new epoch, though nobody else leads */
    if (eligible_changes)
        record->eligible_leader_replicas = set_wire(&election->eligible);
    struct id_set last_known;
    if (last_known_changes(election, &last_known))
        record->last_known_elr = set_wire(&last_known);
    if (election->unclean && !leads_on && partition->leader_recovery_state != META_RECOVERING)
        record->leader_recovery_state = META_RECOVERING;
    control_record(work, WIRE_METADATA_RECORD_PARTITION_CHANGE,
                   meta_partition_change_record_version(metadata_version), record);
}

static bool concerns(const struct meta_partition *partition, const struct control_leaders *change)
{
    switch (change->of) {
    case CONTROL_LEADERS_IN_SYNC:
        return meta_ids_contain(partition->isr, change->broker);
    case CONTROL_LEADERS_ELIGIBLE:
        return meta_ids_contain(partition->elr, change->broker);
    case CONTROL_LEADERS_NONE:
        return partition->leader == META_NO_LEADER;
    case CONTROL_LEADERS_IN_DIRECTORY: {
        struct uuid directory = meta_partition_directory(partition, change->broker);
        return uuid_equal(&directory, &change->directory);
    }
    }
    UNREACHABLE();
}

void control_move_leaders(struct control_work *work, const struct control_leaders *change)
{
    const struct meta_image *image = work->in->image;
    bool elr = meta_image_feature(image, META_FEATURE_ELR_VERSION) >= 1;
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
        election_record(&election);
    }
}

/* ---- Elections that somebody asks for (KIP-460) ---- */

static int16_t elect_preferred(struct control_work *work, const struct meta_partition *partition)
{
    if (partition->replicas.count == 0 || partition->leader == partition->replicas.items[0])
        return WIRE_ERROR_ELECTION_NOT_NEEDED;
    struct control_leaders nothing = {.leaving = -1, .unclean = -1, .entering = -1};
    struct election election = {.work = work, .change = &nothing, .partition = partition};
    int32_t preferred = partition->replicas.items[0];
    if (!meta_ids_contain(partition->isr, preferred) || !may_lead(&election, preferred))
        return WIRE_ERROR_PREFERRED_LEADER_NOT_AVAILABLE;
    struct wire_partition_change_record *record = CONTROL_NEW(work, partition_change_record);
    record->partition_id = partition->index;
    record->topic_id = partition->topic_id;
    record->leader = preferred;
    control_record(
        work, WIRE_METADATA_RECORD_PARTITION_CHANGE,
        meta_partition_change_record_version(meta_image_metadata_version(work->in->image)), record);
    return WIRE_ERROR_NONE;
}

int16_t control_elect(struct control_work *work, const struct meta_partition *partition,
                      bool unclean)
{
    if (!unclean)
        return elect_preferred(work, partition);
    if (partition->leader != META_NO_LEADER)
        return WIRE_ERROR_ELECTION_NOT_NEEDED;
    struct control_leaders nothing = {.leaving = -1, .unclean = -1, .entering = -1};
    struct election election = {
        .work = work,
        .change = &nothing,
        .topic = meta_image_topic_by_id(work->in->image, &partition->topic_id),
        .partition = partition,
        .elr = meta_image_feature(work->in->image, META_FEATURE_ELR_VERSION) >= 1,
        .wanted_unclean = true,
    };
    election_begin(&election);
    elect(&election);
    if (election.leader == META_NO_LEADER)
        return WIRE_ERROR_ELIGIBLE_LEADERS_NOT_AVAILABLE;
    election_record(&election);
    return WIRE_ERROR_NONE;
}
