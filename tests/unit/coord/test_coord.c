/*
 * The runtime against a machine whose state is a sum with a history: replies leave in order, once,
 * and not before what they built on is committed; what is lost is gone from the state.
 */
#include "../unit.h"
#include "base/mem.h"
#include "base/prng.h"
#include "coord/coord.h"

#include <string.h>

struct sum {
    uint32_t refs;
    int64_t value;
};

struct record {
    int64_t add;
};

struct machine {
    struct coord *coord;
    struct sum *state;     /* tentative */
    struct sum *published; /* counted */
    int64_t end_offset;
    size_t live; /* sums */
    enum err append_err;
    struct record record; /* of the decision under way */
    int64_t deadline_ms;
    size_t ticks;

    /* What was told, in order. */
    size_t committed;
    size_t lost;
    size_t refused;
};

struct request {
    struct coord_reply reply;
    struct machine *machine;
    int64_t add; /* 0: a decision without records */
    bool at_once;
    int64_t saw; /* the state it was decided on, with its own records */
    bool done;
    enum coord_outcome outcome;
    struct request *then; /* run from its done */
};

static struct sum *sum_new(struct machine *machine, int64_t value)
{
    struct sum *sum = mem_alloc(sizeof *sum);
    *sum = (struct sum){1, value};
    machine->live++;
    return sum;
}

static int64_t machine_end_offset(void *machine)
{
    return ((struct machine *)machine)->end_offset;
}

static void machine_unref(void *context, void *state)
{
    struct machine *machine = context;
    struct sum *sum = state;
    assert_true(sum->refs > 0);
    if (--sum->refs == 0) {
        machine->live--;
        mem_free(sum);
    }
}

static void *machine_ref(void *context)
{
    struct machine *machine = context;
    machine->state->refs++;
    return machine->state;
}

static void machine_restore(void *context, void *state)
{
    struct machine *machine = context;
    struct sum *sum = state;
    sum->refs++;
    machine_unref(machine, machine->state);
    machine->state = sum;
}

static void machine_publish(void *context, void *state)
{
    struct machine *machine = context;
    struct sum *sum = state;
    sum->refs++;
    if (machine->published != NULL)
        machine_unref(machine, machine->published);
    machine->published = sum;
}

static void machine_apply(void *context, const void *records, size_t count, int64_t first_offset)
{
    struct machine *machine = context;
    const struct record *record = records;
    UNUSED(first_offset);
    int64_t value = machine->state->value;
    for (size_t i = 0; i < count; i++)
        value += record[i].add;
    struct sum *next = sum_new(machine, value);
    machine_unref(machine, machine->state);
    machine->state = next;
}

static enum err machine_append(void *context, const void *records, size_t count, void *state)
{
    struct machine *machine = context;
    UNUSED(records);
    assert_ptr_equal(state, machine->state);
    if (machine->append_err != ERR_OK)
        return machine->append_err;
    machine->end_offset += (int64_t)count;
    return ERR_OK;
}

static int64_t machine_deadline(void *context)
{
    return ((struct machine *)context)->deadline_ms;
}

static void decide_tick(void *context, void *request, struct coord_decision *out)
{
    struct machine *machine = context;
    int64_t now_ms = *(const int64_t *)request;
    assert_true(machine->deadline_ms <= now_ms);
    machine->ticks++;
    machine->deadline_ms += 10;
    machine->record.add = 1;
    out->records = &machine->record;
    out->count = 1;
}

static const struct coord_ops OPS = {
    .end_offset = machine_end_offset,
    .apply = machine_apply,
    .append = machine_append,
    .state_ref = machine_ref,
    .state_unref = machine_unref,
    .state_restore = machine_restore,
    .state_publish = machine_publish,
    .deadline_ms = machine_deadline,
    .tick = decide_tick,
};

static void machine_init(struct machine *machine)
{
    *machine = (struct machine){.deadline_ms = COORD_NO_DEADLINE};
    machine->state = sum_new(machine, 0);
    machine->coord = coord_new(&OPS, machine);
}

static void machine_deinit(struct machine *machine)
{
    coord_free(machine->coord);
    machine_unref(machine, machine->state);
    if (machine->published != NULL)
        machine_unref(machine, machine->published);
    assert_int_equal(machine->live, 0);
}

static void activate(struct machine *machine)
{
    coord_load_begin(machine->coord);
    coord_activate(machine->coord);
}

static void decide(void *context, void *context_request, struct coord_decision *out)
{
    struct machine *machine = context;
    struct request *request = context_request;
    out->reply_at_once = request->at_once;
    request->saw = machine->state->value + request->add;
    if (request->add == 0)
        return;
    machine->record.add = request->add;
    out->records = &machine->record;
    out->count = 1;
}

static void run(struct machine *machine, struct request *request);

static void reply_done(struct coord_reply *reply, enum coord_outcome outcome)
{
    struct request *request = CONTAINER_OF(reply, struct request, reply);
    struct machine *machine = request->machine;
    assert_false(request->done);
    request->done = true;
    request->outcome = outcome;
    switch (outcome) {
    case COORD_COMMITTED:
        machine->committed++;
        /* What it was decided on is what others may see, or older. */
        if (!request->at_once)
            assert_true(machine->published->value >= request->saw);
        break;
    case COORD_LOST:
        machine->lost++;
        break;
    case COORD_REFUSED:
        machine->refused++;
        break;
    }
    if (request->then != NULL)
        run(machine, request->then);
}

static void run(struct machine *machine, struct request *request)
{
    request->machine = machine;
    request->done = false;
    request->reply.done = reply_done;
    coord_run(machine->coord, decide, request, &request->reply);
}

static void replies_wait_for_their_commit(void **state)
{
    UNUSED(state);
    struct machine machine;
    machine_init(&machine);
    struct request first = {.add = 5};
    run(&machine, &first);
    assert_int_equal(first.outcome, COORD_REFUSED);
    activate(&machine);
    assert_int_equal(coord_state(machine.coord), COORD_ACTIVE);

    struct request nothing = {0};
    run(&machine, &nothing); /* nothing under way: at once */
    assert_true(nothing.done);
    run(&machine, &first);
    struct request second = {.add = 7};
    run(&machine, &second);
    struct request reads = {0};
    run(&machine, &reads);
    struct request wrong = {.at_once = true};
    run(&machine, &wrong);
    assert_true(wrong.done);
    assert_false(first.done || second.done || reads.done);
    assert_int_equal(reads.saw, 12);
    assert_int_equal(machine.published->value, 0);
    assert_int_equal(coord_pending_count(machine.coord), 2);

    coord_committed(machine.coord, 1);
    assert_true(first.done);
    assert_false(second.done || reads.done);
    assert_int_equal(machine.published->value, 5);
    coord_committed(machine.coord, 1);
    coord_committed(machine.coord, 2);
    assert_true(second.done && reads.done);
    assert_int_equal(machine.published->value, 12);
    coord_unload(machine.coord);
    machine_deinit(&machine);
}

static void what_is_lost_is_gone(void **state)
{
    UNUSED(state);
    struct machine machine;
    machine_init(&machine);
    activate(&machine);
    struct request kept = {.add = 1};
    struct request lost = {.add = 2};
    struct request after = {.add = 4};
    run(&machine, &kept);
    coord_committed(machine.coord, 1);
    lost.then = &after; /* asked when nobody leads any more */
    run(&machine, &lost);
    coord_unload(machine.coord);
    assert_int_equal(lost.outcome, COORD_LOST);
    assert_int_equal(after.outcome, COORD_REFUSED);
    assert_int_equal(machine.state->value, 1);
    assert_int_equal(machine.published->value, 1);

    /* What the next leader finds is loaded by the same function. */
    coord_load_begin(machine.coord);
    struct record record = {30};
    coord_load(machine.coord, &record, 1, 1);
    coord_activate(machine.coord);
    assert_int_equal(machine.published->value, 31);
    coord_unload(machine.coord);
    machine_deinit(&machine);
}

static void a_refused_append_changes_nothing(void **state)
{
    UNUSED(state);
    struct machine machine;
    machine_init(&machine);
    activate(&machine);
    struct request first = {.add = 1};
    struct request refused = {.add = 2};
    struct request last = {.add = 4};
    run(&machine, &first);
    machine.append_err = ERR_LIMIT;
    run(&machine, &refused);
    machine.append_err = ERR_OK;
    assert_int_equal(refused.outcome, COORD_REFUSED);
    assert_int_equal(machine.state->value, 1);
    run(&machine, &last);
    assert_int_equal(last.saw, 5);
    coord_committed(machine.coord, 2);
    assert_int_equal(machine.published->value, 5);
    coord_unload(machine.coord);
    machine_deinit(&machine);
}

static void a_reply_leads_to_the_next_decision(void **state)
{
    UNUSED(state);
    struct machine machine;
    machine_init(&machine);
    activate(&machine);
    struct request third = {.add = 4};
    struct request second = {.add = 2};
    struct request first = {.add = 1, .then = &third};
    run(&machine, &first);
    run(&machine, &second);
    coord_committed(machine.coord, 2);
    assert_true(first.done && second.done);
    assert_false(third.done);
    assert_int_equal(third.saw, 7);
    coord_committed(machine.coord, 3);
    assert_true(third.done);
    coord_unload(machine.coord);
    machine_deinit(&machine);
}

static void time_comes(void **state)
{
    UNUSED(state);
    struct machine machine;
    machine_init(&machine);
    machine.deadline_ms = 100;
    assert_true(coord_deadline_ms(machine.coord) == COORD_NO_DEADLINE);
    activate(&machine);
    assert_int_equal(coord_deadline_ms(machine.coord), 100);
    coord_tick(machine.coord, 99);
    assert_int_equal(machine.ticks, 0);
    coord_tick(machine.coord, 125); /* all that was due */
    assert_int_equal(machine.ticks, 3);
    assert_int_equal(coord_deadline_ms(machine.coord), 130);
    machine.append_err = ERR_LIMIT; /* refused: not tried again in the same tick */
    coord_tick(machine.coord, 1000);
    assert_int_equal(machine.ticks, 4);
    coord_unload(machine.coord);
    machine_deinit(&machine);
}

enum { REQUESTS = 400 };

static void whatever_happens(void **state)
{
    UNUSED(state);
    for (uint64_t seed = 1; seed <= 100; seed++) {
        struct machine machine;
        struct prng prng;
        struct request *requests = mem_zalloc(REQUESTS * sizeof *requests);
        int64_t committed = 0;
        machine_init(&machine);
        prng_init(&prng, seed);
        for (size_t i = 0; i < REQUESTS; i++) {
            if (coord_state(machine.coord) == COORD_UNLOADED && prng_chance(&prng, 1, 3))
                activate(&machine);
            machine.append_err = prng_chance(&prng, 1, 10) ? ERR_LIMIT : ERR_OK;
            requests[i].add = (int64_t)prng_below(&prng, 3);
            requests[i].at_once = prng_chance(&prng, 1, 10);
            run(&machine, &requests[i]);
            if (prng_chance(&prng, 1, 3)) {
                committed +=
                    (int64_t)prng_below(&prng, (uint64_t)(machine.end_offset - committed) + 1);
                coord_committed(machine.coord, committed);
            }
            if (prng_chance(&prng, 1, 40)) {
                coord_unload(machine.coord);
                committed = machine.end_offset;
                assert_int_equal(coord_pending_count(machine.coord), 0);
            }
        }
        coord_unload(machine.coord);
        for (size_t i = 0; i < REQUESTS; i++)
            assert_true(requests[i].done);
        assert_int_equal(machine.committed + machine.lost + machine.refused, REQUESTS);
        assert_true(machine.published == NULL || machine.state->value == machine.published->value);
        machine_deinit(&machine);
        mem_free(requests);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replies_wait_for_their_commit),
        cmocka_unit_test(what_is_lost_is_gone),
        cmocka_unit_test(a_refused_append_changes_nothing),
        cmocka_unit_test(a_reply_leads_to_the_next_decision),
        cmocka_unit_test(time_comes),
        cmocka_unit_test(whatever_happens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
