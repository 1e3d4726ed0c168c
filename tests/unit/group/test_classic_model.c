/*
 * Classic members at random, against what has to hold whatever happens: they join, assign, commit,
 * leave, go away without a word; the log takes appends late, or refuses them; the node crashes and
 * loses what was not committed, or not.
 *
 * 1. Every call is answered once, and with a code that its API has.
 * 2. All who were assigned something in a generation were assigned it by the same leader, and a
 *    generation is never told with another assignment, also after a crash.
 * 3. Generations that were told do not go back while the coordinator lives.
 * 4. A commit that was acknowledged is what a fetch gives, until another was asked for after it.
 * 5. What is loaded from the log is what the coordinator had.
 */
#include "group/group_classic_int.h"

#include "group_fixture.h"

#include <stdio.h>
#include <stdlib.h>

#define MEMBERS 6
#define PARTITIONS 3
#define GENERATIONS 4000

enum step { AWAY, JOINING, JOINED, SYNCING, STABLE };

struct player {
    enum step step;
    char id[64];
    int32_t generation;
    bool leads;
    struct asked *asked;  /* under way */
    struct asked *joined; /* the leader's answer, with the members */
};

struct tried {
    struct asked *asked;
    int32_t partition;
    int64_t offset;
};

struct game {
    struct place place;
    struct player players[MEMBERS];
    struct tried tried[64];
    size_t tried_count;
    int64_t acknowledged[PARTITIONS];
    int64_t next_offset;
    char *tokens[GENERATIONS]; /* what was assigned in a generation */
    size_t answers, assigned, commits;
};

/* By this coordinator, since it was loaded. */
static int32_t told_generation;

static void answered(struct asked *asked)
{
    const struct wire_join_group_response *response = asked->response;
    if (asked->call.op != GROUP_OP_JOIN || response->error_code != 0)
        return;
    assert_true(response->generation_id >= told_generation);
    told_generation = response->generation_id;
}

static uint64_t draw(struct game *game, uint64_t bound)
{
    return prng_below(&game->place.prng, bound);
}

static void player_away(struct player *player)
{
    player->step = AWAY;
    player->id[0] = '\0';
    if (player->joined != NULL)
        asked_free(player->joined);
    player->joined = NULL;
}

static void player_join(struct game *game, struct player *player)
{
    int16_t version = draw(game, 2) == 0 ? 3 : 9;
    if (player->joined != NULL)
        asked_free(player->joined);
    player->joined = NULL;
    player->asked =
        ask_join(&game->place, version, "g", player->id, NULL, draw(game, 8) == 0 ? "m2" : "m1");
    player->step = JOINING;
}

static void take_join(struct player *player)
{
    const struct wire_join_group_response *response = player->asked->response;
    switch (response->error_code) {
    case 0:
    case WIRE_ERROR_MEMBER_ID_REQUIRED:
        snprintf(player->id, sizeof player->id, "%.*s", WIRE_STRING_ARGS(response->member_id));
        break;
    case WIRE_ERROR_UNKNOWN_MEMBER_ID:
    case WIRE_ERROR_GROUP_MAX_SIZE_REACHED:
        player->id[0] = '\0';
        break;
    case WIRE_ERROR_NOT_COORDINATOR:
    case WIRE_ERROR_COORDINATOR_NOT_AVAILABLE:
    case WIRE_ERROR_REBALANCE_IN_PROGRESS:
        break;
    default:
        fail_msg("JoinGroup answers %s", wire_error_name(response->error_code));
    }
    if (response->error_code != 0) {
        asked_free(player->asked);
        player->step = AWAY;
    } else {
        player->generation = response->generation_id;
        player->leads = wire_string_equal(response->leader, response->member_id);
        player->joined = player->asked;
        player->step = JOINED;
    }
    player->asked = NULL;
}

static void player_sync(struct game *game, struct player *player)
{
    char token[64];
    snprintf(token, sizeof token, "%d by %s #%llu", player->generation, player->id,
             (unsigned long long)game->answers);
    player->asked = ask_sync(&game->place, "g", player->id, player->generation,
                             player->leads ? player->joined->response : NULL, token);
    player->step = SYNCING;
}

static void take_sync(struct game *game, struct player *player)
{
    const struct wire_sync_group_response *response = player->asked->response;
    switch (response->error_code) {
    case 0:
        player->step = STABLE;
        if (response->assignment.size == 0)
            break;
        assert_in_range(player->generation, 0, GENERATIONS - 1);
        char *token =
            mem_strndup((const char *)response->assignment.data, response->assignment.size);
        char **known = &game->tokens[player->generation];
        if (*known == NULL)
            *known = mem_strdup(token);
        assert_string_equal(*known, token);
        mem_free(token);
        game->assigned++;
        break;
    case WIRE_ERROR_UNKNOWN_MEMBER_ID:
        player_away(player);
        break;
    case WIRE_ERROR_REBALANCE_IN_PROGRESS:
    case WIRE_ERROR_ILLEGAL_GENERATION:
    case WIRE_ERROR_NOT_COORDINATOR:
    case WIRE_ERROR_COORDINATOR_NOT_AVAILABLE:
        player->step = AWAY;
        break;
    default:
        fail_msg("SyncGroup answers %s", wire_error_name(response->error_code));
    }
    asked_free(player->asked);
    player->asked = NULL;
}

/* An answer that waits for what is appended gets it. */
static void settle(struct place *place, struct asked *asked)
{
    if (asked->response == NULL)
        place_commit(place, place->count);
    assert_non_null(asked->response);
    asked_free(asked);
}

static void player_step(struct game *game, struct player *player)
{
    struct place *place = &game->place;
    if (player->asked != NULL) {
        if (player->asked->response == NULL)
            return;
        game->answers++;
        if (player->step == JOINING)
            take_join(player);
        else
            take_sync(game, player);
        return;
    }
    if (player->step == AWAY) {
        if (draw(game, 3) == 0)
            player_join(game, player);
    } else if (draw(game, 40) == 0) {
        if (draw(game, 2) == 0)
            settle(place, ask_leave(place, "g", player->id));
        player_away(player);
    } else if (player->step == JOINED) {
        player_sync(game, player);
    } else if (draw(game, 3) == 0) {
        struct asked *beat = ask_heartbeat(place, "g", player->id, player->generation);
        if (beat->response == NULL)
            place_commit(place, place->count);
        int16_t error = ((const struct wire_heartbeat_response *)beat->response)->error_code;
        asked_free(beat);
        if (error == WIRE_ERROR_REBALANCE_IN_PROGRESS)
            player_join(game, player);
        else if (error != 0)
            player_away(player);
    } else if (draw(game, 30) == 0) {
        player_join(game, player);
    }
}

/* ---- Commits --------------------------------------------------------------------------------- */

static void commit_step(struct game *game)
{
    struct player *player = &game->players[draw(game, MEMBERS)];
    if (player->step != STABLE || game->tried_count == ARRAY_COUNT(game->tried))
        return;
    struct tried *tried = &game->tried[game->tried_count++];
    tried->partition = (int32_t)draw(game, PARTITIONS);
    tried->offset = game->next_offset++;
    tried->asked = ask_commit(&game->place, "g", player->id, player->generation, tried->partition,
                              tried->offset);
}

static void commits_look(struct game *game)
{
    size_t left = 0;
    for (size_t i = 0; i < game->tried_count; i++) {
        struct tried *tried = &game->tried[i];
        if (tried->asked->response == NULL) {
            game->tried[left++] = *tried;
            continue;
        }
        if (commit_error(tried->asked) == 0) {
            assert_true(tried->offset > game->acknowledged[tried->partition]);
            game->acknowledged[tried->partition] = tried->offset;
            game->commits++;
        }
        asked_free(tried->asked);
    }
    game->tried_count = left;
    int32_t partition = (int32_t)draw(game, PARTITIONS);
    int64_t fetched = place_fetch(&game->place, "g", partition, false, NULL);
    /* Nothing that was acknowledged goes back; what is ahead was asked for. */
    assert_true(fetched >= game->acknowledged[partition] && fetched < game->next_offset);
}

/* ---- The log --------------------------------------------------------------------------------- */

static void *describe_in(struct group_coordinator *g, struct place *place, struct asked *asked)
{
    struct wire_string *id = arena_must_alloc(&asked->arena, sizeof *id);
    *id = WIRE_STRING("g");
    asked->call.request = id;
    group_submit(g, &asked->call, place->time);
    return asked->response;
}

static void compare_with_loaded(struct game *game)
{
    struct place *place = &game->place;
    struct group_coordinator *other = place_new_coordinator(place);
    place_load(place, other, place->count);
    assert_int_equal(pmap_count(other->hard.offsets), pmap_count(place->g->hard.offsets));
    assert_int_equal(pmap_count(other->hard.groups), pmap_count(place->g->hard.groups));
    struct pmap_iter iter;
    struct pmap_entry entry;
    pmap_iter_init(&iter, other->hard.offsets, NULL, 0);
    while (pmap_iter_next(&iter, &entry)) {
        struct pmap_value *value = pmap_get(place->g->hard.offsets, entry.key, entry.key_size);
        assert_non_null(value);
        assert_int_equal(CONTAINER_OF(value, struct group_offset, value)->offset,
                         CONTAINER_OF(entry.value, struct group_offset, value)->offset);
    }
    const struct classic_group *group = classic_find(place->g, WIRE_STRING("g"));
    if (group != NULL && group->state == CLASSIC_STABLE) {
        struct asked *ours = asked_new(GROUP_OP_DESCRIBE, 5);
        struct asked *theirs = asked_new(GROUP_OP_DESCRIBE, 5);
        assert_true(wire_equal(&wire_describe_groups_response_described_group_schema, 5,
                               describe_in(place->g, place, ours),
                               describe_in(other, place, theirs)));
        asked_free(ours);
        asked_free(theirs);
    }
    group_unload(other);
    group_free(other);
}

static void log_step(struct game *game)
{
    struct place *place = &game->place;
    size_t behind = place->count - place->committed;
    if (behind > 0 && draw(game, 3) == 0)
        place_commit(place, place->committed + 1 + draw(game, behind));
    if (draw(game, 60) == 0)
        place->refuse = place->refuse == 0 ? WIRE_ERROR_NOT_ENOUGH_REPLICAS : 0;
    if (draw(game, 400) == 0) {
        place_restart(place, place->committed + draw(game, place->count - place->committed + 1));
        told_generation = 0;
    }
    if (draw(game, 100) == 0 && place->committed == place->count)
        compare_with_loaded(game);
}

static void play(uint64_t seed, size_t turns)
{
    struct game *game = mem_zalloc(sizeof *game);
    struct conf_pair pairs[] = {{"group.initial.rebalance.delay.ms", "100"},
                                {"group.max.size", "5"}};
    place_init(&game->place, seed, pairs, ARRAY_COUNT(pairs));
    game->place.at_once = false;
    told_generation = 0;
    place_answered = answered;
    for (size_t i = 0; i < PARTITIONS; i++)
        game->acknowledged[i] = -1;
    for (size_t turn = 0; turn < turns; turn++) {
        player_step(game, &game->players[draw(game, MEMBERS)]);
        if (draw(game, 2) == 0)
            commit_step(game);
        log_step(game);
        commits_look(game);
        if (draw(game, 5) == 0)
            place_pass(&game->place, (int64_t)draw(game, 2000));
    }
    /* With the end of the leadership everybody has an answer. */
    group_unload(game->place.g);
    for (size_t i = 0; i < MEMBERS; i++) {
        struct player *player = &game->players[i];
        if (player->asked != NULL) {
            assert_non_null(player->asked->response);
            asked_free(player->asked);
        }
        player_away(player);
    }
    for (size_t i = 0; i < game->tried_count; i++) {
        assert_non_null(game->tried[i].asked->response);
        asked_free(game->tried[i].asked);
    }
    assert_true(turns < 5000 || (game->assigned > 0 && game->commits > 0));
    for (size_t i = 0; i < GENERATIONS; i++)
        mem_free(game->tokens[i]);
    place_deinit(&game->place);
    mem_free(game);
}

static void members_at_random(void **state)
{
    UNUSED(state);
    const char *seed = getenv("SEED");
    if (seed != NULL) {
        play(strtoull(seed, NULL, 10), 20000);
        return;
    }
    for (uint64_t i = 1; i <= 12; i++)
        play(i, 8000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(members_at_random)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
