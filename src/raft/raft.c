#include "raft/raft_int.h"

#include "base/mem.h"

#include <string.h>

static const char *const role_names[] = {
    [RAFT_UNATTACHED] = "unattached", [RAFT_PROSPECTIVE] = "prospective",
    [RAFT_CANDIDATE] = "candidate",   [RAFT_LEADER] = "leader",
    [RAFT_FOLLOWER] = "follower",     [RAFT_RESIGNED] = "resigned",
};

const char *raft_role_name(enum raft_role role)
{
    ASSERT((size_t)role < ARRAY_COUNT(role_names));
    return role_names[role];
}

struct raft *raft_new(const struct raft_options *options)
{
    ASSERT(options->election_timeout_ms > 0);
    struct raft *raft = mem_zalloc(sizeof *raft);
    raft->options = *options;
    raft->role = RAFT_UNATTACHED;
    raft->election = (struct raft_election){
        .leader_id = RAFT_NOBODY,
        .voted_id = RAFT_NOBODY,
    };
    raft->election_ms = raft->begin_ms = raft->check_quorum_ms = INT64_MAX;
    list_init(&raft->out);
    prng_init(&raft->prng, options->seed);
    return raft;
}

void raft_free(struct raft *raft)
{
    if (raft == NULL)
        return;
    for (struct list *node; (node = list_pop_front(&raft->out)) != NULL;)
        mem_free(LIST_ENTRY(node, struct raft_out, node));
    mem_free(raft);
}

/* ---- Voters ------------------------------------------------------------------------------ */

/* The same voter: of one id, and of one directory where both are known. */
static bool same_voter(const struct raft_voter *a, const struct raft_voter *b)
{
    if (a->id != b->id)
        return false;
    return uuid_is_zero(&a->directory_id) || uuid_is_zero(&b->directory_id) ||
           uuid_equal(&a->directory_id, &b->directory_id);
}

size_t raft_peer_index(const struct raft *raft, const struct raft_voter *voter)
{
    size_t index = 0;
    while (index < raft->voter_count && !same_voter(&raft->peers[index].voter, voter))
        index++;
    return index;
}

size_t raft_self_index(const struct raft *raft)
{
    return raft_peer_index(raft, &raft->options.self);
}

bool raft_is_majority(const struct raft *raft, size_t count)
{
    return 2 * count > raft->voter_count;
}

bool raft_is_voter(const struct raft *raft)
{
    return raft->options.may_vote && raft_self_index(raft) < raft->voter_count;
}

void raft_set_voters(struct raft *raft, const struct raft_voter *voters, size_t count)
{
    ASSERT(count <= RAFT_VOTERS_MAX);
    struct raft before = *raft;
    memcpy(raft->voters, voters, count * sizeof *voters);
    raft->voter_count = count;
    for (size_t i = 0; i < count; i++) {
        size_t known = raft_peer_index(&before, &voters[i]);
        if (known < before.voter_count)
            raft->peers[i] = before.peers[known];
        else
            raft->peers[i] = (struct raft_peer){.replicated = -1, .last_fetch_ms = INT64_MIN};
        raft->peers[i].voter = voters[i];
    }
    if (raft->role == RAFT_LEADER) {
        raft_watch_voters(raft);
        raft_advance_commit(raft);
    }
}

size_t raft_voter_count(const struct raft *raft)
{
    return raft->voter_count;
}

const struct raft_voter *raft_voters(const struct raft *raft)
{
    return raft->voters;
}

/* ---- Messages out ------------------------------------------------------------------------ */

struct raft_message raft_message_new(const struct raft *raft, enum raft_message_type type,
                                     const struct raft_voter *to)
{
    return (struct raft_message){
        .type = type,
        .from = raft->options.self,
        .to = *to,
        .epoch = raft->election.epoch,
        .leader_id = raft->election.leader_id,
        .high_watermark = -1,
    };
}

struct raft_message raft_reply_new(const struct raft *raft, enum raft_message_type type,
                                   const struct raft_message *request)
{
    struct raft_message reply = raft_message_new(raft, type, &request->from);
    reply.token = request->token;
    return reply;
}

void raft_send(struct raft *raft, const struct raft_message *message)
{
    /* Losing one does no harm: better than holding them all while a disk hangs. */
    if (raft->out_count == RAFT_OUT_MAX) {
        mem_free(LIST_ENTRY(list_pop_front(&raft->out), struct raft_out, node));
        raft->out_count--;
    }
    struct raft_out *out = mem_alloc(sizeof *out);
    out->sequence = raft->sequence;
    out->message = *message;
    list_push_back(&raft->out, &out->node);
    raft->out_count++;
}

void raft_send_others(struct raft *raft, struct raft_message *message)
{
    size_t self = raft_self_index(raft);
    for (size_t i = 0; i < raft->voter_count; i++) {
        if (i == self)
            continue;
        message->to = raft->voters[i];
        raft_send(raft, message);
    }
}

/* ---- Events ------------------------------------------------------------------------------ */

void raft_election_changed(struct raft *raft)
{
    raft->sequence++;
}

void raft_start(struct raft *raft, const struct raft_start *start, int64_t now_ms)
{
    ASSERT(!raft->started);
    ASSERT(start->high_watermark <= start->log_end_offset);
    raft->started = true;
    raft->now_ms = now_ms;
    raft->election = start->election;
    raft->log_end = start->log_end_offset;
    raft->durable = start->log_end_offset;
    raft->last_epoch = start->last_epoch;
    raft->commit = start->high_watermark;
    raft->commit_told = start->high_watermark;
    raft_set_voters(raft, start->voters, start->voter_count);
    /* The log may have an epoch that the file has not: then nobody knows who led it. */
    if (raft->last_epoch > raft->election.epoch) {
        raft->election = (struct raft_election){
            .epoch = raft->last_epoch, .leader_id = RAFT_NOBODY, .voted_id = RAFT_NOBODY};
        raft_election_changed(raft);
    }
    /* Whoever led before it stopped cannot go on in that epoch: what it had not written is lost. */
    if (raft->election.leader_id == raft->options.self.id) {
        raft->role = RAFT_RESIGNED;
    } else if (raft->election.leader_id != RAFT_NOBODY) {
        struct raft_voter leader = {.id = raft->election.leader_id};
        raft_become_follower(raft, raft->election.epoch, &leader);
    }
    if (raft_is_voter(raft)) {
        /* Nobody else to wait for. */
        if (raft->voter_count == 1)
            raft_stand(raft);
        else if (raft->role != RAFT_FOLLOWER)
            raft_election_timeout(raft);
    }
    raft_check(raft);
}

void raft_tick(struct raft *raft, int64_t now_ms)
{
    ASSERT(raft->started);
    raft->now_ms = now_ms;
    if (raft->role == RAFT_LEADER)
        raft_leader_tick(raft);
    if (now_ms >= raft->election_ms) {
        raft->election_ms = INT64_MAX;
        ASSERT(raft->role != RAFT_LEADER);
        raft_stand(raft);
    }
    if (raft->role == RAFT_FOLLOWER)
        raft_follower_fetch(raft);
    raft_check(raft);
}

void raft_persisted(struct raft *raft, uint64_t sequence, int64_t now_ms)
{
    ASSERT(sequence <= raft->persist_asked);
    raft->now_ms = now_ms;
    if (sequence > raft->persisted)
        raft->persisted = sequence;
    raft_check(raft);
}

void raft_appended(struct raft *raft, int64_t end_offset, int32_t last_epoch)
{
    ASSERT(end_offset >= raft->log_end);
    ASSERT(last_epoch >= raft->last_epoch && last_epoch <= raft->election.epoch);
    raft->log_end = end_offset;
    raft->last_epoch = last_epoch;
    raft_check(raft);
}

void raft_synced(struct raft *raft, int64_t end_offset)
{
    ASSERT(end_offset <= raft->log_end);
    if (end_offset > raft->durable)
        raft->durable = end_offset;
    if (raft->role == RAFT_LEADER || raft->role == RAFT_FOLLOWER)
        raft_advance_commit(raft);
    if (raft->role == RAFT_FOLLOWER)
        raft_follower_fetch(raft);
    raft_check(raft);
}

void raft_truncated(struct raft *raft, int64_t end_offset, int32_t last_epoch, int64_t now_ms)
{
    ASSERT(raft->truncating && !raft->truncate_pending && !raft->snapshot_pending);
    ASSERT(end_offset >= raft->commit);
    raft->now_ms = now_ms;
    raft->log_end = raft->durable = end_offset;
    raft->last_epoch = last_epoch;
    /* A snapshot stands for committed records alone. */
    if (raft->snapshotting && end_offset > raft->commit)
        raft->commit = end_offset;
    raft->truncating = raft->snapshotting = false;
    if (raft->role == RAFT_FOLLOWER)
        raft_follower_fetch(raft);
    raft_check(raft);
}

void raft_resign(struct raft *raft, int64_t now_ms)
{
    raft->now_ms = now_ms;
    if (raft->role == RAFT_LEADER)
        raft_become_resigned(raft);
    raft_check(raft);
}

void raft_receive(struct raft *raft, const struct raft_message *message, int64_t now_ms)
{
    ASSERT(raft->started);
    raft->now_ms = now_ms;
    switch (message->type) {
    case RAFT_VOTE:
        raft_receive_vote(raft, message);
        break;
    case RAFT_VOTE_REPLY:
        raft_receive_vote_reply(raft, message);
        break;
    case RAFT_BEGIN:
        raft_receive_begin(raft, message);
        break;
    case RAFT_END:
        raft_receive_end(raft, message);
        break;
    case RAFT_BEGIN_REPLY:
    case RAFT_END_REPLY:
        raft_observe(raft, message);
        break;
    case RAFT_FETCH:
        raft_receive_fetch(raft, message);
        break;
    case RAFT_FETCH_REPLY:
        raft_receive_fetch_reply(raft, message);
        break;
    }
    raft_check(raft);
}

/* ---- Actions ----------------------------------------------------------------------------- */

static bool persist_action(struct raft *raft, struct raft_action *out)
{
    if (raft->persist_asked == raft->sequence)
        return false;
    raft->persist_asked = raft->sequence;
    out->type = RAFT_ACTION_PERSIST;
    out->sequence = raft->sequence;
    out->election = raft->election;
    return true;
}

static bool lead_action(struct raft *raft, struct raft_action *out)
{
    if (raft->role != RAFT_LEADER || raft->lead_told || raft->persisted != raft->sequence)
        return false;
    raft->lead_told = true;
    out->type = RAFT_ACTION_LEAD;
    out->epoch = raft->election.epoch;
    for (size_t i = 0; i < raft->voter_count; i++)
        if (raft->peers[i].granted)
            out->granting[out->granting_count++] = raft->voters[i];
    return true;
}

static bool send_action(struct raft *raft, struct raft_action *out)
{
    if (list_empty(&raft->out))
        return false;
    struct raft_out *first = LIST_ENTRY(raft->out.next, struct raft_out, node);
    if (first->sequence > raft->persisted)
        return false;
    list_remove(&first->node);
    raft->out_count--;
    out->type = RAFT_ACTION_SEND;
    out->message = first->message;
    mem_free(first);
    return true;
}

static bool truncate_action(struct raft *raft, struct raft_action *out)
{
    if (!raft->truncate_pending && !raft->snapshot_pending)
        return false;
    out->type = raft->truncate_pending ? RAFT_ACTION_TRUNCATE : RAFT_ACTION_SNAPSHOT;
    out->offset = raft->truncate_offset;
    raft->truncate_pending = raft->snapshot_pending = false;
    return true;
}

bool raft_next_action(struct raft *raft, struct raft_action *out)
{
    memset(out, 0, sizeof *out);
    out->epoch = -1;
    if (raft->resign_pending) {
        raft->resign_pending = false;
        out->type = RAFT_ACTION_RESIGN;
        out->epoch = raft->resign_epoch;
        return true;
    }
    if (persist_action(raft, out) || truncate_action(raft, out) || lead_action(raft, out))
        return true;
    if (raft->commit_told < raft->commit) {
        raft->commit_told = raft->commit;
        out->type = RAFT_ACTION_COMMIT;
        out->offset = raft->commit;
        return true;
    }
    return send_action(raft, out);
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

int64_t raft_deadline_ms(const struct raft *raft)
{
    int64_t deadline = earlier(raft->election_ms, earlier(raft->begin_ms, raft->check_quorum_ms));
    if (raft->role != RAFT_FOLLOWER || raft->truncating || raft->durable < raft->log_end)
        return deadline;
    if (raft->fetching)
        return earlier(deadline, raft->fetch_sent_ms + raft->options.request_timeout_ms);
    return earlier(deadline, raft->fetch_after_ms);
}

/* ---- Looking ----------------------------------------------------------------------------- */

enum raft_role raft_role(const struct raft *raft)
{
    return raft->role;
}

int32_t raft_epoch(const struct raft *raft)
{
    return raft->election.epoch;
}

int32_t raft_leader_id(const struct raft *raft)
{
    if (raft->role == RAFT_LEADER)
        return raft->lead_told ? raft->options.self.id : RAFT_NOBODY;
    return raft->role == RAFT_FOLLOWER ? raft->election.leader_id : RAFT_NOBODY;
}

int64_t raft_high_watermark(const struct raft *raft)
{
    return raft->commit;
}

int64_t raft_epoch_start(const struct raft *raft)
{
    return raft->epoch_start;
}

void raft_check(const struct raft *raft)
{
    ASSERT(raft->commit <= raft->durable);
    ASSERT(raft->durable <= raft->log_end);
    ASSERT(raft->commit_told <= raft->commit);
    ASSERT(raft->last_epoch <= raft->election.epoch);
    ASSERT(raft->persisted <= raft->persist_asked);
    ASSERT(raft->persist_asked <= raft->sequence);
    bool elects = raft->role == RAFT_PROSPECTIVE || raft->role == RAFT_CANDIDATE;
    if (elects || raft->role == RAFT_LEADER)
        ASSERT(raft->options.may_vote);
    if (raft->role == RAFT_LEADER)
        ASSERT(raft->election.leader_id == raft->options.self.id);
    if (raft->role == RAFT_CANDIDATE)
        ASSERT(raft->election.voted_id == raft->options.self.id);
    if (raft->truncating)
        ASSERT(!elects && raft->role != RAFT_LEADER);
    if (raft->role == RAFT_FOLLOWER) {
        ASSERT(raft->election.leader_id != RAFT_NOBODY);
        ASSERT(raft->election.leader_id != raft->options.self.id);
    }
}
