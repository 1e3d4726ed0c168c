/*
 * The replicas of a shard: they come and go as images say, one log to a folder at any time, through
 * restarts, closes and directories that fail. At the end, many images at random.
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

struct closing {
    struct replica_closing closing;
    size_t calls;
};

static void closing_done(struct replica_closing *closing)
{
    CONTAINER_OF(closing, struct closing, closing)->calls++;
}

static enum err close_set(struct fixture *f)
{
    struct closing closing = {.closing = {.done = closing_done}};
    replica_set_close(f->set, &closing.closing);
    plog_env_run(&f->e);
    assert_int_equal(closing.calls, 1);
    assert_true(replica_set_is_idle(f->set));
    return closing.closing.err;
}

static void test_only_what_is_ours(void **state)
{
    struct fixture *f = *state;
    f->owned = 2;
    topic(f, 1, "t");
    for (int32_t i = 0; i < 4; i++)
        partition(f, 1, i, ME, 1);
    int32_t others[] = {OTHER};
    struct uuid dirs[] = {META_DIR_UNASSIGNED};
    struct wire_partition_record elsewhere;
    wire_default(&wire_partition_record_schema, &elsewhere);
    elsewhere.topic_id = id_of(2);
    elsewhere.replicas = elsewhere.isr = (struct wire_int32s){others, 1};
    elsewhere.directories = (struct wire_uuids){dirs, 1};
    elsewhere.leader = OTHER;
    elsewhere.partition_id = 0;
    elsewhere.leader_epoch = 0;
    elsewhere.partition_epoch = 0;
    topic(f, 2, "elsewhere");
    record(f, WIRE_METADATA_RECORD_PARTITION, &elsewhere);
    commit(f);
    assert_non_null(replica_of(f, 1, 0));
    assert_non_null(replica_of(f, 1, 1));
    assert_null(replica_of(f, 1, 2));
    assert_null(replica_of(f, 2, 0));
    assert_true(folder_exists(f, "t-0") && folder_exists(f, "t-1"));
    assert_false(folder_exists(f, "t-2") || folder_exists(f, "elsewhere-0"));
    size_t count = 0;
    for (struct replica *replica = NULL; (replica = replica_set_next(f->set, replica)) != NULL;)
        count++;
    assert_int_equal(count, 2);
    assert_true(replica_set_is_open(f->set));
    assert_true(f->openings > 0);
}

/* New partitions go to the directory with the fewest, or to the one that the metadata name. */
static void test_directories_are_filled_evenly(void **state)
{
    struct fixture *f = *state;
    topic(f, 1, "t");
    for (int32_t i = 0; i < 10; i++)
        partition(f, 1, i, ME, 1);
    commit(f);
    size_t in_first = 0;
    for (int32_t i = 0; i < 10; i++)
        in_first += plog_dir_index(replica_plog(replica_must(f, 1, i))) == 0;
    assert_int_equal(in_first, 5);
    int32_t replicas[] = {ME, OTHER};
    for (uint8_t n = 2; n < 6; n++) {
        struct uuid dirs[] = {f->dir_ids[1], META_DIR_UNASSIGNED};
        char name[8];
        snprintf(name, sizeof name, "n%d", n);
        topic(f, n, name);
        struct wire_partition_record message;
        wire_default(&wire_partition_record_schema, &message);
        message.topic_id = id_of(n);
        message.replicas = message.isr = (struct wire_int32s){replicas, 2};
        message.directories = (struct wire_uuids){dirs, 2};
        message.leader = ME;
        message.partition_id = 0;
        message.leader_epoch = 0;
        message.partition_epoch = 0;
        record(f, WIRE_METADATA_RECORD_PARTITION, &message);
        commit(f);
        assert_int_equal(plog_dir_index(replica_plog(replica_must(f, n, 0))), 1);
    }
}

static void test_deletion_tells_those_who_wait(void **state)
{
    struct fixture *f = *state;
    topic(f, 1, "t");
    partition(f, 1, 0, ME, 1);
    partition(f, 1, 1, ME, 2);
    commit_only(f);
    struct client parked;
    struct client waiting;
    client_begin(f, &parked, replica_must(f, 1, 0), 1, REPLICA_ACKS_ALL, 60000);
    plog_env_run(&f->e);
    assert_int_equal(parked.error, 0);
    client_begin(f, &waiting, replica_must(f, 1, 1), 1, REPLICA_ACKS_ALL, 60000);
    plog_env_run(&f->e);
    assert_int_equal(waiting.error, PENDING);
    remove_topic(f, 1);
    commit_only(f);
    assert_null(replica_of(f, 1, 0));
    assert_int_equal(waiting.error, WIRE_ERROR_UNKNOWN_TOPIC_OR_PARTITION);
    plog_env_run(&f->e);
    assert_false(folder_exists(f, "t-0") || folder_exists(f, "t-1"));
    client_end(&parked);
    client_end(&waiting);
}

/* Deleted before its log was open. */
static void test_deletion_while_it_opens(void **state)
{
    struct fixture *f = *state;
    for (int steps = 0; steps < 30; steps++) {
        topic(f, 1, "t");
        partition(f, 1, 0, ME, 1);
        commit_only(f);
        struct client client;
        client_begin(f, &client, replica_must(f, 1, 0), 1, REPLICA_ACKS_ALL, 60000);
        for (int i = 0; i < steps; i++)
            (void)plog_env_step(&f->e);
        remove_topic(f, 1);
        commit(f);
        assert_true(client.error == 0 || client.error == WIRE_ERROR_UNKNOWN_TOPIC_OR_PARTITION);
        client_end(&client);
        assert_false(folder_exists(f, "t-0"));
        assert_true(replica_set_is_open(f->set));
    }
}

/* A topic is made again, several times over, before the first one's files are gone. */
static void test_recreated_topics_take_turns(void **state)
{
    struct fixture *f = *state;
    topic(f, 1, "t");
    partition(f, 1, 0, ME, 1);
    commit(f);
    assert_int_equal(append_now(f, replica_must(f, 1, 0), 7, REPLICA_ACKS_ALL), 0);
    for (uint8_t n = 2; n < 6; n++) {
        remove_topic(f, (uint8_t)(n - 1));
        topic(f, n, "t");
        partition(f, n, 0, ME, 1);
        commit_only(f);
    }
    struct client client;
    client_begin(f, &client, replica_must(f, 5, 0), 2, REPLICA_ACKS_ALL, 60000);
    assert_int_equal(client.error, PENDING);
    f->failed = 0;
    plog_env_run(&f->e);
    assert_int_equal(f->failed, 0);
    assert_int_equal(client.error, 0);
    assert_int_equal(client.offset, 0);
    client_end(&client);
    assert_true(folder_exists(f, "t-0"));
    struct uuid id = id_of(5);
    assert_true(uuid_equal(&replica_must(f, 5, 0)->topic_id, &id));
}

/* What is in a directory as Kafka's checkpoints have it. */
struct noted {
    struct replica_found found[32];
    char topics[32][16];
    size_t count;
    uint32_t dir;
};

static void note_offsets(void *context, const struct replica *replica, int64_t recovery_point,
                         int64_t log_start_offset, int64_t high_watermark)
{
    struct noted *noted = context;
    assert_true(noted->count < 32);
    snprintf(noted->topics[noted->count], 16, "%s", replica_topic(replica));
    noted->found[noted->count] = (struct replica_found){
        .topic = noted->topics[noted->count],
        .partition = replica_partition(replica),
        .topic_id = replica_topic_id(replica),
        .dir = noted->dir,
        .recovery_point = recovery_point,
        .log_start_offset = log_start_offset,
        .high_watermark = high_watermark,
    };
    noted->count++;
}

static void note_all(struct fixture *f, struct noted *noted)
{
    noted->count = 0;
    for (noted->dir = 0; noted->dir < DIRS; noted->dir++)
        replica_set_offsets(f->set, noted->dir, note_offsets, noted);
}

static void restart(struct fixture *f, struct noted *noted, bool clean)
{
    fixture_set_end(f);
    fixture_set_new(f);
    for (size_t i = 0; i < noted->count; i++) {
        noted->found[i].clean = clean;
        replica_set_found(f->set, &noted->found[i]);
    }
    replica_set_follow(f->set, NULL, f->image);
    plog_env_run(&f->e);
}

static void test_restarts(void **state)
{
    struct fixture *f = *state;
    struct noted noted;
    topic(f, 1, "t");
    for (int32_t i = 0; i < 5; i++)
        partition(f, 1, i, ME, 1);
    commit(f);
    for (int round = 0; round < 4; round++) {
        for (int32_t i = 0; i < 5; i++)
            assert_int_equal(append_now(f, replica_must(f, 1, i), i + 1, REPLICA_ACKS_ALL), 0);
        bool clean = round % 2 == 0;
        if (clean) {
            assert_int_equal(close_set(f), ERR_OK);
            note_all(f, &noted);
        } else {
            note_all(f, &noted);
            plog_env_run(&f->e);
        }
        assert_int_equal(noted.count, 5);
        restart(f, &noted, clean);
        assert_int_equal(f->recovered, clean ? 0 : 5);
        assert_int_equal(f->failed, 0);
        for (int32_t i = 0; i < 5; i++) {
            struct replica *replica = replica_must(f, 1, i);
            assert_int_equal(replica_high_watermark(replica), (round + 1) * (i + 1));
            assert_true(folder_exists(f, "t-0"));
        }
    }
}

/* A folder of another topic of the same name is not taken for this one's. */
static void test_found_by_id(void **state)
{
    struct fixture *f = *state;
    struct noted noted;
    topic(f, 1, "t");
    partition(f, 1, 0, ME, 1);
    commit(f);
    assert_int_equal(append_now(f, replica_must(f, 1, 0), 3, REPLICA_ACKS_ALL), 0);
    assert_int_equal(close_set(f), ERR_OK);
    note_all(f, &noted);
    uint32_t dir = noted.found[0].dir;
    noted.found[0].topic_id = UUID_ZERO; /* as written by an old release: then the name counts */
    restart(f, &noted, true);
    assert_int_equal(replica_high_watermark(replica_must(f, 1, 0)), 3);
    assert_int_equal(plog_dir_index(replica_plog(replica_must(f, 1, 0))), dir);
}

static void test_close_answers_everybody(void **state)
{
    struct fixture *f = *state;
    for (int steps = 0; steps < 25; steps++) {
        topic(f, 1, "t");
        for (int32_t i = 0; i < 3; i++)
            partition(f, 1, i, ME, i == 2 ? 2 : 1);
        commit_only(f);
        struct client clients[3];
        for (int32_t i = 0; i < 3; i++)
            client_begin(f, &clients[i], replica_must(f, 1, i), 1, REPLICA_ACKS_ALL, 60000);
        for (int i = 0; i < steps; i++)
            (void)plog_env_step(&f->e);
        assert_int_equal(close_set(f), ERR_OK);
        for (int32_t i = 0; i < 3; i++) {
            assert_true(clients[i].error == 0 ||
                        clients[i].error == WIRE_ERROR_NOT_LEADER_OR_FOLLOWER);
            client_end(&clients[i]);
        }
        /* Anew, with nothing left of it. */
        fixture_deinit(f);
        fixture_init(f, (uint64_t)steps);
    }
}

static void test_a_directory_that_fails(void **state)
{
    struct fixture *f = *state;
    topic(f, 1, "t");
    for (int32_t i = 0; i < 6; i++)
        partition(f, 1, i, ME, 2);
    commit(f);
    struct client clients[6];
    for (int32_t i = 0; i < 6; i++)
        client_begin(f, &clients[i], replica_must(f, 1, i), 1, REPLICA_ACKS_ALL, 60000);
    plog_env_run(&f->e);
    replica_set_fail_dir(f->set, 1, ERR_IO); /* as another shard found */
    replica_set_fail_dir(f->set, 1, ERR_IO);
    plog_env_run(&f->e);
    assert_int_equal(f->dir_failures, 0); /* it was told so, and tells nobody */
    size_t failed = 0;
    for (int32_t i = 0; i < 6; i++) {
        struct replica *replica = replica_must(f, 1, i);
        bool there = plog_dir_index(replica_plog(replica)) == 1;
        failed += there;
        assert_int_equal(clients[i].error, there ? WIRE_ERROR_KAFKA_STORAGE_ERROR : PENDING);
        assert_int_equal(replica_check(replica, -1), there ? WIRE_ERROR_KAFKA_STORAGE_ERROR : 0);
    }
    assert_int_equal(failed, 3);
    /* New partitions go to the other one. */
    topic(f, 2, "after");
    partition(f, 2, 0, ME, 1);
    partition(f, 2, 1, ME, 1);
    commit(f);
    assert_int_equal(plog_dir_index(replica_plog(replica_must(f, 2, 0))), 0);
    assert_int_equal(plog_dir_index(replica_plog(replica_must(f, 2, 1))), 0);
    /* Such a set cannot be called clean. */
    assert_int_not_equal(close_set(f), ERR_OK);
    for (int32_t i = 0; i < 6; i++)
        client_end(&clients[i]);
}

struct checkpoint {
    struct replica_checkpoint checkpoint;
    size_t calls;
};

static void checkpoint_done(struct replica_checkpoint *checkpoint)
{
    CONTAINER_OF(checkpoint, struct checkpoint, checkpoint)->calls++;
}

static void test_checkpoints_move_recovery_points(void **state)
{
    struct fixture *f = *state;
    struct checkpoint checkpoint = {.checkpoint = {.done = checkpoint_done}};
    replica_set_checkpoint(f->set, &checkpoint.checkpoint);
    plog_env_run(&f->e);
    assert_int_equal(checkpoint.calls, 1);
    topic(f, 1, "t");
    for (int32_t i = 0; i < 20; i++)
        partition(f, 1, i, ME, 1);
    commit(f);
    for (int32_t i = 0; i < 20; i++)
        assert_int_equal(append_now(f, replica_must(f, 1, i), 4, REPLICA_ACKS_ALL), 0);
    replica_set_checkpoint(f->set, &checkpoint.checkpoint);
    plog_env_run(&f->e);
    assert_int_equal(checkpoint.calls, 2);
    struct noted noted;
    note_all(f, &noted);
    assert_int_equal(noted.count, 20);
    for (size_t i = 0; i < noted.count; i++)
        assert_int_equal(noted.found[i].recovery_point, 4);
}

/* ---- At random: topics come, change hands and go while clients append and watch. ---- */

#define TOPICS 6
#define CLIENTS 400

struct random_world {
    struct fixture *f;
    uint8_t ids[TOPICS]; /* of the topic that has the name now; 0: none */
    int64_t seen[256];   /* the high watermark of each id */
    struct client clients[CLIENTS];
    size_t client_count;
};

static void random_image(struct random_world *w, uint8_t *next_id)
{
    static const char *const names[TOPICS] = {"a", "b", "c", "d", "e", "f"};
    struct prng *prng = &w->f->e.prng;
    for (size_t i = 0; i < TOPICS; i++) {
        if (!prng_chance(prng, 1, 3))
            continue;
        if (w->ids[i] == 0) {
            w->ids[i] = (*next_id)++;
            topic(w->f, w->ids[i], names[i]);
            partition(w->f, w->ids[i], 0, prng_chance(prng, 1, 4) ? OTHER : ME, 1);
        } else if (prng_chance(prng, 1, 3)) {
            remove_topic(w->f, w->ids[i]);
            w->ids[i] = 0;
        } else {
            change(w->f, w->ids[i], 0, prng_chance(prng, 1, 3) ? OTHER : ME,
                   (int32_t)prng_range(prng, 1, 2));
        }
    }
    commit_only(w->f);
}

static void random_step(struct random_world *w)
{
    struct fixture *f = w->f;
    for (uint64_t n = prng_below(&f->e.prng, 20); n > 0; n--)
        (void)plog_env_step(&f->e);
    size_t i = prng_below(&f->e.prng, TOPICS);
    struct replica *replica = w->ids[i] == 0 ? NULL : replica_of(f, w->ids[i], 0);
    if (replica == NULL)
        return;
    int64_t high_watermark = replica_high_watermark(replica);
    assert_true(high_watermark >= w->seen[w->ids[i]]);
    w->seen[w->ids[i]] = high_watermark;
    if (w->client_count < CLIENTS && prng_chance(&f->e.prng, 1, 2)) {
        enum replica_acks acks = (enum replica_acks)((int)prng_below(&f->e.prng, 3) - 1);
        client_begin(f, &w->clients[w->client_count++], replica,
                     (int32_t)prng_range(&f->e.prng, 1, 5), acks, prng_below(&f->e.prng, 300));
    }
    if (prng_chance(&f->e.prng, 1, 10))
        pass_ms_without_disk(f, prng_below(&f->e.prng, 100));
}

static void test_at_random(void **state)
{
    struct fixture *f = *state;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        fixture_deinit(f);
        fixture_init(f, seed);
        f->e.shuffle = seed % 2 == 0;
        f->config->flush_messages = seed % 3 == 0 ? 1 : INT64_MAX;
        f->config->segment_bytes = seed % 5 == 0 ? 300 : 1 << 20;
        struct random_world *w = mem_zalloc(sizeof *w);
        w->f = f;
        uint8_t next_id = 1;
        for (int round = 0; round < 40; round++) {
            random_image(w, &next_id);
            for (int i = 0; i < 20; i++)
                random_step(w);
        }
        if (seed % 4 != 0)
            plog_env_advance(&f->e, 1000);
        (void)close_set(f);
        for (size_t i = 0; i < w->client_count; i++)
            client_end(&w->clients[i]); /* each was answered, once */
        mem_free(w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_only_what_is_ours, setup, teardown),
        cmocka_unit_test_setup_teardown(test_directories_are_filled_evenly, setup, teardown),
        cmocka_unit_test_setup_teardown(test_deletion_tells_those_who_wait, setup, teardown),
        cmocka_unit_test_setup_teardown(test_deletion_while_it_opens, setup, teardown),
        cmocka_unit_test_setup_teardown(test_recreated_topics_take_turns, setup, teardown),
        cmocka_unit_test_setup_teardown(test_restarts, setup, teardown),
        cmocka_unit_test_setup_teardown(test_found_by_id, setup, teardown),
        cmocka_unit_test_setup_teardown(test_close_answers_everybody, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_directory_that_fails, setup, teardown),
        cmocka_unit_test_setup_teardown(test_checkpoints_move_recovery_points, setup, teardown),
        cmocka_unit_test_setup_teardown(test_at_random, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
