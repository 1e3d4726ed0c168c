/* The coordinator step by step: answers wait for the log, refused appends leave no trace, a restart
 * gives the same state, transactions and expiry. */
#include "group/group_classic_int.h"

#include "group_fixture.h"

static const struct conf_pair quick[] = {{"group.initial.rebalance.delay.ms", "0"}};

static const struct wire_join_group_response *joined(const struct asked *asked)
{
    assert_non_null(asked->response);
    const struct wire_join_group_response *response = asked->response;
    assert_int_equal(response->error_code, 0);
    return response;
}

static const char *member_of(const struct asked *asked)
{
    const struct wire_join_group_response *response = asked->response;
    return wire_string_to_arena(response->member_id, (struct arena *)&asked->arena);
}

static int16_t sync_error(const struct asked *asked)
{
    return ((const struct wire_sync_group_response *)asked->response)->error_code;
}

static void answers_wait_for_the_log(void **state)
{
    UNUSED(state);
    struct place place;
    place_init(&place, 1, quick, 1);
    place.at_once = false;
    /* A new group is in the log before its first member hears of it. */
    struct asked *join = ask_join(&place, 3, "g", "", NULL, "m");
    place_pass(&place, 1);
    assert_null(join->response);
    place_commit(&place, 1);
    assert_int_equal(joined(join)->generation_id, 1);
    const char *member = member_of(join);
    struct asked *sync = ask_sync(&place, "g", member, 1, joined(join), "all");
    assert_null(sync->response);
    struct asked *commit = ask_commit(&place, "g", member, 1, 0, 7);
    /* The assignment is not committed: the group is not complete. */
    assert_null(commit->response);
    place_commit(&place, 2);
    assert_int_equal(sync_error(sync), 0);
    assert_int_equal(commit_error(commit), WIRE_ERROR_REBALANCE_IN_PROGRESS);
    asked_free(commit);
    commit = ask_commit(&place, "g", member, 1, 0, 7);
    assert_null(commit->response);
    assert_int_equal(place_fetch(&place, "g", 0, false, NULL), -1);
    place_commit(&place, 3);
    assert_int_equal(commit_error(commit), 0);
    assert_int_equal(place_fetch(&place, "g", 0, false, NULL), 7);
    asked_free(join);
    asked_free(sync);
    asked_free(commit);
    place_deinit(&place);
}

static void refused_appends_leave_no_trace(void **state)
{
    UNUSED(state);
    struct place place;
    place_init(&place, 2, quick, 1);
    place.refuse = WIRE_ERROR_NOT_ENOUGH_REPLICAS;
    struct asked *join = ask_join(&place, 3, "g", "", NULL, "m");
    assert_non_null(join->response);
    assert_int_equal(((struct wire_join_group_response *)join->response)->error_code,
                     WIRE_ERROR_COORDINATOR_NOT_AVAILABLE);
    assert_int_equal(place.g->classic.count, 0);
    struct asked *commit = ask_commit(&place, "g", "", -1, 0, 7);
    assert_int_equal(commit_error(commit), WIRE_ERROR_COORDINATOR_NOT_AVAILABLE);
    assert_int_equal(pmap_count(place.g->hard.offsets), 0);
    assert_int_equal(pmap_count(place.g->hard.groups), 0);
    asked_free(join);
    asked_free(commit);
    place.refuse = 0;
    join = ask_join(&place, 3, "g", "", NULL, "m");
    place_pass(&place, 1);
    const char *member = member_of(join);
    place.refuse = WIRE_ERROR_NOT_LEADER_OR_FOLLOWER;
    struct asked *sync = ask_sync(&place, "g", member, 1, joined(join), "all");
    assert_int_equal(sync_error(sync), WIRE_ERROR_NOT_COORDINATOR);
    place.refuse = 0;
    place_pass(&place, 1);
    struct asked *beat = ask_heartbeat(&place, "g", member, 1);
    assert_int_equal(((struct wire_heartbeat_response *)beat->response)->error_code,
                     WIRE_ERROR_REBALANCE_IN_PROGRESS);
    asked_free(join);
    asked_free(sync);
    asked_free(beat);
    place_deinit(&place);
}

static void the_first_rebalance_waits(void **state)
{
    UNUSED(state);
    struct place place;
    place_init(&place, 3, (struct conf_pair[]){{"group.initial.rebalance.delay.ms", "3000"}}, 1);
    struct asked *first = ask_join(&place, 3, "g", "", NULL, "m");
    place_pass(&place, 2000);
    struct asked *second = ask_join(&place, 3, "g", "", NULL, "m");
    place_pass(&place, 2000); /* put off, because somebody came */
    assert_null(first->response);
    place_pass(&place, 2000);
    assert_int_equal(joined(first)->members.count, 2);
    assert_int_equal(joined(second)->members.count, 0);
    /* The second never asks for its assignment: it is out after its session. */
    const char *member = member_of(first);
    struct asked *sync = ask_sync(&place, "g", member, 1, joined(first), "all");
    assert_int_equal(sync_error(sync), 0);
    for (int i = 0; i < 4; i++) {
        place_pass(&place, 4000);
        asked_free(ask_heartbeat(&place, "g", member, 1));
    }
    struct asked *again = ask_join(&place, 3, "g", member, NULL, "m");
    assert_int_equal(joined(again)->generation_id, 2);
    assert_int_equal(joined(again)->members.count, 1);
    asked_free(first);
    asked_free(second);
    asked_free(sync);
    asked_free(again);
    place_deinit(&place);
}

static void members_survive_a_restart(void **state)
{
    UNUSED(state);
    struct place place;
    place_init(&place, 4, quick, 1);
    struct asked *join = ask_join(&place, 5, "g", "", "i", "m");
    place_pass(&place, 1);
    const char *member = member_of(join);
    struct asked *sync = ask_sync(&place, "g", member, 1, joined(join), "all");
    assert_int_equal(sync_error(sync), 0);
    place_restart(&place, place.count);
    struct asked *again = ask_sync(&place, "g", member, 1, NULL, NULL);
    assert_int_equal(sync_error(again), 0);
    const struct wire_sync_group_response *response = again->response;
    assert_true(wire_bytes_equal(response->assignment, wire_bytes_of("all", 3)));
    /* Its session begins anew, and ends. */
    place_pass(&place, 9999);
    assert_int_equal(place.g->classic.count, 1);
    place_pass(&place, 2);
    assert_int_equal(place.g->classic.count, 0);
    place_restart(&place, place.count);
    assert_int_equal(pmap_count(place.g->hard.groups), 1);
    assert_int_equal(place.g->classic.count, 0);
    asked_free(join);
    asked_free(sync);
    asked_free(again);
    place_deinit(&place);
}

static void calls_end_with_the_leadership(void **state)
{
    UNUSED(state);
    struct place place;
    place_init(&place, 5, (struct conf_pair[]){{"group.initial.rebalance.delay.ms", "3000"}}, 1);
    place.at_once = false;
    struct asked *join = ask_join(&place, 3, "g", "", NULL, "m");
    struct asked *commit = ask_commit(&place, "h", "", -1, 0, 7);
    place_restart(&place, 1);
    assert_int_equal(((struct wire_join_group_response *)join->response)->error_code,
                     WIRE_ERROR_NOT_COORDINATOR);
    assert_int_equal(commit_error(commit), WIRE_ERROR_NOT_COORDINATOR);
    asked_free(join);
    asked_free(commit);
    place_deinit(&place);
}

/* Offsets of an open transaction count from its marker on, unless a later commit was there. */
static void transactions(void **state)
{
    UNUSED(state);
    struct place place;
    place_init(&place, 6, NULL, 0);
    int16_t error;
    asked_free(ask_commit(&place, "g", "", -1, 0, 1));
    asked_free(ask_txn_commit(&place, "g", 10, 0, 5));
    asked_free(ask_txn_commit(&place, "g", 10, 1, 6));
    asked_free(ask_txn_commit(&place, "g", 11, 2, 7));
    asked_free(ask_commit(&place, "g", "", -1, 1, 8)); /* after the transaction's */
    for (int restart = 0; restart < 2; restart++) {
        assert_int_equal(place_fetch(&place, "g", 0, false, NULL), 1);
        place_fetch(&place, "g", 0, true, &error);
        assert_int_equal(error, WIRE_ERROR_UNSTABLE_OFFSET_COMMIT);
        place_fetch(&place, "g", 3, true, &error);
        assert_int_equal(error, 0);
        place_restart(&place, place.count);
    }
    asked_free(ask_txn_end(&place, 10, true));
    asked_free(ask_txn_end(&place, 11, false));
    for (int restart = 0; restart < 2; restart++) {
        assert_int_equal(place_fetch(&place, "g", 0, true, &error), 5);
        assert_int_equal(error, 0);
        assert_int_equal(place_fetch(&place, "g", 1, true, NULL), 8);
        assert_int_equal(place_fetch(&place, "g", 2, true, NULL), -1);
        assert_int_equal(pmap_count(place.g->hard.pending), 0);
        assert_int_equal(pmap_count(place.g->hard.pending_by_producer), 0);
        place_restart(&place, place.count);
    }
    place_deinit(&place);
}

static void offsets_expire(void **state)
{
    UNUSED(state);
    struct place place;
    place_init(&place, 7,
               (struct conf_pair[]){{"offsets.retention.minutes", "10"},
                                    {"offsets.retention.check.interval.ms", "60000"},
                                    {"group.initial.rebalance.delay.ms", "0"}},
               3);
    asked_free(ask_commit(&place, "simple", "", -1, 0, 1));
    asked_free(ask_txn_commit(&place, "pending", 1, 0, 1));
    struct asked *join = ask_join(&place, 3, "members", "", NULL, "m");
    place_pass(&place, 1);
    const char *member = member_of(join);
    asked_free(ask_sync(&place, "members", member, 1, joined(join), "all"));
    struct asked *commit = ask_commit(&place, "members", member, 1, 0, 3);
    assert_int_equal(commit_error(commit), 0);
    for (int i = 0; i < 200; i++) {
        place_pass(&place, 5000);
        asked_free(ask_heartbeat(&place, "members", member, 1));
    }
    /* 1000 s: over for who only commits; who may read the topic keeps its offset. */
    assert_int_equal(place_fetch(&place, "simple", 0, false, NULL), -1);
    assert_null(group_object_find(&place.g->hard, WIRE_STRING("simple")));
    assert_non_null(group_object_find(&place.g->hard, WIRE_STRING("pending")));
    assert_int_equal(place_fetch(&place, "members", 0, false, NULL), 3);
    asked_free(ask_leave(&place, "members", member));
    place_pass(&place, 500000);
    assert_int_equal(place_fetch(&place, "members", 0, false, NULL), 3);
    place_restart(&place, place.count);
    place_pass(&place, 200000);
    assert_int_equal(place_fetch(&place, "members", 0, false, NULL), -1);
    assert_null(group_object_find(&place.g->hard, WIRE_STRING("members")));
    place_restart(&place, place.count);
    assert_int_equal(pmap_count(place.g->hard.groups), 1);
    asked_free(join);
    asked_free(commit);
    place_deinit(&place);
}

/* Groups of kinds that are not served: known, left alone, refused. */
static void other_kinds_are_kept(void **state)
{
    UNUSED(state);
    struct place place;
    place_init(&place, 8, NULL, 0);
    struct group_hard *hard = &place.g->hard;
    struct wire_share_group_metadata_key key = {.group_id = WIRE_STRING("s")};
    struct wire_share_group_metadata_value value;
    wire_default(&wire_share_group_metadata_value_schema, &value);
    group_hard_apply(
        hard,
        &(struct group_record){
            .type = wire_record_find(WIRE_RECORDS_GROUP, WIRE_GROUP_RECORD_SHARE_GROUP_METADATA),
            .key = &key,
            .value = &value,
            .producer_id = -1},
        0);
    struct asked *join = ask_join(&place, 9, "s", "", NULL, "m");
    assert_int_equal(((struct wire_join_group_response *)join->response)->error_code,
                     WIRE_ERROR_INCONSISTENT_GROUP_PROTOCOL);
    struct asked *commit = ask_commit(&place, "s", "", -1, 0, 1);
    assert_int_not_equal(commit_error(commit), 0);
    place_pass(&place, INT64_C(8) * 24 * 3600 * 1000);
    assert_non_null(group_object_find(&place.g->hard, WIRE_STRING("s")));
    assert_int_equal(place.count, 0);
    asked_free(join);
    asked_free(commit);
    place_deinit(&place);
}

static void partitions_are_kafkas(void **state)
{
    UNUSED(state);
    assert_int_equal(group_partition_of(WIRE_STRING(""), 50), 0);
    assert_int_equal(group_partition_of(WIRE_STRING("g1"), 50), ('g' * 31 + '1') % 50);
    /* Its hash is -2^31. */
    assert_int_equal(group_partition_of(WIRE_STRING("polygenelubricants"), 50), 0);
}

static void damage_is_told(void **state)
{
    UNUSED(state);
    struct place place;
    place_init(&place, 9, NULL, 0);
    asked_free(ask_commit(&place, "g", "", -1, 0, 1));
    group_unload(place.g);
    for (size_t at = 0; at < place.log[0].bytes.size; at++) {
        struct buf bad = BUF_EMPTY;
        buf_put(&bad, place.log[0].bytes.data, place.log[0].bytes.size);
        bad.data[at] ^= 0x55;
        struct group_coordinator *g = place_new_coordinator(&place);
        group_load_begin(g);
        enum err err = group_load(g, bad.data, bad.size);
        /* Offset and epoch are not under the checksum. */
        assert_true(err != ERR_OK || at < 16);
        group_unload(g);
        group_free(g);
        buf_deinit(&bad);
    }
    place_load(&place, place.g, place.count);
    place_deinit(&place);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_wait_for_the_log),
        cmocka_unit_test(refused_appends_leave_no_trace),
        cmocka_unit_test(the_first_rebalance_waits),
        cmocka_unit_test(members_survive_a_restart),
        cmocka_unit_test(calls_end_with_the_leadership),
        cmocka_unit_test(transactions),
        cmocka_unit_test(offsets_expire),
        cmocka_unit_test(other_kinds_are_kept),
        cmocka_unit_test(partitions_are_kafkas),
        cmocka_unit_test(damage_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
