/*
 * What a group subscribes to, and who is to own it. A view is a group in which one member is
 * already what it is going to be, so that a decision can be made before its records are applied.
 */
#include "group/group_consumer_int.h"

#include "base/hash.h"

#include <stdlib.h>
#include <string.h>

typedef struct wire_consumer_group_member_metadata_value member_metadata;

struct viewed {
    struct wire_string id;
    const member_metadata *metadata;
};

struct viewed_list {
    struct viewed *items; /* ascending by id */
    size_t count;
};

static struct viewed_list view_members(const struct group_view *view)
{
    size_t most = 1 + (view->group == NULL ? 0 : pmap_count(view->group->members));
    struct viewed_list list = {.items =
                                   arena_must_alloc_array(view->arena, most, sizeof *list.items)};
    bool added = view->metadata == NULL;
    struct viewed changed = {.id = view->member_id, .metadata = view->metadata};
    struct pmap_iter iter;
    struct pmap_entry entry;
    if (view->group != NULL)
        pmap_iter_init(&iter, view->group->members, NULL, 0);
    while (view->group != NULL && pmap_iter_next(&iter, &entry)) {
        struct wire_string id = group_entry_key(&entry);
        if (!added && wire_string_compare(view->member_id, id) < 0) {
            list.items[list.count++] = changed;
            added = true;
        }
        if ((view->member_id.data != NULL && wire_string_equal(id, view->member_id)) ||
            (view->replaced_id.data != NULL && wire_string_equal(id, view->replaced_id)))
            continue;
        list.items[list.count++] =
            (struct viewed){.id = id, .metadata = group_member_of(&entry)->subscription->metadata};
    }
    if (!added)
        list.items[list.count++] = changed;
    return list;
}

static bool has_regex(const member_metadata *metadata)
{
    return metadata->subscribed_topic_regex.size > 0;
}

/* ---- Names and how often ----------------------------------------------------------------------
 */

struct name {
    struct wire_string text;
    size_t by_name;  /* members that name it */
    size_t by_regex; /* expressions that stand for it */
};

struct names {
    struct name *items; /* ascending, none twice */
    size_t count;
};

static int name_compare(const void *a, const void *b)
{
    return group_text_compare(((const struct name *)a)->text, ((const struct name *)b)->text);
}

static void names_sum(struct names *names)
{
    if (names->count == 0)
        return;
    qsort(names->items, names->count, sizeof *names->items, name_compare);
    size_t kept = 0;
    for (size_t i = 1; i < names->count; i++) {
        if (wire_string_equal(names->items[kept].text, names->items[i].text)) {
            names->items[kept].by_name += names->items[i].by_name;
            names->items[kept].by_regex += names->items[i].by_regex;
        } else {
            names->items[++kept] = names->items[i];
        }
    }
    names->count = kept + 1;
}

/* Expressions, and the members that have each. */
static struct names view_expressions(const struct group_view *view, const struct viewed_list *list)
{
    struct names names = {
        .items = arena_must_alloc_array(view->arena, list->count, sizeof *names.items)};
    for (size_t i = 0; i < list->count; i++) {
        if (has_regex(list->items[i].metadata))
            names.items[names.count++] = (struct name){
                .text = list->items[i].metadata->subscribed_topic_regex, .by_name = 1};
    }
    names_sum(&names);
    return names;
}

/* Topics, whether there are such or not. */
static struct names view_topics(const struct group_view *view, const struct viewed_list *list,
                                const struct names *expressions)
{
    size_t most = 0;
    for (size_t i = 0; i < list->count; i++)
        most += (size_t)list->items[i].metadata->subscribed_topic_names.count;
    for (size_t i = 0; i < expressions->count && view->group != NULL; i++) {
        const struct group_resolved *resolved =
            group_resolved_find(view->group, expressions->items[i].text);
        most += resolved == NULL ? 0 : (size_t)resolved->topics.count;
    }
    struct names names = {.items = arena_must_alloc_array(view->arena, most, sizeof *names.items)};
    for (size_t i = 0; i < list->count; i++) {
        struct wire_strings subscribed = list->items[i].metadata->subscribed_topic_names;
        for (int32_t k = 0; k < subscribed.count; k++)
            names.items[names.count++] = (struct name){.text = subscribed.items[k], .by_name = 1};
    }
    for (size_t i = 0; i < expressions->count && view->group != NULL; i++) {
        const struct group_resolved *resolved =
            group_resolved_find(view->group, expressions->items[i].text);
        for (int32_t k = 0; resolved != NULL && k < resolved->topics.count; k++)
            names.items[names.count++] =
                (struct name){.text = resolved->topics.items[k], .by_regex = 1};
    }
    names_sum(&names);
    return names;
}

size_t group_view_regex_count(const struct group_view *view, struct wire_string expression)
{
    struct viewed_list list = view_members(view);
    size_t count = 0;
    for (size_t i = 0; i < list.count; i++)
        count += has_regex(list.items[i].metadata) &&
                 wire_string_equal(list.items[i].metadata->subscribed_topic_regex, expression);
    return count;
}

/* ---- The metadata hash (KIP-1101) --------------------------------------------------------------
 */

static void put_le32(struct buf *out, uint32_t value)
{
    uint8_t *bytes = buf_extend(out, 4);
    for (int i = 0; i < 4; i++)
        bytes[i] = (uint8_t)(value >> 8 * i);
}

static void put_le64(struct buf *out, uint64_t value)
{
    put_le32(out, (uint32_t)value);
    put_le32(out, (uint32_t)(value >> 32));
}

static uint64_t load_half(const uint8_t *bytes)
{
    uint64_t value = 0;
    for (int i = 0; i < 8; i++)
        value = value << 8 | bytes[i];
    return value;
}

/* As UTF-16 units; returns how many. What is no UTF-8 counts as the replacement character, as in
 * Java. */
static uint32_t put_utf16(struct buf *out, struct wire_string text)
{
    uint32_t units = 0;
    for (uint32_t i = 0; i < text.size;) {
        uint8_t lead = (uint8_t)text.data[i];
        int more = lead < 0x80 ? 0 : lead < 0xc2 ? -1 : lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3;
        uint32_t point = more <= 0 ? lead : lead & (0x3fu >> more);
        for (int k = 1; k <= more; k++) {
            uint8_t next = i + (uint32_t)k < text.size ? (uint8_t)text.data[i + (uint32_t)k] : 0;
            if ((next & 0xc0) != 0x80) {
                more = -1;
                break;
            }
            point = point << 6 | (next & 0x3f);
        }
        if (more < 0)
            point = 0xfffd;
        i += more < 0 ? 1 : (uint32_t)more + 1;
        uint32_t pair[2] = {point, 0};
        if (point > 0xffff) {
            pair[0] = 0xd800 + ((point - 0x10000) >> 10);
            pair[1] = 0xdc00 + ((point - 0x10000) & 0x3ff);
        }
        for (int k = 0; k < (point > 0xffff ? 2 : 1); k++, units++) {
            uint8_t *bytes = buf_extend(out, 2);
            bytes[0] = (uint8_t)pair[k];
            bytes[1] = (uint8_t)(pair[k] >> 8);
        }
    }
    return units;
}

static int rack_compare(const void *a, const void *b)
{
    return group_text_compare(*(const struct wire_string *)a, *(const struct wire_string *)b);
}

/* The racks of the partition's replicas, sorted: each its length, its characters and their number.
 */
static void put_racks(struct buf *out, const struct meta_image *image,
                      const struct meta_partition *partition, struct wire_string *racks)
{
    size_t count = 0;
    for (int32_t i = 0; i < partition->replicas.count; i++) {
        const struct meta_broker *broker = meta_image_broker(image, partition->replicas.items[i]);
        if (broker != NULL && broker->rack.data != NULL)
            racks[count++] = broker->rack;
    }
    if (count > 1)
        qsort(racks, count, sizeof *racks, rack_compare);
    for (size_t i = 0; i < count; i++) {
        struct buf text = BUF_EMPTY;
        uint32_t units = put_utf16(&text, racks[i]);
        put_le32(out, units);
        buf_put(out, text.data, text.size);
        put_le32(out, units);
        buf_deinit(&text);
    }
}

static uint64_t topic_hash(const struct meta_image *image, const struct meta_topic *topic,
                           struct arena *arena)
{
    struct buf bytes = BUF_EMPTY;
    buf_put_i8(&bytes, 0); /* the version of this scheme */
    put_le64(&bytes, load_half(topic->id.bytes));
    put_le64(&bytes, load_half(topic->id.bytes + 8));
    put_le32(&bytes, put_utf16(&bytes, topic->name));
    put_le32(&bytes, (uint32_t)topic->partition_count);
    int32_t most = 0;
    struct wire_string *racks = NULL;
    for (int32_t i = 0; i < topic->partition_count; i++) {
        put_le32(&bytes, (uint32_t)i);
        const struct meta_partition *partition = meta_image_partition(image, &topic->id, i);
        if (partition == NULL)
            continue;
        if (partition->replicas.count > most) {
            most = partition->replicas.count;
            racks = arena_must_alloc_array(arena, (size_t)most, sizeof *racks);
        }
        put_racks(&bytes, image, partition, racks);
    }
    uint64_t hash = xxh3_64(bytes.data, bytes.size);
    buf_deinit(&bytes);
    return hash;
}

/* `names` are ascending. */
static int64_t names_hash(const struct meta_image *image, const struct names *names,
                          struct arena *arena)
{
    struct buf bytes = BUF_EMPTY;
    for (size_t i = 0; i < names->count; i++) {
        struct wire_string name = names->items[i].text;
        const struct meta_topic *topic = meta_image_topic(image, name.data, name.size);
        if (topic != NULL)
            put_le64(&bytes, topic_hash(image, topic, arena));
    }
    int64_t hash = bytes.size == 0 ? 0 : (int64_t)xxh3_64(bytes.data, bytes.size);
    buf_deinit(&bytes);
    return hash;
}

int64_t group_metadata_hash(const struct meta_image *image, struct wire_string *names, size_t count,
                            struct arena *arena)
{
    struct names sorted = {.items = arena_must_alloc_array(arena, count, sizeof *sorted.items),
                           .count = count};
    for (size_t i = 0; i < count; i++)
        sorted.items[i] = (struct name){.text = names[i]};
    names_sum(&sorted);
    return names_hash(image, &sorted, arena);
}

/* ---- The summary -------------------------------------------------------------------------------
 */

/* All members subscribe to the same, as far as Kafka looks. */
static bool all_alike(const struct names *expressions, const struct names *topics, size_t members)
{
    for (size_t i = 0; i < topics->count; i++) {
        const struct name *topic = &topics->items[i];
        if (expressions->count == 0 ? topic->by_name != members
                                    : topic->by_regex != 1 || topic->by_name > 0)
            return false;
    }
    return expressions->count == 0 || expressions->items[0].by_name == members;
}

void group_view_summary(const struct group_view *view, struct group_summary *out)
{
    struct viewed_list list = view_members(view);
    struct names expressions = view_expressions(view, &list);
    struct names topics = view_topics(view, &list, &expressions);
    *out = (struct group_summary){
        .member_count = list.count,
        .metadata_hash = names_hash(view->image, &topics, view->arena),
        .homogeneous = all_alike(&expressions, &topics, list.count),
    };
}

static bool strings_have(struct wire_strings strings, struct wire_string wanted)
{
    for (int32_t i = 0; i < strings.count; i++) {
        if (wire_string_equal(strings.items[i], wanted))
            return true;
    }
    return false;
}

bool group_view_subscribes(const struct group_view *view, const member_metadata *metadata,
                           const struct uuid *topic_id)
{
    const struct meta_topic *topic = meta_image_topic_by_id(view->image, topic_id);
    if (topic == NULL)
        return false;
    if (strings_have(metadata->subscribed_topic_names, topic->name))
        return true;
    const struct group_resolved *resolved =
        view->group == NULL || !has_regex(metadata)
            ? NULL
            : group_resolved_find(view->group, metadata->subscribed_topic_regex);
    return resolved != NULL && strings_have(resolved->topics, topic->name);
}

/* ---- The assignor -------------------------------------------------------------------------------
 */

enum group_assignor group_view_assignor(const struct group_view *view, const struct conf *conf)
{
    struct viewed_list list = view_members(view);
    size_t votes[GROUP_ASSIGNOR_COUNT] = {0};
    for (size_t i = 0; i < list.count; i++) {
        struct wire_string name = list.items[i].metadata->server_assignor;
        enum group_assignor wanted;
        if (name.data != NULL && group_assignor_find(name.data, name.size, &wanted))
            votes[wanted]++;
    }
    size_t most = 0;
    enum group_assignor best = GROUP_ASSIGNOR_UNIFORM;
    struct conf_list served = conf_list(conf, CONF_BROKER_GROUP_CONSUMER_ASSIGNORS);
    for (size_t i = 0; i < served.count; i++) {
        enum group_assignor assignor;
        if (!group_assignor_find(served.items[i], strlen(served.items[i]), &assignor))
            continue;
        if (i == 0 || votes[assignor] > most)
            best = assignor;
        if (votes[assignor] > most)
            most = votes[assignor];
    }
    return best;
}

/* ---- Assigning ----------------------------------------------------------------------------------
 */

struct assigning {
    const struct group_view *view;
    struct viewed_list members;
    struct group_assign assign;
    const struct meta_topic **topics;
};

static int topic_compare(const void *a, const void *b)
{
    const struct meta_topic *const *x = a;
    const struct meta_topic *const *y = b;
    return uuid_compare(&(*x)->id, &(*y)->id);
}

static int topic_key_compare(const void *key, const void *item)
{
    return uuid_compare(key, &((const struct group_assign_topic *)item)->id);
}

static struct group_assign_topic *topic_find(struct assigning *a, const struct uuid *id)
{
    return a->assign.topic_count == 0 ? NULL
                                      : bsearch(id, a->assign.topics, a->assign.topic_count,
                                                sizeof *a->assign.topics, topic_key_compare);
}

static void assigning_topics(struct assigning *a)
{
    struct arena *arena = a->view->arena;
    struct names expressions = view_expressions(a->view, &a->members);
    struct names names = view_topics(a->view, &a->members, &expressions);
    a->topics = arena_must_alloc_array(arena, names.count, sizeof(struct meta_topic *));
    size_t count = 0;
    for (size_t i = 0; i < names.count; i++) {
        const struct meta_topic *topic =
            meta_image_topic(a->view->image, names.items[i].text.data, names.items[i].text.size);
        if (topic != NULL)
            a->topics[count++] = topic;
    }
    if (count > 1)
        qsort(a->topics, count, sizeof(struct meta_topic *), topic_compare);
    a->assign.topics = arena_must_alloc_array(arena, count, sizeof *a->assign.topics);
    a->assign.topic_count = count;
    for (size_t i = 0; i < count; i++) {
        struct group_assign_topic *topic = &a->assign.topics[i];
        topic->id = a->topics[i]->id;
        topic->partition_count = a->topics[i]->partition_count;
        topic->owners =
            arena_must_alloc_array(arena, (size_t)topic->partition_count, sizeof *topic->owners);
        for (int32_t p = 0; p < topic->partition_count; p++)
            topic->owners[p] = GROUP_NOBODY;
    }
}

static int index_compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a;
    uint32_t y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static size_t add_topics(struct assigning *a, struct wire_strings names, uint32_t *out,
                         size_t count)
{
    for (int32_t i = 0; i < names.count; i++) {
        const struct meta_topic *topic =
            meta_image_topic(a->view->image, names.items[i].data, names.items[i].size);
        if (topic != NULL)
            out[count++] = (uint32_t)(topic_find(a, &topic->id) - a->assign.topics);
    }
    return count;
}

static void assigning_member(struct assigning *a, const struct viewed *viewed,
                             struct group_assign_member *member)
{
    const struct group_resolved *resolved =
        a->view->group == NULL || !has_regex(viewed->metadata)
            ? NULL
            : group_resolved_find(a->view->group, viewed->metadata->subscribed_topic_regex);
    size_t most = (size_t)viewed->metadata->subscribed_topic_names.count +
                  (resolved == NULL ? 0 : (size_t)resolved->topics.count);
    uint32_t *topics = arena_must_alloc_array(a->view->arena, most, sizeof *topics);
    size_t count = add_topics(a, viewed->metadata->subscribed_topic_names, topics, 0);
    if (resolved != NULL)
        count = add_topics(a, resolved->topics, topics, count);
    if (count > 1)
        qsort(topics, count, sizeof *topics, index_compare);
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (kept == 0 || topics[kept - 1] != topics[i])
            topics[kept++] = topics[i];
    }
    *member = (struct group_assign_member){
        .id = viewed->id,
        .instance = viewed->metadata->instance_id,
        .topics = topics,
        .topic_count = kept,
    };
}

/* Of a static member that comes under a new id: what the old one was to have. */
static const struct group_parts *target_of(const struct group_view *view, struct wire_string id)
{
    if (view->group == NULL)
        return NULL;
    const struct group_parts *parts = group_target_find(view->group, id);
    return parts == NULL && view->replaced_id.data != NULL && wire_string_equal(id, view->member_id)
               ? group_target_find(view->group, view->replaced_id)
               : parts;
}

static void assigning_owners(struct assigning *a)
{
    for (size_t m = 0; m < a->members.count; m++) {
        const struct group_parts *parts = target_of(a->view, a->members.items[m].id);
        for (size_t begin = 0, end; parts != NULL && begin < parts->count; begin = end) {
            end = group_parts_run(parts, begin);
            struct group_assign_topic *topic = topic_find(a, &parts->items[begin].topic);
            for (size_t i = begin; topic != NULL && i < end; i++) {
                int32_t partition = parts->items[i].partition;
                if (partition >= 0 && partition < topic->partition_count)
                    topic->owners[partition] = (int32_t)m;
            }
        }
    }
}

/* Each member's new target, in the arena. */
static struct group_parts *assigning_results(struct assigning *a)
{
    struct arena *arena = a->view->arena;
    struct group_parts *results = arena_must_alloc_array(arena, a->members.count, sizeof *results);
    for (size_t t = 0; t < a->assign.topic_count; t++) {
        for (int32_t p = 0; p < a->assign.topics[t].partition_count; p++) {
            if (a->assign.topics[t].owners[p] != GROUP_NOBODY)
                results[a->assign.topics[t].owners[p]].count++;
        }
    }
    for (size_t m = 0; m < a->members.count; m++) {
        results[m].items =
            arena_must_alloc_array(arena, results[m].count, sizeof *results[m].items);
        results[m].count = 0;
    }
    for (size_t t = 0; t < a->assign.topic_count; t++) {
        for (int32_t p = 0; p < a->assign.topics[t].partition_count; p++) {
            int32_t owner = a->assign.topics[t].owners[p];
            if (owner != GROUP_NOBODY)
                results[owner].items[results[owner].count++] =
                    (struct group_part){.topic = a->assign.topics[t].id, .partition = p};
        }
    }
    for (size_t m = 0; m < a->members.count; m++)
        group_parts_sort(&results[m]);
    return results;
}

struct group_parts group_view_assign(struct group_work *work, const struct group_view *view,
                                     struct wire_string group_id, int32_t epoch,
                                     enum group_assignor assignor, bool homogeneous)
{
    struct assigning a = {.view = view, .members = view_members(view)};
    assigning_topics(&a);
    struct group_assign_member *members =
        arena_must_alloc_array(view->arena, a.members.count, sizeof *members);
    for (size_t m = 0; m < a.members.count; m++)
        assigning_member(&a, &a.members.items[m], &members[m]);
    a.assign.members = members;
    a.assign.member_count = a.members.count;
    a.assign.homogeneous = homogeneous;
    a.assign.arena = view->arena;
    assigning_owners(&a);
    group_assign(&a.assign, assignor);
    struct group_parts *results = assigning_results(&a);
    struct group_parts ours = {0};
    for (size_t m = 0; m < a.members.count; m++) {
        struct wire_string id = a.members.items[m].id;
        const struct group_parts *before =
            view->group == NULL ? NULL : group_target_find(view->group, id);
        if (before == NULL || !group_parts_same(before, &results[m]))
            group_record_target(work, group_id, id, &results[m]);
        if (wire_string_equal(id, view->member_id))
            ours = results[m];
    }
    group_record_target_epoch(work, group_id, epoch);
    return ours;
}
