/*
 * Quorums of one to five in a world of their own: messages are late, lost, doubled and cut off,
 * disks are slow, nodes crash and forget what they had not synced. What is checked at every step:
 * one leader in an epoch, what was committed anywhere is the same everywhere and in each later
 * leader's log, high watermarks never go back. And once all is well again, everybody gets on.
 */
#include "../unit.h"
#include "base/heap.h"
#include "base/mem.h"
#include "base/prng.h"
#include "raft/raft.h"

#include <string.h>

enum { NODES_MAX = 5, LOG_MAX = 4000, EPOCHS_MAX = 4000, BATCH_MAX = 8 };

struct entry {
    int32_t epoch;
    uint64_t value;
};

enum event_type { MESSAGE, PERSISTED, SYNCED, TICK, RESTART, TRUNCATED };

struct event {
    struct heap_node node;
    enum event_type type;
    size_t to;
    uint32_t life; /* of the node that it is for; another one's is forgotten */
    struct raft_message message;
    struct entry records[BATCH_MAX];
    size_t record_count;
    uint64_t sequence;
    struct raft_election election;
    int64_t offset;
};

struct node {
    struct raft *raft; /* NULL while it is down */
    uint32_t life;
    struct entry log[LOG_MAX];
    int64_t log_end;
    int64_t durable;               /* on disk for sure */
    struct raft_election election; /* on disk */
    struct raft_election election_under_way;
    bool writing_election;
    struct raft_action election_next; /* PERSIST to do after the one under way; sequence 0: none */
    bool syncing;
    int64_t commit; /* told */
    bool leading;
    int64_t tick_at;
};

struct world {
    struct prng prng;
    struct heap events;
    int64_t now_ms;
    size_t count;
    struct node nodes[NODES_MAX];
    struct raft_voter voters[NODES_MAX];
    bool cut[NODES_MAX][NODES_MAX]; /* from, to */
    uint64_t loss_of_100;
    uint64_t double_of_100;
    int64_t delay_max_ms;
    int64_t disk_max_ms;

    /* What is true of all. */
    struct entry committed[LOG_MAX];
    int64_t committed_end;
    int32_t leader_of[EPOCHS_MAX]; /* -1 */
    uint64_t next_value;
    size_t elections;
};

static void schedule(struct world *world, struct event *event, int64_t delay_ms)
{
    heap_node_init(&event->node);
    heap_insert(&world->events, &event->node, (uint64_t)(world->now_ms + delay_ms));
}

static struct event *new_event(struct world *world, enum event_type type, size_t to)
{
    struct event *event = mem_zalloc(sizeof *event);
    event->type = type;
    event->to = to;
    event->life = world->nodes[to].life;
    return event;
}

static int64_t draw_delay(struct world *world, int64_t max_ms)
{
    /* Mostly short. */
    int64_t delay = (int64_t)prng_below(&world->prng, (uint64_t)max_ms / 8 + 1);
    return prng_chance(&world->prng, 1, 10)
               ? (int64_t)prng_below(&world->prng, (uint64_t)max_ms + 1)
               : delay;
}

/* ---- Logs ----------------------------------------------------------------------------------- */

static int32_t last_epoch_of(const struct node *node, int64_t end)
{
    return end > 0 ? node->log[end - 1].epoch : 0;
}

static void log_epoch_end(void *context, int32_t epoch, int32_t *out_epoch, int64_t *out_end)
{
    const struct node *node = context;
    *out_epoch = -1;
    *out_end = 0;
    for (int64_t i = 0; i < node->log_end && node->log[i].epoch <= epoch; i++) {
        *out_epoch = node->log[i].epoch;
        *out_end = i + 1;
    }
}

static int64_t log_start_offset(void *context)
{
    UNUSED(context);
    return 0;
}

static void append(struct world *world, struct node *node, const struct entry *entries,
                   size_t count)
{
    assert_true(node->log_end + (int64_t)count < LOG_MAX);
    memcpy(&node->log[node->log_end], entries, count * sizeof *entries);
    node->log_end += (int64_t)count;
    raft_appended(node->raft, node->log_end, last_epoch_of(node, node->log_end));
    if (node->syncing)
        return;
    node->syncing = true;
    struct event *event = new_event(world, SYNCED, (size_t)(node - world->nodes));
    event->offset = node->log_end;
    schedule(world, event, draw_delay(world, world->disk_max_ms));
}

/* ---- What the algorithm asks for ------------------------------------------------------------- */

static void check_commit(struct world *world, struct node *node, int64_t offset)
{
    assert_true(offset > node->commit);
    assert_true(offset <= node->durable);
    for (int64_t i = node->commit; i < offset; i++) {
        if (i < world->committed_end) {
            assert_int_equal(world->committed[i].value, node->log[i].value);
            assert_int_equal(world->committed[i].epoch, node->log[i].epoch);
        } else {
            world->committed[i] = node->log[i];
        }
    }
    if (offset > world->committed_end)
        world->committed_end = offset;
    node->commit = offset;
}

static void check_leader(struct world *world, size_t index, int32_t epoch)
{
    struct node *node = &world->nodes[index];
    assert_true(epoch < EPOCHS_MAX);
    assert_int_equal(world->leader_of[epoch], -1);
    world->leader_of[epoch] = (int32_t)index;
    world->elections++;
    /* All that was committed before is in its log. */
    assert_true(node->log_end >= world->committed_end);
    for (int64_t i = 0; i < world->committed_end; i++)
        assert_int_equal(world->committed[i].value, node->log[i].value);
    /* Promised is durable. */
    assert_int_equal(node->election.epoch, epoch);
}

static void send(struct world *world, size_t from, const struct raft_message *message)
{
    size_t to = (size_t)message->to.id - 1;
    struct node *node = &world->nodes[from];
    assert_true(to < world->count && to != from);
    assert_int_equal(message->from.id, from + 1);
    /* Whatever is told is on disk. */
    assert_true(node->election.epoch >= message->epoch);
    int copies = prng_chance(&world->prng, world->double_of_100, 100) ? 2 : 1;
    while (copies-- > 0) {
        if (prng_chance(&world->prng, world->loss_of_100, 100))
            continue;
        struct event *event = new_event(world, MESSAGE, to);
        event->message = *message;
        if (message->type == RAFT_FETCH_REPLY && message->refusal == RAFT_TAKEN &&
            !message->diverging && raft_role(node->raft) == RAFT_LEADER &&
            raft_epoch(node->raft) == message->epoch)
            for (int64_t i = message->end_offset;
                 i < node->log_end && event->record_count < BATCH_MAX; i++)
                event->records[event->record_count++] = node->log[i];
        /* Without anything to tell a fetch is answered late (a long poll). */
        bool idle = message->type == RAFT_FETCH_REPLY && event->record_count == 0 &&
                    !message->diverging && message->refusal == RAFT_TAKEN;
        int64_t poll = idle ? (int64_t)prng_below(&world->prng, 100) : 0;
        schedule(world, event, 1 + poll + draw_delay(world, world->delay_max_ms));
    }
}

static void persist(struct world *world, size_t index, const struct raft_action *action)
{
    struct node *node = &world->nodes[index];
    if (node->writing_election) {
        node->election_next = *action;
        return;
    }
    node->election_under_way = action->election;
    node->writing_election = true;
    struct event *event = new_event(world, PERSISTED, index);
    event->sequence = action->sequence;
    event->election = action->election;
    schedule(world, event, draw_delay(world, world->disk_max_ms));
}

static void lead(struct world *world, size_t index, const struct raft_action *action)
{
    struct node *node = &world->nodes[index];
    check_leader(world, index, action->epoch);
    assert_false(node->leading);
    assert_true(2 * action->granting_count > world->count);
    node->leading = true;
    assert_int_equal(raft_epoch_start(node->raft), node->log_end);
    struct entry entry = {action->epoch, ++world->next_value};
    append(world, node, &entry, 1);
}

static void carry_out(struct world *world, size_t index)
{
    struct node *node = &world->nodes[index];
    struct raft_action action;
    while (node->raft != NULL && raft_next_action(node->raft, &action)) {
        struct event *event;
        switch (action.type) {
        case RAFT_ACTION_PERSIST:
            persist(world, index, &action);
            break;
        case RAFT_ACTION_LEAD:
            lead(world, index, &action);
            break;
        case RAFT_ACTION_RESIGN:
            assert_true(node->leading);
            node->leading = false;
            break;
        case RAFT_ACTION_COMMIT:
            check_commit(world, node, action.offset);
            break;
        case RAFT_ACTION_SEND:
            send(world, index, &action.message);
            break;
        case RAFT_ACTION_TRUNCATE:
            assert_true(action.offset >= node->commit);
            event = new_event(world, TRUNCATED, index);
            event->offset = action.offset;
            schedule(world, event, draw_delay(world, world->disk_max_ms));
            break;
        case RAFT_ACTION_SNAPSHOT:
            fail_msg("no log begins after 0 here");
        }
    }
    if (node->raft == NULL)
        return;
    int64_t deadline = raft_deadline_ms(node->raft);
    if (deadline == INT64_MAX || deadline == node->tick_at)
        return;
    node->tick_at = deadline;
    struct event *tick = new_event(world, TICK, index);
    tick->offset = deadline;
    schedule(world, tick, deadline > world->now_ms ? deadline - world->now_ms : 0);
}

/* ---- Life and death ----------------------------------------------------------------------------
 */

static void boot(struct world *world, size_t index)
{
    struct node *node = &world->nodes[index];
    node->raft = raft_new(&(struct raft_options){
        .self = world->voters[index],
        .may_vote = true,
        .election_timeout_ms = 1000,
        .election_backoff_max_ms = 1000,
        .fetch_timeout_ms = 2000,
        .request_timeout_ms = 2000,
        .seed = prng_u64(&world->prng),
        .log = {node, log_epoch_end, log_start_offset},
    });
    node->commit = 0;
    node->leading = node->syncing = node->writing_election = false;
    node->election_next.sequence = 0;
    node->tick_at = -1;
    struct raft_start start = {
        .election = node->election,
        .log_end_offset = node->log_end,
        .last_epoch = last_epoch_of(node, node->log_end),
        .voters = world->voters,
        .voter_count = world->count,
    };
    raft_start(node->raft, &start, world->now_ms);
    carry_out(world, index);
}

/* What was not synced is there, or not, or in part; a file under way was replaced, or not. */
static void crash(struct world *world, size_t index)
{
    struct node *node = &world->nodes[index];
    raft_free(node->raft);
    node->raft = NULL;
    node->life++;
    node->log_end =
        node->durable +
        (int64_t)prng_below(&world->prng, (uint64_t)(node->log_end - node->durable) + 1);
    node->durable = node->log_end;
    if (node->writing_election && prng_chance(&world->prng, 1, 2))
        node->election = node->election_under_way;
    schedule(world, new_event(world, RESTART, index), (int64_t)prng_below(&world->prng, 5000));
}

static void handle(struct world *world, struct event *event)
{
    struct node *node = &world->nodes[event->to];
    if (event->type == RESTART) {
        boot(world, event->to);
        return;
    }
    if (node->raft == NULL || (event->life != node->life && event->type != MESSAGE))
        return;
    switch (event->type) {
    case MESSAGE:
        if (world->cut[event->message.from.id - 1][event->to])
            return;
        raft_receive(node->raft, &event->message, world->now_ms);
        if (event->record_count > 0 && raft_wants_records(node->raft, &event->message))
            append(world, node, event->records, event->record_count);
        break;
    case PERSISTED:
        node->election = event->election;
        node->writing_election = false;
        if (node->election_next.sequence > 0) {
            struct raft_action next = node->election_next;
            node->election_next.sequence = 0;
            persist(world, event->to, &next);
        }
        raft_persisted(node->raft, event->sequence, world->now_ms);
        break;
    case SYNCED:
        node->syncing = false;
        if (event->offset > node->durable)
            node->durable = event->offset < node->log_end ? event->offset : node->log_end;
        raft_synced(node->raft, node->durable);
        if (node->durable < node->log_end) {
            node->syncing = true;
            struct event *again = new_event(world, SYNCED, event->to);
            again->offset = node->log_end;
            schedule(world, again, draw_delay(world, world->disk_max_ms));
        }
        break;
    case TICK:
        if (event->offset != node->tick_at)
            return; /* set anew since */
        node->tick_at = -1;
        raft_tick(node->raft, world->now_ms);
        break;
    case TRUNCATED:
        node->log_end = event->offset;
        if (node->durable > node->log_end)
            node->durable = node->log_end;
        node->durable = node->log_end;
        raft_truncated(node->raft, node->log_end, last_epoch_of(node, node->log_end),
                       world->now_ms);
        break;
    case RESTART:
        break;
    }
    carry_out(world, event->to);
}

/* Somebody wants something to be written. */
static void propose(struct world *world)
{
    for (size_t i = 0; i < world->count; i++) {
        struct node *node = &world->nodes[i];
        if (node->raft == NULL || !node->leading || raft_role(node->raft) != RAFT_LEADER ||
            node->log_end > LOG_MAX - 100)
            continue;
        struct entry entry = {raft_epoch(node->raft), ++world->next_value};
        append(world, node, &entry, 1);
        carry_out(world, i);
    }
}

static void trouble(struct world *world)
{
    size_t index = (size_t)prng_below(&world->prng, world->count);
    size_t other = (size_t)prng_below(&world->prng, world->count);
    switch (prng_below(&world->prng, 8)) {
    case 0:
        if (world->nodes[index].raft != NULL)
            crash(world, index);
        break;
    case 1:
        world->cut[index][other] = true; /* one way */
        break;
    case 2:
        for (size_t i = 0; i < world->count; i++)
            world->cut[index][i] = world->cut[i][index] = true;
        break;
    case 3:
    case 4:
        memset(world->cut, 0, sizeof world->cut);
        break;
    case 5:
        if (world->nodes[index].raft != NULL) {
            raft_resign(world->nodes[index].raft, world->now_ms);
            carry_out(world, index);
        }
        break;
    default:
        break;
    }
}

static void run_until(struct world *world, int64_t end_ms, bool with_trouble)
{
    int64_t propose_at = world->now_ms;
    int64_t trouble_at = world->now_ms;
    while (world->now_ms < end_ms) {
        struct heap_node *first = heap_min(&world->events);
        int64_t next = first == NULL ? INT64_MAX : (int64_t)first->key;
        if (propose_at <= next && propose_at < end_ms) {
            world->now_ms = propose_at > world->now_ms ? propose_at : world->now_ms;
            propose(world);
            propose_at += 1 + (int64_t)prng_below(&world->prng, 200);
            if (with_trouble && world->now_ms >= trouble_at) {
                trouble(world);
                trouble_at = world->now_ms + (int64_t)prng_below(&world->prng, 4000);
            }
            continue;
        }
        if (next >= end_ms) {
            world->now_ms = end_ms;
            return;
        }
        struct event *event = CONTAINER_OF(first, struct event, node);
        heap_remove(&world->events, first);
        world->now_ms = next > world->now_ms ? next : world->now_ms;
        handle(world, event);
        mem_free(event);
    }
}

static struct world *world_new(uint64_t seed, size_t count)
{
    struct world *world = mem_zalloc(sizeof *world);
    prng_init(&world->prng, seed);
    heap_init(&world->events);
    world->count = count;
    for (size_t i = 0; i < EPOCHS_MAX; i++)
        world->leader_of[i] = -1;
    for (size_t i = 0; i < count; i++) {
        world->voters[i] = (struct raft_voter){(int32_t)i + 1, {{1, (uint8_t)i}}};
        world->nodes[i].election =
            (struct raft_election){.leader_id = RAFT_NOBODY, .voted_id = RAFT_NOBODY};
    }
    world->delay_max_ms = 50;
    world->disk_max_ms = 50;
    return world;
}

static void world_free(struct world *world)
{
    for (size_t i = 0; i < world->count; i++)
        raft_free(world->nodes[i].raft);
    for (struct heap_node *node; (node = heap_min(&world->events)) != NULL;) {
        heap_remove(&world->events, node);
        mem_free(CONTAINER_OF(node, struct event, node));
    }
    heap_deinit(&world->events);
    mem_free(world);
}

/* All are up, talk to each other, and what is proposed is committed everywhere. */
static void gets_on(struct world *world)
{
    memset(world->cut, 0, sizeof world->cut);
    world->loss_of_100 = world->double_of_100 = 0;
    world->delay_max_ms = 20;
    world->disk_max_ms = 20;
    run_until(world, world->now_ms + 30000, false);
    int64_t before = world->committed_end;
    size_t elections = world->elections;
    run_until(world, world->now_ms + 5000, false);
    assert_true(world->committed_end > before);
    assert_int_equal(world->elections, elections); /* whoever leads goes on leading */
    size_t leaders = 0;
    for (size_t i = 0; i < world->count; i++) {
        assert_non_null(world->nodes[i].raft);
        leaders += world->nodes[i].leading;
        assert_true(world->nodes[i].commit >= before);
    }
    assert_int_equal(leaders, 1);
}

static void a_quiet_world_elects_once(void **state)
{
    UNUSED(state);
    for (size_t count = 1; count <= NODES_MAX; count++)
        for (uint64_t seed = 1; seed <= 20; seed++) {
            struct world *world = world_new(seed, count);
            for (size_t i = 0; i < count; i++)
                boot(world, i);
            run_until(world, 60000, false);
            assert_true(world->elections >= 1);
            assert_true(world->elections <= 3);
            assert_true(world->committed_end > 200);
            gets_on(world);
            world_free(world);
        }
}

static void an_unquiet_world_loses_nothing(void **state)
{
    UNUSED(state);
    size_t elections = 0;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        struct world *world = world_new(seed, 1 + seed % NODES_MAX);
        world->loss_of_100 = prng_below(&world->prng, 3) * 10;
        world->double_of_100 = prng_below(&world->prng, 20);
        world->delay_max_ms = prng_chance(&world->prng, 1, 4) ? 3000 : 200;
        world->disk_max_ms = prng_chance(&world->prng, 1, 4) ? 3000 : 100;
        for (size_t i = 0; i < world->count; i++)
            boot(world, i);
        run_until(world, 100000, true);
        gets_on(world);
        elections += world->elections;
        world_free(world);
    }
    assert_true(elections > 1000);
}

/* A minority goes away: the others lead on. It comes back: it follows, and forgets what only it
 * had. */
static void a_leader_is_cut_off(void **state)
{
    UNUSED(state);
    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct world *world = world_new(seed, 3);
        for (size_t i = 0; i < 3; i++)
            boot(world, i);
        run_until(world, 20000, false);
        size_t leader = 0;
        while (!world->nodes[leader].leading)
            leader++;
        int64_t committed = world->nodes[leader].commit;
        for (size_t i = 0; i < 3; i++)
            world->cut[leader][i] = world->cut[i][leader] = true;
        run_until(world, 40000, false);
        assert_false(world->nodes[leader].leading); /* it has noticed */
        assert_true(world->nodes[leader].commit <= committed + 50);
        assert_true(world->committed_end > committed + 50);
        int32_t epoch = raft_epoch(world->nodes[leader].raft);
        size_t elections = world->elections;
        memset(world->cut, 0, sizeof world->cut);
        run_until(world, 50000, false);
        /* It has asked around meanwhile, and raised no epoch by that. */
        assert_int_equal(world->elections, elections);
        assert_true(raft_epoch(world->nodes[leader].raft) > epoch);
        assert_int_equal(raft_role(world->nodes[leader].raft), RAFT_FOLLOWER);
        gets_on(world);
        world_free(world);
    }
}

/* A leader that goes in good order tells who is to follow: mostly that takes no timeout. */
static void a_resignation_is_short(void **state)
{
    UNUSED(state);
    size_t short_ones = 0;
    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct world *world = world_new(seed, 3);
        for (size_t i = 0; i < 3; i++)
            boot(world, i);
        run_until(world, 20000, false);
        size_t leader = 0;
        while (!world->nodes[leader].leading)
            leader++;
        raft_resign(world->nodes[leader].raft, world->now_ms);
        carry_out(world, leader);
        size_t elections = world->elections;
        run_until(world, 20500, false); /* half of the shortest timeout */
        short_ones += world->elections == elections + 1;
        run_until(world, 26000, false);
        assert_true(world->elections > elections);
        gets_on(world);
        world_free(world);
    }
    assert_in_range(short_ones, 15, 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_quiet_world_elects_once),
        cmocka_unit_test(an_unquiet_world_loses_nothing),
        cmocka_unit_test(a_leader_is_cut_off),
        cmocka_unit_test(a_resignation_is_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
