#include "conf/listener.h"

#include "conf/value.h"

#include <string.h>

static const char *const protocol_texts[] = {
    [CONF_PROTOCOL_PLAINTEXT] = "PLAINTEXT",
    [CONF_PROTOCOL_SSL] = "SSL",
    [CONF_PROTOCOL_SASL_PLAINTEXT] = "SASL_PLAINTEXT",
    [CONF_PROTOCOL_SASL_SSL] = "SASL_SSL",
};

const char *conf_protocol_text(enum conf_protocol protocol)
{
    ASSERT((size_t)protocol < ARRAY_COUNT(protocol_texts));
    return protocol_texts[protocol];
}

bool conf_protocol_parse(const char *text, enum conf_protocol *out)
{
    for (size_t i = 0; i < ARRAY_COUNT(protocol_texts); i++) {
        if (conf_equal_any_case(text, protocol_texts[i])) {
            *out = (enum conf_protocol)i;
            return true;
        }
    }
    return false;
}

static bool parse_port(const char *text, uint16_t *out)
{
    uint32_t port = 0;
    size_t size = strlen(text);
    if (size == 0 || size > 5 || strspn(text, "0123456789") != size)
        return false;
    for (; *text != '\0'; text++)
        port = port * 10 + (uint32_t)(*text - '0');
    *out = (uint16_t)port;
    return port <= UINT16_MAX;
}

/* What names and addresses are made of; underscores are seen in the wild. */
static bool is_host_text(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        char c = text[i];
        bool ok = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                  (c != '\0' && strchr(".-_:%", c) != NULL);
        if (!ok)
            return false;
    }
    return true;
}

enum err conf_address_parse(struct arena *arena, const char *text, const char **host,
                            uint16_t *port)
{
    /* The last colon, so that an IPv6 address without brackets is understood as Kafka does. */
    const char *colon = strrchr(text, ':');
    if (colon == NULL || !parse_port(colon + 1, port))
        return ERR_INVALID;
    size_t size = (size_t)(colon - text);
    bool brackets = size >= 2 && text[0] == '[' && text[size - 1] == ']';
    if (brackets) {
        text++;
        size -= 2;
    }
    if (!is_host_text(text, size))
        return ERR_INVALID;
    char *copy = arena_must_alloc(arena, size + 1);
    memcpy(copy, text, size);
    *host = copy;
    if ((brackets || strchr(copy, ':') != NULL) && !conf_host_is_ipv6(copy))
        return ERR_INVALID;
    return ERR_OK;
}

bool conf_host_is_ipv4(const char *host)
{
    for (int part = 0; part < 4; part++) {
        size_t digits = strspn(host, "0123456789");
        uint32_t number = 0;
        if (digits == 0 || digits > 3)
            return false;
        for (size_t i = 0; i < digits; i++)
            number = number * 10 + (uint32_t)(host[i] - '0');
        if (number > 255)
            return false;
        host += digits;
        if (*host++ != (part < 3 ? '.' : '\0'))
            return false;
    }
    return true;
}

bool conf_host_is_ipv6(const char *host)
{
    size_t size = strcspn(host, "%");
    if (host[size] == '%' && host[size + 1] == '\0')
        return false;
    int groups = 0;
    bool gap = false;
    size_t i = 0;
    if (size >= 2 && host[0] == ':' && host[1] == ':') {
        gap = true;
        i = 2;
    }
    while (i < size) {
        size_t digits = strspn(host + i, "0123456789abcdefABCDEF");
        if (host[i + digits] == '.') { /* the last 32 bits as IPv4 */
            char last[16] = {0};
            if (size - i >= sizeof last)
                return false;
            memcpy(last, host + i, size - i);
            groups += 2;
            i = size;
            if (!conf_host_is_ipv4(last))
                return false;
            break;
        }
        if (digits == 0 || digits > 4)
            return false;
        groups++;
        i += digits;
        if (i == size)
            break;
        if (host[i] != ':')
            return false;
        i++;
        if (i == size)
            return false;
        if (host[i] == ':') {
            if (gap)
                return false;
            gap = true;
            i++;
        }
    }
    return gap ? groups < 8 : groups == 8;
}

void conf_address_print(const char *host, uint16_t port, struct buf *out)
{
    buf_printf(out, strchr(host, ':') != NULL ? "[%s]:%u" : "%s:%u", host, (unsigned)port);
}

void conf_listener_print(const struct conf_listener *listener, struct buf *out)
{
    buf_printf(out, "%s://", listener->name);
    conf_address_print(listener->host, listener->port, out);
}
