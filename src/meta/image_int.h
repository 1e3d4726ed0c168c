#ifndef META_IMAGE_INT_H
#define META_IMAGE_INT_H
#include "meta/image.h"

/* Into storage of the caller's: a delta keeps its state in one. */
void meta_image_init(struct meta_image *image);
void meta_image_deinit(struct meta_image *image);
/* References of its own to the maps; counts are set. `to` is overwritten. */
void meta_image_copy(struct meta_image *to, const struct meta_image *from);

#endif
