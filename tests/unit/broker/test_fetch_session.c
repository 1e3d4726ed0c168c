/*
 * Fetch sessions (KIP-227): what is remembered, what is told, epochs, eviction, ids and shards.
 * Answers and error codes as Apache Kafka 4.3.1 gives them (tests/system/protocol_cases.py asks the
 * same through a node).
 */
#include "../unit.h"
#include "base/mem.h"
#include "broker/fetch_session.h"
#include "wire/errors.h"
#include "wire/schema.h"

#include <stdio.h>

#define MINUTE_NS (UINT64_C(60) * 1000000000)
#define PARTS_MAX 32

/* ---- A client and what is on the other side of the session ---- */

struct want {
    const char *topic; /* of versions < 13, and the name of the id below */
    uint8_t id;        /* last byte of the topic id; 0: no such topic */
    int32_t partition;
    int64_t offset;
};

struct fixture {
    struct fetch_sessions *sessions;
    struct arena arena;
    uint64_t now_ns;
    uint32_t random;
    int16_t version;
    struct fetch_context context;
    struct fetch_told told[PARTS_MAX];
    const char *names[256]; /* of topic ids, by the last byte */
    /* What partitions have, by topic id or name's first letter, and partition. */
    int64_t high_watermark[256][8];
    bool has_records[256][8];
    int16_t error[256][8];
};

static struct wire_string name_of(void *names, const struct uuid *topic_id)
{
    struct fixture *f = names;
    const char *name = f->names[topic_id->bytes[15]];
    return name == NULL ? (struct wire_string){0} : wire_string_from(name);
}

static struct uuid id_of(uint8_t last)
{
    struct uuid id = {{0}};
    id.bytes[0] = 9;
    id.bytes[15] = last;
    return id;
}

static void fixture_new(struct fixture *f, uint32_t shard, uint32_t shard_count, size_t slots)
{
    *f = (struct fixture){.now_ns = 1000 * MINUTE_NS, .random = 1, .version = 12};
    f->sessions = fetch_sessions_new(shard, shard_count, slots, 1000);
    arena_init(&f->arena, ARENA_LIMIT_DEFAULT_BYTES);
    for (size_t i = 0; i < 256; i++)
        for (size_t p = 0; p < 8; p++)
            f->high_watermark[i][p] = 10;
}

static int setup(void **state)
{
    struct fixture *f = mem_alloc(sizeof *f);
    fixture_new(f, 0, 1, 4);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    fetch_sessions_free(f->sessions);
    arena_deinit(&f->arena);
    mem_free(f);
    return 0;
}

/* `wants` and `forgets` end with a topic of NULL; each is a topic's entry of its own. */
static void begin(struct fixture *f, int32_t id, int32_t epoch, const struct want *wants,
                  const struct want *forgets)
{
    arena_reset(&f->arena);
    struct wire_fetch_request *message = arena_must_alloc(&f->arena, sizeof *message);
    wire_default(&wire_fetch_request_schema, message);
    message->session_id = id;
    message->session_epoch = epoch;
    size_t count = 0;
    while (wants != NULL && wants[count].topic != NULL)
        count++;
    message->topics.items =
        arena_must_alloc_array(&f->arena, count, sizeof message->topics.items[0]);
    message->topics.count = (int32_t)count;
    for (size_t i = 0; i < count; i++) {
        struct wire_fetch_request_fetch_topic *topic = &message->topics.items[i];
        wire_default(&wire_fetch_request_fetch_topic_schema, topic);
        topic->topic = wire_string_from(wants[i].topic);
        topic->topic_id = f->version >= 13 ? id_of(wants[i].id) : (struct uuid){{0}};
        topic->partitions.items =
            arena_must_alloc_array(&f->arena, 1, sizeof topic->partitions.items[0]);
        topic->partitions.count = 1;
        wire_default(&wire_fetch_request_fetch_partition_schema, topic->partitions.items);
        topic->partitions.items[0].partition = wants[i].partition;
        topic->partitions.items[0].fetch_offset = wants[i].offset;
    }
    count = 0;
    while (forgets != NULL && forgets[count].topic != NULL)
        count++;
    message->forgotten_topics_data.items =
        arena_must_alloc_array(&f->arena, count, sizeof message->forgotten_topics_data.items[0]);
    message->forgotten_topics_data.count = (int32_t)count;
    for (size_t i = 0; i < count; i++) {
        struct wire_fetch_request_forgotten_topic *topic = &message->forgotten_topics_data.items[i];
        wire_default(&wire_fetch_request_forgotten_topic_schema, topic);
        topic->topic = wire_string_from(forgets[i].topic);
        topic->topic_id = f->version >= 13 ? id_of(forgets[i].id) : (struct uuid){{0}};
        topic->partitions.items = arena_must_alloc_array(&f->arena, 1, sizeof(int32_t));
        topic->partitions.items[0] = forgets[i].partition;
        topic->partitions.count = 1;
    }
    f->context = (struct fetch_context){.message = message,
                                        .version = f->version,
                                        .arena = &f->arena,
                                        .name_of = name_of,
                                        .names = f};
    fetch_session_begin(f->sessions, &f->context, f->now_ns);
}

static size_t key_of(const struct fetch_wanted *wanted)
{
    return wanted->topic.data != NULL ? (uint8_t)wanted->topic.data[0] : wanted->topic_id.bytes[15];
}

/* The reply as text: "a0 a1! b0+", in order; + has records, ! an error. */
static const char *end(struct fixture *f)
{
    static char text[512];
    size_t size = 0;
    text[0] = '\0';
    assert_int_equal(f->context.error, WIRE_ERROR_NONE);
    assert_true(f->context.count <= PARTS_MAX);
    for (size_t i = 0; i < f->context.count; i++) {
        const struct fetch_wanted *wanted = &f->context.wanted[i];
        size_t key = key_of(wanted);
        int16_t error = f->error[key][wanted->partition];
        f->told[i] = (struct fetch_told){
            .error = error,
            .has_records = error == 0 && f->has_records[key][wanted->partition],
            .high_watermark = error == 0 ? f->high_watermark[key][wanted->partition] : -1,
            .log_start_offset = error == 0 ? 0 : -1,
        };
    }
    fetch_session_end(f->sessions, &f->context, f->told, f->now_ns, f->random++);
    for (size_t i = 0; f->context.error == WIRE_ERROR_NONE && i < f->context.count; i++) {
        const struct fetch_wanted *wanted = &f->context.wanted[i];
        if (!f->told[i].include)
            continue;
        int more = snprintf(
            text + size, sizeof text - size, "%s%c%d%s%s", size > 0 ? " " : "",
            wanted->topic.data != NULL ? wanted->topic.data[0]
                                       : (char)('a' + wanted->topic_id.bytes[15] - 1),
            wanted->partition, f->told[i].has_records ? "+" : "", f->told[i].error != 0 ? "!" : "");
        size += (size_t)more;
    }
    return text;
}

static int16_t error_of(struct fixture *f, int32_t id, int32_t epoch, const struct want *wants)
{
    begin(f, id, epoch, wants, NULL);
    assert_int_equal(f->context.count, 0);
    return f->context.error;
}

#define WANTS(...) ((const struct want[]){__VA_ARGS__, {0}})
static const struct want three[] = {{"a", 1, 0, 5}, {"a", 1, 1, 6}, {"b", 2, 0, 7}, {0}};

static int32_t session_new(struct fixture *f, const struct want *wants)
{
    begin(f, 0, 0, wants, NULL);
    assert_false(f->context.incremental);
    (void)end(f);
    return f->context.session_id;
}

/* ---- Tests ---- */

static void test_without_a_session(void **state)
{
    struct fixture *f = *state;
    begin(f, 0, -1, three, NULL);
    assert_int_equal(f->context.count, 3);
    assert_int_equal(f->context.wanted[2].fetch_offset, 7);
    assert_string_equal(end(f), "a0 a1 b0");
    assert_int_equal(f->context.session_id, 0);
    assert_int_equal(fetch_sessions_count(f->sessions), 0);
    /* Versions before sessions, whatever is in the fields that they do not have. */
    f->version = 6;
    begin(f, 77, 0, three, NULL);
    assert_string_equal(end(f), "a0 a1 b0");
    assert_int_equal(fetch_sessions_count(f->sessions), 0);
}

static void test_only_news_are_told(void **state)
{
    struct fixture *f = *state;
    for (f->version = 7; f->version <= 18; f->version++) {
        size_t a = f->version < 13 ? 'a' : 1;
        size_t b = f->version < 13 ? 'b' : 2;
        int32_t id = session_new(f, three);
        assert_true(id > 0);
        begin(f, id, 1, NULL, NULL);
        assert_true(f->context.incremental);
        assert_int_equal(f->context.count, 3);
        assert_int_equal(f->context.wanted[1].fetch_offset, 6);
        assert_string_equal(end(f), "");
        assert_int_equal(f->context.session_id, id);
        /* The high watermark rose. */
        f->high_watermark[a][1]++;
        begin(f, id, 2, NULL, NULL);
        assert_string_equal(end(f), "a1");
        begin(f, id, 3, NULL, NULL);
        assert_string_equal(end(f), "");
        /* Records are told again and again, an error too, and once more when it is over. */
        f->has_records[a][0] = true;
        f->error[b][0] = WIRE_ERROR_NOT_LEADER_OR_FOLLOWER;
        for (int32_t epoch = 4; epoch < 6; epoch++) {
            begin(f, id, epoch, NULL, NULL);
            const char *text = end(f);
            assert_true(strstr(text, "a0+") != NULL && strstr(text, "b0!") != NULL);
            assert_null(strstr(text, "a1"));
        }
        f->has_records[a][0] = false;
        f->error[b][0] = 0;
        begin(f, id, 6, NULL, NULL);
        assert_string_equal(end(f), "b0");
        begin(f, id, 7, NULL, NULL);
        assert_string_equal(end(f), "");
        begin(f, id, -1, NULL, NULL);
        (void)end(f);
        assert_int_equal(fetch_sessions_count(f->sessions), 0);
    }
}

/* Those that had records go to the end, so that all are served when replies are full. */
static void test_served_last_comes_last(void **state)
{
    struct fixture *f = *state;
    int32_t id = session_new(f, three);
    f->has_records['a'][0] = f->has_records['a'][1] = f->has_records['b'][0] = true;
    begin(f, id, 1, NULL, NULL);
    /* A reply that has room for the first two only. */
    f->has_records['b'][0] = false;
    assert_string_equal(end(f), "a0+ a1+");
    f->has_records['b'][0] = true;
    begin(f, id, 2, NULL, NULL);
    assert_string_equal(end(f), "b0+ a0+ a1+");
    begin(f, id, 3, NULL, NULL);
    assert_string_equal(end(f), "b0+ a0+ a1+");
}

static void test_changes_and_forgetting(void **state)
{
    struct fixture *f = *state;
    for (f->version = 12; f->version <= 13; f->version++) {
        int32_t id = session_new(f, three);
        begin(f, id, 1, WANTS({"a", 1, 1, 60}), NULL);
        assert_int_equal(f->context.count, 3);
        assert_int_equal(f->context.wanted[1].fetch_offset, 60);
        assert_string_equal(end(f), "");
        /* New in it: told at once. */
        begin(f, id, 2, WANTS({"c", 3, 2, 1}), NULL);
        assert_string_equal(end(f), "c2");
        begin(f, id, 3, NULL, WANTS({"a", 1, 0, 0}, {"c", 3, 7, 0}, {"nobody", 99, 0, 0}));
        assert_int_equal(f->context.count, 3);
        assert_string_equal(end(f), "");
        /* Forgotten and named in one request: it is forgotten, as in Kafka. */
        begin(f, id, 4, WANTS({"c", 3, 2, 5}), WANTS({"c", 3, 2, 0}));
        assert_int_equal(f->context.count, 2);
        assert_string_equal(end(f), "");
        /* A session of nothing ends. */
        begin(f, id, 5, NULL, WANTS({"a", 1, 1, 0}, {"b", 2, 0, 0}));
        assert_int_equal(f->context.error, WIRE_ERROR_NONE);
        assert_int_equal(f->context.count, 0);
        assert_int_equal(f->context.session_id, 0);
        (void)end(f);
        assert_int_equal(error_of(f, id, 6, NULL), WIRE_ERROR_FETCH_SESSION_ID_NOT_FOUND);
        assert_int_equal(fetch_sessions_count(f->sessions), 0);
    }
}

static void test_epochs(void **state)
{
    struct fixture *f = *state;
    int32_t id = session_new(f, three);
    assert_int_equal(error_of(f, id, 2, NULL), WIRE_ERROR_INVALID_FETCH_SESSION_EPOCH);
    assert_int_equal(error_of(f, id, -2, NULL), WIRE_ERROR_INVALID_FETCH_SESSION_EPOCH);
    begin(f, id, 1, NULL, NULL);
    (void)end(f);
    /* The same again, as by a client whose connection broke: refused, and the session stays. */
    assert_int_equal(error_of(f, id, 1, NULL), WIRE_ERROR_INVALID_FETCH_SESSION_EPOCH);
    begin(f, id, 2, NULL, NULL);
    assert_int_equal(f->context.error, WIRE_ERROR_NONE);
    assert_int_equal(f->context.session_epoch, 3);
    /* Another request of the session came through meanwhile. */
    struct fetch_context late = f->context;
    begin(f, id, 3, NULL, NULL);
    (void)end(f);
    struct fetch_told told[3] = {{0}};
    fetch_session_end(f->sessions, &late, told, f->now_ns, 5);
    assert_int_equal(late.error, WIRE_ERROR_INVALID_FETCH_SESSION_EPOCH);
    assert_int_equal(late.session_id, 0);
    /* Or it is gone. */
    begin(f, id, 4, NULL, NULL);
    late = f->context;
    begin(f, id, -1, NULL, NULL);
    (void)end(f);
    fetch_session_end(f->sessions, &late, told, f->now_ns, 5);
    assert_int_equal(late.error, WIRE_ERROR_FETCH_SESSION_ID_NOT_FOUND);
}

static void test_wrong_ids(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(error_of(f, 12345, 1, three), WIRE_ERROR_FETCH_SESSION_ID_NOT_FOUND);
    assert_int_equal(error_of(f, 0, 1, three), WIRE_ERROR_FETCH_SESSION_ID_NOT_FOUND);
    assert_int_equal(error_of(f, -5, 7, three), WIRE_ERROR_FETCH_SESSION_ID_NOT_FOUND);
    /* To end or to begin, an id that is not there does not matter. */
    begin(f, 12345, -1, three, NULL);
    assert_string_equal(end(f), "a0 a1 b0");
    assert_int_equal(f->context.session_id, 0);
    begin(f, 12345, 0, three, NULL);
    assert_string_equal(end(f), "a0 a1 b0");
    int32_t first = f->context.session_id;
    assert_true(first > 0 && first != 12345);
    /* A new one in the place of the client's old one. */
    begin(f, first, 0, three, NULL);
    (void)end(f);
    int32_t second = f->context.session_id;
    assert_int_not_equal(first, second);
    assert_int_equal(fetch_sessions_count(f->sessions), 1);
    assert_int_equal(error_of(f, first, 1, NULL), WIRE_ERROR_FETCH_SESSION_ID_NOT_FOUND);
    /* An id that is taken: no session this time. */
    f->random = 1;
    assert_int_equal(session_new(f, three), 1);
    f->random = 1;
    assert_int_equal(session_new(f, three), 0);
}

/* A session is by names or by ids, for its life. */
static void test_names_and_ids_do_not_mix(void **state)
{
    struct fixture *f = *state;
    int32_t id = session_new(f, three);
    f->version = 13;
    assert_int_equal(error_of(f, id, 1, NULL), WIRE_ERROR_FETCH_SESSION_TOPIC_ID_ERROR);
    f->version = 12;
    begin(f, id, 1, NULL, NULL);
    assert_string_equal(end(f), "");
    f->version = 13;
    id = session_new(f, three);
    f->version = 12;
    assert_int_equal(error_of(f, id, 1, NULL), WIRE_ERROR_FETCH_SESSION_TOPIC_ID_ERROR);
}

static struct wire_string known_as(const struct fixture *f, size_t i)
{
    return f->context.wanted[i].known_as;
}

/* By ids, the session keeps the name that a topic had when it was first known. */
static void test_names_of_ids_are_kept(void **state)
{
    struct fixture *f = *state;
    f->version = 13;
    f->names[1] = "apples";
    int32_t id = session_new(f, three);
    f->names[1] = NULL; /* deleted; and b is made only now */
    f->names[2] = "bananas";
    begin(f, id, 1, WANTS({"c", 3, 0, 0}), NULL);
    assert_true(wire_string_equal(known_as(f, 0), WIRE_STRING("apples")));
    assert_true(wire_string_equal(known_as(f, 1), WIRE_STRING("apples")));
    assert_true(wire_string_equal(known_as(f, 2), WIRE_STRING("bananas")));
    assert_null(known_as(f, 3).data);
    (void)end(f);
    f->names[2] = "pears";
    begin(f, id, 2, WANTS({"b", 2, 0, 9}), NULL);
    assert_true(wire_string_equal(known_as(f, 2), WIRE_STRING("bananas")));
    (void)end(f);
    /* By names there is nothing to keep. */
    f->version = 12;
    id = session_new(f, three);
    begin(f, id, 1, NULL, NULL);
    assert_null(known_as(f, 0).data);
    (void)end(f);
}

static void test_eviction(void **state)
{
    struct fixture *f = *state;
    int32_t ids[4];
    for (int i = 0; i < 4; i++)
        ids[i] = session_new(f, i == 2 ? WANTS({"a", 1, 0, 0}) : three);
    assert_int_equal(fetch_sessions_count(f->sessions), 4);
    /* All in use and young: no session. */
    assert_int_equal(session_new(f, three), 0);
    /* Old enough, but no smaller than the new one: none, except the one of a single partition. */
    f->now_ns += MINUTE_NS + 1;
    for (int i = 0; i < 4; i++) {
        begin(f, ids[i], 1, NULL, NULL);
        (void)end(f);
    }
    f->now_ns += MINUTE_NS + 1;
    assert_int_equal(session_new(f, WANTS({"a", 1, 0, 0})), 0);
    int32_t fifth = session_new(f, three);
    assert_true(fifth > 0);
    assert_int_equal(error_of(f, ids[2], 2, NULL), WIRE_ERROR_FETCH_SESSION_ID_NOT_FOUND);
    /* Unused for two minutes: the one that was used longest ago goes, whatever its size. */
    f->now_ns += MINUTE_NS;
    begin(f, ids[0], 2, NULL, NULL);
    (void)end(f);
    f->now_ns += 1;
    assert_true(session_new(f, WANTS({"a", 1, 0, 0})) > 0);
    assert_int_equal(error_of(f, ids[1], 2, NULL), WIRE_ERROR_FETCH_SESSION_ID_NOT_FOUND);
    begin(f, ids[0], 3, NULL, NULL);
    assert_int_equal(f->context.error, WIRE_ERROR_NONE);
    (void)end(f);
    assert_int_equal(fetch_sessions_count(f->sessions), 4);
}

static void test_no_slots(void **state)
{
    UNUSED(state);
    struct fixture *f = mem_alloc(sizeof *f);
    fixture_new(f, 0, 1, 0);
    assert_int_equal(session_new(f, three), 0);
    void *own = f;
    teardown(&own);
}

/* However many partitions clients name, the memory for them is bounded. */
static void test_too_many_partitions(void **state)
{
    struct fixture *f = *state;
    fetch_sessions_free(f->sessions);
    f->sessions = fetch_sessions_new(0, 1, 100, 7);
    int32_t one = session_new(f, three);
    int32_t two = session_new(f, three);
    assert_true(one > 0 && two > 0);
    assert_int_equal(session_new(f, three), 0);
    assert_true(session_new(f, WANTS({"a", 1, 0, 0})) > 0);
    /* One that would grow past it ends, and makes room. */
    assert_int_equal(error_of(f, one, 1, WANTS({"c", 3, 0, 0})),
                     WIRE_ERROR_FETCH_SESSION_ID_NOT_FOUND);
    assert_int_equal(error_of(f, one, 1, NULL), WIRE_ERROR_FETCH_SESSION_ID_NOT_FOUND);
    begin(f, two, 1, WANTS({"c", 3, 0, 0}), NULL);
    assert_string_equal(end(f), "c0");
    /* What is forgotten makes room too. */
    begin(f, two, 2, NULL, WANTS({"a", 1, 0, 0}, {"a", 1, 1, 0}));
    (void)end(f);
    assert_true(session_new(f, three) > 0);
    assert_int_equal(session_new(f, three), 0);
}

/* An id says which shard keeps the session, for every number of shards and every draw. */
static void test_ids_across_shards(void **state)
{
    UNUSED(state);
    static const uint32_t draws[] = {0, 1, 2, 7, 1000003, INT32_MAX - 1, INT32_MAX, UINT32_MAX};
    for (uint32_t count = 1; count <= 9; count++) {
        for (uint32_t shard = 0; shard < count; shard++) {
            for (size_t i = 0; i < ARRAY_COUNT(draws); i++) {
                struct fixture *f = mem_alloc(sizeof *f);
                fixture_new(f, shard, count, 4);
                f->random = draws[i];
                int32_t id = session_new(f, three);
                assert_true(id > 0);
                assert_int_equal(fetch_session_shard(id, count), shard);
                begin(f, id, 1, NULL, NULL);
                assert_string_equal(end(f), "");
                void *own = f;
                teardown(&own);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_without_a_session, setup, teardown),
        cmocka_unit_test_setup_teardown(test_only_news_are_told, setup, teardown),
        cmocka_unit_test_setup_teardown(test_served_last_comes_last, setup, teardown),
        cmocka_unit_test_setup_teardown(test_changes_and_forgetting, setup, teardown),
        cmocka_unit_test_setup_teardown(test_epochs, setup, teardown),
        cmocka_unit_test_setup_teardown(test_wrong_ids, setup, teardown),
        cmocka_unit_test_setup_teardown(test_names_and_ids_do_not_mix, setup, teardown),
        cmocka_unit_test_setup_teardown(test_names_of_ids_are_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(test_eviction, setup, teardown),
        cmocka_unit_test(test_no_slots),
        cmocka_unit_test_setup_teardown(test_too_many_partitions, setup, teardown),
        cmocka_unit_test(test_ids_across_shards),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
