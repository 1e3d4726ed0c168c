#ifndef WIRE_LISTS_INT_H
#define WIRE_LISTS_INT_H
#include "wire/records.h"

/* The lists that schema/generate.py makes; api.h and records.h have the doors to them. */
extern const struct wire_schema *const wire_schemas[];
extern const size_t wire_schema_count;

extern const struct wire_record_type wire_records_metadata[];
extern const size_t wire_records_metadata_count;
extern const struct wire_record_type wire_records_group[];
extern const size_t wire_records_group_count;
extern const struct wire_record_type wire_records_transaction[];
extern const size_t wire_records_transaction_count;
extern const struct wire_record_type wire_records_share[];
extern const size_t wire_records_share_count;
extern const struct wire_record_type wire_records_remote_log[];
extern const size_t wire_records_remote_log_count;

#endif
