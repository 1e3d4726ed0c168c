#include "sim_fault.h"

uint64_t sim_for_each_fault(const struct sim_fault *like, sim_fault_fn *fn, void *context)
{
    struct sim_fault fault = *like;
    for (uint64_t n = 1;; n++) {
        fault.countdown = n;
        if (!fn(context, &fault))
            return n - 1;
    }
}
