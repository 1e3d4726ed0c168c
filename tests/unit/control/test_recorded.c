/*
 * Decisions compared with those of Apache Kafka 4.3.1's own controller classes, which
 * recorder/ControlRecorder.java asked: the same requests over the same metadata must get the same
 * replies and the same records. The format of the files is described there; CONTROL_RECORDED names
 * another file to replay.
 */
#include "../unit.h"
#include "base/buf.h"
#include "base/mem.h"
#include "conf/conf.h"
#include "control/control.h"
#include "meta/delta.h"
#include "wire/api.h"
#include "wire/records.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DATA OTTLA_TESTS_DIR "/unit/control/data/"
#define UUIDS_MAX 64
#define TEXTS_MAX 4096

struct replay {
    const char *file;
    size_t line_number;
    char *scenario;
    struct conf_pair pairs[8];
    size_t pair_count;
    struct conf *conf;
    struct control *control;
    struct meta_delta *delta;
    int64_t next_offset;
    int64_t now_ms;
    struct arena arena;
    /* What the decision draws: the ids that Apache Kafka drew. */
    struct uuid uuids[UUIDS_MAX];
    size_t uuid_count;
    size_t uuid_next;
    size_t asks;
    size_t records;
};

/* cmocka cuts long messages. */
#define fail_long(...)       \
    do {                     \
        printf(__VA_ARGS__); \
        fail();              \
    } while (0)

/* ---- Lines ---- */

struct lines {
    char *text;
    char *next;
    size_t number;
};

static char *read_text(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        fail_msg("%s is missing", path);
    struct buf text = BUF_EMPTY;
    for (;;) {
        uint8_t *room = buf_reserve(&text, 1 << 16);
        size_t got = fread(room, 1, 1 << 16, file);
        if (got == 0)
            break;
        text.size += got;
    }
    assert_int_equal(fclose(file), 0);
    buf_text(&text);
    return (char *)text.data;
}

/* The next line, NULL at the end; not taken yet. */
static char *line_peek(struct lines *lines)
{
    return *lines->next == 0 ? NULL : lines->next;
}

static char *line_take(struct lines *lines)
{
    char *line = lines->next;
    char *end = strchr(line, '\n');
    assert_non_null(end);
    *end = 0;
    lines->next = end + 1;
    lines->number++;
    return line;
}

static bool begins(const char *line, const char *word)
{
    return line != NULL && strncmp(line, word, strlen(word)) == 0;
}

static uint8_t *unhex(const char *text, struct arena *arena, size_t *size)
{
    *size = strlen(text) / 2;
    uint8_t *out = arena_must_alloc(arena, *size + 1);
    for (size_t i = 0; i < *size; i++) {
        char digits[3] = {text[2 * i], text[2 * i + 1], 0};
        out[i] = (uint8_t)strtoul(digits, NULL, 16);
    }
    return out;
}

/* ---- The metadata so far ---- */

static void apply(struct replay *replay, const struct meta_record *record)
{
    char error[META_ERROR_BYTES] = "";
    struct meta_image *before = meta_delta_image(replay->delta);
    meta_delta_seek(replay->delta, replay->next_offset++, 1, 0);
    enum err err = meta_delta_apply(replay->delta, record, error);
    if (err != ERR_OK)
        fail_msg("%s:%zu: %s", replay->file, replay->line_number, error);
    struct meta_image *after = meta_delta_image(replay->delta);
    control_applied(replay->control, before, after, replay->now_ms);
    meta_image_unref(before);
    meta_image_unref(after);
}

static void apply_hex(struct replay *replay, const char *hex)
{
    size_t size;
    uint8_t *data = unhex(hex, &replay->arena, &size);
    struct wire_record record;
    assert_int_equal(wire_metadata_record_decode(data, size, &replay->arena, &record), ERR_OK);
    apply(replay, &(struct meta_record){record.type->id, record.version, record.message});
}

static void draw(void *context, void *out, size_t size)
{
    struct replay *replay = context;
    memset(out, 0x5a, size);
    if (size == 16 && replay->uuid_next < replay->uuid_count)
        memcpy(out, replay->uuids[replay->uuid_next++].bytes, size);
}

/* Uuids of the topics that the recorded records create. */
static void find_uuids(struct replay *replay, const char *line)
{
    const char *key = strstr(line, "\"topicId\":\"");
    if (!begins(line, "record 2 ") || key == NULL)
        return;
    assert_true(replay->uuid_count < UUIDS_MAX);
    assert_int_equal(uuid_from_text(key + 11, 22, &replay->uuids[replay->uuid_count++]), ERR_OK);
}

/* ---- Comparing ---- */

/* Apache Kafka fences again what is fenced when its session ends; we do not. */
static bool is_needless(struct replay *replay, const char *line)
{
    const char *id = strstr(line, "\"brokerId\":");
    if (!begins(line, "record 17 ") || strstr(line, "\"fenced\":1") == NULL || id == NULL)
        return false;
    struct meta_image *image = meta_delta_image(replay->delta);
    const struct meta_broker *broker = meta_image_broker(image, (int32_t)strtol(id + 11, NULL, 10));
    bool fenced = broker != NULL && broker->fenced;
    meta_image_unref(image);
    return fenced;
}

/* Records as lines of text. */
struct texts {
    char *lines[TEXTS_MAX];
    size_t count;
};

static void texts_add(struct texts *texts, const char *line)
{
    assert_true(texts->count < TEXTS_MAX);
    texts->lines[texts->count++] = mem_strdup(line);
}

static void texts_deinit(struct texts *texts)
{
    for (size_t i = 0; i < texts->count; i++)
        mem_free(texts->lines[i]);
}

/* A decision's records are applied, and noted as the files have them. */
static void take_records(struct replay *replay, const struct control_output *out,
                         struct texts *texts)
{
    struct buf text = BUF_EMPTY;
    for (size_t i = 0; i < out->count; i++) {
        const struct meta_record *record = &out->records[i];
        const struct wire_record_type *type = wire_record_find(WIRE_RECORDS_METADATA, record->key);
        assert_non_null(type);
        buf_clear(&text);
        buf_printf(&text, "record %d %d ", record->key, record->version);
        wire_print(type->value, record->version, record->message, &text, WIRE_PRINT_JSON);
        texts_add(texts, buf_text(&text));
        apply(replay, record);
        replay->records++;
    }
    buf_deinit(&text);
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* In what order partitions change, or settings are written, is nobody's business: each run of such
 * records is sorted. */
static void texts_sort(struct texts *texts, const char *kind)
{
    for (size_t begin = 0, end; begin < texts->count; begin = end + 1) {
        for (end = begin; end < texts->count && begins(texts->lines[end], kind); end++)
            continue;
        qsort(&texts->lines[begin], end - begin, sizeof texts->lines[0], compare_texts);
    }
}

static void texts_normalize(struct texts *texts)
{
    texts_sort(texts, "record 4 ");
    texts_sort(texts, "record 5 ");
}

static void compare(struct replay *replay, struct texts *expected, struct texts *ours)
{
    texts_normalize(expected);
    texts_normalize(ours);
    for (size_t i = 0; i < expected->count || i < ours->count; i++) {
        const char *want = i < expected->count ? expected->lines[i] : "nothing more";
        const char *have = i < ours->count ? ours->lines[i] : "nothing more";
        if (strcmp(want, have) != 0)
            fail_long("%s:%zu (%s): expected\n%s\ngot\n%s\n", replay->file, replay->line_number,
                      replay->scenario, want, have);
    }
    texts_deinit(expected);
    texts_deinit(ours);
}

static struct control_input input_of(struct replay *replay)
{
    return (struct control_input){
        .image = meta_delta_image(replay->delta),
        .next_offset = replay->next_offset,
        .committed_offset = replay->next_offset - 1,
        .now_ms = replay->now_ms,
        .wall_ms = replay->now_ms,
        .random = draw,
        .random_context = replay,
        .arena = &replay->arena,
    };
}

static void ask(struct replay *replay, struct lines *lines, const char *line)
{
    char *hex;
    int16_t key = (int16_t)strtol(line + 4, &hex, 10);
    int16_t version = (int16_t)strtol(hex, &hex, 10);
    const struct wire_api *api = wire_api_find(key);
    assert_non_null(api);
    size_t size;
    uint8_t *data = unhex(hex + 1, &replay->arena, &size);
    void *request = arena_must_alloc(&replay->arena, wire_schema_struct_size(api->request));
    assert_int_equal(wire_decode(api->request, version, &replay->arena, data, size, request, NULL),
                     ERR_OK);

    char *reply = line_take(lines);
    assert_true(begins(reply, "reply "));
    replay->uuid_count = replay->uuid_next = 0;
    struct lines ahead = *lines;
    while (begins(ahead.next, "record ")) {
        find_uuids(replay, ahead.next);
        ahead.next = strchr(ahead.next, '\n') + 1;
    }

    struct control_input input = input_of(replay);
    struct control_output out;
    control_decide(replay->control, &input, key, version, request, &out);
    struct buf text = BUF_EMPTY;
    wire_print(api->response, version, out.reply, &text, WIRE_PRINT_JSON);
    if (strcmp(reply + 6, buf_text(&text)) != 0)
        fail_long("%s:%zu (%s): expected\n%s\ngot\n%s\n", replay->file, lines->number,
                  replay->scenario, reply + 6, buf_text(&text));
    buf_deinit(&text);
    replay->asks++;
    meta_image_unref(input.image);
    struct texts expected = {.count = 0}, ours = {.count = 0};
    while (begins(line_peek(lines), "record "))
        texts_add(&expected, line_take(lines));
    take_records(replay, &out, &ours);
    compare(replay, &expected, &ours);
}

static void tick(struct replay *replay, struct lines *lines)
{
    struct texts expected = {.count = 0}, ours = {.count = 0};
    int64_t needless = 0;
    while (begins(line_peek(lines), "record ")) {
        char *line = line_take(lines);
        if (is_needless(replay, line))
            needless++;
        else
            texts_add(&expected, line);
    }
    struct control_output out = {.count = 1};
    while (out.count > 0) {
        struct control_input input = input_of(replay);
        control_tick(replay->control, &input, &out);
        meta_image_unref(input.image);
        take_records(replay, &out, &ours);
    }
    replay->next_offset += needless;
    compare(replay, &expected, &ours);
}

/* ---- A scenario ---- */

static void scenario_begin(struct replay *replay, struct lines *lines)
{
    while (begins(line_peek(lines), "conf ")) {
        char *pair = line_take(lines) + 5;
        char *value = strchr(pair, '=');
        *value = 0;
        replay->pairs[replay->pair_count++] = (struct conf_pair){pair, value + 1};
    }
    replay->conf = conf_of(replay->pairs, replay->pair_count);
    struct control_options options = {
        .conf = replay->conf, .node_id = 1, .cluster_id = "Some-Cluster-Of-Tests-"};
    replay->control = control_new(&options);
    struct meta_image *empty = meta_image_new();
    replay->delta = meta_delta_new(empty);
    meta_image_unref(empty);
    replay->next_offset = 1;
    arena_init(&replay->arena, SIZE_MAX);
    struct control_input input = input_of(replay);
    struct control_output out;
    control_activate(replay->control, &input, NULL, 0, false, &out);
    assert_int_equal(out.count, 0);
    meta_image_unref(input.image);
}

static void scenario_end(struct replay *replay)
{
    if (replay->control == NULL)
        return;
    control_deactivate(replay->control);
    control_free(replay->control);
    meta_delta_free(replay->delta);
    conf_free(replay->conf);
    arena_deinit(&replay->arena);
    replay->control = NULL;
    replay->pair_count = 0;
}

static void replay_file(const char *file)
{
    const char *path = getenv("CONTROL_RECORDED") != NULL ? getenv("CONTROL_RECORDED") : file;
    struct lines lines = {.text = read_text(path)};
    lines.next = lines.text;
    struct replay replay = {.file = path};
    while (line_peek(&lines) != NULL) {
        char *line = line_take(&lines);
        replay.line_number = lines.number;
        if (begins(line, "scenario ")) {
            scenario_end(&replay);
            replay.scenario = line + 9;
            scenario_begin(&replay, &lines);
        } else if (begins(line, "now ")) {
            replay.now_ms = strtoll(line + 4, NULL, 10);
        } else if (begins(line, "apply ")) {
            apply_hex(&replay, line + 6);
        } else if (begins(line, "ask ")) {
            ask(&replay, &lines, line);
        } else if (begins(line, "tick")) {
            tick(&replay, &lines);
        } else {
            fail_msg("%s:%zu: what is this? %s", path, lines.number, line);
        }
    }
    scenario_end(&replay);
    mem_free(lines.text);
    printf("%s: %zu requests, %zu records\n", path, replay.asks, replay.records);
    assert_true(replay.asks > 0);
}

static void brokers_come_and_go(void **state)
{
    UNUSED(state);
    replay_file(DATA "cluster.txt");
}

static void topics_are_created(void **state)
{
    UNUSED(state);
    replay_file(DATA "topics.txt");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(brokers_come_and_go),
        cmocka_unit_test(topics_are_created),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
