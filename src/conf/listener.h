#ifndef CONF_LISTENER_H
#define CONF_LISTENER_H
/* Listeners: NAME://host:port. */
#include "base/arena.h"
#include "base/assert.h"
#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The numbers are Kafka's (BrokerRegistration and UpdateMetadata carry them). */
enum conf_protocol {
    CONF_PROTOCOL_PLAINTEXT = 0,
    CONF_PROTOCOL_SSL = 1,
    CONF_PROTOCOL_SASL_PLAINTEXT = 2,
    CONF_PROTOCOL_SASL_SSL = 3,
};

struct conf_listener {
    const char *name; /* upper case */
    const char *host; /* without brackets; "" in listeners means every address of the machine */
    uint16_t port;    /* 0 in listeners: the system picks one */
    enum conf_protocol protocol;
    bool ipv6;       /* host is an IPv6 address */
    bool controller; /* named in controller.listener.names */
};

const char *conf_protocol_text(enum conf_protocol protocol);
/* In either case. False: no such protocol. */
bool conf_protocol_parse(const char *text, enum conf_protocol *out) MUST_USE;

/* host:port, [v6]:port. ERR_INVALID otherwise. The host is copied into the arena. */
enum err conf_address_parse(struct arena *arena, const char *text, const char **host,
                            uint16_t *port) MUST_USE;
/* An IPv6 address in its text form (with or without a zone), or IPv4. */
bool conf_host_is_ipv6(const char *host);
bool conf_host_is_ipv4(const char *host);
/* host:port, with brackets where the host is an IPv6 address. */
void conf_address_print(const char *host, uint16_t port, struct buf *out);
/* NAME://host:port. */
void conf_listener_print(const struct conf_listener *listener, struct buf *out);

#endif
