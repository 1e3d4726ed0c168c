#include "plog/plog_scan.h"

#include "plog/plog_int.h"

#include "base/hash.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

#define PIECE_BYTES ((size_t)1 << 20)
/* Where a header has them (wire/batch.h). */
#define BATCH_MAGIC_AT 16
#define BATCH_CRC_FROM 21
#define BATCH_ATTRIBUTES_KNOWN 0x7f

struct listing {
    struct plog_scan_folder *out;
    size_t capacity;
};

static bool add_file(void *context, const char *text, enum disk_kind kind)
{
    struct listing *listing = context;
    struct plog_scan_folder *out = listing->out;
    struct plog_file_name name;
    plog_file_name_parse(text, &name);
    if (kind == DISK_KIND_FOLDER || name.kind == PLOG_FILE_UNKNOWN)
        return true;
    if (out->count == listing->capacity) {
        listing->capacity = listing->capacity == 0 ? 16 : listing->capacity * 2;
        out->files = mem_realloc(out->files, listing->capacity * sizeof *out->files);
    }
    out->files[out->count++] = (struct plog_scan_file){.name = name, .text = mem_strdup(text)};
    return true;
}

static int compare_files(const void *a, const void *b)
{
    const struct plog_scan_file *x = a, *y = b;
    if (x->name.base_offset != y->name.base_offset)
        return x->name.base_offset < y->name.base_offset ? -1 : 1;
    if (x->name.kind != y->name.kind)
        return x->name.kind < y->name.kind ? -1 : 1;
    return strcmp(x->text, y->text);
}

enum err plog_scan_folder(struct env_disk *disk, const char *folder, struct plog_scan_folder *out)
{
    *out = (struct plog_scan_folder){0};
    struct listing listing = {.out = out};
    enum err err = disk_list(disk, folder, add_file, &listing);
    for (size_t i = 0; err == ERR_OK && i < out->count; i++) {
        char path[PLOG_PATH_BYTES];
        struct disk_stat stat;
        plog_path(path, folder, out->files[i].text);
        err = disk_stat(disk, path, &stat);
        if (err == ERR_OK)
            out->files[i].size_bytes = stat.size_bytes;
    }
    if (err != ERR_OK) {
        plog_scan_folder_deinit(out);
        return err;
    }
    if (out->count > 0)
        qsort(out->files, out->count, sizeof *out->files, compare_files);
    return ERR_OK;
}

void plog_scan_folder_deinit(struct plog_scan_folder *folder)
{
    for (size_t i = 0; i < folder->count; i++)
        mem_free(folder->files[i].text);
    mem_free(folder->files);
    *folder = (struct plog_scan_folder){0};
}

enum err plog_scan_open(struct plog_scan *scan, struct env_disk *disk, const char *path)
{
    *scan = (struct plog_scan){.disk = disk};
    enum err err = disk_open(disk, path, DISK_READ, &scan->file);
    if (err == ERR_OK)
        err = disk_size(disk, scan->file, &scan->size_bytes);
    if (err != ERR_OK)
        plog_scan_close(scan);
    return err;
}

void plog_scan_close(struct plog_scan *scan)
{
    disk_close(scan->disk, scan->file);
    mem_free(scan->data);
    *scan = (struct plog_scan){0};
}

static enum err reserve(struct plog_scan *scan, size_t size)
{
    if (size <= scan->capacity)
        return ERR_OK;
    uint8_t *data = mem_try_realloc(scan->data, size);
    if (data == NULL)
        return ERR_NOMEM;
    scan->data = data;
    scan->capacity = size;
    return ERR_OK;
}

/* From the position to the end of the file. */
static enum err only_zeros(struct plog_scan *scan, bool *out)
{
    uint8_t window[4096];
    *out = true;
    for (uint64_t at = scan->position; at < scan->size_bytes && *out;) {
        size_t got;
        enum err err = disk_read(scan->disk, scan->file, window, sizeof window, at, &got);
        if (err != ERR_OK)
            return err;
        if (got == 0)
            return ERR_IO;
        for (size_t i = 0; i < got && *out; i++)
            *out = window[i] == 0;
        at += got;
    }
    return ERR_OK;
}

static enum err torn(struct plog_scan *scan, enum plog_scan_verdict *out_verdict)
{
    bool zeros;
    enum err err = only_zeros(scan, &zeros);
    *out_verdict = zeros ? PLOG_SCAN_ZEROS : PLOG_SCAN_TORN;
    return err;
}

/* Is the checksum of the batch at the position right? In pieces. */
static enum err check_pieces(struct plog_scan *scan, uint64_t position,
                             const struct batch_header *header, bool *out_good)
{
    uint32_t crc = 0;
    uint64_t end = position + header->size;
    uint8_t *piece = mem_try_alloc(PIECE_BYTES);
    enum err err = piece == NULL ? ERR_NOMEM : ERR_OK;
    for (uint64_t at = position + BATCH_CRC_FROM; err == ERR_OK && at < end;) {
        size_t got, wanted = end - at < PIECE_BYTES ? (size_t)(end - at) : PIECE_BYTES;
        err = disk_read(scan->disk, scan->file, piece, wanted, at, &got);
        if (err == ERR_OK && got == 0)
            err = ERR_IO; /* shorter than it was */
        if (err == ERR_OK)
            crc = crc32c(crc, piece, got);
        at += got;
    }
    mem_free(piece);
    *out_good = err == ERR_OK && crc == header->crc;
    return err;
}

enum err plog_scan_next(struct plog_scan *scan, enum plog_scan_verdict *out_verdict,
                        uint64_t *out_position, struct batch_view *out)
{
    size_t got;
    *out_position = scan->position;
    if (scan->position >= scan->size_bytes) {
        *out_verdict = PLOG_SCAN_END;
        return ERR_OK;
    }
    enum err err = reserve(scan, BATCH_HEADER_BYTES);
    if (err == ERR_OK)
        err =
            disk_read(scan->disk, scan->file, scan->data, BATCH_HEADER_BYTES, scan->position, &got);
    if (err != ERR_OK)
        return err;
    struct batch_header header;
    if (got < BATCH_HEADER_BYTES ||
        batch_header_read(scan->data, BATCH_HEADER_BYTES, &header) != ERR_OK ||
        header.size > scan->size_bytes - scan->position)
        return torn(scan, out_verdict);
    struct batch_header checked;
    bool sane = plog_header_read(scan->data, &checked) == ERR_OK, good = false;
    bool kept = header.size <= PLOG_SCAN_BATCH_BYTES_MAX;
    if (kept) {
        err = reserve(scan, header.size);
        if (err == ERR_OK)
            err = disk_read(scan->disk, scan->file, scan->data, header.size, scan->position, &got);
        if (err == ERR_OK && got < header.size)
            err = ERR_IO;
        good = err == ERR_OK && batch_check_crc(scan->data, header.size) == ERR_OK;
    } else {
        err = check_pieces(scan, scan->position, &header, &good);
    }
    if (err != ERR_OK)
        return err;
    *out_verdict = good && sane ? PLOG_SCAN_BATCH : PLOG_SCAN_DAMAGED;
    *out = (struct batch_view){kept ? scan->data : NULL, header};
    scan->position += header.size;
    return ERR_OK;
}

/* A place where a header could begin; the checksum decides. */
static bool is_plausible(const struct plog_scan *scan, const uint8_t *data, uint64_t position,
                         struct batch_header *out)
{
    return data[BATCH_MAGIC_AT] == BATCH_MAGIC && plog_header_read(data, out) == ERR_OK &&
           out->attributes <= BATCH_ATTRIBUTES_KNOWN && out->size <= scan->size_bytes - position;
}

enum err plog_scan_find(struct plog_scan *scan, uint64_t from, bool *out_found)
{
    uint64_t tried_max = 4 * scan->size_bytes + PIECE_BYTES;
    enum err err = ERR_OK;
    *out_found = false;
    uint8_t *window = mem_try_alloc(PIECE_BYTES);
    if (window == NULL)
        return ERR_NOMEM;
    while (err == ERR_OK && !*out_found && from < scan->size_bytes) {
        size_t got;
        err = disk_read(scan->disk, scan->file, window, PIECE_BYTES, from, &got);
        if (err != ERR_OK || got < BATCH_HEADER_BYTES)
            break;
        size_t places = got - BATCH_HEADER_BYTES + 1;
        for (size_t i = 0; i < places && err == ERR_OK && !*out_found; i++) {
            struct batch_header header;
            if (!is_plausible(scan, window + i, from + i, &header))
                continue;
            if (scan->tried_bytes > tried_max)
                goto done;
            scan->tried_bytes += header.size;
            err = check_pieces(scan, from + i, &header, out_found);
            if (*out_found)
                scan->position = from + i;
        }
        from += places;
    }
done:
    mem_free(window);
    if (!*out_found)
        scan->position = scan->size_bytes;
    return err;
}
