/*
 * The algorithm by itself: what a quorum of one does, in which order, and what it never does,
 * whatever comes in whatever order.
 */
#include "../unit.h"
#include "base/prng.h"
#include "raft/raft.h"

#include <string.h>

static const struct raft_voter SELF = {1, {{7}}};

static struct raft *new_raft(uint64_t seed)
{
    return raft_new(&(struct raft_options){
        .self = SELF,
        .may_vote = true,
        .election_timeout_ms = 1000,
        .election_backoff_max_ms = 1000,
        .fetch_timeout_ms = 2000,
        .request_timeout_ms = 2000,
        .seed = seed,
    });
}

static struct raft_start start_of(const struct raft_voter *voters, size_t count)
{
    return (struct raft_start){
        .election = {.epoch = 4, .leader_id = RAFT_NOBODY, .voted_id = RAFT_NOBODY},
        .log_end_offset = 10,
        .last_epoch = 4,
        .high_watermark = 3,
        .voters = voters,
        .voter_count = count,
    };
}

static struct raft_action next(struct raft *raft)
{
    struct raft_action action;
    assert_true(raft_next_action(raft, &action));
    return action;
}

static void no_more(struct raft *raft)
{
    struct raft_action action;
    assert_false(raft_next_action(raft, &action));
}

static void one_voter_leads(void **state)
{
    UNUSED(state);
    struct raft *raft = new_raft(1);
    struct raft_start start = start_of(&SELF, 1);
    raft_start(raft, &start, 100);
    assert_int_equal(raft_role(raft), RAFT_LEADER);
    assert_int_equal(raft_leader_id(raft), RAFT_NOBODY); /* not before it is on disk */
    struct raft_action action = next(raft);
    assert_int_equal(action.type, RAFT_ACTION_PERSIST);
    assert_int_equal(action.election.epoch, 5);
    assert_int_equal(action.election.leader_id, 1);
    assert_int_equal(action.election.voted_id, RAFT_NOBODY);
    no_more(raft);
    raft_persisted(raft, action.sequence, 101);
    action = next(raft);
    assert_int_equal(action.type, RAFT_ACTION_LEAD);
    assert_int_equal(action.epoch, 5);
    assert_int_equal(action.granting_count, 1);
    assert_int_equal(action.granting[0].id, 1);
    assert_int_equal(raft_leader_id(raft), 1);
    assert_int_equal(raft_epoch_start(raft), 10);
    no_more(raft);

    /* What earlier epochs left is committed with the first record of this one. */
    raft_synced(raft, 10);
    no_more(raft);
    raft_appended(raft, 12, 5);
    no_more(raft);
    raft_synced(raft, 11);
    action = next(raft);
    assert_int_equal(action.type, RAFT_ACTION_COMMIT);
    assert_int_equal(action.offset, 11);
    raft_synced(raft, 12);
    assert_int_equal(next(raft).offset, 12);
    assert_int_equal(raft_high_watermark(raft), 12);
    assert_true(raft_deadline_ms(raft) == INT64_MAX);
    raft_free(raft);
}

static void a_leader_that_resigned_stands_again(void **state)
{
    UNUSED(state);
    struct raft *raft = new_raft(2);
    struct raft_start start = start_of(&SELF, 1);
    raft_start(raft, &start, 0);
    raft_persisted(raft, next(raft).sequence, 0);
    assert_int_equal(next(raft).type, RAFT_ACTION_LEAD);
    raft_appended(raft, 11, 5);
    raft_resign(raft, 50);
    assert_int_equal(raft_role(raft), RAFT_RESIGNED);
    assert_int_equal(raft_leader_id(raft), RAFT_NOBODY);
    struct raft_action action = next(raft);
    assert_int_equal(action.type, RAFT_ACTION_RESIGN);
    assert_int_equal(action.epoch, 5);
    no_more(raft);
    raft_synced(raft, 11);
    no_more(raft);
    int64_t deadline = raft_deadline_ms(raft);
    assert_in_range(deadline, 1050, 2051);
    raft_tick(raft, deadline - 1);
    assert_int_equal(raft_role(raft), RAFT_RESIGNED);
    raft_tick(raft, deadline);
    action = next(raft);
    assert_int_equal(action.type, RAFT_ACTION_PERSIST);
    assert_int_equal(action.election.epoch, 6);
    raft_persisted(raft, action.sequence, deadline);
    assert_int_equal(next(raft).type, RAFT_ACTION_LEAD);
    assert_int_equal(raft_epoch_start(raft), 11);
    raft_resign(raft, deadline);
    raft_free(raft);
}

static void who_may_not_vote_waits(void **state)
{
    UNUSED(state);
    /* Another node's quorum. */
    const struct raft_voter other = {2, UUID_ZERO};
    struct raft *raft = new_raft(3);
    struct raft_start start = start_of(&other, 1);
    raft_start(raft, &start, 0);
    assert_false(raft_is_voter(raft));
    no_more(raft);
    raft_tick(raft, 1000000);
    assert_int_equal(raft_role(raft), RAFT_UNATTACHED);
    raft_free(raft);

    /* The id with another directory: the disk was replaced. */
    const struct raft_voter replaced = {1, {{8}}};
    raft = new_raft(3);
    start = start_of(&replaced, 1);
    raft_start(raft, &start, 0);
    assert_false(raft_is_voter(raft));
    raft_free(raft);

    /* Known by its id alone. */
    const struct raft_voter by_id = {1, UUID_ZERO};
    raft = new_raft(3);
    start = start_of(&by_id, 1);
    raft_start(raft, &start, 0);
    assert_true(raft_is_voter(raft));
    assert_int_equal(raft_role(raft), RAFT_LEADER);
    raft_free(raft);
}

/* A log that is ahead of the file: the epochs do not go back. */
static void the_epoch_of_the_log_counts(void **state)
{
    UNUSED(state);
    struct raft *raft = new_raft(4);
    struct raft_start start = start_of(&SELF, 1);
    start.last_epoch = 9;
    raft_start(raft, &start, 0);
    assert_int_equal(next(raft).election.epoch, 10);
    raft_free(raft);
}

/* Of several it needs a majority: alone it gets nowhere, and raises no epoch for it. */
static void one_of_three_waits(void **state)
{
    UNUSED(state);
    const struct raft_voter voters[] = {SELF, {2, {{8}}}, {3, {{9}}}};
    struct raft *raft = new_raft(5);
    struct raft_start start = start_of(voters, 3);
    raft_start(raft, &start, 0);
    for (int i = 0; i < 10; i++) {
        int64_t deadline = raft_deadline_ms(raft);
        assert_true(deadline < INT64_MAX);
        raft_tick(raft, deadline);
        assert_int_equal(raft_role(raft), RAFT_PROSPECTIVE);
        assert_int_equal(raft_epoch(raft), 4);
        /* The two others are asked whether they would, and nothing is written for it. */
        for (int j = 0; j < 2; j++) {
            struct raft_action action = next(raft);
            assert_int_equal(action.type, RAFT_ACTION_SEND);
            assert_int_equal(action.message.type, RAFT_VOTE);
            assert_true(action.message.pre_vote);
            assert_int_equal(action.message.to.id, 2 + j);
            assert_int_equal(action.message.epoch, 4);
        }
        no_more(raft);
    }
    raft_free(raft);
}

static void log_epoch_end(void *context, int32_t epoch, int32_t *out_epoch, int64_t *out_end)
{
    UNUSED(context);
    /* Ten records of epoch 4, and then those of this one. */
    *out_epoch = epoch >= 5 ? 5 : 4;
    *out_end = epoch >= 5 ? 11 : 10;
}

static int64_t log_start_offset(void *context)
{
    UNUSED(context);
    return 0;
}

static void fetch(struct raft *raft, const struct raft_voter *from, int64_t end_offset,
                  int32_t last_epoch)
{
    struct raft_message message = {
        .type = RAFT_FETCH,
        .from = *from,
        .to = SELF,
        .epoch = 5,
        .leader_id = 1,
        .end_offset = end_offset,
        .last_epoch = last_epoch,
    };
    raft_receive(raft, &message, 1000);
}

/* What earlier leaders left is committed with something of this one's (Raft's figure 8): a majority
 * that has no more than that could still be led by another who does not have it. */
static void old_records_are_committed_by_new_ones(void **state)
{
    UNUSED(state);
    const struct raft_voter voters[] = {SELF, {2, {{8}}}, {3, {{9}}}};
    struct raft *raft = raft_new(&(struct raft_options){
        .self = SELF,
        .may_vote = true,
        .election_timeout_ms = 1000,
        .election_backoff_max_ms = 1000,
        .fetch_timeout_ms = 2000,
        .request_timeout_ms = 2000,
        .log = {NULL, log_epoch_end, log_start_offset},
    });
    struct raft_start start = start_of(voters, 3);
    struct raft_action action;
    raft_start(raft, &start, 0);
    raft_tick(raft, raft_deadline_ms(raft));
    struct raft_message yes = {
        .type = RAFT_VOTE_REPLY,
        .from = voters[1],
        .to = SELF,
        .epoch = 4,
        .leader_id = RAFT_NOBODY,
        .pre_vote = true,
        .granted = true,
    };
    raft_receive(raft, &yes, 1000);
    assert_int_equal(raft_role(raft), RAFT_CANDIDATE);
    yes.pre_vote = false;
    yes.epoch = 5;
    raft_receive(raft, &yes, 1000);
    assert_int_equal(raft_role(raft), RAFT_LEADER);
    bool led = false;
    while (raft_next_action(raft, &action)) {
        if (action.type == RAFT_ACTION_PERSIST)
            raft_persisted(raft, action.sequence, 1000);
        led |= action.type == RAFT_ACTION_LEAD;
    }
    assert_true(led);
    raft_appended(raft, 11, 5);
    raft_synced(raft, 11);
    fetch(raft, &voters[1], 10, 4);
    fetch(raft, &voters[2], 10, 4);
    assert_int_equal(raft_high_watermark(raft), 3);
    fetch(raft, &voters[2], 11, 5);
    assert_int_equal(raft_high_watermark(raft), 11);
    raft_free(raft);
}

/* Nobody's message can make it do what it may not, or stop it. */
static void strange_messages(void **state)
{
    UNUSED(state);
    const struct raft_voter voters[] = {SELF, {2, {{8}}}, {3, {{9}}}};
    for (uint64_t seed = 1; seed <= 2000; seed++) {
        struct prng prng;
        struct raft_action action;
        prng_init(&prng, seed);
        struct raft *raft = raft_new(&(struct raft_options){
            .self = SELF,
            .may_vote = true,
            .election_timeout_ms = 1000,
            .election_backoff_max_ms = 1000,
            .fetch_timeout_ms = 2000,
            .request_timeout_ms = 2000,
            .seed = seed,
            .log = {NULL, log_epoch_end, log_start_offset},
        });
        struct raft_start start = start_of(voters, 3);
        raft_start(raft, &start, 0);
        int64_t now_ms = 0;
        for (int i = 0; i < 60; i++) {
            const int64_t offsets[] = {-1, 0, 3, 9, 10, 11, INT64_MAX};
            const int32_t epochs[] = {-1, 0, 3, 4, 5, 6, INT32_MAX - 1, INT32_MAX};
            struct raft_message message = {
                .type = (enum raft_message_type)prng_below(&prng, RAFT_FETCH_REPLY + 1),
                .from = {(int32_t)prng_range(&prng, -1, 5), {{(uint8_t)prng_below(&prng, 10)}}},
                .to = SELF,
                .epoch = epochs[prng_below(&prng, prng_chance(&prng, 1, 20) ? 8 : 6)],
                .leader_id = (int32_t)prng_range(&prng, -1, 4),
                .refusal = (enum raft_refusal)prng_below(&prng, 4),
                .pre_vote = prng_chance(&prng, 1, 2),
                .granted = prng_chance(&prng, 1, 2),
                .last_epoch = epochs[prng_below(&prng, 8)],
                .end_offset = offsets[prng_below(&prng, 7)],
                .high_watermark = offsets[prng_below(&prng, 7)],
                .diverging = prng_chance(&prng, 1, 4),
                .diverging_epoch = epochs[prng_below(&prng, 8)],
                .diverging_end_offset = offsets[prng_below(&prng, 7)],
                .snapshot_needed = prng_chance(&prng, 1, 8),
                .successor_count = (size_t)prng_below(&prng, 3),
                .successors = {2, 1},
            };
            raft_receive(raft, &message, now_ms);
            now_ms += (int64_t)prng_below(&prng, 500);
            raft_tick(raft, now_ms);
            while (raft_next_action(raft, &action))
                if (action.type == RAFT_ACTION_PERSIST && prng_chance(&prng, 3, 4))
                    raft_persisted(raft, action.sequence, now_ms);
        }
        assert_true(raft_high_watermark(raft) <= 10);
        raft_free(raft);
    }
}

/* ---- Random schedules -------------------------------------------------------------------- */

struct model {
    struct raft *raft;
    struct prng prng;
    int64_t now_ms;
    int64_t end;         /* of the log */
    int64_t durable;     /* what was told */
    int64_t committed;   /* by COMMIT actions */
    int32_t epoch;       /* of the newest PERSIST action */
    uint64_t persisting; /* its sequence; 0: none is under way */
    int32_t on_disk;
    int32_t leading; /* -1 */
};

static void carry_out(struct model *model)
{
    struct raft_action action;
    while (raft_next_action(model->raft, &action)) {
        switch (action.type) {
        case RAFT_ACTION_PERSIST:
            assert_true(action.election.epoch >= model->epoch);
            assert_true(action.sequence > model->persisting);
            model->epoch = action.election.epoch;
            model->persisting = action.sequence;
            break;
        case RAFT_ACTION_LEAD:
            assert_int_equal(model->leading, -1);
            assert_int_equal(model->on_disk, action.epoch); /* promised is durable */
            model->leading = action.epoch;
            model->end++;
            raft_appended(model->raft, model->end, model->leading);
            break;
        case RAFT_ACTION_RESIGN:
            assert_int_equal(model->leading, action.epoch);
            model->leading = -1;
            break;
        case RAFT_ACTION_COMMIT:
            assert_true(action.offset > model->committed);
            assert_true(action.offset <= model->durable);
            model->committed = action.offset;
            break;
        case RAFT_ACTION_SEND:
        case RAFT_ACTION_TRUNCATE:
        case RAFT_ACTION_SNAPSHOT:
            fail_msg("there is nobody to talk to");
        }
    }
}

static void anything_happens(struct model *model)
{
    switch (prng_below(&model->prng, 6)) {
    case 0:
        model->now_ms += (int64_t)prng_below(&model->prng, 900);
        raft_tick(model->raft, model->now_ms);
        break;
    case 1:
        if (model->persisting != 0) {
            model->on_disk = model->epoch;
            raft_persisted(model->raft, model->persisting, model->now_ms);
        }
        break;
    case 2:
    case 3:
        if (model->leading >= 0) {
            model->end += (int64_t)prng_below(&model->prng, 4);
            raft_appended(model->raft, model->end, model->leading);
        }
        break;
    case 4:
        model->durable +=
            (int64_t)prng_below(&model->prng, (uint64_t)(model->end - model->durable) + 1);
        raft_synced(model->raft, model->durable);
        break;
    default:
        if (prng_chance(&model->prng, 1, 4))
            raft_resign(model->raft, model->now_ms);
        break;
    }
}

static void whatever_happens(void **state)
{
    UNUSED(state);
    for (uint64_t seed = 1; seed <= 300; seed++) {
        struct model model = {.end = 10, .durable = 10, .committed = 3, .leading = -1};
        prng_init(&model.prng, seed);
        model.raft = new_raft(seed);
        struct raft_start start = start_of(&SELF, 1);
        raft_start(model.raft, &start, 0);
        for (int i = 0; i < 400; i++) {
            carry_out(&model);
            anything_happens(&model);
        }
        /* And when all goes well, it gets on. */
        for (int i = 0; i < 10; i++) {
            carry_out(&model);
            if (model.persisting != 0) {
                model.on_disk = model.epoch;
                raft_persisted(model.raft, model.persisting, model.now_ms);
            }
            carry_out(&model);
            model.durable = model.end;
            raft_synced(model.raft, model.durable);
            model.now_ms += 2000;
            raft_tick(model.raft, model.now_ms);
        }
        carry_out(&model);
        assert_true(model.leading > 4);
        assert_int_equal(model.committed, model.end);
        raft_free(model.raft);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_voter_leads),
        cmocka_unit_test(a_leader_that_resigned_stands_again),
        cmocka_unit_test(who_may_not_vote_waits),
        cmocka_unit_test(the_epoch_of_the_log_counts),
        cmocka_unit_test(one_of_three_waits),
        cmocka_unit_test(old_records_are_committed_by_new_ones),
        cmocka_unit_test(strange_messages),
        cmocka_unit_test(whatever_happens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
