/*
 * uniform for members that subscribe to different topics.
 *
 * Members keep what they have. What nobody has is given out topic by topic, the topics with most
 * partitions for each subscriber first, always to the subscriber that has least. Then partitions
 * move within each topic from the subscribers that have most to those that have least until these
 * differ by at most one, round after round through the topics until nothing moves.
 *
 * The subscribers of one topic are kept by their load. Two bands of it are looked at, of members
 * that began with one level each: the low one, from the left, is raised by a partition for each of
 * its members in turn and then takes in those that it has come up to; the high one, from the right,
 * is lowered in the same way. A member that has nothing to give of this topic is moved out of the
 * high band's right end.
 */
#include "group/group_assign_int.h"

#include "base/assert.h"

#include <stdlib.h>
#include <string.h>

/* Bound on the rounds through all topics; each about halves what is out of balance. Apache Kafka's
 * bound, and so its results. */
#define ROUNDS_MAX 16

struct subscribers {
    int32_t *members; /* ascending */
    size_t count;
};

struct uneven {
    struct group_assign *assign;
    struct subscribers *subscribers; /* of each topic */
    int32_t *loads;                  /* partitions of each member */
    uint32_t *order;                 /* topics as they are gone through */
    /* One topic being balanced. */
    int32_t *by_load; /* its subscribers, least first */
    size_t count;
    size_t low_end, low_next; /* the low band is [0, low_end) */
    int32_t low_level;
    size_t high_begin, high_end; /* [high_begin, high_end) */
    size_t high_next;            /* one past the next to give */
    int32_t high_level;
    /* Its partitions by owner: those of m are partitions[own_begin[m]] to [own_end[m]]. */
    int32_t *partitions;
    int32_t *own_begin;
    int32_t *own_end;
};

/* ---- The order of topics ------------------------------------------------------------------- */

struct topic_rank {
    double load; /* partitions for each subscriber */
    size_t subscribers;
    uint32_t topic;
};

static int topic_rank_compare(const void *a, const void *b)
{
    const struct topic_rank *x = a;
    const struct topic_rank *y = b;
    if (x->load != y->load)
        return x->load > y->load ? -1 : 1;
    if (x->subscribers != y->subscribers)
        return x->subscribers < y->subscribers ? -1 : 1;
    return x->topic < y->topic ? -1 : x->topic > y->topic;
}

static void topics_order(struct uneven *uneven)
{
    const struct group_assign *assign = uneven->assign;
    struct topic_rank *ranks =
        arena_must_alloc_array(assign->arena, assign->topic_count, sizeof *ranks);
    for (uint32_t t = 0; t < assign->topic_count; t++) {
        size_t count = uneven->subscribers[t].count;
        ASSERT(count > 0);
        ranks[t] =
            (struct topic_rank){.load = (double)assign->topics[t].partition_count / (double)count,
                                .subscribers = count,
                                .topic = t};
    }
    qsort(ranks, assign->topic_count, sizeof *ranks, topic_rank_compare);
    for (size_t i = 0; i < assign->topic_count; i++)
        uneven->order[i] = ranks[i].topic;
}

/* ---- The bands ------------------------------------------------------------------------------ */

struct load_rank {
    int32_t load;
    int32_t member;
};

static int load_rank_compare(const void *a, const void *b)
{
    const struct load_rank *x = a;
    const struct load_rank *y = b;
    if (x->load != y->load)
        return x->load < y->load ? -1 : 1;
    return x->member - y->member;
}

/* How far the most and the least loaded subscribers are apart. */
static int32_t bands_begin(struct uneven *uneven, uint32_t topic, struct load_rank *ranks)
{
    const struct subscribers *subscribers = &uneven->subscribers[topic];
    size_t count = subscribers->count;
    for (size_t i = 0; i < count; i++) {
        int32_t member = subscribers->members[i];
        ranks[i] = (struct load_rank){.load = uneven->loads[member], .member = member};
    }
    qsort(ranks, count, sizeof *ranks, load_rank_compare);
    for (size_t i = 0; i < count; i++)
        uneven->by_load[i] = ranks[i].member;
    uneven->count = count;
    uneven->low_end = uneven->low_next = 0;
    uneven->low_level = ranks[0].load - 1;
    uneven->high_begin = uneven->high_end = uneven->high_next = count;
    uneven->high_level = ranks[count - 1].load + 1;
    return ranks[count - 1].load - ranks[0].load;
}

static int32_t load_at(const struct uneven *uneven, size_t position)
{
    return uneven->loads[uneven->by_load[position]];
}

/* Who gets the next one. */
static int32_t low_take(struct uneven *uneven)
{
    if (uneven->low_next >= uneven->low_end) {
        uneven->low_level++;
        while (uneven->low_end < uneven->count &&
               load_at(uneven, uneven->low_end) == uneven->low_level)
            uneven->low_end++;
        uneven->low_next = 0;
    }
    return uneven->by_load[uneven->low_next++];
}

/* Who gives the next one, or GROUP_NOBODY. */
static int32_t high_take(struct uneven *uneven)
{
    if (uneven->high_next <= uneven->high_begin) {
        if (uneven->high_end <= uneven->high_begin && uneven->high_begin > 0)
            uneven->high_level = load_at(uneven, uneven->high_begin - 1); /* all were moved out */
        else
            uneven->high_level--;
        while (uneven->high_begin > 0 &&
               load_at(uneven, uneven->high_begin - 1) == uneven->high_level)
            uneven->high_begin--;
        uneven->high_next = uneven->high_end;
    }
    return uneven->high_next == 0 ? GROUP_NOBODY : uneven->by_load[--uneven->high_next];
}

/* The member that high_take gave has none of this topic. */
static void high_drop(struct uneven *uneven)
{
    int32_t member = uneven->by_load[uneven->high_next];
    uneven->by_load[uneven->high_next] = uneven->by_load[uneven->high_end - 1];
    uneven->by_load[uneven->high_end - 1] = member;
    uneven->high_end--;
}

static bool bands_meet(const struct uneven *uneven)
{
    return uneven->high_level - uneven->low_level <= 1;
}

/* ---- Giving out and balancing -------------------------------------------------------------- */

static void give_out(struct uneven *uneven, struct load_rank *ranks)
{
    for (size_t i = 0; i < uneven->assign->topic_count; i++) {
        uint32_t t = uneven->order[i];
        struct group_assign_topic *topic = &uneven->assign->topics[t];
        bool begun = false;
        for (int32_t p = 0; p < topic->partition_count; p++) {
            if (topic->owners[p] != GROUP_NOBODY)
                continue;
            if (!begun)
                bands_begin(uneven, t, ranks);
            begun = true;
            int32_t member = low_take(uneven);
            topic->owners[p] = member;
            uneven->loads[member]++;
        }
    }
}

/* The topic's partitions by owner, then number. */
static void partitions_by_owner(struct uneven *uneven, const struct group_assign_topic *topic)
{
    size_t members = uneven->assign->member_count;
    memset(uneven->own_end, 0, members * sizeof *uneven->own_end);
    for (int32_t p = 0; p < topic->partition_count; p++)
        uneven->own_end[topic->owners[p]]++;
    int32_t begin = 0;
    for (size_t m = 0; m < members; m++) {
        uneven->own_begin[m] = begin;
        begin += uneven->own_end[m];
        uneven->own_end[m] = uneven->own_begin[m];
    }
    for (int32_t p = 0; p < topic->partition_count; p++)
        uneven->partitions[uneven->own_end[topic->owners[p]]++] = p;
}

/* Who gives one of this topic next, or GROUP_NOBODY. */
static int32_t next_giver(struct uneven *uneven)
{
    for (;;) {
        int32_t member = high_take(uneven);
        if (member == GROUP_NOBODY || uneven->own_end[member] > uneven->own_begin[member])
            return member;
        high_drop(uneven);
    }
}

/* True: something moved. */
static bool balance_topic(struct uneven *uneven, uint32_t t, struct load_rank *ranks)
{
    struct group_assign_topic *topic = &uneven->assign->topics[t];
    if (bands_begin(uneven, t, ranks) <= 1)
        return false;
    partitions_by_owner(uneven, topic);
    bool moved = false;
    for (;;) {
        int32_t from = next_giver(uneven);
        if (from == GROUP_NOBODY)
            return moved;
        int32_t partition = uneven->partitions[--uneven->own_end[from]];
        int32_t to = low_take(uneven);
        if (bands_meet(uneven))
            return moved;
        topic->owners[partition] = to;
        uneven->loads[from]--;
        uneven->loads[to]++;
        moved = true;
    }
}

/* Topics with one subscriber have nothing to balance. Ends when all were gone through since the
 * last move. */
static void balance(struct uneven *uneven, struct load_rank *ranks)
{
    size_t last_moved = SIZE_MAX;
    for (int round = 0; round < ROUNDS_MAX; round++) {
        for (size_t i = 0; i < uneven->assign->topic_count; i++) {
            uint32_t t = uneven->order[i];
            if (uneven->subscribers[t].count < 2)
                continue;
            if (i == last_moved)
                return;
            if (balance_topic(uneven, t, ranks) || last_moved == SIZE_MAX)
                last_moved = i;
        }
    }
}

static void subscribers_fill(struct uneven *uneven)
{
    const struct group_assign *assign = uneven->assign;
    struct arena *arena = assign->arena;
    for (size_t m = 0; m < assign->member_count; m++) {
        for (size_t i = 0; i < assign->members[m].topic_count; i++)
            uneven->subscribers[assign->members[m].topics[i]].count++;
    }
    for (size_t t = 0; t < assign->topic_count; t++) {
        struct subscribers *subscribers = &uneven->subscribers[t];
        subscribers->members =
            arena_must_alloc_array(arena, subscribers->count, sizeof *subscribers->members);
        subscribers->count = 0;
    }
    for (size_t m = 0; m < assign->member_count; m++) {
        for (size_t i = 0; i < assign->members[m].topic_count; i++) {
            struct subscribers *subscribers = &uneven->subscribers[assign->members[m].topics[i]];
            subscribers->members[subscribers->count++] = (int32_t)m;
        }
    }
}

void group_assign_uneven(struct group_assign *assign)
{
    struct arena *arena = assign->arena;
    int32_t partitions_max = 0;
    struct uneven uneven = {
        .assign = assign,
        .subscribers =
            arena_must_alloc_array(arena, assign->topic_count, sizeof *uneven.subscribers),
        .loads = arena_must_alloc_array(arena, assign->member_count, sizeof *uneven.loads),
        .order = arena_must_alloc_array(arena, assign->topic_count, sizeof *uneven.order),
        .by_load = arena_must_alloc_array(arena, assign->member_count, sizeof *uneven.by_load),
        .own_begin = arena_must_alloc_array(arena, assign->member_count, sizeof *uneven.own_begin),
        .own_end = arena_must_alloc_array(arena, assign->member_count, sizeof *uneven.own_end),
    };
    for (size_t t = 0; t < assign->topic_count; t++) {
        const struct group_assign_topic *topic = &assign->topics[t];
        if (topic->partition_count > partitions_max)
            partitions_max = topic->partition_count;
        for (int32_t p = 0; p < topic->partition_count; p++) {
            if (topic->owners[p] != GROUP_NOBODY)
                uneven.loads[topic->owners[p]]++;
        }
    }
    uneven.partitions =
        arena_must_alloc_array(arena, (size_t)partitions_max, sizeof *uneven.partitions);
    struct load_rank *ranks = arena_must_alloc_array(arena, assign->member_count, sizeof *ranks);
    subscribers_fill(&uneven);
    topics_order(&uneven);
    give_out(&uneven, ranks);
    balance(&uneven, ranks);
}
