/*
 * Anything as the text files of a log directory and as names in it. What is read is written and
 * read again alike.
 */
#include "base/assert.h"
#include "base/mem.h"
#include "plog/plog_dir.h"
#include "plog/plog_files.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *text_of(const uint8_t *data, size_t size)
{
    char *text = mem_alloc(size + 1);
    memcpy(text, data, size);
    text[size] = 0;
    return text;
}

static void check_rows(const uint8_t *data, size_t size)
{
    struct plog_checkpoint checkpoint;
    if (plog_checkpoint_parse(text_of(data, size), size, &checkpoint) != ERR_OK)
        return;
    for (size_t i = 0; i < checkpoint.count; i++) {
        const struct plog_checkpoint_row *row = &checkpoint.rows[i];
        ASSERT(row->topic >= checkpoint.text && row->topic < checkpoint.text + size);
        ASSERT(strlen(row->topic) <= size);
        ASSERT(row->partition >= 0 && row->offset >= 0);
    }
    plog_checkpoint_deinit(&checkpoint);
}

static void check_epochs(const uint8_t *data, size_t size)
{
    struct plog_epoch_entry *entries, *again;
    size_t count, count_again;
    if (plog_epochs_parse((const char *)data, size, &entries, &count) != ERR_OK)
        return;
    struct buf text = BUF_EMPTY;
    plog_epochs_format(&text, entries, count);
    enum err err = plog_epochs_parse((const char *)text.data, text.size, &again, &count_again);
    ASSERT(err == ERR_OK && count_again == count);
    for (size_t i = 0; i < count; i++)
        ASSERT(entries[i].epoch == again[i].epoch &&
               entries[i].start_offset == again[i].start_offset);
    buf_deinit(&text);
    mem_free(entries);
    mem_free(again);
}

static void check_metadata(const uint8_t *data, size_t size)
{
    struct uuid id, again;
    if (plog_metadata_parse((const char *)data, size, &id) != ERR_OK)
        return;
    struct buf text = BUF_EMPTY;
    plog_metadata_format(&text, &id);
    enum err err = plog_metadata_parse((const char *)text.data, text.size, &again);
    ASSERT(err == ERR_OK && uuid_equal(&id, &again));
    buf_deinit(&text);
}

static void check_names(const uint8_t *data, size_t size)
{
    char *text = text_of(data, size);
    struct plog_file_name name;
    plog_file_name_parse(text, &name);
    if (name.kind <= PLOG_FILE_SNAPSHOT) {
        char again[PLOG_FILE_NAME_BYTES];
        plog_file_name_make(name.kind, name.base_offset, again);
        ASSERT(strncmp(text, again, strlen(again)) == 0);
    }
    enum plog_folder_kind kind;
    char topic[260];
    int32_t partition;
    if (plog_parse_folder_name(text, &kind, topic, sizeof topic, &partition)) {
        ASSERT(partition >= 0 && strlen(topic) > 0);
        ASSERT(strncmp(text, topic, strlen(topic)) == 0);
    }
    mem_free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_rows(data, size);
    check_epochs(data, size);
    check_metadata(data, size);
    check_names(data, size);
    int64_t epoch = plog_clean_shutdown_parse((const char *)data, size);
    ASSERT(epoch >= -1);
    struct buf text = BUF_EMPTY;
    plog_clean_shutdown_format(&text, epoch < 0 ? 0 : epoch);
    int64_t again = plog_clean_shutdown_parse((const char *)text.data, text.size);
    ASSERT(again == (epoch < 0 ? 0 : epoch));
    buf_deinit(&text);
    return 0;
}
