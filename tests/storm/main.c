/* Runs episodes of seeds, each seed up to a number of calls.  Shortens an episode that fails, and
 * prints it.
 *
 *     test-storm [solo|duo] [--seed N] [--seeds N] [--calls N] [--whole|--first]
 *     test-storm KIND --episode HEX [--keep 3,17,20] [--verbose]
 *
 * Environment: STORM_SEEDS, STORM_CALLS. */
#include "storm.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    EPISODE_S = 30, /* a longer episode counts as a hang */
    SHRINK_S = 10   /* limit of the time for shrinking */
};

/* Results of a child process in shared memory: they survive its crash. */
static struct outcome {
    uint64_t episode, hash;
    unsigned long calls, events;
    bool failed;
    char message[300];
} * outcome;

static const struct kind *kind;
static struct step steps[STEPS];
static bool keep[STEPS];
static bool whole, one; /* whole: do not shrink a failing episode; one: stop after it */
static size_t n_steps;

static void draw_steps(uint64_t episode)
{
    unsigned sum = 0;
    chance_seed(episode * 0x632be59bd9b4e019ull + 1);
    for (unsigned n = 0; n < STEP_KINDS; n++) {
        sum += kind->weight[n];
    }
    n_steps = 100 + any(one_in(4) ? STEPS - 100 : 600);
    for (size_t at = 0; at < n_steps; at++) {
        unsigned pick = any(sum), n = 0;
        while (pick >= kind->weight[n]) {
            pick -= kind->weight[n++];
        }
        steps[at].kind = (uint8_t)n;
        steps[at].actor = (uint8_t)any(ACTORS);
        steps[at].seed = (uint64_t)any(0xffffffffu) << 32 | any(0xffffffffu);
    }
}

/* Runs the kept steps.  Returns 0, or 1 if a check failed: storm.why. */
static int play(uint64_t episode)
{
    static const char *const names[] = { "call", "inside the next event", "peer", "controller",
                                         "time" };
    storm.calm = false;
    storm.events_open = 0;
    storm.hash = 14695981039346656037ull;
    int failed = setjmp(storm.over);
    if (!failed) {
        mood_draw(episode);
        kind->begin(episode);
        for (size_t at = 0; at < n_steps; at++) {
            if (keep[at]) {
                say("%zu: %s\n", at, names[steps[at].kind]);
                chance_seed(steps[at].seed);
                kind->step(&steps[at]);
            }
        }
        say("end\n");
        chance_seed(episode);
        kind->end();
    }
    kind->clean();
    return failed;
}

static void too_long(int signal_)
{
    static const char message[] = "main.c: an episode does not end";
    (void)signal_;
    memcpy(outcome->message, message, sizeof message);
    _exit(1);
}

/* Limits processor time, so that the load of the machine has no effect. */
static void end_in_time(void)
{
    const struct itimerval limit = { .it_value.tv_sec = EPISODE_S };
    signal(SIGPROF, too_long);
    setitimer(ITIMER_PROF, &limit, NULL);
}

/* Runs one episode with the kept steps in a child process.  Returns true if it fails, with the
 * reason in `told->why`. */
static bool fails(uint64_t episode)
{
    memset(outcome, 0, sizeof *outcome);
    strcpy(outcome->message, "crash");
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        if (!storm.verbose && !freopen("/dev/null", "w", stderr)) {
            _exit(2);
        }
        end_in_time();
        outcome->failed = play(episode) != 0;
        outcome->hash = storm.hash;
        memcpy(outcome->message, storm.message, sizeof outcome->message);
        _exit(outcome->failed);
    }
    int status;
    waitpid(child, &status, 0);
    return status != 0;
}

/* Leaves out steps, in halves, quarters, …, as long as the episode fails in the same way. */
static void shrink(uint64_t episode)
{
    static bool was[STEPS];
    char message[sizeof outcome->message];
    strcpy(message, outcome->message);
    time_t stop = time(NULL) + SHRINK_S;
    size_t same = strcspn(message, " ");
    for (size_t part = (n_steps + 1) / 2; part; part /= 2) {
        for (size_t from = 0; from < n_steps && time(NULL) < stop; from += part) {
            size_t end = from + part < n_steps ? from + part : n_steps;
            bool any_stored = memchr(keep + from, true, end - from) != NULL;
            memcpy(was, keep, sizeof was);
            memset(keep + from, false, end - from);
            if (any_stored && (!fails(episode) || strncmp(outcome->message, message, same) != 0)) {
                memcpy(keep, was, sizeof was);
            }
        }
    }
}

static void report(uint64_t episode, uint64_t seed, unsigned long calls)
{
    char first[sizeof outcome->message];
    strcpy(first, outcome->message);
    memset(keep, true, sizeof keep);
    if (!fails(episode)) {
        printf("seed %llu, after %lu calls: %s: episode %llx fails only in its place\n",
               (unsigned long long)seed, calls, first, (unsigned long long)episode);
        return;
    }
    printf("seed %llu, after %lu calls: %s\n", (unsigned long long)seed, calls, outcome->message);
    if (!whole) {
        shrink(episode);
    }
    printf("  again: test-storm %s --episode %llx --verbose --keep ", kind->name,
           (unsigned long long)episode);
    for (size_t at = 0, n = 0; at < n_steps && !whole; at++) {
        if (keep[at]) {
            printf("%s%zu", n++ ? "," : "", at);
        }
    }
    printf("\n");
    fflush(stdout);
}

/* In a child process: runs episodes of one seed up to the number of calls.  Runs each tenth twice,
 * and compares the packets. */
static void run_seed(uint64_t seed, unsigned long calls)
{
    memset(keep, true, sizeof keep);
    for (uint64_t n = 0; storm.calls < calls; n++) {
        uint64_t episode = outcome->episode = seed << 24 | n;
        outcome->calls = storm.calls;
        draw_steps(episode);
        end_in_time();
        if (play(episode)) {
            memcpy(outcome->message, storm.message, sizeof outcome->message);
            _exit(1);
        }
        uint64_t hash = storm.hash;
        if (n % 10 == 0 && (play(episode) || storm.hash != hash)) {
            strcpy(outcome->message, "main.c: the same seed gives other packets");
            _exit(1);
        }
    }
    outcome->calls = storm.calls;
    outcome->events = storm.events;
    _exit(0);
}

static bool seed_fails(uint64_t seed, unsigned long calls, unsigned long totals[2])
{
    memset(outcome, 0, sizeof *outcome);
    strcpy(outcome->message, "crash");
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        run_seed(seed, calls);
    }
    int status;
    waitpid(child, &status, 0);
    totals[0] += outcome->calls;
    totals[1] += outcome->events;
    if (!status) {
        return false;
    }
    unsigned long at = outcome->calls;
    uint64_t episode = outcome->episode;
    if (strstr(outcome->message, "other packets")) {
        printf("seed %llu: episode %llx: %s\n", (unsigned long long)seed,
               (unsigned long long)episode, outcome->message);
        return true;
    }
    draw_steps(episode);
    report(episode, seed, at);
    return true;
}

static unsigned long setting(const char *name, unsigned long usual)
{
    const char *value = getenv(name);
    return value ? strtoul(value, NULL, 10) : usual;
}

static void keep_only(char *list)
{
    memset(keep, false, sizeof keep);
    for (char *at = strtok(list, ","); at; at = strtok(NULL, ",")) {
        size_t n = strtoul(at, NULL, 10);
        if (n < STEPS) {
            keep[n] = true;
        }
    }
}

static int replay(uint64_t episode)
{
    draw_steps(episode);
    bool failed = fails(episode);
    printf("episode %llx of %s, %zu steps: %s\n", (unsigned long long)episode, kind->name, n_steps,
           failed ? outcome->message : "all holds");
    return failed;
}

int main(int argc, char **argv)
{
    unsigned long seeds = setting("STORM_SEEDS", 4), calls = setting("STORM_CALLS", 20000);
    unsigned long from = 1, failed = 0, totals[2] = { 0, 0 };
    uint64_t episode = 0;
    kind = argc > 1 && strcmp(argv[1], "duo") == 0 ? &duo_kind : &solo_kind;
    outcome =
        mmap(NULL, sizeof *outcome, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    memset(keep, true, sizeof keep);
    for (int n = 1; n < argc; n++) {
        char *value = n + 1 < argc ? argv[n + 1] : NULL;
        if (strcmp(argv[n], "--verbose") == 0) {
            storm.verbose = true;
        } else if (strcmp(argv[n], "--whole") == 0) {
            whole = true;
        } else if (strcmp(argv[n], "--first") == 0) {
            whole = one = true;
        } else if (value && strcmp(argv[n], "--seed") == 0) {
            from = strtoul(value, NULL, 10);
            seeds = 1;
        } else if (value && strcmp(argv[n], "--seeds") == 0) {
            seeds = strtoul(value, NULL, 10);
        } else if (value && strcmp(argv[n], "--calls") == 0) {
            calls = strtoul(value, NULL, 10);
        } else if (value && strcmp(argv[n], "--episode") == 0) {
            episode = strtoull(value, NULL, 16);
        } else if (value && strcmp(argv[n], "--keep") == 0) {
            keep_only(value);
        }
    }
    if (episode) {
        return replay(episode);
    }
    for (unsigned long seed = from; seed < from + seeds && failed < (one ? 1 : 20); seed++) {
        failed += seed_fails(seed, calls, totals);
    }
    printf("%s: %lu seeds, %lu calls, %lu events: %lu failed\n", kind->name, seeds, totals[0],
           totals[1], failed);
    return failed != 0;
}
