/*
 * JoinGroup, SyncGroup, Heartbeat, LeaveGroup: to the group's coordinator as they are. JoinGroup
 * and SyncGroup are answered when the group is as far.
 */
#include "broker/api/handlers_int.h"

#include "broker/groups.h"
#include "broker/request.h"
#include "wire/messages.h"

static void members_done(struct broker_group_call *call, void *response)
{
    broker_request_complete(call->request, response);
}

static void members_send(struct broker_request *request, enum group_op op,
                         struct wire_string group_id)
{
    struct broker_group_call *call = broker_group_call_new(request);
    broker_group_call_send(call, op, group_id, request->body, members_done);
}

void broker_api_join_group(struct broker_request *request)
{
    const struct wire_join_group_request *message = request->body;
    members_send(request, GROUP_OP_JOIN, message->group_id);
}

void broker_api_sync_group(struct broker_request *request)
{
    const struct wire_sync_group_request *message = request->body;
    /* KIP-559: a member says which protocol it believes in. */
    if (request->version >= 5 &&
        (message->protocol_type.data == NULL || message->protocol_name.data == NULL)) {
        struct wire_sync_group_response *reply = BROKER_REPLY(request, sync_group_response);
        reply->error_code = WIRE_ERROR_INCONSISTENT_GROUP_PROTOCOL;
        broker_request_complete(request, reply);
        return;
    }
    members_send(request, GROUP_OP_SYNC, message->group_id);
}

void broker_api_heartbeat(struct broker_request *request)
{
    const struct wire_heartbeat_request *message = request->body;
    members_send(request, GROUP_OP_HEARTBEAT, message->group_id);
}

void broker_api_leave_group(struct broker_request *request)
{
    const struct wire_leave_group_request *message = request->body;
    members_send(request, GROUP_OP_LEAVE, message->group_id);
}
