#include "group/group_consumer_int.h"

#include "base/mem.h"

static void consumer_free(struct pmap_value *value)
{
    mem_free(CONTAINER_OF(value, struct group_object, value));
}

/* The group is known to be one of the new protocol; its records stay in the log. */
void group_consumer_apply(struct group_hard *hard, const struct group_record *record, int64_t order)
{
    UNUSED(order);
    const struct wire_string *id = record->key; /* the first field of all of these keys */
    const struct group_object *object = group_object_find(hard, *id);
    if (record->value != NULL) {
        if (object != NULL && object->type == GROUP_TYPE_CONSUMER)
            return;
        struct group_object *made = mem_zalloc(sizeof *made);
        pmap_value_init(&made->value, consumer_free);
        made->type = GROUP_TYPE_CONSUMER;
        pmap_put(&hard->groups, id->data, id->size, &made->value);
    } else if (record->type->id == WIRE_GROUP_RECORD_CONSUMER_GROUP_METADATA && object != NULL &&
               object->type == GROUP_TYPE_CONSUMER) {
        pmap_remove(&hard->groups, id->data, id->size);
    }
}
