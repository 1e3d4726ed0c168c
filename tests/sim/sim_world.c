#include "sim_world.h"

#include "base/hash.h"
#include "base/hmap.h"
#include "sim_mem.h"
#include "sim_net.h"
#include "sim_node.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct sim_world *the_world;

/* ---- Randomness --------------------------------------------------------------------------------
 */

static uint64_t mix(uint64_t x)
{
    x ^= x >> 30;
    x *= UINT64_C(0xbf58476d1ce4e5b9);
    x ^= x >> 27;
    x *= UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

void sim_prng_init(struct sim_world *world, struct prng *out, const char *component, uint64_t index)
{
    uint64_t seed = mix(world->seed + UINT64_C(0x9e3779b97f4a7c15));
    for (const char *c = component; *c != '\0'; c++)
        seed = mix(seed ^ (uint8_t)*c);
    prng_init(out, mix(seed ^ index));
}

uint64_t sim_draw(struct prng *prng, uint64_t max)
{
    return max == 0 ? 0 : prng_below(prng, max + 1);
}

bool sim_chance_ppm(struct prng *prng, uint32_t ppm)
{
    return ppm > 0 && prng_below(prng, 1000000) < ppm;
}

/* ---- Log ---- */

static void log_keep(struct sim_world *world, const char *who, const char *level, const char *room,
                     const char *line)
{
    size_t size = strlen(line) + strlen(who) + strlen(room) + 64;
    char *text = sim_alloc(size);
    (void)snprintf(text, size, "%12" PRIu64 ".%03" PRIu64 " us %-8s %-5s %s: %s",
                   world->now_ns / 1000, world->now_ns % 1000, who, level, room, line);
    if (world->verbose)
        (void)fprintf(stderr, "%s\n", text);
    size_t slot = world->log_count++ % SIM_LOG_LINES;
    sim_free(world->log_lines[slot]);
    world->log_lines[slot] = text;
}

static void log_sink(void *context, enum log_level level, const char *room, const char *line)
{
    struct sim_world *world = context;
    char who[64] = "-";
    if (world->current != NULL)
        (void)snprintf(who, sizeof who, "%s/%u", world->current->node->name,
                       world->current->env.shard);
    else if (world->job_node != NULL)
        (void)snprintf(who, sizeof who, "%s/job", world->job_node->name);
    log_keep(world, who, log_level_name(level), room, line);
}

void sim_log(struct sim_world *world, const char *format, ...)
{
    char line[1024];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(line, sizeof line, format, args);
    va_end(args);
    log_keep(world, "world", "", "sim", line);
}

void sim_log_dump(struct sim_world *world)
{
    if (world->verbose)
        return;
    uint64_t first = world->log_count > SIM_LOG_LINES ? world->log_count - SIM_LOG_LINES : 0;
    for (uint64_t i = first; i < world->log_count; i++)
        (void)fprintf(stderr, "%s\n", world->log_lines[i % SIM_LOG_LINES]);
}

void sim_fail(struct sim_world *world, enum sim_exit code, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (world->fail_softly) {
        if (world->failed == SIM_EXIT_OK) {
            world->failed = code;
            memcpy(world->failure, text, sizeof text);
        }
        return;
    }
    sim_log_dump(world);
    (void)fprintf(stderr, "FAILED (%s) at %" PRIu64 " us: %s\nseed %" PRIu64 "\n",
                  code == SIM_EXIT_LIVENESS ? "liveness" : "correctness", world->now_ns / 1000,
                  text, world->seed);
    (void)fflush(NULL);
    _exit((int)code);
}

/* ---- The world ---- */

struct sim_world *sim_world_new(uint64_t seed)
{
    ASSERT(the_world == NULL);
    struct sim_world *world = sim_alloc(sizeof *world);
    world->seed = seed;
    world->log_lines = sim_alloc(SIM_LOG_LINES * sizeof *world->log_lines);
    heap_init(&world->events);
    sim_options_calm(&world->options);
    sim_prng_init(world, &world->prng, "world", 0);
    the_world = world;
    world->net = sim_net_new(world);
    hash_seed(mix(seed));
    log_set_sink(log_sink, world);
    return world;
}

void sim_world_free(struct sim_world *world)
{
    sim_net_free(world->net);
    for (uint32_t i = 0; i < world->node_count; i++)
        sim_node_destroy(world->nodes[i]);
    heap_deinit(&world->events);
    for (size_t i = 0; i < SIM_LOG_LINES; i++)
        sim_free(world->log_lines[i]);
    sim_free(world->log_lines);
    sim_free(world->nodes);
    log_set_sink(NULL, NULL);
    hash_seed(0);
    the_world = NULL;
    sim_free(world);
}

struct sim_world *sim_world_current(void)
{
    return the_world;
}

/* ---- Events ---- */

void sim_event_init(struct sim_event *event,
                    void (*fire)(struct sim_world *world, struct sim_event *event))
{
    heap_node_init(&event->node);
    event->fire = fire;
}

void sim_event_set(struct sim_world *world, struct sim_event *event, uint64_t at_ns)
{
    struct sim_mem_owner *before = sim_mem_enter(NULL);
    sim_event_cancel(world, event);
    heap_insert(&world->events, &event->node, at_ns < world->now_ns ? world->now_ns : at_ns);
    (void)sim_mem_enter(before);
}

void sim_event_cancel(struct sim_world *world, struct sim_event *event)
{
    if (heap_node_in(&event->node))
        heap_remove(&world->events, &event->node);
}

bool sim_event_is_set(const struct sim_event *event)
{
    return heap_node_in(&event->node);
}

void sim_world_note(struct sim_world *world, uint32_t what, uint64_t a, uint64_t b)
{
    uint64_t hash = world->hash;
    hash = mix(hash ^ world->now_ns) + what;
    hash = mix(hash ^ a);
    world->hash = mix(hash ^ (b * UINT64_C(0x9e3779b97f4a7c15)));
}

void sim_world_note_bytes(struct sim_world *world, uint32_t what, uint64_t a, const void *data,
                          size_t size)
{
    sim_world_note(world, what, a, ((uint64_t)size << 32) ^ crc32c(0, data, size));
}

bool sim_world_step(struct sim_world *world)
{
    struct heap_node *node = heap_min(&world->events);
    if (node == NULL)
        return false;
    ASSERT(node->key >= world->now_ns);
    world->now_ns = node->key;
    world->event_count++;
    heap_remove(&world->events, node);
    struct sim_event *event = CONTAINER_OF(node, struct sim_event, node);
    event->fire(world, event);
    ASSERT(world->current == NULL && world->job_node == NULL);
    for (uint32_t i = 0; i < world->node_count; i++) {
        if (world->nodes[i]->dying)
            sim_node_crash(world->nodes[i], world->nodes[i]->dying_how);
    }
    return true;
}

void sim_world_run_until(struct sim_world *world, uint64_t at_ns)
{
    for (struct heap_node *node; (node = heap_min(&world->events)) != NULL && node->key <= at_ns;)
        (void)sim_world_step(world);
    if (world->now_ns < at_ns)
        world->now_ns = at_ns;
}

void sim_world_run_for(struct sim_world *world, uint64_t ns)
{
    sim_world_run_until(world, world->now_ns + ns);
}

bool sim_world_run_while(struct sim_world *world, bool (*going_on)(void *context), void *context,
                         uint64_t limit_ns)
{
    uint64_t limit = world->now_ns + limit_ns;
    while (going_on(context)) {
        struct heap_node *node = heap_min(&world->events);
        if (node == NULL || node->key > limit)
            return false;
        (void)sim_world_step(world);
    }
    return true;
}
