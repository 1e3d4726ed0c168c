/*
 * A replica: its role, who may do what with it, appends in their order, acknowledgements, the high
 * watermark, and those who wait.
 */
#include "../unit.h"
#include "replica_fixture.h"

static int setup(void **state)
{
    struct fixture *f = mem_alloc(sizeof *f);
    fixture_init(f, 1);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture_deinit(*state);
    mem_free(*state);
    return 0;
}

/* Topic 1, "t", with partition 0 led by this node alone, not open yet. */
static struct replica *one_replica(struct fixture *f)
{
    topic(f, 1, "t");
    partition(f, 1, 0, ME, 1);
    commit_only(f);
    return replica_must(f, 1, 0);
}

static void settle(struct fixture *f)
{
    plog_env_run(&f->e);
}

/* ---- Role ---- */

static void test_role_and_epochs(void **state)
{
    struct fixture *f = *state;
    struct replica *replica = one_replica(f);
    settle(f);
    assert_true(replica_is_leader(replica));
    assert_int_equal(replica_leader_epoch(replica), 0);
    assert_int_equal(replica_check(replica, -1), 0);
    assert_int_equal(replica_check(replica, 0), 0);
    assert_int_equal(replica_check(replica, 1), WIRE_ERROR_UNKNOWN_LEADER_EPOCH);
    change(f, 1, 0, ME, 0);
    commit(f);
    assert_int_equal(replica_leader_epoch(replica), 1);
    assert_int_equal(replica_check(replica, 0), WIRE_ERROR_FENCED_LEADER_EPOCH);
    assert_int_equal(replica_check(replica, 1), 0);
    change(f, 1, 0, OTHER, 0);
    commit(f);
    assert_false(replica_is_leader(replica));
    assert_int_equal(replica_leader(replica), OTHER);
    assert_int_equal(replica_check(replica, -1), WIRE_ERROR_NOT_LEADER_OR_FOLLOWER);
    assert_int_equal(replica_check(replica, 1), WIRE_ERROR_FENCED_LEADER_EPOCH);
    assert_int_equal(replica_check(replica, 2), WIRE_ERROR_NOT_LEADER_OR_FOLLOWER);
    change(f, 1, 0, META_NO_LEADER, 0);
    commit(f);
    assert_int_equal(replica_leader(replica), META_NO_LEADER);
    struct replica_set_stats stats;
    replica_set_stats(f->set, &stats);
    assert_int_equal(stats.leaders, 0);
    assert_int_equal(stats.replicas, 1);
}

/* Each leadership's first batch begins an epoch of the log. */
static void test_leadership_begins_an_epoch(void **state)
{
    struct fixture *f = *state;
    struct replica *replica = one_replica(f);
    settle(f);
    assert_int_equal(append_now(f, replica, 3, REPLICA_ACKS_ALL), 0);
    change(f, 1, 0, ME, 0);
    commit(f);
    assert_int_equal(append_now(f, replica, 2, REPLICA_ACKS_ALL), 0);
    int32_t epoch;
    int64_t end_offset;
    plog_epoch_end(replica_plog(replica), 0, &epoch, &end_offset);
    assert_int_equal(epoch, 0);
    assert_int_equal(end_offset, 3);
    plog_epoch_end(replica_plog(replica), 1, &epoch, &end_offset);
    assert_int_equal(epoch, 1);
    assert_int_equal(end_offset, 5);
}

/* ---- Appends ---- */

static void test_acknowledgements(void **state)
{
    struct fixture *f = *state;
    struct replica *replica = one_replica(f);
    settle(f);
    assert_int_equal(append_now(f, replica, 10, REPLICA_ACKS_LEADER), 0);
    static const enum replica_acks all[] = {REPLICA_ACKS_NONE, REPLICA_ACKS_LEADER,
                                            REPLICA_ACKS_ALL};
    for (int i = 0; i < 3; i++) {
        struct client client;
        client_begin(f, &client, replica, 10, all[i], 1000);
        /* Alone in sync, what is written is committed: nobody waits. */
        assert_int_equal(client.error, 0);
        assert_int_equal(client.offset, 10 * (i + 1));
        assert_int_equal(replica_high_watermark(replica), 10 * (i + 2));
        client_end(&client);
    }
}

static void test_appends_wait_for_the_log_in_order(void **state)
{
    struct fixture *f = *state;
    struct replica *replica = one_replica(f);
    struct client clients[20];
    for (int i = 0; i < 20; i++) {
        client_begin(f, &clients[i], replica, i + 1,
                     i % 2 == 0 ? REPLICA_ACKS_ALL : REPLICA_ACKS_LEADER, 60000);
        assert_int_equal(clients[i].error, PENDING);
    }
    settle(f);
    int64_t offset = 0;
    for (int i = 0; i < 20; i++) {
        assert_int_equal(clients[i].error, 0);
        assert_int_equal(clients[i].offset, offset);
        offset += i + 1;
        client_end(&clients[i]);
    }
    assert_int_equal(replica_high_watermark(replica), offset);
}

/* A small segment makes the log roll all the time, which takes the disk each time. */
static void test_appends_wait_for_a_roll_in_order(void **state)
{
    struct fixture *f = *state;
    f->config->segment_bytes = 300;
    struct replica *replica = one_replica(f);
    settle(f);
    struct client clients[50];
    size_t waited = 0;
    for (int i = 0; i < 50; i++) {
        client_begin(f, &clients[i], replica, 3, REPLICA_ACKS_ALL, 60000);
        waited += clients[i].error == PENDING;
    }
    assert_true(waited > 0);
    settle(f);
    for (int i = 0; i < 50; i++) {
        assert_int_equal(clients[i].error, 0);
        assert_int_equal(clients[i].offset, 3 * i);
        client_end(&clients[i]);
    }
}

static void test_time_runs_out(void **state)
{
    struct fixture *f = *state;
    struct replica *replica = one_replica(f);
    struct client clients[3];
    client_begin(f, &clients[0], replica, 1, REPLICA_ACKS_ALL, 100);
    client_begin(f, &clients[1], replica, 1, REPLICA_ACKS_ALL, 50);
    client_begin(f, &clients[2], replica, 1, REPLICA_ACKS_ALL, 1000);
    pass_ms_without_disk(f, 49);
    assert_int_equal(clients[1].error, PENDING);
    pass_ms_without_disk(f, 1);
    assert_int_equal(clients[1].error, WIRE_ERROR_REQUEST_TIMED_OUT);
    assert_int_equal(clients[0].error, PENDING);
    pass_ms_without_disk(f, 50);
    assert_int_equal(clients[0].error, WIRE_ERROR_REQUEST_TIMED_OUT);
    settle(f);
    /* What had given up was never written. */
    assert_int_equal(clients[2].error, 0);
    assert_int_equal(clients[2].offset, 0);
    assert_int_equal(replica_high_watermark(replica), 1);
    for (int i = 0; i < 3; i++)
        client_end(&clients[i]);
}

static void test_not_the_leader(void **state)
{
    struct fixture *f = *state;
    topic(f, 1, "t");
    partition(f, 1, 0, OTHER, 2);
    commit(f);
    assert_int_equal(append_now(f, replica_must(f, 1, 0), 1, REPLICA_ACKS_LEADER),
                     WIRE_ERROR_NOT_LEADER_OR_FOLLOWER);
}

/* Those who wait are told when the leadership goes, whether their append was written or not. */
static void test_leadership_goes_while_appends_wait(void **state)
{
    struct fixture *f = *state;
    struct replica *replica = one_replica(f);
    struct client opening;
    client_begin(f, &opening, replica, 1, REPLICA_ACKS_ALL, 60000);
    change(f, 1, 0, OTHER, 0);
    commit_only(f);
    assert_int_equal(opening.error, WIRE_ERROR_NOT_LEADER_OR_FOLLOWER);
    client_end(&opening);
    settle(f);
    assert_int_equal(plog_end_offset(replica_plog(replica)), 0);

    change(f, 1, 0, ME, 2);
    commit(f);
    struct client written;
    client_begin(f, &written, replica, 4, REPLICA_ACKS_ALL, 60000);
    settle(f);
    assert_int_equal(written.error, PENDING); /* the other one has not got it */
    assert_int_equal(replica_high_watermark(replica), 0);
    change(f, 1, 0, OTHER, 0);
    commit(f);
    assert_int_equal(written.error, WIRE_ERROR_NOT_LEADER_OR_FOLLOWER);
    client_end(&written);
}

static void test_in_sync_replicas(void **state)
{
    struct fixture *f = *state;
    f->min_isr = 2;
    struct replica *replica = one_replica(f);
    settle(f);
    assert_int_equal(append_now(f, replica, 1, REPLICA_ACKS_ALL), WIRE_ERROR_NOT_ENOUGH_REPLICAS);
    assert_int_equal(append_now(f, replica, 1, REPLICA_ACKS_LEADER), 0);
    change(f, 1, 0, ME, 2);
    commit(f);
    struct client client;
    client_begin(f, &client, replica, 2, REPLICA_ACKS_ALL, 60000);
    settle(f);
    assert_int_equal(client.error, PENDING);
    /* The other one falls out: it is committed by this node alone, which is too few. */
    change(f, 1, 0, -2, 1);
    commit(f);
    assert_int_equal(replica_high_watermark(replica), 3);
    assert_int_equal(client.error, WIRE_ERROR_NOT_ENOUGH_REPLICAS_AFTER_APPEND);
    client_end(&client);
}

/* ---- Durability ---- */

/* flush.messages=1: nothing is acknowledged or shown before it is on the disk. */
static void test_nothing_is_shown_before_it_is_durable(void **state)
{
    struct fixture *f = *state;
    f->config->flush_messages = 1;
    struct replica *replica = one_replica(f);
    settle(f);
    struct client clients[3];
    for (int i = 0; i < 3; i++) {
        client_begin(f, &clients[i], replica, 5, i == 2 ? REPLICA_ACKS_ALL : REPLICA_ACKS_LEADER,
                     60000);
        assert_int_equal(clients[i].error, PENDING);
        assert_int_equal(replica_high_watermark(replica), 0);
    }
    uint64_t syncs = f->e.syncs;
    settle(f);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(clients[i].error, 0);
        client_end(&clients[i]);
    }
    assert_int_equal(replica_high_watermark(replica), 15);
    assert_true(f->e.syncs - syncs <= 6); /* many are made durable together */
}

static void test_a_sync_that_fails(void **state)
{
    struct fixture *f = *state;
    f->config->flush_messages = 1;
    struct replica *replica = one_replica(f);
    settle(f);
    struct client client;
    client_begin(f, &client, replica, 5, REPLICA_ACKS_ALL, 60000);
    f->e.fail_countdown = 1;
    settle(f);
    assert_true(f->e.failed);
    assert_int_equal(client.error, WIRE_ERROR_KAFKA_STORAGE_ERROR);
    assert_int_equal(f->dir_failures, 1);
    assert_int_equal(replica_check(replica, -1), WIRE_ERROR_KAFKA_STORAGE_ERROR);
    assert_int_equal(append_now(f, replica, 1, REPLICA_ACKS_LEADER),
                     WIRE_ERROR_KAFKA_STORAGE_ERROR);
    struct replica_set_stats stats;
    replica_set_stats(f->set, &stats);
    assert_int_equal(stats.offline, 1);
    client_end(&client);
}

/* An answer may be followed by the next append at once. */
struct chain {
    struct client client;
    struct fixture *f;
    struct replica *replica;
    struct client next;
};

static void chain_done(struct replica_append *append)
{
    struct chain *chain = CONTAINER_OF(append, struct chain, client.append);
    client_done(append);
    client_begin(chain->f, &chain->next, chain->replica, 1, REPLICA_ACKS_ALL, 60000);
}

static void test_append_from_an_answer(void **state)
{
    struct fixture *f = *state;
    struct replica *replica = one_replica(f);
    settle(f);
    change(f, 1, 0, ME, 2);
    commit(f);
    struct chain chains[5];
    for (int i = 0; i < 5; i++) {
        chains[i] = (struct chain){.f = f, .replica = replica};
        client_begin(f, &chains[i].client, replica, 1, REPLICA_ACKS_ALL, 60000);
        chains[i].client.append.done = chain_done;
    }
    settle(f);
    change(f, 1, 0, -2, 1);
    commit(f);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(chains[i].client.error, 0);
        assert_int_equal(chains[i].next.error, 0);
        client_end(&chains[i].client);
        client_end(&chains[i].next);
    }
    assert_int_equal(replica_high_watermark(replica), 10);
}

/* ---- Watches ---- */

struct watcher {
    struct replica_watch watch;
    struct replica *again; /* hangs itself up there again */
    size_t calls;
};

static void watcher_changed(struct replica_watch *watch)
{
    struct watcher *watcher = CONTAINER_OF(watch, struct watcher, watch);
    watcher->calls++;
    if (watcher->again != NULL)
        replica_watch(watcher->again, watch);
}

static void watcher_begin(struct watcher *watcher, struct replica *replica, bool again)
{
    *watcher = (struct watcher){.again = again ? replica : NULL};
    list_init(&watcher->watch.node);
    watcher->watch.changed = watcher_changed;
    replica_watch(replica, &watcher->watch);
}

static void test_watches_are_told_once_a_turn(void **state)
{
    struct fixture *f = *state;
    struct replica *replica = one_replica(f);
    settle(f);
    struct watcher once;
    struct watcher ever;
    struct watcher gone;
    watcher_begin(&once, replica, false);
    watcher_begin(&ever, replica, true);
    watcher_begin(&gone, replica, false);
    replica_unwatch(&gone.watch);
    replica_unwatch(&gone.watch);
    struct client clients[4];
    for (int i = 0; i < 4; i++)
        client_begin(f, &clients[i], replica, 1, REPLICA_ACKS_LEADER, 1000);
    assert_int_equal(ever.calls, 0);
    settle(f);
    assert_int_equal(once.calls, 1);
    assert_int_equal(ever.calls, 1);
    assert_int_equal(append_now(f, replica, 1, REPLICA_ACKS_LEADER), 0);
    assert_int_equal(once.calls, 1);
    assert_int_equal(ever.calls, 2);
    assert_int_equal(gone.calls, 0);
    replica_unwatch(&ever.watch);
    for (int i = 0; i < 4; i++)
        client_end(&clients[i]);
}

static void test_watches_hear_of_the_end(void **state)
{
    struct fixture *f = *state;
    struct replica *replica = one_replica(f);
    settle(f);
    struct watcher leadership;
    watcher_begin(&leadership, replica, false);
    change(f, 1, 0, OTHER, 0);
    commit(f);
    assert_int_equal(leadership.calls, 1);
    struct watcher deletion;
    watcher_begin(&deletion, replica, false);
    remove_topic(f, 1);
    commit(f);
    assert_int_equal(deletion.calls, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_role_and_epochs, setup, teardown),
        cmocka_unit_test_setup_teardown(test_leadership_begins_an_epoch, setup, teardown),
        cmocka_unit_test_setup_teardown(test_acknowledgements, setup, teardown),
        cmocka_unit_test_setup_teardown(test_appends_wait_for_the_log_in_order, setup, teardown),
        cmocka_unit_test_setup_teardown(test_appends_wait_for_a_roll_in_order, setup, teardown),
        cmocka_unit_test_setup_teardown(test_time_runs_out, setup, teardown),
        cmocka_unit_test_setup_teardown(test_not_the_leader, setup, teardown),
        cmocka_unit_test_setup_teardown(test_leadership_goes_while_appends_wait, setup, teardown),
        cmocka_unit_test_setup_teardown(test_in_sync_replicas, setup, teardown),
        cmocka_unit_test_setup_teardown(test_nothing_is_shown_before_it_is_durable, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_a_sync_that_fails, setup, teardown),
        cmocka_unit_test_setup_teardown(test_append_from_an_answer, setup, teardown),
        cmocka_unit_test_setup_teardown(test_watches_are_told_once_a_turn, setup, teardown),
        cmocka_unit_test_setup_teardown(test_watches_hear_of_the_end, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
