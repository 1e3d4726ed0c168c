/*
 * Members that subscribe with an expression: which topics it stands for is in the log, so that all
 * members see the same, and is looked up again when topics were made, when an expression came or
 * went, and from time to time.
 *
 * As in Apache Kafka the answer to the heartbeat that brings a new expression does not wait for
 * that: it is another decision, right after it.
 */
#define LOG_ROOM "group"
#include "group/group_consumer_int.h"
#include "group/group_regex_int.h"

#include "base/log.h"

/* At most this often for one group, whatever its members say; Kafka's. */
#define RESOLVE_INTERVAL_MS 10000

static struct wire_string expression_of(const struct pmap_entry *entry)
{
    return group_member_of(entry)->subscription->metadata->subscribed_topic_regex;
}

/* The expressions of the group's members, each once. */
static struct wire_string *expressions(const struct group_consumer *group, struct arena *arena,
                                       size_t *count)
{
    struct wire_string *list =
        arena_must_alloc_array(arena, pmap_count(group->members), sizeof *list);
    struct pmap seen = PMAP_EMPTY;
    struct pmap_iter iter;
    struct pmap_entry entry;
    *count = 0;
    pmap_iter_init(&iter, group->members, NULL, 0);
    while (pmap_iter_next(&iter, &entry)) {
        struct wire_string text = expression_of(&entry);
        if (text.size == 0 || pmap_get(seen, text.data, text.size) != NULL)
            continue;
        pmap_put(&seen, text.data, text.size, pmap_value_ref(entry.value));
        list[(*count)++] = text;
    }
    pmap_release(&seen);
    return list;
}

/* ---- Is it time -------------------------------------------------------------------------------
 */

static bool is_due(const struct group_work *work, const struct group_view *view,
                   struct wire_string expression, bool is_new)
{
    const struct group_consumer *group = view->group;
    if (group == NULL)
        return is_new;
    struct pmap_iter iter;
    struct pmap_entry entry;
    pmap_iter_init(&iter, group->resolved, NULL, 0);
    if (!pmap_iter_next(&iter, &entry)) {
        size_t known;
        return is_new || expression.size > 0 ||
               (expressions(group, work->arena, &known), known > 0);
    }
    const struct group_resolved *last = CONTAINER_OF(entry.value, struct group_resolved, value);
    int64_t age_ms = work->time.wall_ms - last->timestamp_ms;
    if (age_ms <= RESOLVE_INTERVAL_MS)
        return false;
    if (is_new || last->version < work->g->topics_version ||
        age_ms > conf_int(work->g->conf, CONF_BROKER_GROUP_CONSUMER_REGEX_REFRESH_INTERVAL_MS))
        return true;
    size_t known;
    expressions(group, work->arena, &known);
    return known != pmap_count(group->resolved);
}

bool group_consumer_regex(struct group_work *work, const struct group_view *view,
                          const struct wire_consumer_group_member_metadata_value *before,
                          struct group_regex_change *out)
{
    *out = (struct group_regex_change){.drop = WIRE_NULL_STRING};
    struct wire_string former = before == NULL ? WIRE_NULL_STRING : before->subscribed_topic_regex;
    struct wire_string expression = view->metadata->subscribed_topic_regex;
    struct group_view now = {.group = view->group, .image = view->image, .arena = view->arena};
    bool is_new = false;
    out->changed = !wire_string_equal(former, expression);
    if (out->changed && former.size > 0 && group_view_regex_count(&now, former) == 1)
        out->drop = former;
    if (out->changed && expression.size > 0) {
        if (group_view_regex_count(&now, expression) == 0) {
            const char *error;
            if (group_regex_parse(expression, work->arena, &error) == NULL) {
                group_consumer_refuse(
                    work, WIRE_ERROR_INVALID_REGULAR_EXPRESSION,
                    group_text(work->call->arena,
                               "SubscribedTopicRegex `%.*s` is not a valid regular expression: %s.",
                               WIRE_STRING_ARGS(expression), error));
                return false;
            }
            is_new = true;
        } else {
            out->resolved = group_resolved_find(view->group, expression) != NULL;
        }
    } else if (out->changed && former.size > 0) {
        out->resolved = true;
    }
    out->resolve = is_due(work, view, expression, is_new);
    return true;
}

/* ---- Resolving ----------------------------------------------------------------------------------
 */

/* The topics that there are and that the expression stands for, by name. */
static struct wire_strings resolve(const struct meta_image *image, struct wire_string expression,
                                   struct arena *arena)
{
    struct wire_strings topics = {0};
    const char *error;
    struct group_regex *regex = group_regex_parse(expression, arena, &error);
    if (regex == NULL)
        return topics; /* in a log of a broker that takes more than we do */
    topics.items = arena_must_alloc_array(arena, image->topic_count, sizeof *topics.items);
    struct meta_iter iter;
    meta_iter_topics(&iter, image, NULL, 0);
    for (const struct meta_topic *topic; (topic = meta_iter_topic_next(&iter)) != NULL;) {
        if (group_regex_matches(regex, topic->name))
            topics.items[topics.count++] = topic->name;
    }
    return topics;
}

static bool same_topics(const struct group_resolved *before, const struct wire_strings *now)
{
    int32_t count = before == NULL ? 0 : before->topics.count;
    if (count != now->count)
        return false;
    for (int32_t i = 0; i < count; i++) {
        /* Ours are by name; a foreign record's may not be. */
        bool found = wire_string_equal(before->topics.items[i], now->items[i]);
        for (int32_t k = 0; k < count && !found; k++)
            found = wire_string_equal(before->topics.items[i], now->items[k]);
        if (!found)
            return false;
    }
    return true;
}

void group_consumer_resolve(struct group_work *work, struct wire_string id)
{
    const struct group_consumer *group = group_consumer_find(work->hard, id);
    if (group == NULL)
        return;
    const struct meta_image *image = work->g->image;
    size_t count;
    const struct wire_string *list = expressions(group, work->arena, &count);
    struct wire_strings *topics = arena_must_alloc_array(work->arena, count, sizeof *topics);
    bool changed = false;
    size_t names_count = 0;
    for (size_t i = 0; i < count; i++) {
        topics[i] = resolve(image, list[i], work->arena);
        names_count += (size_t)topics[i].count;
        changed |= !same_topics(group_resolved_find(group, list[i]), &topics[i]);
        group_record_resolved(work, id, list[i], topics[i], image->offset);
    }
    struct pmap_iter iter;
    struct pmap_entry entry;
    pmap_iter_init(&iter, group->members, NULL, 0);
    while (pmap_iter_next(&iter, &entry))
        names_count +=
            (size_t)group_member_of(&entry)->subscription->metadata->subscribed_topic_names.count;
    struct wire_string *names = arena_must_alloc_array(work->arena, names_count, sizeof *names);
    names_count = 0;
    for (size_t i = 0; i < count; i++) {
        for (int32_t k = 0; k < topics[i].count; k++)
            names[names_count++] = topics[i].items[k];
    }
    pmap_iter_init(&iter, group->members, NULL, 0);
    while (pmap_iter_next(&iter, &entry)) {
        struct wire_strings named =
            group_member_of(&entry)->subscription->metadata->subscribed_topic_names;
        for (int32_t k = 0; k < named.count; k++)
            names[names_count++] = named.items[k];
    }
    int64_t hash = group_metadata_hash(image, names, names_count, work->arena);
    if (!changed && hash == group->metadata_hash)
        return;
    group_record_epoch(work, id, group->epoch + 1, hash);
    LOG_INFO("group %.*s: epoch %d, its expressions stand for other topics", WIRE_STRING_ARGS(id),
             group->epoch + 1);
}
