#ifndef SIM_STORAGE_INT_H
#define SIM_STORAGE_INT_H
/* Shared by sim_storage.c (calls and faults), sim_inode.c (content), sim_names.c (names) and
 * sim_power.c (what a power loss leaves). */
#include "sim_mem.h"
#include "sim_storage.h"

#define SIM_PAGE_BYTES 4096u
#define SIM_SECTOR_BYTES 512u
#define SIM_FILE_BYTES_MAX (UINT64_C(1) << 40)

/* Counted, so that the two images share what is equal; copied before it changes. */
struct sim_page {
    uint32_t refs;
    uint8_t data[SIM_PAGE_BYTES];
};

/* Pages that were never written are NULL and read as zeros. */
struct sim_image {
    struct sim_page **pages;
    size_t page_count; /* slots in pages */
    size_t page_used;  /* that are not NULL */
    uint64_t size_bytes;
};

enum sim_pending_kind { SIM_PENDING_WRITE, SIM_PENDING_TRUNCATE };

/* A change of a file's content that is not on the disk yet. */
struct sim_pending {
    struct list node; /* in inode->pending, oldest first */
    enum sim_pending_kind kind;
    bool by_shard; /* by env_file_write */
    uint64_t seq;
    uint64_t at_ns;
    uint64_t position; /* or the new size */
    size_t size;
    uint8_t data[];
};

struct sim_volume {
    struct list node;
    struct sim_inode *root;
    uint64_t capacity_bytes; /* 0: no limit */
    uint64_t used_bytes;     /* pages of files that have a name or a handle */
    enum err broken;
};

struct sim_inode {
    uint64_t id;
    uint32_t refs; /* names in either state, handles, pending name changes */
    bool is_folder;
    int64_t modified_ms;
    struct sim_volume *volume;
    struct list all;   /* in storage->inodes */
    struct list dirty; /* in storage->dirty while the two images may differ */

    /* A file. */
    struct sim_image seen;    /* by the process */
    struct sim_image durable; /* on the disk */
    struct list pending;
    uint64_t page_bytes; /* of `seen`, counted in volume->used_bytes while `counted` */
    bool counted;
    uint32_t links; /* names as the process sees them */
    uint32_t opens;
    bool locked;         /* by our process */
    bool foreign_locked; /* by another one */

    /* A folder. */
    struct list entries; /* of sim_entry, by time of the first creation */
};

/* A name, in the state that the process sees and in the one on the disk: NULL where absent. */
struct sim_entry {
    struct list node;
    struct sim_inode *seen;
    struct sim_inode *durable;
    char name[];
};

/* A name change that is not on the disk yet: `to` in `folder` becomes inode (NULL: is removed); for
 * a rename, `from` in folder_from goes away with it. */
struct sim_change {
    struct list node; /* in storage->changes, oldest first */
    struct sim_inode *folder;
    char *name;
    struct sim_inode *inode;
    struct sim_inode *folder_from;
    char *name_from;
    uint64_t at_ns;
};

struct env_file {
    struct list node; /* in storage->files */
    struct sim_storage *storage;
    struct sim_inode *inode;
    unsigned flags;
    bool is_lock;
    char *path; /* as it was opened: for planned faults and logs */
};

struct sim_rot {
    struct list node;
    struct sim_inode *inode;
    uint64_t sector;
};

struct sim_storage {
    struct sim_disk disk; /* for tests without a node */
    struct sim_world *world;
    uint64_t index;
    struct prng prng;       /* faults and fates */
    struct prng prng_reads; /* what is in memory; order of names */
    int64_t (*wall_ms)(void *context);
    void *wall_context;

    struct list volumes; /* the one of "/" first */
    struct sim_inode *root;
    struct list inodes;
    struct list dirty;
    struct list changes;
    struct list files;
    struct list rots;
    size_t file_count;
    uint64_t inode_id_next;
    uint64_t write_seq;
    uint64_t job_write_seq; /* of the job that runs; UINT64_MAX outside */
    struct sim_event writeback;

    bool dead;
    bool chance;
    struct sim_fault plan;
    bool plan_hit;
    void (*kill)(void *context, bool power);
    void *kill_context;
    void (*sync_failed)(void *context);
    void *sync_failed_context;
    uint64_t op_count;
    uint64_t fault_count;
    uint64_t op_counts[SIM_OP_COUNT];
};

/* Starts the clock of the writeback if it is not running. */
void sim_storage_writeback_set(struct sim_storage *storage);

/* ---- sim_inode.c ---- */

struct sim_inode *sim_inode_new(struct sim_storage *storage, bool is_folder,
                                struct sim_volume *volume);
void sim_inode_ref(struct sim_inode *inode);
void sim_inode_unref(struct sim_storage *storage, struct sim_inode *inode);
/* Call after links or opens changed. */
void sim_inode_account(struct sim_inode *inode);
/* As far as the volume has room: *out_size bytes. */
void sim_inode_write(struct sim_storage *storage, struct sim_inode *inode, const void *data,
                     size_t size, uint64_t position, bool by_shard, size_t *out_size);
void sim_inode_truncate(struct sim_storage *storage, struct sim_inode *inode, uint64_t size_bytes);
/* What reads see: the truth and the rot on it. */
size_t sim_inode_read(struct sim_storage *storage, const struct sim_inode *inode, void *out,
                      size_t size, uint64_t position);
/* What was written (by a shard: no later than seq) is on the disk. */
void sim_inode_sync(struct sim_storage *storage, struct sim_inode *inode, uint64_t seq);
/* A failed one: some of it is, some was dropped, some may still be. */
void sim_inode_sync_failed(struct sim_storage *storage, struct sim_inode *inode);

size_t sim_image_read(const struct sim_image *image, void *out, size_t size, uint64_t position);
void sim_image_write(struct sim_image *image, const void *data, size_t size, uint64_t position);
void sim_image_truncate(struct sim_image *image, uint64_t size_bytes);
void sim_image_copy(struct sim_image *to, const struct sim_image *from);
void sim_image_deinit(struct sim_image *image);
void sim_pending_apply(struct sim_image *image, const struct sim_pending *pending);
void sim_pending_drop(struct sim_pending *pending);
/* What is older is on the disk by itself. */
void sim_inode_writeback(struct sim_inode *inode, uint64_t before_ns);
void sim_rot_clear(struct sim_storage *storage, const struct sim_inode *inode, uint64_t from,
                   uint64_t to);

/* ---- sim_names.c ---- */

#define SIM_NAME_BYTES 256

/* ERR_NOTFOUND, also where a file stands in for a folder. */
enum err sim_names_find(struct sim_storage *storage, const char *path, bool durable,
                        struct sim_inode **out);
/* The folder that holds (or would hold) the last name of the path, and that name. */
enum err sim_names_parent(struct sim_storage *storage, const char *path, struct sim_inode **folder,
                          char name[SIM_NAME_BYTES]);
struct sim_inode *sim_names_get(const struct sim_inode *folder, const char *name);
bool sim_names_empty(const struct sim_inode *folder);
/* As the process sees it; pending until the folder is synced. inode NULL: removes. */
void sim_names_set(struct sim_storage *storage, struct sim_inode *folder, const char *name,
                   struct sim_inode *inode);
void sim_names_rename(struct sim_storage *storage, struct sim_inode *folder_from,
                      const char *name_from, struct sim_inode *folder, const char *name);
void sim_names_sync(struct sim_storage *storage, const struct sim_inode *folder);
/* The oldest change is on the disk, or is dropped. */
void sim_change_settle(struct sim_storage *storage, struct sim_change *change, bool done);
/* What the process sees becomes what is on the disk. */
void sim_names_revert(struct sim_storage *storage);
void sim_names_release(struct sim_storage *storage, struct sim_inode *folder);

#endif
