#define _GNU_SOURCE
/* hub_options.extra: others' descriptors and deadlines in the hub's loop. */
#include "cm.h"

#include <woad/port.h>

#include "hub/hub.h"
#include "transport/open.h"

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PIPES = 40, DUE_US = 50000 };

struct extra {
    int pipe[PIPES][2];
    unsigned open, lines, calls, due_calls;
    uint64_t due_us, end_us, last_us;
    bool back; /* time has gone back */
    bool past; /* serve() came later than a deadline */
    int stop;
};

static size_t extra_fds(void *ctx, struct pollfd *at, size_t room)
{
    const struct extra *x = ctx;
    for (size_t i = 0; i < x->open && i < room; i++) {
        at[i] = (struct pollfd){ x->pipe[i][0], POLLIN, 0 };
    }
    return x->open;
}

static void extra_serve(void *ctx, struct hub *hub, uint64_t now)
{
    struct extra *x = ctx;
    char c;
    (void)hub;
    x->calls++;
    x->back = x->back || now < x->last_us;
    x->past = x->past || now > x->due_us;
    x->last_us = now;
    if (now >= x->due_us) {
        x->due_calls++;
        x->due_us += DUE_US;
    }
    for (unsigned i = 0; i < x->open; i++) {
        struct pollfd p = { x->pipe[i][0], POLLIN, 0 };
        if (poll(&p, 1, 0) == 1 && read(x->pipe[i][0], &c, 1) == 1) {
            x->lines++;
        }
    }
    if (now >= x->end_us || x->lines == PIPES) {
        x->stop = 1;
    }
}

static uint64_t extra_next(void *ctx)
{
    const struct extra *x = ctx;
    return x->due_us < x->end_us ? x->due_us : x->end_us;
}

static void extra_begin(struct extra *x, unsigned pipes)
{
    memset(x, 0, sizeof *x);
    x->open = pipes;
    x->due_us = DUE_US;
    x->end_us = UINT64_MAX;
    for (unsigned i = 0; i < pipes; i++) {
        assert_int_equal(pipe(x->pipe[i]), 0);
    }
}

static void extra_end(struct extra *x)
{
    for (unsigned i = 0; i < x->open; i++) {
        close(x->pipe[i][0]);
        close(x->pipe[i][1]);
    }
}

/* An air with no host ends at the time that the extra has chosen, after each of its deadlines. */
static void a_deadline_of_air_time(void **state)
{
    struct extra x;
    (void)state;
    extra_begin(&x, 0);
    x.end_us = 10 * DUE_US;
    struct hub_extra extra = { NULL, extra_serve, extra_next, &x };
    struct hub_options o = { .speed = 10, .extra = &extra, .extras = 1 };
    assert_int_equal(hub_run(&o, &x.stop), 0);
    assert_int_equal(x.due_calls, 10);
    assert_int_equal(x.last_us, 10 * DUE_US);
    assert_false(x.back || x.past);
}

static void *write_all(void *arg)
{
    struct extra *x = arg;
    for (unsigned i = 0; i < PIPES; i++) {
        poll(NULL, 0, 1);
        (void)!write(x->pipe[i][1], "x", 1);
    }
    return NULL;
}

/* More descriptors than there was room for; each one that is readable wakes the hub. */
static void descriptors(void **state)
{
    struct extra x;
    pthread_t thread;
    (void)state;
    extra_begin(&x, PIPES);
    x.due_us = UINT64_MAX;
    struct hub_extra extra[2] = { { extra_fds, extra_serve, NULL, &x },
                                  { extra_fds, extra_serve, NULL, &x } };
    struct hub_options o = { .extra = extra, .extras = 2 };
    assert_int_equal(pthread_create(&thread, NULL, write_all, &x), 0);
    assert_int_equal(hub_run(&o, &x.stop), 0);
    pthread_join(thread, NULL);
    assert_int_equal(x.lines, PIPES);
    assert_false(x.back);
    extra_end(&x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_deadline_of_air_time),
        cmocka_unit_test(descriptors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
