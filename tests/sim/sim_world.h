#ifndef SIM_WORLD_H
#define SIM_WORLD_H
/*
 * The simulated world: one clock, one queue of events, one thread, one seed.
 *
 * Invariants
 * 1. An event is due at a time and has a sequence number; events happen in the order of the two.
 * Time moves only from one event to the next.
 * 2. All randomness comes from the seed. Each component has a generator of its own, named, so that
 * a draw added in one does not shift the others.
 * 3. Nothing depends on an address, a hash of an address or the real clock: two runs of a seed have
 *    the same running hash (sim_world_note) after the same number of events.
 * 4. Code of a simulated process runs only from an event, never inside another call on its env.
 */
#include "base/heap.h"
#include "base/list.h"
#include "base/log.h"
#include "base/prng.h"
#include "sim_options.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SIM_US UINT64_C(1000)
#define SIM_MS UINT64_C(1000000)
#define SIM_S UINT64_C(1000000000)

/* How a run ended; the program's exit code. */
enum sim_exit {
    SIM_EXIT_OK = 0,
    SIM_EXIT_OVER = 1, /* of a scenario that enumerates: good, and there was nothing left */
    SIM_EXIT_USAGE = 64,
    SIM_EXIT_CRASH = 127,       /* an assertion of the code under test, or a signal */
    SIM_EXIT_LIVENESS = 128,    /* healed, and still something does not finish */
    SIM_EXIT_CORRECTNESS = 129, /* a checker has seen what must not be, or two runs differ */
};

struct sim_world;
struct sim_node;
struct sim_net;
struct sim_shard;

/* Embedded in its owner. */
struct sim_event {
    struct heap_node node; /* key: when, in ns */
    void (*fire)(struct sim_world *world, struct sim_event *event);
};

#define SIM_LOG_LINES 4000

struct sim_world {
    uint64_t seed;
    uint64_t now_ns;
    struct heap events;
    uint64_t event_count;
    uint64_t hash;
    struct sim_options options;
    struct prng prng; /* the scheduler's own */

    struct sim_node **nodes; /* by id */
    uint32_t node_count;
    struct sim_net *net;
    struct sim_shard *current; /* whose code runs */
    struct sim_node *job_node; /* in whose disk job we are */

    char **log_lines; /* a ring of SIM_LOG_LINES */
    uint64_t log_count;
    bool verbose;
    bool trace; /* each call on a disk, and what a power loss does to each change, is a line */
    /* Instead of ending the process, a failure is kept here (tests of the world itself). */
    bool fail_softly;
    enum sim_exit failed;
    char failure[512];
    void *scenario; /* freed after the world */
};

/* There is one world at a time: it takes over base's log sink and hash seed. */
struct sim_world *sim_world_new(uint64_t seed);
void sim_world_free(struct sim_world *world);
/* The one that is alive, or NULL. */
struct sim_world *sim_world_current(void);

/* The generator of a component: a function of the seed and the name alone. */
void sim_prng_init(struct sim_world *world, struct prng *out, const char *component,
                   uint64_t index);
/* 0 <= result <= max. */
uint64_t sim_draw(struct prng *prng, uint64_t max);
bool sim_chance_ppm(struct prng *prng, uint32_t ppm);

void sim_event_init(struct sim_event *event,
                    void (*fire)(struct sim_world *world, struct sim_event *event));
/* Moves one that is set. A time in the past means now. */
void sim_event_set(struct sim_world *world, struct sim_event *event, uint64_t at_ns);
void sim_event_cancel(struct sim_world *world, struct sim_event *event);
bool sim_event_is_set(const struct sim_event *event);

/* One event; false when there is none. */
bool sim_world_step(struct sim_world *world);
void sim_world_run_until(struct sim_world *world, uint64_t at_ns);
void sim_world_run_for(struct sim_world *world, uint64_t ns);
/* True as soon as it does not go on any more; false when limit_ns have passed or nothing is left to
 * do. */
bool sim_world_run_while(struct sim_world *world, bool (*going_on)(void *context), void *context,
                         uint64_t limit_ns);

/* Adds to the running hash. `what` is one of a few constants of the caller's. */
void sim_world_note(struct sim_world *world, uint32_t what, uint64_t a, uint64_t b);
void sim_world_note_bytes(struct sim_world *world, uint32_t what, uint64_t a, const void *data,
                          size_t size);

/* A line of the world itself or of a checker in the log. */
void sim_log(struct sim_world *world, const char *format, ...) PRINTF_LIKE(2, 3);
/* What the last lines were, to standard error. */
void sim_log_dump(struct sim_world *world);

/* Prints the sentence, the log and the seed, and ends the process (or is kept: fail_softly). */
void sim_fail(struct sim_world *world, enum sim_exit code, const char *format, ...)
    PRINTF_LIKE(3, 4);

#define SIM_CHECK(world, condition, ...)                        \
    do {                                                        \
        if (!(condition))                                       \
            sim_fail(world, SIM_EXIT_CORRECTNESS, __VA_ARGS__); \
    } while (0)

#endif
