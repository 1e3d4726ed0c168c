#ifndef SIM_MEM_H
#define SIM_MEM_H
/*
 * Memory of simulated processes. The linker sends every mem_alloc (and its family) of the program
 * through here (--wrap), so that each block knows the process that asked for it. A crash then is
 * what it is on a real machine: no function of the process runs, its memory is simply gone. A
 * process that ended by itself has to have given all of it back.
 *
 * The owner is a global: the simulated world has one thread.
 *
 * Invariants
 * 1. While code of the world runs the owner is NULL, while code of a process runs it is that
 * process.
 * 2. A block goes back to the owner that it came from, whoever frees it.
 */
#include "base/list.h"

#include <stddef.h>
#include <stdint.h>

struct sim_mem_owner {
    struct list blocks;
    size_t block_count;
    size_t bytes;
    size_t bytes_max;    /* the most there ever was */
    uint64_t fail_in;    /* the how-manieth fallible allocation from now fails; 0: none */
    uint64_t fail_more;  /* and so many after it */
    uint64_t fail_count; /* that failed */
};

void sim_mem_owner_init(struct sim_mem_owner *owner);
/* Frees all blocks. */
void sim_mem_owner_discard(struct sim_mem_owner *owner);
/* For a leak's report: the size of one of the blocks that are left, newest first; 0 past the end.
 */
size_t sim_mem_owner_block_size(const struct sim_mem_owner *owner, size_t index);

/* Whose blocks come next (NULL: the world's or the test's own). Returns whose came before. */
struct sim_mem_owner *sim_mem_enter(struct sim_mem_owner *owner);

/* The world's own memory, of no process; zeroed. */
void *sim_alloc(size_t size) __attribute__((malloc, returns_nonnull));
void sim_free(void *ptr);

#endif
