/* What the controller decides and answers by itself: the request goes there as it is. */
#include "broker/api/handlers_int.h"

#include "broker/ask.h"

void broker_api_by_controller(struct broker_request *request)
{
    broker_ask_forward(request);
}
