/* A disk that is behind: appends to its directory wait, and all of them go on. */
#include "../unit.h"
#include "plog_fixture.h"

#define UNWRITTEN_MAX 4096

struct woken {
    struct plog_waiter waiter; /* first */
    int times;
};

static void woken_ready(struct plog *plog, struct plog_waiter *waiter)
{
    UNUSED(plog);
    ((struct woken *)waiter)->times++;
}

static enum err append(struct fixture *f, struct plog *plog, size_t size)
{
    struct buf batch = BUF_EMPTY;
    fixture_batch(f, &(struct batch_spec){.count = 1, .value_size = size, .timestamp = 1000},
                  &batch);
    struct plog_append one = {
        .data = batch.data, .size = batch.size, .arena = &f->arena, .wall_ms = f->e.wall_ms};
    enum err err = plog_append(plog, &one);
    buf_deinit(&batch);
    return err;
}

static struct plog *other_log(struct fixture *f)
{
    struct plog *first = f->plog;
    f->topic = "other";
    (void)fixture_open(f);
    assert_int_equal(plog_state(f->plog), PLOG_STATE_OPEN);
    struct plog *other = f->plog;
    f->plog = first;
    return other;
}

/* A log whose files are being opened for an append finds, when they are, that the disk is behind:
 * it waits for that as well, and is not forgotten. */
static void test_waits_one_after_the_other(void **state)
{
    UNUSED(state);
    struct fixture f;
    fixture_init(&f, 1);
    plog_host_free(f.host);
    const char *dirs[] = {f.e.root};
    f.host = plog_host_new(&(struct plog_host_options){
        .env = &f.e.env,
        .dirs = dirs,
        .dir_count = 1,
        .unwritten_bytes_max = UNWRITTEN_MAX,
        .dir_failed = fixture_dir_failed,
        .context = &f,
    });
    (void)fixture_open(&f);
    assert_int_equal(plog_state(f.plog), PLOG_STATE_OPEN);
    struct plog *other = other_log(&f);

    struct woken first = {.waiter.ready = woken_ready}, second = {.waiter.ready = woken_ready};
    list_init(&first.waiter.node);
    list_init(&second.waiter.node);
    assert_int_equal(append(&f, f.plog, 100), ERR_AGAIN);
    plog_wait(f.plog, &first.waiter);
    plog_env_run(&f.e);
    assert_int_equal(first.times, 1);

    assert_int_equal(append(&f, other, 100), ERR_AGAIN); /* its files are being opened */
    plog_wait(other, &second.waiter);
    assert_int_equal(append(&f, f.plog, UNWRITTEN_MAX), ERR_OK);
    assert_int_equal(append(&f, f.plog, 100), ERR_AGAIN); /* the disk is behind */
    plog_wait(f.plog, &first.waiter);
    plog_env_run(&f.e);
    assert_int_equal(first.times, 2);
    assert_int_equal(second.times, 1);
    assert_int_equal(append(&f, other, 100), ERR_OK);

    struct plog *logs[] = {other, f.plog};
    for (size_t i = 0; i < 2; i++) {
        f.plog = logs[i];
        fixture_close(&f);
    }
    fixture_deinit(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_waits_one_after_the_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
