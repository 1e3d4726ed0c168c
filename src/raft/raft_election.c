#include "raft/raft_int.h"

#include <string.h>

/*
 * Becoming leader, and choosing one. A voter whose timer runs out first asks whether it could win
 * without raising the epoch (pre-vote, KIP-996), then stands in a new epoch. A voter grants itself
 * both, so the only voter of a quorum passes through all of it in one event, and its new epoch is
 * written once, with its leader.
 */

static size_t count_granted(const struct raft *raft)
{
    size_t count = 0;
    for (size_t i = 0; i < raft->voter_count; i++)
        count += raft->peers[i].granted;
    return count;
}

/* So many said no that it cannot be won any more. */
static bool is_lost(const struct raft *raft)
{
    size_t rejected = 0;
    for (size_t i = 0; i < raft->voter_count; i++)
        rejected += raft->peers[i].rejected;
    return !raft_is_majority(raft, raft->voter_count - rejected);
}

static void ask_anew(struct raft *raft)
{
    for (size_t i = 0; i < raft->voter_count; i++)
        raft->peers[i].granted = raft->peers[i].rejected = false;
    raft->peers[raft_self_index(raft)].granted = true;
}

/* Between one and two timeouts from now, so that voters seldom stand at once. */
void raft_election_timeout(struct raft *raft)
{
    int64_t timeout = raft->options.election_timeout_ms;
    raft->election_ms =
        raft->now_ms + timeout + (int64_t)prng_below(&raft->prng, (uint64_t)timeout + 1);
}

/* What a role leaves behind. */
static void leave_role(struct raft *raft)
{
    if (raft->role == RAFT_LEADER && raft->lead_told) {
        raft->resign_pending = true;
        raft->resign_epoch = raft->election.epoch;
    }
    raft->lead_told = false;
    raft->begin_ms = raft->check_quorum_ms = INT64_MAX;
    raft->fetching = false;
    raft->heard_leader = false;
}

static void ask_for_votes(struct raft *raft, bool pre_vote)
{
    struct raft_message vote = raft_message_new(raft, RAFT_VOTE, &raft->options.self);
    vote.pre_vote = pre_vote;
    vote.last_epoch = raft->last_epoch;
    vote.end_offset = raft->log_end;
    raft_send_others(raft, &vote);
}

static void become_candidate(struct raft *raft)
{
    ASSERT(raft->role == RAFT_PROSPECTIVE);
    ASSERT(raft->election.epoch < INT32_MAX);
    raft->role = RAFT_CANDIDATE;
    raft->election = (struct raft_election){
        .epoch = raft->election.epoch + 1,
        .leader_id = RAFT_NOBODY,
        .voted_id = raft->options.self.id,
        .voted_directory_id = raft->options.self.directory_id,
    };
    raft_election_changed(raft);
    ask_anew(raft);
    if (raft_is_majority(raft, count_granted(raft))) {
        raft_become_leader(raft);
        return;
    }
    raft_election_timeout(raft);
    ask_for_votes(raft, false);
}

void raft_stand(struct raft *raft)
{
    ASSERT(raft->role != RAFT_LEADER);
    if (!raft_is_voter(raft))
        return;
    /* Half a log is nothing to be elected with; nor is there an epoch after the last. */
    if (raft->truncating || raft->election.epoch == INT32_MAX) {
        raft_election_timeout(raft);
        return;
    }
    leave_role(raft);
    raft->role = RAFT_PROSPECTIVE;
    ask_anew(raft);
    if (raft_is_majority(raft, count_granted(raft))) {
        become_candidate(raft);
        return;
    }
    raft_election_timeout(raft);
    ask_for_votes(raft, true);
}

/* A newer epoch, of which no leader is known. */
void raft_become_unattached(struct raft *raft, int32_t epoch)
{
    ASSERT(epoch > raft->election.epoch);
    leave_role(raft);
    raft->role = RAFT_UNATTACHED;
    raft->election =
        (struct raft_election){.epoch = epoch, .leader_id = RAFT_NOBODY, .voted_id = RAFT_NOBODY};
    raft_election_changed(raft);
    raft_election_timeout(raft);
}

/* Others are told, and which of them has most of the log, so that the next one need not wait. */
static void tell_end(struct raft *raft)
{
    struct raft_message end = raft_message_new(raft, RAFT_END, &raft->options.self);
    size_t self = raft_self_index(raft);
    bool told[RAFT_VOTERS_MAX] = {false};
    for (size_t rank = 0; rank < raft->voter_count; rank++) {
        size_t best = raft->voter_count;
        for (size_t i = 0; i < raft->voter_count; i++)
            if (i != self && !told[i] &&
                (best == raft->voter_count ||
                 raft->peers[i].replicated > raft->peers[best].replicated))
                best = i;
        if (best == raft->voter_count)
            break;
        told[best] = true;
        end.successors[end.successor_count++] = raft->voters[best].id;
    }
    raft_send_others(raft, &end);
}

void raft_become_resigned(struct raft *raft)
{
    ASSERT(raft->role == RAFT_LEADER);
    if (raft->lead_told)
        tell_end(raft);
    leave_role(raft);
    raft->role = RAFT_RESIGNED;
    raft_election_timeout(raft);
}

void raft_observe(struct raft *raft, const struct raft_message *message)
{
    if (message->epoch > raft->election.epoch)
        raft_become_unattached(raft, message->epoch);
    if (message->epoch < raft->election.epoch || message->leader_id == RAFT_NOBODY ||
        message->leader_id == raft->options.self.id)
        return;
    struct raft_voter leader = {.id = message->leader_id};
    if (leader.id == message->from.id)
        leader = message->from;
    bool news = raft->election.leader_id == RAFT_NOBODY;
    /* A leader that was given up is followed again when it is heard itself. */
    bool again = raft->election.leader_id == leader.id && raft->role != RAFT_FOLLOWER &&
                 leader.id == message->from.id;
    if (news || again)
        raft_become_follower(raft, message->epoch, &leader);
}

/* ---- Votes ------------------------------------------------------------------------------- */

static bool is_up_to_date(const struct raft *raft, const struct raft_message *vote)
{
    if (vote->last_epoch != raft->last_epoch)
        return vote->last_epoch > raft->last_epoch;
    return vote->end_offset >= raft->log_end;
}

/* A pre-vote binds nobody: yes, unless a leader is heard of. */
static bool grants_pre_vote(const struct raft *raft, const struct raft_message *vote)
{
    if (raft->role == RAFT_LEADER || (raft->role == RAFT_FOLLOWER && raft->heard_leader))
        return false;
    return is_up_to_date(raft, vote);
}

static bool grants_vote(const struct raft *raft, const struct raft_message *vote)
{
    const struct raft_election *election = &raft->election;
    if (election->voted_id != RAFT_NOBODY) {
        bool same_directory = uuid_is_zero(&election->voted_directory_id) ||
                              uuid_is_zero(&vote->from.directory_id) ||
                              uuid_equal(&election->voted_directory_id, &vote->from.directory_id);
        return election->voted_id == vote->from.id && same_directory;
    }
    /* A leader is known: it was elected in this epoch, by us or by others. */
    return election->leader_id == RAFT_NOBODY && is_up_to_date(raft, vote);
}

void raft_receive_vote(struct raft *raft, const struct raft_message *message)
{
    if (message->epoch > raft->election.epoch)
        raft_become_unattached(raft, message->epoch);
    struct raft_message reply = raft_reply_new(raft, RAFT_VOTE_REPLY, message);
    reply.pre_vote = message->pre_vote;
    if (message->epoch < raft->election.epoch) {
        reply.refusal = RAFT_FENCED;
    } else if (message->pre_vote) {
        reply.granted = grants_pre_vote(raft, message);
    } else if (grants_vote(raft, message)) {
        reply.granted = true;
        if (raft->election.voted_id == RAFT_NOBODY) {
            leave_role(raft);
            raft->role = RAFT_UNATTACHED;
            raft->election.voted_id = message->from.id;
            raft->election.voted_directory_id = message->from.directory_id;
            raft_election_changed(raft);
        }
        raft_election_timeout(raft);
    }
    raft_send(raft, &reply);
}

void raft_receive_vote_reply(struct raft *raft, const struct raft_message *message)
{
    if (message->epoch > raft->election.epoch || message->leader_id != RAFT_NOBODY)
        raft_observe(raft, message);
    enum raft_role asked = message->pre_vote ? RAFT_PROSPECTIVE : RAFT_CANDIDATE;
    size_t index = raft_peer_index(raft, &message->from);
    if (raft->role != asked || message->epoch != raft->election.epoch ||
        message->refusal != RAFT_TAKEN || index == raft->voter_count)
        return;
    if (message->granted) {
        raft->peers[index].granted = true;
        if (!raft_is_majority(raft, count_granted(raft)))
            return;
        if (raft->role == RAFT_PROSPECTIVE)
            become_candidate(raft);
        else
            raft_become_leader(raft);
        return;
    }
    raft->peers[index].rejected = true;
    /* Lost: a little later again, not all of the lost at once. */
    if (is_lost(raft)) {
        int64_t backoff = raft->options.election_backoff_max_ms;
        int64_t again = raft->now_ms + 1 + (int64_t)prng_below(&raft->prng, (uint64_t)backoff + 1);
        if (again < raft->election_ms)
            raft->election_ms = again;
    }
}

/* ---- Epochs that begin and end ----------------------------------------------------------- */

void raft_receive_begin(struct raft *raft, const struct raft_message *message)
{
    if (message->epoch >= raft->election.epoch)
        raft_observe(raft, message);
    struct raft_message reply = raft_reply_new(raft, RAFT_BEGIN_REPLY, message);
    if (message->epoch < raft->election.epoch)
        reply.refusal = RAFT_FENCED;
    else if (raft->election.leader_id == message->from.id)
        raft->leader = message->from;
    raft_send(raft, &reply);
}

void raft_receive_end(struct raft *raft, const struct raft_message *message)
{
    if (message->epoch >= raft->election.epoch)
        raft_observe(raft, message);
    struct raft_message reply = raft_reply_new(raft, RAFT_END_REPLY, message);
    if (message->epoch < raft->election.epoch)
        reply.refusal = RAFT_FENCED;
    raft_send(raft, &reply);
    if (reply.refusal != RAFT_TAKEN || raft->role != RAFT_FOLLOWER || !raft_is_voter(raft) ||
        raft->election.leader_id != message->from.id)
        return;
    /* The best successor stands at once, the others by their rank, unless somebody leads by then.
     */
    size_t rank = 0;
    while (rank < message->successor_count && message->successors[rank] != raft->options.self.id)
        rank++;
    raft->heard_leader = false;
    raft->fetching = false;
    int64_t backoff = raft->options.election_backoff_max_ms;
    int64_t delay = rank == 0 ? 0
                              : (int64_t)rank * backoff / 4 +
                                    (int64_t)prng_below(&raft->prng, (uint64_t)backoff / 4 + 1);
    raft->election_ms = raft->now_ms + delay;
    raft->fetch_after_ms = INT64_MAX;
    if (delay == 0)
        raft_stand(raft);
}
