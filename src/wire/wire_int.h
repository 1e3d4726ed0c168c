#ifndef WIRE_WIRE_INT_H
#define WIRE_WIRE_INT_H
#include "wire/schema.h"

/* Is the field of `message` what it is in a message of defaults? All versions of it, unknown tags
 * of inner structs included. */
bool wire_field_is_default(const struct wire_schema *schema, const struct wire_field *field,
                           const void *message);

/* Bytes of the field alone, as the plan that it is in has it. */
size_t wire_field_size(const struct wire_schema *schema, const struct wire_field *field,
                       int16_t version, const void *message);

#endif
