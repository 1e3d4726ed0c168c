/*
 * A member's way from what it has to what it is to have.
 *
 *     STABLE ------- a newer target takes something away ----> UNREVOKED   (epoch stays)
 *       ^  \                                                      |
 *       |   `--- others still have what it is to get ---.         | it has given it up
 *       |                                               v         v
 *       `------------ all of it is its own -------- UNRELEASED <--+        (epoch: the target's)
 *
 * 1. A partition is in `assigned` or `revoking` of one member at a time.
 * 2. A member's epoch rises only when it has nothing left to give up.
 * 3. What a member does not subscribe to (any more) is not given to it, whatever the target says.
 */
#include "group/group_consumer_int.h"

bool group_member_reconciled(const struct group_member_state *member, int32_t target_epoch)
{
    return member->step == GROUP_MEMBER_STABLE && member->epoch == target_epoch;
}

/* The member says nothing of what it has, or has one of these. */
static bool still_owns(const struct group_reconcile *in, const struct group_parts *parts)
{
    if (in->owned == NULL)
        return true;
    for (size_t i = 0; i < in->owned->count; i++) {
        const struct group_part *part = &in->owned->items[i];
        if (group_parts_find(parts, &part->topic, part->partition) != NULL)
            return true;
    }
    return false;
}

static struct group_parts subscribed(const struct group_reconcile *in,
                                     const struct group_parts *parts)
{
    struct group_parts out = {
        .items = arena_must_alloc_array(in->arena, parts->count, sizeof *out.items)};
    for (size_t begin = 0, end; begin < parts->count; begin = end) {
        end = group_parts_run(parts, begin);
        if (!in->subscribes(in->context, &parts->items[begin].topic))
            continue;
        for (size_t i = begin; i < end; i++)
            out.items[out.count++] = parts->items[i];
    }
    return out;
}

static void move_to(struct group_member_state *out, enum group_member_step step, int32_t epoch)
{
    out->step = (int8_t)step;
    out->previous_epoch = out->epoch;
    out->epoch = epoch;
}

/* The target is the same, but the member has left topics: it loses what it has of them at once. */
static void give_up_unsubscribed(const struct group_reconcile *in, struct group_member_state *out)
{
    const struct group_member_state *member = in->member;
    struct group_parts kept = subscribed(in, &member->assigned);
    if (kept.count == member->assigned.count)
        return;
    struct group_parts gone = group_parts_without(&member->assigned, &kept, in->arena);
    struct group_parts revoking = group_parts_either(&gone, &member->revoking, in->arena);
    out->assigned = kept;
    if (still_owns(in, &revoking)) {
        out->revoking = revoking;
        move_to(out, GROUP_MEMBER_UNREVOKED, member->epoch);
    } else {
        move_to(out, (enum group_member_step)member->step, member->epoch);
    }
}

static void go_on(const struct group_reconcile *in, int32_t epoch, struct group_member_state *out)
{
    const struct group_member_state *member = in->member;
    struct group_parts target = subscribed(in, in->target);
    struct group_parts assigned = group_parts_both(&member->assigned, &target, in->arena);
    struct group_parts revoking = group_parts_without(&member->assigned, &assigned, in->arena);
    if (revoking.count > 0 && still_owns(in, &revoking)) {
        out->assigned = assigned;
        out->revoking = revoking;
        move_to(out, GROUP_MEMBER_UNREVOKED, epoch);
        return;
    }
    struct group_parts wanted = group_parts_without(&target, &assigned, in->arena);
    bool unreleased = false;
    size_t free = 0;
    for (size_t i = 0; i < wanted.count; i++) {
        struct group_part part = wanted.items[i];
        /* What this member itself has given up is free: nobody else can have it. */
        if (in->owner_epoch(in->context, &part.topic, part.partition) != -1 &&
            group_parts_find(&member->revoking, &part.topic, part.partition) == NULL) {
            unreleased = true;
            continue;
        }
        part.epoch = in->target_epoch;
        wanted.items[free++] = part;
    }
    wanted.count = free;
    out->assigned = group_parts_either(&assigned, &wanted, in->arena);
    out->revoking = (struct group_parts){0};
    move_to(out, unreleased ? GROUP_MEMBER_UNRELEASED : GROUP_MEMBER_STABLE, in->target_epoch);
}

bool group_reconcile(const struct group_reconcile *in, struct group_member_state *out)
{
    const struct group_member_state *member = in->member;
    *out = *member;
    switch (member->step) {
    case GROUP_MEMBER_STABLE:
        if (member->epoch != in->target_epoch)
            go_on(in, member->epoch, out);
        else if (in->subscription_changed)
            give_up_unsubscribed(in, out);
        return true;
    case GROUP_MEMBER_UNREVOKED:
        if (!still_owns(in, &member->revoking))
            go_on(in, member->epoch, out);
        else if (in->subscription_changed)
            give_up_unsubscribed(in, out);
        return true;
    case GROUP_MEMBER_UNRELEASED:
        go_on(in, member->epoch, out);
        return true;
    default:
        if (in->owned == NULL || in->owned->count > 0)
            return false;
        go_on(in, in->target_epoch, out);
        return true;
    }
}
