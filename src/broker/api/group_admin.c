/*
 * DescribeGroups, ListGroups, DeleteGroups: one coordinator is asked after the other. ListGroups is
 * about the groups of this node; clients ask all brokers.
 */
#include "broker/api/handlers_int.h"
#include "broker/node_int.h"

#include "broker/groups.h"
#include "broker/request.h"
#include "meta/image.h"
#include "wire/messages.h"

/* DELETE, DESCRIBE, READ, DESCRIBE_CONFIGS and ALTER_CONFIGS: what everybody may do with a group
 * while no authorizer is configured. */
#define GROUP_OPERATIONS ((1 << 3) | (1 << 6) | (1 << 8) | (1 << 10) | (1 << 11))

/* ---- DescribeGroups -------------------------------------------------------------------------- */

static void describe_done(struct broker_group_call *call, void *response)
{
    struct broker_request *request = call->request;
    const struct wire_describe_groups_request *message = request->body;
    struct broker_group_walk *walk = call->context;
    struct wire_describe_groups_response *reply = walk->reply;
    struct wire_describe_groups_response_described_group *group = response;
    if (message->include_authorized_operations && group->error_code == WIRE_ERROR_NONE)
        group->authorized_operations = GROUP_OPERATIONS;
    reply->groups.items[walk->next++] = *group;
    broker_group_walk_go(walk);
}

static void describe_ask(struct broker_group_walk *walk)
{
    const struct wire_describe_groups_request *message = walk->request->body;
    struct broker_group_call *call = broker_group_call_new(walk->request);
    call->context = walk;
    const struct wire_string *id = &message->groups.items[walk->next];
    broker_group_call_send(call, GROUP_OP_DESCRIBE, *id, id, describe_done);
}

void broker_api_describe_groups(struct broker_request *request)
{
    const struct wire_describe_groups_request *message = request->body;
    struct wire_describe_groups_response *reply = BROKER_REPLY(request, describe_groups_response);
    reply->groups.count = message->groups.count;
    reply->groups.items = BROKER_REPLY_ARRAY(request, describe_groups_response_described_group,
                                             (size_t)message->groups.count);
    broker_group_walk_go(
        broker_group_walk_new(request, reply, message->groups.count, describe_ask));
}

/* ---- DeleteGroups ---------------------------------------------------------------------------- */

static void delete_done(struct broker_group_call *call, void *response)
{
    struct broker_group_walk *walk = call->context;
    struct wire_delete_groups_response *reply = walk->reply;
    const struct wire_delete_groups_response_deletable_group_result *result = response;
    reply->results.items[walk->next++] = *result;
    broker_group_walk_go(walk);
}

static void delete_ask(struct broker_group_walk *walk)
{
    const struct wire_delete_groups_request *message = walk->request->body;
    struct broker_group_call *call = broker_group_call_new(walk->request);
    call->context = walk;
    const struct wire_string *id = &message->groups_names.items[walk->next];
    broker_group_call_send(call, GROUP_OP_DELETE, *id, id, delete_done);
}

void broker_api_delete_groups(struct broker_request *request)
{
    const struct wire_delete_groups_request *message = request->body;
    struct wire_delete_groups_response *reply = BROKER_REPLY(request, delete_groups_response);
    reply->results.count = message->groups_names.count;
    reply->results.items = BROKER_REPLY_ARRAY(
        request, delete_groups_response_deletable_group_result, (size_t)reply->results.count);
    broker_group_walk_go(
        broker_group_walk_new(request, reply, message->groups_names.count, delete_ask));
}

/* ---- ListGroups ------------------------------------------------------------------------------ */

static void list_add(struct broker_group_walk *walk, const struct wire_list_groups_response *part)
{
    struct wire_list_groups_response *reply = walk->reply;
    size_t before = (size_t)reply->groups.count;
    size_t count = before + (size_t)part->groups.count;
    if (count > walk->room) {
        walk->room = count > 2 * walk->room ? count : 2 * walk->room;
        struct wire_list_groups_response_listed_group *grown =
            BROKER_REPLY_ARRAY(walk->request, list_groups_response_listed_group, walk->room);
        for (size_t i = 0; i < before; i++)
            grown[i] = reply->groups.items[i];
        reply->groups.items = grown;
    }
    for (size_t i = before; i < count; i++)
        reply->groups.items[i] = part->groups.items[i - before];
    reply->groups.count = (int32_t)count;
}

static void list_done(struct broker_group_call *call, void *response)
{
    struct broker_group_walk *walk = call->context;
    struct wire_list_groups_response *reply = walk->reply;
    const struct wire_list_groups_response *part = response;
    /* A partition that this node does not coordinate has no groups here. */
    if (part->error_code == WIRE_ERROR_COORDINATOR_LOAD_IN_PROGRESS)
        reply->error_code = part->error_code;
    else if (part->error_code == WIRE_ERROR_NONE && part->groups.count > 0)
        list_add(walk, part);
    if (reply->error_code != WIRE_ERROR_NONE)
        reply->groups.count = 0;
    walk->next++;
    broker_group_walk_go(walk);
}

static void list_ask(struct broker_group_walk *walk)
{
    struct broker_group_call *call = broker_group_call_new(walk->request);
    call->context = walk;
    broker_group_call_send_partition(call, GROUP_OP_LIST, walk->next, walk->request->body,
                                     list_done);
}

void broker_api_list_groups(struct broker_request *request)
{
    broker_group_walk_go(broker_group_walk_new(request, BROKER_REPLY(request, list_groups_response),
                                               broker_groups_partition_count(request->shard),
                                               list_ask));
}
