#include "broker/fan.h"

#include "broker/node_int.h"

struct broker_leg {
    struct broker_call call;
    struct broker_fan *fan;
    struct broker_part *parts;
    struct broker_part **parts_end;
    size_t left;
};

static void leg_run(struct broker_shard *shard, struct broker_call *call)
{
    struct broker_leg *leg = CONTAINER_OF(call, struct broker_leg, call);
    leg->left++; /* not done before all are begun */
    for (struct broker_part *part = leg->parts; part != NULL; part = part->next)
        leg->fan->run(shard, part);
    if (--leg->left == 0)
        broker_call_reply(shard, call);
}

static void fan_one_less(struct broker_fan *fan)
{
    if (--fan->legs_left == 0)
        fan->done(fan);
}

static void leg_done(struct broker_shard *shard, struct broker_call *call)
{
    UNUSED(shard);
    fan_one_less(CONTAINER_OF(call, struct broker_leg, call)->fan);
}

void broker_fan_init(struct broker_fan *fan, struct broker_request *request,
                     void (*run)(struct broker_shard *shard, struct broker_part *part),
                     void (*done)(struct broker_fan *fan))
{
    uint32_t shard_count = request->shard->node->shard_count;
    *fan = (struct broker_fan){.request = request, .run = run, .done = done};
    fan->legs = arena_must_alloc_array(&request->arena, shard_count, sizeof *fan->legs);
    for (uint32_t i = 0; i < shard_count; i++) {
        fan->legs[i].fan = fan;
        fan->legs[i].parts_end = &fan->legs[i].parts;
        fan->legs[i].call.run = leg_run;
        fan->legs[i].call.done = leg_done;
    }
}

void broker_fan_add(struct broker_fan *fan, struct broker_part *part, const struct uuid *topic_id,
                    int32_t partition)
{
    struct broker_leg *leg =
        &fan->legs[broker_shard_of(fan->request->shard->node, topic_id, partition)];
    part->leg = leg;
    part->next = NULL;
    leg->left++;
    *leg->parts_end = part;
    leg->parts_end = &part->next;
}

void broker_fan_start(struct broker_fan *fan)
{
    struct broker_shard *shard = fan->request->shard;
    uint32_t shard_count = shard->node->shard_count;
    fan->legs_left = 1; /* not done before all are sent */
    for (uint32_t i = 0; i < shard_count; i++)
        fan->legs_left += fan->legs[i].parts != NULL;
    for (uint32_t i = 0; i < shard_count; i++) {
        if (fan->legs[i].parts != NULL)
            broker_call_send(shard, i, &fan->legs[i].call);
    }
    fan_one_less(fan);
}

void broker_part_end(struct broker_part *part)
{
    struct broker_leg *leg = part->leg;
    if (--leg->left == 0)
        broker_call_reply(broker_node_shard(leg->call.node, leg->call.to), &leg->call);
}

struct broker_fan *broker_part_fan(const struct broker_part *part)
{
    return part->leg->fan;
}
