/* CreateTopics and DeleteTopics: the controller decides. */
#include "broker/api/handlers_int.h"

#include "broker/ask.h"

void broker_api_create_topics(struct broker_request *request)
{
    broker_ask_forward(request);
}

void broker_api_delete_topics(struct broker_request *request)
{
    broker_ask_forward(request);
}
