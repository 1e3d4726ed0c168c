#include "sim_options.h"

#define US UINT64_C(1000)
#define MS UINT64_C(1000000)
#define S UINT64_C(1000000000)

void sim_options_calm(struct sim_options *o)
{
    *o = (struct sim_options){
        .turn_ns_max = 5 * US,
        .post_ns_max = 5 * US,
        .device_threads = 2,
        .job_ns_max = 50 * US,
        .op_ns_max = 20 * US,
        .done_ns_max = 20 * US,
        .names_ordered = false,
        .fates = {.kept = 1, .lost = 1, .torn = 1, .zeros = 1, .garbage = 1},
        .writeback_ns = 30 * S,
        .latency_ns_min = 10 * US,
        .latency_ns_max = 100 * US,
        .stream_buffer = 256 * 1024,
        .retry_ns = 20 * MS,
        .give_up_ns = 30 * S,
        .connect_give_up_ns = 10 * S,
    };
}

/* Between 1 and max, each order of magnitude as likely as the others. */
static uint64_t draw_magnitude(struct prng *prng, uint64_t max)
{
    uint64_t bound = 1;
    uint64_t steps = 1;
    for (uint64_t m = max; m >= 10; m /= 10)
        steps++;
    for (uint64_t i = prng_below(prng, steps) + 1; i > 0 && bound < max; i--)
        bound *= 10;
    if (bound > max)
        bound = max;
    return 1 + prng_below(prng, bound);
}

/* 0 in most worlds, else of any magnitude. */
static uint32_t draw_rare(struct prng *prng, uint32_t ppm_max)
{
    uint64_t ppm = draw_magnitude(prng, ppm_max);
    return prng_chance(prng, 1, 3) ? (uint32_t)ppm : 0;
}

void sim_options_draw(struct sim_options *o, struct prng *prng)
{
    sim_options_calm(o);
    o->turn_ns_max = draw_magnitude(prng, 200 * US);
    o->post_ns_max = draw_magnitude(prng, 500 * US);
    o->device_threads = 1 + (uint32_t)prng_below(prng, 3);
    o->job_ns_max = draw_magnitude(prng, 20 * MS);
    o->op_ns_max = draw_magnitude(prng, 10 * MS);
    o->done_ns_max = draw_magnitude(prng, 2 * MS);
    o->stall_ppm = draw_rare(prng, 2000);
    o->stall_ns_max = draw_magnitude(prng, 10 * S);

    o->read_absent_ppm = draw_rare(prng, 500000);
    o->read_short_ppm = draw_rare(prng, 500000);
    o->io_error_ppm = draw_rare(prng, 300);
    o->sync_error_ppm = draw_rare(prng, 3000);
    o->names_ordered = prng_chance(prng, 1, 2);
    o->fates.kept = (uint32_t)prng_below(prng, 4) + 1;
    o->fates.lost = (uint32_t)prng_below(prng, 4);
    o->fates.torn = (uint32_t)prng_below(prng, 4);
    o->fates.zeros = (uint32_t)prng_below(prng, 4);
    o->fates.garbage = (uint32_t)prng_below(prng, 4);
    o->writeback_ns = 1 * S + prng_below(prng, 60 * S);

    o->latency_ns_min = draw_magnitude(prng, 2 * MS);
    o->latency_ns_max = o->latency_ns_min + draw_magnitude(prng, 50 * MS);
    o->bytes_per_ms = prng_chance(prng, 1, 4) ? 1024 + draw_magnitude(prng, 1000000) : 0;
    o->stream_buffer = 4096 + (size_t)draw_magnitude(prng, 1000000);
    if (prng_chance(prng, 1, 4)) {
        o->chunk_max = 1 + (size_t)draw_magnitude(prng, 10000);
        /* Byte by byte over a slow line would take all day. */
        o->latency_ns_max = o->latency_ns_min + 1 * MS;
    }
    o->reset_ppm = draw_rare(prng, 2000);
    o->refuse_ppm = draw_rare(prng, 200000);
    o->retry_ns = 1 * MS + prng_below(prng, 200 * MS);
    o->give_up_ns = 5 * S + prng_below(prng, 60 * S);
    o->connect_give_up_ns = 1 * S + prng_below(prng, 60 * S);
}

void sim_options_heal(struct sim_options *o)
{
    struct sim_options calm;
    sim_options_calm(&calm);
    calm.device_threads = o->device_threads;
    calm.names_ordered = o->names_ordered;
    calm.fates = o->fates;
    calm.chunk_max = o->chunk_max;
    calm.stream_buffer = o->stream_buffer;
    *o = calm;
}
