#ifndef RAFT_RAFT_H
#define RAFT_RAFT_H
/*
 * The algorithm of the metadata quorum (KIP-595, KIP-853, KIP-996), pure: events go in, actions
 * come out, and whoever drives it carries them out in order and tells what became of them.
 *
 *     raft_start, raft_tick, raft_persisted, raft_appended, raft_synced, ...
 *     while (raft_next_action(raft, &action))
 *         carry out
 *     wake up at raft_deadline_ms
 *
 * Roles, with what leads from one to another:
 *
 *     UNATTACHED --timeout--> PROSPECTIVE --would win--> CANDIDATE --won, persisted--> LEADER
 *     LEADER --raft_resign--> RESIGNED --timeout--> PROSPECTIVE
 *
 * A log offset is a Kafka offset; an end offset is one past the last record. An epoch is Raft's
 * term.
 */
#include "base/assert.h"
#include "base/prng.h"
#include "base/uuid.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct raft;

/* Who a voter is (KIP-853): a node's id with one directory of its. The directory is zero as long as
 * voters are known by id alone (kraft.version 0). */
struct raft_voter {
    int32_t id;
    struct uuid directory_id;
};

#define RAFT_VOTERS_MAX 64

enum raft_role {
    RAFT_UNATTACHED,
    RAFT_PROSPECTIVE, /* asks whether it could win (pre-vote) */
    RAFT_CANDIDATE,
    RAFT_LEADER,
    RAFT_FOLLOWER,
    RAFT_RESIGNED, /* led this epoch and does not any more */
};

const char *raft_role_name(enum raft_role role);

#define RAFT_NOBODY (-1)

/* What has to be on disk before anything that builds on it is said: the file quorum-state. */
struct raft_election {
    int32_t epoch;
    int32_t leader_id; /* RAFT_NOBODY */
    int32_t voted_id;  /* RAFT_NOBODY */
    struct uuid voted_directory_id;
};

struct raft_options {
    struct raft_voter self;
    bool may_vote; /* a controller; false: only ever follows */
    int64_t election_timeout_ms;
    int64_t election_backoff_max_ms;
    int64_t fetch_timeout_ms;
    uint64_t seed; /* for jitter */
};

struct raft *raft_new(const struct raft_options *options);
void raft_free(struct raft *raft);

/* ---- Events ------------------------------------------------------------------------------ */

/* What was found on disk. All of the log is durable; `last_epoch` is its last record's (0: none).
 */
struct raft_start {
    struct raft_election election;
    int64_t log_end_offset;
    int32_t last_epoch;
    int64_t high_watermark; /* known to be committed: the newest snapshot's end */
    const struct raft_voter *voters;
    size_t voter_count;
};
void raft_start(struct raft *raft, const struct raft_start *start, int64_t now_ms);

/* Time is now_ms: what has come due is done. */
void raft_tick(struct raft *raft, int64_t now_ms);
/* The election of the PERSIST action with this sequence number is on disk. */
void raft_persisted(struct raft *raft, uint64_t sequence, int64_t now_ms);
/* Our log grew (as leader: what we appended ourselves), not yet durably. */
void raft_appended(struct raft *raft, int64_t end_offset);
/* All below is durable. */
void raft_synced(struct raft *raft, int64_t end_offset);
/* The newest set of voters in the log, committed or not. */
void raft_set_voters(struct raft *raft, const struct raft_voter *voters, size_t count);
/* Give the leadership up (the log takes no more, say). The next election begins when the election
 * timeout is over. Not leading: nothing. */
void raft_resign(struct raft *raft, int64_t now_ms);

/* ---- Actions ----------------------------------------------------------------------------- */

enum raft_action_type {
    /* Write `election` durably, then raft_persisted(sequence). Of several only the newest counts:
     * its sequence acknowledges all before it. */
    RAFT_ACTION_PERSIST,
    /* This node leads `epoch`: append a LeaderChange record at log end first of all. */
    RAFT_ACTION_LEAD,
    /* This node leads no more. */
    RAFT_ACTION_RESIGN,
    /* Everything below `offset` is committed. Only ever grows. */
    RAFT_ACTION_COMMIT,
};

struct raft_action {
    enum raft_action_type type;
    uint64_t sequence;             /* PERSIST */
    struct raft_election election; /* PERSIST */
    int32_t epoch;                 /* LEAD, RESIGN */
    int64_t offset;                /* COMMIT */
    /* LEAD: who voted for this node, itself included. */
    size_t granting_count;
    struct raft_voter granting[RAFT_VOTERS_MAX];
};

bool raft_next_action(struct raft *raft, struct raft_action *out);
/* When raft_tick wants to be called; INT64_MAX: not before another event. */
int64_t raft_deadline_ms(const struct raft *raft);

/* ---- Looking ----------------------------------------------------------------------------- */

enum raft_role raft_role(const struct raft *raft);
int32_t raft_epoch(const struct raft *raft);
/* RAFT_NOBODY while unknown; this node only once the LEAD action was given. */
int32_t raft_leader_id(const struct raft *raft);
int64_t raft_high_watermark(const struct raft *raft);
/* Where the epoch that this node leads begins. */
int64_t raft_epoch_start(const struct raft *raft);
bool raft_is_voter(const struct raft *raft);
size_t raft_voter_count(const struct raft *raft);
const struct raft_voter *raft_voters(const struct raft *raft);

#endif
