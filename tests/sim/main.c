/* sim: runs scenarios from seeds. Prints the seed first and last; exit codes are those of enum
 * sim_exit. */
#include "scenario.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct arguments {
    uint64_t seed;
    uint64_t count;
    uint64_t check_every; /* 0: never */
    uint64_t nth;         /* of a scenario that enumerates: this one alone; 0: all */
    const struct scenario *scenario;
    const char *seeds_file;
    bool verbose;
    bool trace;
    bool list;
};

static uint64_t seed_now;

/* A leak of the compression libraries' own memory is no leak of ours: a crash does not free it. */
__attribute__((visibility("default"))) const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libzstd\nleak:libz.so\nleak:liblz4\nleak:libsnappy\n";
}

/* So that the log and the seed are told as well. */
__attribute__((visibility("default"))) const char *__ubsan_default_options(void);
const char *__ubsan_default_options(void)
{
    return "print_stacktrace=1:abort_on_error=1:halt_on_error=1";
}

void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

static void tell_the_end(void)
{
    struct sim_world *world = sim_world_current();
    if (world != NULL)
        sim_log_dump(world);
    (void)fprintf(stderr, "CRASHED\nseed %" PRIu64 "\n", seed_now);
    (void)fflush(NULL);
}

static void on_signal(int signal)
{
    UNUSED(signal);
    tell_the_end();
    _exit(SIM_EXIT_CRASH);
}

struct outcome {
    uint64_t hash;
    uint64_t events;
    bool over; /* there was no nth call */
};

static struct outcome run_once(const struct arguments *arguments, uint64_t seed)
{
    struct sim_world *world = sim_world_new(seed);
    world->verbose = arguments->verbose;
    world->trace = arguments->trace;
    bool over = false;
    if (arguments->scenario->run_nth != NULL)
        over = !arguments->scenario->run_nth(world, arguments->nth);
    else
        arguments->scenario->run(world);
    struct outcome outcome = {world->hash, world->event_count, over};
    void *scenario = world->scenario;
    sim_world_free(world);
    free(scenario);
    return outcome;
}

static enum sim_exit run_seed(const struct arguments *arguments, uint64_t seed, bool check)
{
    seed_now = seed;
    struct outcome first = run_once(arguments, seed);
    if (!check)
        return first.over ? SIM_EXIT_OVER : SIM_EXIT_OK;
    struct outcome second = run_once(arguments, seed);
    if (first.hash == second.hash && first.events == second.events)
        return first.over ? SIM_EXIT_OVER : SIM_EXIT_OK;
    (void)fprintf(stderr,
                  "FAILED (determinism): two runs of a seed differ: %" PRIu64 " and %" PRIu64
                  " events, hashes %016" PRIx64 " and %016" PRIx64 "\nseed %" PRIu64 "\n",
                  first.events, second.events, first.hash, second.hash, seed);
    return SIM_EXIT_CORRECTNESS;
}

/* In a process of its own: what a simulated crash leaves behind in libraries goes with it, and one
 * seed's end is not that of the others. */
static enum sim_exit run_seed_apart(const struct arguments *arguments, uint64_t seed, bool check)
{
    (void)fflush(NULL);
    pid_t pid = fork();
    if (pid < 0) {
        (void)fprintf(stderr, "sim: fork: %s\n", strerror(errno));
        return SIM_EXIT_CRASH;
    }
    if (pid == 0) {
        enum sim_exit code = run_seed(arguments, seed, check);
        (void)fflush(NULL);
        _exit((int)code);
    }
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    if (WIFEXITED(status))
        return (enum sim_exit)WEXITSTATUS(status);
    (void)fprintf(stderr, "seed %" PRIu64 " ended by signal %d\n", seed, WTERMSIG(status));
    return SIM_EXIT_CRASH;
}

/* One seed, or all runs of one that enumerates. */
static enum sim_exit run_all_of_seed(const struct arguments *arguments, uint64_t seed, bool check)
{
    if (arguments->scenario->run_nth == NULL)
        return arguments->count == 1 ? run_seed(arguments, seed, check)
                                     : run_seed_apart(arguments, seed, check);
    struct arguments one = *arguments;
    if (one.nth > 0) {
        enum sim_exit code = run_seed(&one, seed, check);
        if (code == SIM_EXIT_OVER)
            (void)printf("there is no call %" PRIu64 "\n", one.nth);
        return code == SIM_EXIT_OVER ? SIM_EXIT_OK : code;
    }
    enum sim_exit result = SIM_EXIT_OK;
    enum sim_exit code;
    do {
        one.nth++;
        check = arguments->check_every > 0 && one.nth % arguments->check_every == 0;
        code = run_seed_apart(&one, seed, check);
        if (code == SIM_EXIT_OK || code == SIM_EXIT_OVER)
            continue;
        (void)fprintf(stderr, "--scenario %s --seed %" PRIu64 " --nth %" PRIu64 " failed (%d)\n",
                      one.scenario->name, seed, one.nth, (int)code);
        result = result == SIM_EXIT_OK ? code : result;
    } while (code != SIM_EXIT_OVER);
    (void)printf("%s: %" PRIu64 " calls\n", one.scenario->name, one.nth - 1);
    return result;
}

static bool parse_number(const char *text, uint64_t *out)
{
    char *end = NULL;
    errno = 0;
    *out = strtoull(text, &end, 10);
    return errno == 0 && end != text && *end == '\0';
}

static const struct scenario *scenario_find(const char *name)
{
    for (const struct scenario *scenario = scenarios; scenario->name != NULL; scenario++) {
        if (strcmp(scenario->name, name) == 0)
            return scenario;
    }
    return NULL;
}

static int usage(void)
{
    (void)fprintf(
        stderr,
        "sim [--seed N] [--seeds COUNT] [--check-determinism EVERY] [--scenario NAME]\n"
        "    [--nth N] [--replay FILE] [--verbose] [--trace] [--list]\n"
        "  --seed N                the first seed (default: from the clock)\n"
        "  --seeds COUNT           so many of them, each in a process of its own\n"
        "  --check-determinism N   every Nth seed runs twice, with the same hash\n"
        "  --nth N                 of a scenario that enumerates calls: this one alone\n"
        "  --replay FILE           first, the seeds of this file (\"scenario seed\" lines)\n"
        "  --verbose               log lines as they come\n");
    return SIM_EXIT_USAGE;
}

static bool parse(int argc, char **argv, struct arguments *arguments)
{
    for (int i = 1; i < argc; i++) {
        const char *name = argv[i];
        if (strcmp(name, "--verbose") == 0) {
            arguments->verbose = true;
        } else if (strcmp(name, "--trace") == 0) {
            arguments->trace = true;
        } else if (strcmp(name, "--list") == 0) {
            arguments->list = true;
        } else if (i + 1 >= argc) {
            return false;
        } else if (strcmp(name, "--seed") == 0) {
            if (!parse_number(argv[++i], &arguments->seed))
                return false;
        } else if (strcmp(name, "--seeds") == 0) {
            if (!parse_number(argv[++i], &arguments->count))
                return false;
        } else if (strcmp(name, "--nth") == 0) {
            if (!parse_number(argv[++i], &arguments->nth))
                return false;
        } else if (strcmp(name, "--check-determinism") == 0) {
            if (!parse_number(argv[++i], &arguments->check_every))
                return false;
        } else if (strcmp(name, "--scenario") == 0) {
            arguments->scenario = scenario_find(argv[++i]);
            if (arguments->scenario == NULL)
                return false;
        } else if (strcmp(name, "--replay") == 0) {
            arguments->seeds_file = argv[++i];
        } else {
            return false;
        }
    }
    return true;
}

/* The seeds that failed once. */
static enum sim_exit replay(const struct arguments *arguments, uint64_t *failed)
{
    FILE *file = fopen(arguments->seeds_file, "r");
    if (file == NULL) {
        (void)fprintf(stderr, "sim: %s: %s\n", arguments->seeds_file, strerror(errno));
        return SIM_EXIT_USAGE;
    }
    enum sim_exit result = SIM_EXIT_OK;
    char line[256];
    while (fgets(line, sizeof line, file) != NULL) {
        char name[64];
        uint64_t seed;
        if (line[0] == '#' || sscanf(line, "%63s %" SCNu64, name, &seed) != 2)
            continue;
        struct arguments one = *arguments;
        one.scenario = scenario_find(name);
        enum sim_exit code =
            one.scenario == NULL ? SIM_EXIT_USAGE : run_seed_apart(&one, seed, false);
        if (code == SIM_EXIT_OK)
            continue;
        (void)fprintf(stderr, "%s %" PRIu64 " failed again (%d)\n", name, seed, (int)code);
        result = result == SIM_EXIT_OK ? code : result;
        (*failed)++;
    }
    (void)fclose(file);
    return result;
}

static double seconds_now(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
    struct arguments arguments = {
        .seed = (uint64_t)time(NULL), .count = 1, .scenario = &scenarios[0]};
    if (!parse(argc, argv, &arguments))
        return usage();
    if (arguments.list) {
        for (const struct scenario *scenario = scenarios; scenario->name != NULL; scenario++)
            (void)printf("%-12s %s\n", scenario->name, scenario->what);
        return SIM_EXIT_OK;
    }
    (void)printf("sim %s: seed %" PRIu64 ", %" PRIu64 " seeds\n", arguments.scenario->name,
                 arguments.seed, arguments.count);
    (void)fflush(stdout);
    (void)signal(SIGABRT, on_signal);
    (void)signal(SIGSEGV, on_signal);
    if (__sanitizer_set_death_callback != NULL)
        __sanitizer_set_death_callback(tell_the_end);

    double began = seconds_now();
    uint64_t failed = 0;
    enum sim_exit result = SIM_EXIT_OK;
    if (arguments.seeds_file != NULL)
        result = replay(&arguments, &failed);
    for (uint64_t i = 0; i < arguments.count; i++) {
        bool check = arguments.check_every > 0 && i % arguments.check_every == 0;
        uint64_t seed = arguments.seed + i;
        enum sim_exit code = run_all_of_seed(&arguments, seed, check);
        if (code == SIM_EXIT_OK)
            continue;
        (void)fprintf(stderr, "%s %" PRIu64 " failed (%d)\n", arguments.scenario->name, seed,
                      (int)code);
        failed++;
        result = result == SIM_EXIT_OK ? code : result;
    }
    double took = seconds_now() - began;
    (void)printf("%" PRIu64 " seeds in %.1f s (%.1f/s), %" PRIu64 " failed\nseed %" PRIu64 "\n",
                 arguments.count, took, (double)arguments.count / (took > 0 ? took : 1), failed,
                 arguments.seed);
    return (int)result;
}
