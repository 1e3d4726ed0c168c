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
    raft->deadline_ms = INT64_MAX;
    prng_init(&raft->prng, options->seed);
    return raft;
}

void raft_free(struct raft *raft)
{
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

size_t raft_self_index(const struct raft *raft)
{
    size_t index = 0;
    while (index < raft->voter_count && !same_voter(&raft->voters[index], &raft->options.self))
        index++;
    return index;
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
        raft->replicated[i] = -1;
        raft->granted[i] = false;
        for (size_t j = 0; j < before.voter_count; j++) {
            if (!same_voter(&before.voters[j], &voters[i]))
                continue;
            raft->replicated[i] = before.replicated[j];
            raft->granted[i] = before.granted[j];
        }
    }
    if (raft->role == RAFT_LEADER)
        raft_advance_commit(raft);
}

size_t raft_voter_count(const struct raft *raft)
{
    return raft->voter_count;
}

const struct raft_voter *raft_voters(const struct raft *raft)
{
    return raft->voters;
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
    raft->election = start->election;
    raft->promised_epoch = start->election.epoch;
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
    if (raft->election.leader_id == raft->options.self.id)
        raft->role = RAFT_RESIGNED;
    if (raft_is_voter(raft)) {
        /* Nobody else to wait for. */
        if (raft->voter_count == 1)
            raft_become_prospective(raft, now_ms);
        else
            raft_election_timeout(raft, now_ms);
    }
    raft_check(raft);
}

void raft_tick(struct raft *raft, int64_t now_ms)
{
    if (now_ms < raft->deadline_ms)
        return;
    raft->deadline_ms = INT64_MAX;
    switch (raft->role) {
    case RAFT_UNATTACHED:
    case RAFT_RESIGNED:
    case RAFT_FOLLOWER:
    case RAFT_PROSPECTIVE:
    case RAFT_CANDIDATE:
        if (raft_is_voter(raft))
            raft_become_prospective(raft, now_ms);
        break;
    case RAFT_LEADER:
        break;
    }
    raft_check(raft);
}

void raft_persisted(struct raft *raft, uint64_t sequence, int64_t now_ms)
{
    UNUSED(now_ms);
    ASSERT(sequence <= raft->persist_asked);
    if (sequence > raft->persisted)
        raft->persisted = sequence;
    if (raft->persisted == raft->sequence)
        raft->promised_epoch = raft->election.epoch;
    raft_check(raft);
}

void raft_appended(struct raft *raft, int64_t end_offset)
{
    ASSERT(end_offset >= raft->log_end);
    raft->log_end = end_offset;
    if (raft->role == RAFT_LEADER)
        raft->last_epoch = raft->election.epoch;
    raft_check(raft);
}

void raft_synced(struct raft *raft, int64_t end_offset)
{
    ASSERT(end_offset <= raft->log_end);
    if (end_offset > raft->durable)
        raft->durable = end_offset;
    if (raft->role == RAFT_LEADER)
        raft_advance_commit(raft);
    raft_check(raft);
}

void raft_resign(struct raft *raft, int64_t now_ms)
{
    if (raft->role == RAFT_LEADER)
        raft_become_resigned(raft, now_ms);
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
        if (raft->granted[i])
            out->granting[out->granting_count++] = raft->voters[i];
    return true;
}

bool raft_next_action(struct raft *raft, struct raft_action *out)
{
    *out = (struct raft_action){.epoch = -1};
    if (raft->resign_pending) {
        raft->resign_pending = false;
        out->type = RAFT_ACTION_RESIGN;
        out->epoch = raft->resign_epoch;
        return true;
    }
    if (persist_action(raft, out) || lead_action(raft, out))
        return true;
    if (raft->commit_told < raft->commit) {
        raft->commit_told = raft->commit;
        out->type = RAFT_ACTION_COMMIT;
        out->offset = raft->commit;
        return true;
    }
    return false;
}

int64_t raft_deadline_ms(const struct raft *raft)
{
    return raft->deadline_ms;
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
    ASSERT(raft->promised_epoch <= raft->election.epoch);
    ASSERT(raft->persisted <= raft->persist_asked);
    ASSERT(raft->persist_asked <= raft->sequence);
    bool elects = raft->role == RAFT_PROSPECTIVE || raft->role == RAFT_CANDIDATE;
    if (elects || raft->role == RAFT_LEADER)
        ASSERT(raft->options.may_vote);
    if (raft->role == RAFT_LEADER) {
        ASSERT(raft->election.leader_id == raft->options.self.id);
        if (raft->lead_told)
            ASSERT(raft->promised_epoch == raft->election.epoch);
    }
    if (raft->role == RAFT_CANDIDATE)
        ASSERT(raft->election.voted_id == raft->options.self.id);
}
