#include "raft/raft_int.h"

#include <string.h>

/*
 * Leading: how far the voters have got, and what follows for the high watermark. Following: asking
 * for more, and cutting off what the leader does not have.
 */

/* ---- Leading ----------------------------------------------------------------------------- */

void raft_become_leader(struct raft *raft)
{
    ASSERT(raft->role == RAFT_CANDIDATE);
    raft->role = RAFT_LEADER;
    /* Kafka's file names the leader and forgets the vote, which was for the same node. */
    raft->election.leader_id = raft->options.self.id;
    raft->election.voted_id = RAFT_NOBODY;
    raft->election.voted_directory_id = UUID_ZERO;
    raft_election_changed(raft);
    for (size_t i = 0; i < RAFT_VOTERS_MAX; i++) {
        raft->peers[i].replicated = -1;
        raft->peers[i].last_fetch_ms = INT64_MIN;
    }
    raft->lead_told = false;
    raft->epoch_start = raft->log_end;
    raft->election_ms = INT64_MAX;
    raft_watch_voters(raft);
}

void raft_watch_voters(struct raft *raft)
{
    if (raft->voter_count > 1 && raft->check_quorum_ms == INT64_MAX) {
        raft->begin_ms = raft->now_ms;
        raft->check_quorum_ms = raft->now_ms + raft->options.fetch_timeout_ms * 3 / 2;
    }
    raft_leader_tick(raft);
}

/* The largest offset that a majority of the voters has reached. */
static int64_t majority_offset(const struct raft *raft)
{
    int64_t best = -1;
    size_t self = raft_self_index(raft);
    for (size_t i = 0; i < raft->voter_count; i++) {
        int64_t offset = i == self ? raft->durable : raft->peers[i].replicated;
        size_t reached = 0;
        for (size_t j = 0; j < raft->voter_count; j++)
            reached += (j == self ? raft->durable : raft->peers[j].replicated) >= offset;
        if (raft_is_majority(raft, reached) && offset > best)
            best = offset;
    }
    return best;
}

void raft_advance_commit(struct raft *raft)
{
    int64_t offset;
    if (raft->role == RAFT_LEADER) {
        offset = majority_offset(raft);
        /* Records of earlier epochs are committed by one of ours alone. */
        if (!raft->lead_told || offset <= raft->epoch_start)
            return;
    } else {
        ASSERT(raft->role == RAFT_FOLLOWER);
        offset = raft->leader_commit;
    }
    /* A majority without us may have more than we have. */
    if (offset > raft->durable)
        offset = raft->durable;
    if (offset > raft->commit)
        raft->commit = offset;
}

/* How many voters, this node included, have asked for something lately. */
static size_t count_fetching(const struct raft *raft)
{
    int64_t since = raft->now_ms - raft->options.fetch_timeout_ms * 3 / 2;
    size_t self = raft_self_index(raft);
    size_t count = 0;
    for (size_t i = 0; i < raft->voter_count; i++)
        count += i == self || raft->peers[i].last_fetch_ms >= since;
    return count;
}

void raft_leader_tick(struct raft *raft)
{
    if (raft->now_ms >= raft->check_quorum_ms) {
        /* A majority is silent: another leader may be among them. Whoever waits for this one has to
         * look elsewhere. */
        if (!raft_is_majority(raft, count_fetching(raft))) {
            raft_become_resigned(raft);
            return;
        }
        raft->check_quorum_ms = raft->now_ms + raft->options.fetch_timeout_ms / 2;
    }
    if (raft->now_ms < raft->begin_ms)
        return;
    raft->begin_ms = raft->now_ms + raft->options.fetch_timeout_ms / 2;
    size_t self = raft_self_index(raft);
    for (size_t i = 0; i < raft->voter_count; i++) {
        bool silent =
            raft->peers[i].last_fetch_ms == INT64_MIN ||
            raft->now_ms - raft->peers[i].last_fetch_ms > raft->options.fetch_timeout_ms / 2;
        if (i == self || !silent)
            continue;
        struct raft_message begin = raft_message_new(raft, RAFT_BEGIN, &raft->voters[i]);
        raft_send(raft, &begin);
    }
}

void raft_receive_fetch(struct raft *raft, const struct raft_message *message)
{
    struct raft_message reply = raft_reply_new(raft, RAFT_FETCH_REPLY, message);
    reply.end_offset = message->end_offset;
    if (message->epoch < raft->election.epoch)
        reply.refusal = RAFT_FENCED;
    else if (message->epoch > raft->election.epoch)
        reply.refusal = RAFT_UNKNOWN_EPOCH;
    else if (raft->role != RAFT_LEADER || !raft->lead_told)
        reply.refusal = RAFT_NOT_LEADER;
    if (reply.refusal != RAFT_TAKEN) {
        raft_send(raft, &reply);
        return;
    }
    size_t index = raft_peer_index(raft, &message->from);
    if (index < raft->voter_count)
        raft->peers[index].last_fetch_ms = raft->now_ms;

    const struct raft_log *log = &raft->options.log;
    int32_t epoch = -1;
    int64_t end_offset = -1;
    if (message->end_offset < log->start_offset(log->context)) {
        reply.snapshot_needed = true;
    } else if (message->end_offset > 0) {
        log->epoch_end(log->context, message->last_epoch, &epoch, &end_offset);
        if (epoch != message->last_epoch || end_offset < message->end_offset) {
            reply.diverging = true;
            reply.diverging_epoch = epoch;
            reply.diverging_end_offset = end_offset;
        }
    }
    if (!reply.snapshot_needed && !reply.diverging && index < raft->voter_count) {
        raft->peers[index].replicated = message->end_offset;
        raft_advance_commit(raft);
    }
    reply.high_watermark = raft->commit;
    raft_send(raft, &reply);
}

/* ---- Following --------------------------------------------------------------------------- */

static void fetch_timeout(struct raft *raft)
{
    raft->election_ms = raft->now_ms + raft->options.fetch_timeout_ms;
}

void raft_become_follower(struct raft *raft, int32_t epoch, const struct raft_voter *leader)
{
    ASSERT(epoch == raft->election.epoch);
    ASSERT(leader->id != raft->options.self.id);
    ASSERT(raft->role != RAFT_LEADER);
    raft->role = RAFT_FOLLOWER;
    if (raft->election.leader_id != leader->id) {
        raft->election.leader_id = leader->id;
        raft_election_changed(raft);
    }
    raft->leader = *leader;
    raft->heard_leader = false;
    raft->fetching = false;
    raft->leader_commit = -1;
    raft->fetch_after_ms = raft->now_ms;
    fetch_timeout(raft);
    raft_follower_fetch(raft);
}

void raft_follower_fetch(struct raft *raft)
{
    ASSERT(raft->role == RAFT_FOLLOWER);
    bool lost =
        raft->fetching && raft->now_ms >= raft->fetch_sent_ms + raft->options.request_timeout_ms;
    if (raft->truncating || raft->durable < raft->log_end || (raft->fetching && !lost) ||
        raft->now_ms < raft->fetch_after_ms)
        return;
    raft->fetching = true;
    raft->fetch_sent_ms = raft->now_ms;
    raft->fetch_sent_offset = raft->durable;
    struct raft_message fetch = raft_message_new(raft, RAFT_FETCH, &raft->leader);
    fetch.last_epoch = raft->last_epoch;
    fetch.end_offset = raft->durable;
    raft_send(raft, &fetch);
}

/* Where our log and the leader's part: at the leader's end of an epoch that we have as well, or at
 * our own end of an older one. */
static void truncate_to_leader(struct raft *raft, const struct raft_message *message)
{
    const struct raft_log *log = &raft->options.log;
    int32_t epoch = -1;
    int64_t end_offset = -1;
    log->epoch_end(log->context, message->diverging_epoch, &epoch, &end_offset);
    int64_t offset = end_offset;
    if (epoch == message->diverging_epoch && message->diverging_end_offset < offset)
        offset = message->diverging_end_offset;
    /* What is committed is in every leader's log. */
    if (offset < raft->commit)
        offset = raft->commit;
    if (offset >= raft->log_end)
        return;
    raft->truncating = true;
    raft->truncate_pending = true;
    raft->truncate_offset = offset;
}

bool raft_wants_records(const struct raft *raft, const struct raft_message *reply)
{
    return raft->role == RAFT_FOLLOWER && reply->refusal == RAFT_TAKEN && !raft->truncating &&
           reply->epoch == raft->election.epoch && reply->from.id == raft->election.leader_id &&
           reply->end_offset == raft->log_end && raft->durable == raft->log_end;
}

void raft_receive_fetch_reply(struct raft *raft, const struct raft_message *message)
{
    if (message->epoch > raft->election.epoch)
        raft_observe(raft, message);
    if (raft->role != RAFT_FOLLOWER || message->epoch != raft->election.epoch ||
        message->from.id != raft->election.leader_id ||
        message->end_offset != raft->fetch_sent_offset)
        return;
    raft->fetching = false;
    if (message->refusal != RAFT_TAKEN) {
        /* It will lead, or somebody else: ask again in a while. */
        raft->fetch_after_ms = raft->now_ms + 1 + raft->options.request_timeout_ms / 10;
        return;
    }
    raft->heard_leader = true;
    fetch_timeout(raft);
    if (raft->truncating)
        return;
    if (message->snapshot_needed) {
        raft->truncating = raft->snapshotting = raft->snapshot_pending = true;
        return;
    }
    if (message->diverging) {
        truncate_to_leader(raft, message);
        if (!raft->truncating)
            raft->fetch_after_ms = raft->now_ms + 1;
        return;
    }
    raft->leader_commit = message->high_watermark;
    raft_advance_commit(raft);
    /* The next one goes out when what came with this is durable (raft_synced), or with the next
     * tick when nothing did. */
    raft->fetch_after_ms = raft->now_ms;
}
