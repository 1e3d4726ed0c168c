/*
 * The map of a cleaning: where the last record of each key is. Open addressing; the memory is what
 * log.cleaner.dedupe.buffer.size allows, or less when there are fewer records to look at.
 */
#include "plog/plog_clean_int.h"

#include "base/mem.h"

#include <string.h>

/* Bits of a hash that say where to look first; a map has fewer slots than that. */
#define SLOTS_MAX ((uint64_t)1 << 31)

/* ---- SipHash-2-4, 128 bits ------------------------------------------------------------------- */

static inline uint64_t rotate(uint64_t value, unsigned bits)
{
    return value << bits | value >> (64 - bits);
}

static inline void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[0] = rotate(v[0], 32);
    v[2] += v[3];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[2] = rotate(v[2], 32);
}

static inline void sip_rounds(uint64_t v[4], int count)
{
    for (int i = 0; i < count; i++)
        sip_round(v);
}

static inline uint64_t load_le64(const uint8_t *data, size_t size)
{
    uint64_t value = 0;
    for (size_t i = 0; i < size; i++)
        value |= (uint64_t)data[i] << (8 * i);
    return value;
}

void plog_clean_hash(const uint64_t key[2], const void *data, size_t size, uint64_t out[2])
{
    const uint8_t *at = data;
    size_t left = size;
    uint64_t v[4] = {
        key[0] ^ UINT64_C(0x736f6d6570736575),
        key[1] ^ UINT64_C(0x646f72616e646f6d) ^ 0xee,
        key[0] ^ UINT64_C(0x6c7967656e657261),
        key[1] ^ UINT64_C(0x7465646279746573),
    };
    for (; left >= 8; at += 8, left -= 8) {
        uint64_t word = load_le64(at, 8);
        v[3] ^= word;
        sip_rounds(v, 2);
        v[0] ^= word;
    }
    uint64_t last = (uint64_t)(size & 0xff) << 56 | load_le64(at, left);
    v[3] ^= last;
    sip_rounds(v, 2);
    v[0] ^= last;
    v[2] ^= 0xee;
    sip_rounds(v, 4);
    out[0] = v[0] ^ v[1] ^ v[2] ^ v[3];
    v[1] ^= 0xdd;
    sip_rounds(v, 4);
    out[1] = v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* ---- The map --------------------------------------------------------------------------------- */

enum err plog_clean_map_init(struct plog_clean_map *map, uint64_t wanted, uint64_t bytes_max,
                             double load, const uint64_t key[2])
{
    uint64_t slots_max = bytes_max / sizeof *map->slots;
    /* Settings may say anything; a map that is full to the brim is searched from end to end. */
    double part = load > 0.95 ? 0.95 : load < 0.05 ? 0.05 : load;
    slots_max = slots_max > SLOTS_MAX ? SLOTS_MAX : slots_max < 64 ? 64 : slots_max;
    /* Twice as many as there are keys at most: then the first look mostly finds. */
    uint64_t slots = wanted < slots_max / 2 ? wanted * 2 + 64 : slots_max;
    if (slots > slots_max)
        slots = slots_max;
    *map = (struct plog_clean_map){.slot_count = slots, .latest_offset = -1};
    map->count_max = (uint64_t)((double)slots * part);
    memcpy(map->key, key, sizeof map->key);
    map->slots = mem_try_alloc((size_t)slots * sizeof *map->slots);
    if (map->slots == NULL)
        return ERR_NOMEM;
    memset(map->slots, 0, (size_t)slots * sizeof *map->slots);
    return ERR_OK;
}

void plog_clean_map_deinit(struct plog_clean_map *map)
{
    mem_free(map->slots);
    *map = (struct plog_clean_map){.latest_offset = -1};
}

/* The key's slot, or the free one where it belongs. There is always a free one. */
static struct plog_clean_map_slot *find(const struct plog_clean_map *map, const uint64_t hash[2])
{
    uint64_t index = (hash[0] >> 32) * map->slot_count >> 32;
    for (;;) {
        struct plog_clean_map_slot *slot = &map->slots[index];
        if (slot->offset == 0 || (slot->hash[0] == hash[0] && slot->hash[1] == hash[1]))
            return slot;
        index = index + 1 == map->slot_count ? 0 : index + 1;
    }
}

bool plog_clean_map_put(struct plog_clean_map *map, const void *key, size_t size, int64_t offset)
{
    uint64_t hash[2];
    if (map->count >= map->count_max)
        return false;
    plog_clean_hash(map->key, key, size, hash);
    struct plog_clean_map_slot *slot = find(map, hash);
    if (slot->offset == 0) {
        slot->hash[0] = hash[0];
        slot->hash[1] = hash[1];
        map->count++;
    }
    slot->offset = offset + 1;
    map->latest_offset = offset;
    return true;
}

int64_t plog_clean_map_get(const struct plog_clean_map *map, const void *key, size_t size)
{
    uint64_t hash[2];
    plog_clean_hash(map->key, key, size, hash);
    return find(map, hash)->offset - 1;
}
