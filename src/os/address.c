/* Internet addresses as text and from names. */
#include "os/os_int.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>

socklen_t os_address_size(const union os_address *address)
{
    return address->any.sa_family == AF_INET ? sizeof address->v4 : sizeof address->v6;
}

void os_address_text(const union os_address *address, char out[ENV_ADDRESS_BYTES])
{
    char ip[INET6_ADDRSTRLEN] = "?";

    if (address->any.sa_family == AF_INET) {
        inet_ntop(AF_INET, &address->v4.sin_addr, ip, sizeof ip);
        snprintf(out, ENV_ADDRESS_BYTES, "%s:%u", ip, ntohs(address->v4.sin_port));
        return;
    }
    if (address->any.sa_family != AF_INET6) {
        snprintf(out, ENV_ADDRESS_BYTES, "unknown");
        return;
    }
    const struct in6_addr *v6 = &address->v6.sin6_addr;
    unsigned port = ntohs(address->v6.sin6_port);
    if (IN6_IS_ADDR_V4MAPPED(v6)) {
        inet_ntop(AF_INET, &v6->s6_addr[12], ip, sizeof ip);
        snprintf(out, ENV_ADDRESS_BYTES, "%s:%u", ip, port);
        return;
    }
    inet_ntop(AF_INET6, v6, ip, sizeof ip);
    if (address->v6.sin6_scope_id != 0)
        snprintf(out, ENV_ADDRESS_BYTES, "[%.39s%%%u]:%u", ip, address->v6.sin6_scope_id, port);
    else
        snprintf(out, ENV_ADDRESS_BYTES, "[%s]:%u", ip, port);
}

/* Among the first count. Files and name servers together may tell one twice. */
static bool address_known(const struct os_addresses *addresses, const union os_address *address)
{
    for (size_t i = 0; i < addresses->count; i++)
        if (memcmp(&addresses->list[i], address, sizeof *address) == 0)
            return true;
    return false;
}

enum err os_address_resolve(const char *host, uint16_t port, bool numeric, bool passive,
                            struct os_addresses *out)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    hints.ai_flags = (numeric ? AI_NUMERICHOST : 0) | (passive ? AI_PASSIVE : 0);

    out->count = 0;
    struct addrinfo *found = NULL;
    int code = getaddrinfo(host, NULL, &hints, &found);
    if (code != 0)
        return code == EAI_MEMORY ? ERR_NOMEM : ERR_NOTFOUND;
    for (struct addrinfo *info = found; info != NULL; info = info->ai_next) {
        if (out->count == OS_ADDRESSES_MAX)
            break;
        union os_address *address = &out->list[out->count];
        if (info->ai_family != AF_INET && info->ai_family != AF_INET6)
            continue;
        ASSERT(info->ai_addrlen <= sizeof *address);
        memset(address, 0, sizeof *address);
        memcpy(address, info->ai_addr, info->ai_addrlen);
        if (info->ai_family == AF_INET)
            address->v4.sin_port = htons(port);
        else
            address->v6.sin6_port = htons(port);
        if (!address_known(out, address))
            out->count++;
    }
    freeaddrinfo(found);
    return out->count > 0 ? ERR_OK : ERR_NOTFOUND;
}
