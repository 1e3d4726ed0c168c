/*
 * Which batches were aborted and which markers nobody needs any more, as a log is walked from its
 * start on. The list of aborted transactions tells when one begins; a marker ends it. What belongs
 * to no aborted one was committed.
 */
#include "plog/plog_clean_int.h"

#include "base/mem.h"

/* A producer whose transaction is under way at this point of the walk. */
struct clean_txn {
    struct hmap_node node;
    int64_t producer_id;
    bool aborted;  /* entry says which; else it was committed, and a batch of it was seen */
    bool observed; /* aborted: a batch of it was seen */
    struct plog_txnindex_entry entry;
};

void plog_clean_txns_init(struct plog_clean_txns *txns, const struct plog_txnindex_entry *aborted,
                          size_t count)
{
    *txns = (struct plog_clean_txns){.aborted = aborted, .aborted_count = count};
    hmap_init(&txns->ongoing);
}

void plog_clean_txns_deinit(struct plog_clean_txns *txns)
{
    HMAP_FOR_EACH_SAFE (node, after, &txns->ongoing)
        mem_free(HMAP_ENTRY(node, struct clean_txn, node));
    hmap_deinit(&txns->ongoing);
    *txns = (struct plog_clean_txns){0};
}

static struct clean_txn *find(const struct plog_clean_txns *txns, int64_t producer_id, bool aborted)
{
    HMAP_FOR_EACH_HASH (node, &txns->ongoing, hash_u64((uint64_t)producer_id)) {
        struct clean_txn *txn = HMAP_ENTRY(node, struct clean_txn, node);
        if (txn->producer_id == producer_id && txn->aborted == aborted)
            return txn;
    }
    return NULL;
}

static struct clean_txn *add(struct plog_clean_txns *txns, int64_t producer_id, bool aborted)
{
    struct clean_txn *txn = mem_try_alloc(sizeof *txn);
    if (txn == NULL)
        return NULL;
    *txn = (struct clean_txn){.producer_id = producer_id, .aborted = aborted};
    hmap_insert(&txns->ongoing, &txn->node, hash_u64((uint64_t)producer_id));
    return txn;
}

static void drop(struct plog_clean_txns *txns, struct clean_txn *txn)
{
    hmap_remove(&txns->ongoing, &txn->node);
    mem_free(txn);
}

/* The aborted transaction of the producer that holds the offset. One whose marker should have come
 * before has ended, whatever became of the marker: what follows is not a part of it. */
static struct clean_txn *find_aborted(struct plog_clean_txns *txns, int64_t producer_id,
                                      int64_t offset)
{
    struct clean_txn *txn = find(txns, producer_id, true);
    if (txn == NULL || txn->entry.last_offset >= offset)
        return txn;
    drop(txns, txn);
    return NULL;
}

/* Those that begin at or below the offset are under way. */
static enum err begin_up_to(struct plog_clean_txns *txns, int64_t offset)
{
    while (txns->aborted_next < txns->aborted_count &&
           txns->aborted[txns->aborted_next].first_offset <= offset) {
        const struct plog_txnindex_entry *entry = &txns->aborted[txns->aborted_next];
        if (find_aborted(txns, entry->producer_id, entry->first_offset) == NULL) {
            struct clean_txn *txn = add(txns, entry->producer_id, true);
            if (txn == NULL)
                return ERR_NOMEM;
            txn->entry = *entry;
        }
        txns->aborted_next++;
    }
    return ERR_OK;
}

enum err plog_clean_txns_batch(struct plog_clean_txns *txns, const struct batch_header *header,
                               bool *out_discard)
{
    *out_discard = false;
    enum err err = begin_up_to(txns, batch_last_offset(header));
    if (err != ERR_OK || !batch_is_transactional(header))
        return err;
    struct clean_txn *txn = find_aborted(txns, header->producer_id, header->base_offset);
    if (txn != NULL) {
        txn->observed = true;
        *out_discard = true;
    } else if (find(txns, header->producer_id, false) == NULL &&
               add(txns, header->producer_id, false) == NULL) {
        return ERR_NOMEM;
    }
    return ERR_OK;
}

/* Forgets it; whether it was there and, if aborted, was seen. */
static bool end(struct plog_clean_txns *txns, int64_t producer_id, bool aborted,
                struct plog_txnindex_entry *out)
{
    struct clean_txn *txn = find(txns, producer_id, aborted);
    if (txn == NULL)
        return false;
    bool seen = !aborted || txn->observed;
    *out = txn->entry;
    drop(txns, txn);
    return seen;
}

enum err plog_clean_txns_marker(struct plog_clean_txns *txns, const struct batch_header *header,
                                const struct plog_marker *marker, bool *out_discard,
                                struct plog_txnindex_entry *out_aborted)
{
    *out_discard = false;
    out_aborted->last_offset = -1;
    enum err err = begin_up_to(txns, batch_last_offset(header));
    if (err != ERR_OK)
        return err;
    if (header->record_count == 0) {
        *out_discard = true; /* it was cleaned before, and stays for its producer's sake */
        return ERR_OK;
    }
    if (!marker->is_marker)
        return ERR_OK; /* another kind of control record */
    struct plog_txnindex_entry entry;
    bool seen = end(txns, header->producer_id, marker->is_abort, &entry);
    *out_discard = !seen;
    if (seen && marker->is_abort)
        *out_aborted = entry;
    return ERR_OK;
}
