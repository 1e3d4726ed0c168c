#ifndef BROKER_REQUEST_INT_H
#define BROKER_REQUEST_INT_H
#include "broker/request.h"

struct broker_conn;

/* From the shard's pool, empty. */
struct broker_request *broker_request_new(struct broker_shard *shard);
/* To the pool, with all that it holds released; it may be in a list. */
void broker_request_free(struct broker_request *request);
void broker_request_pool_deinit(struct broker_shard *shard);

/*
 * A whole frame (without its length) has come in on the connection. `buf` is the counted buffer
 * that it lies in, from which a reference is taken when the frame is large; NULL has it copied.
 * Queues a request, or returns a reason for which the connection has to be closed.
 */
const char *broker_dispatch_frame(struct broker_conn *conn, struct rcbuf *buf, uint8_t *data,
                                  size_t size) MUST_USE;
/* A DONE one whose reply waits for its client: what only the handler needed goes. */
void broker_request_slim(struct broker_request *request);
/* Decodes a QUEUED request and calls its handler. Returns NULL, or why the connection has to be
 * closed. */
const char *broker_dispatch_start(struct broker_request *request) MUST_USE;

#endif
