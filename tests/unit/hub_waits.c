#define _GNU_SOURCE
/* The hub's waiting: it neither busy-loops nor misses a host, a descriptor or a signal. */
#include "cm.h"

#include <woad/port.h>

#include "hub/hub.h"
#include "transport/clock_messages.h"
#include "transport/open.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

struct served {
    pthread_t thread;
    struct hci_transport transport;
    struct hub_options o;
    int stop, wake[2], result;
    char spec[90];
};

static const uint8_t reset[] = { 1, 3, 0x0c, 0 };

static void *serve(void *arg)
{
    struct served *s = arg;
    s->result = hub_run(&s->o, &s->stop);
    return NULL;
}

static void listen_begin(struct served *s, const char *options)
{
    char message[WOAD_PORT_MESSAGE_MAX], name[LISTEN_NAME_MAX];
    bool listens;
    memset(s, 0, sizeof *s);
    snprintf(s->spec, sizeof s->spec, "unix:/tmp/woad-waits-%d%s", (int)getpid(), options);
    assert_int_equal(transport_listen(s->spec, &s->transport, &listens, name, message), 0);
    assert_int_equal(pipe(s->wake), 0);
    s->o = (struct hub_options){
        .listener = &s->transport, .listeners = 1, .seed = 5, .wake = s->wake[0]
    };
}

static void serve_begin(struct served *s)
{
    assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
}

/* Ends the hub; it must stop within two seconds. */
static void serve_join(struct served *s)
{
    struct timespec at;
    clock_gettime(CLOCK_REALTIME, &at);
    at.tv_sec += 2;
    assert_int_equal(pthread_timedjoin_np(s->thread, NULL, &at), 0);
    transport_unlisten(&s->transport);
    close(s->wake[0]);
    close(s->wake[1]);
}

static void serve_end(struct served *s)
{
    s->stop = 1;
    assert_int_equal(write(s->wake[1], "", 1), 1);
    serve_join(s);
}

static void pause_ms(int ms)
{
    poll(NULL, 0, ms);
}

/* Returns the CPU time in ms that the hub uses while it has nothing to do. */
static long spent(const struct served *s, int ms)
{
    clockid_t clock;
    struct timespec a, b;
    assert_int_equal(pthread_getcpuclockid(s->thread, &clock), 0);
    clock_gettime(clock, &a);
    pause_ms(ms);
    clock_gettime(clock, &b);
    return (b.tv_sec - a.tv_sec) * 1000 + (b.tv_nsec - a.tv_nsec) / 1000000;
}

static int raw(const struct served *s)
{
    char message[WOAD_PORT_MESSAGE_MAX];
    struct hci_transport transport;
    int fd = transport_open(s->spec, &transport, message) ? -1 : transport.fd;
    assert_true(fd >= 0);
    return fd;
}

static bool answers(int fd, int ms)
{
    uint8_t buf[64];
    struct pollfd p = { fd, POLLIN, 0 };
    return send(fd, reset, sizeof reset, MSG_NOSIGNAL) == sizeof reset && poll(&p, 1, ms) == 1 &&
           read(fd, buf, sizeof buf) == 7;
}

/* An extra that ends the hub at one of its calls after the program has left the clock. */
struct ends {
    struct served s;
    bool came;
    unsigned calls, last;
};

static void ends_serve(void *ctx, struct hub *hub, uint64_t now)
{
    struct ends *e = ctx;
    bool here = hub_keeps_time(hub, getpid());
    (void)now;
    e->calls += e->came && !here;
    e->came = e->came || here;
    if (e->calls == e->last) {
        e->s.stop = 1;
    }
}

/* A program's side of the clock: joins, waits without a limit, and leaves later than the hub looks
 * for newcomers again. */
static void join_and_leave(const struct served *s)
{
    uint8_t message[CLOCK_MESSAGE_MAX], answers[2 * CLOCK_MESSAGE_MAX];
    struct clock_join join = { .name = "leaves" };
    struct clock_waiting wait = { .kind = CLOCK_UNTIL, .until_us = CLOCK_NEVER };
    int fd = transport_open_clock(-1, strchr(s->spec, '/'));
    size_t join_len = clock_put_join(message, &join), joined_len, pending_len;
    assert_true(fd >= 0);
    assert_int_equal(write(fd, message, join_len), join_len);
    pending_len = clock_put_pending(message);
    joined_len = clock_put_joined(message, &(struct clock_joined){ .now_us = 0 });
    for (size_t got = 0; got < pending_len + joined_len;) {
        struct pollfd p = { fd, POLLIN, 0 };
        assert_int_equal(poll(&p, 1, 2000), 1);
        got += (size_t)recv(fd, answers, pending_len + joined_len - got, 0);
    }
    size_t wait_len = clock_put_waiting(message, &wait);
    assert_int_equal(write(fd, message, wait_len), wait_len);
    pause_ms(30);
    close(fd);
}

/* In virtual time, where nothing will happen any more: whichever look at its surroundings tells the
 * hub that it has ended, it does not wait again. */
static void an_end_in_virtual_time_is_never_slept_through(void **state)
{
    (void)state;
    for (unsigned last = 1; last <= 2; last++) {
        struct ends e = { .last = last };
        struct hub_extra extra = { NULL, ends_serve, NULL, &e };
        listen_begin(&e.s, "");
        e.s.o.virtual_clock = true;
        e.s.o.extra = &extra;
        e.s.o.extras = 1;
        serve_begin(&e.s);
        join_and_leave(&e.s);
        serve_join(&e.s);
        assert_int_equal(e.calls, last);
    }
}

/* The flag is set without a wakeup, as by a signal just before the wait: the hub still ends. */
static void an_end_is_never_slept_through(void **state)
{
    (void)state;
    for (int n = 0; n < 50; n++) {
        struct served s;
        listen_begin(&s, "");
        serve_begin(&s);
        int host = raw(&s);
        assert_true(answers(host, 2000));
        serve_end(&s);
        assert_int_equal(s.result, 0);
        close(host);
    }
}

/* There are more hosts than descriptors: those without one wait without CPU time, and are served
 * when another closes. */
static void without_descriptors_it_does_not_spin(void **state)
{
    enum { HOSTS = 12, SEATS = 5 };
    struct served s;
    int host[HOSTS];
    struct rlimit all, few;
    (void)state;
    listen_begin(&s, "");
    for (int n = 0; n < HOSTS; n++) {
        host[n] = raw(&s);
    }
    getrlimit(RLIMIT_NOFILE, &all);
    few = all;
    few.rlim_cur = (rlim_t)(host[HOSTS - 1] + 1 + SEATS);
    setrlimit(RLIMIT_NOFILE, &few);
    serve_begin(&s);
    bool first = answers(host[0], 2000), last = answers(host[SEATS - 1], 2000);
    bool none = answers(host[SEATS], 200);
    long ms = spent(&s, 850); /* it retries each second */
    close(host[0]);
    struct pollfd p = { host[SEATS], POLLIN, 0 };
    bool then = poll(&p, 1, 500) == 1; /* it had sent its reset before */
    setrlimit(RLIMIT_NOFILE, &all);
    for (int n = 1; n < HOSTS; n++) {
        close(host[n]);
    }
    serve_end(&s);
    assert_true(first && last && !none && then);
    assert_true(ms < 60);
}

/* accept() fails on the descriptor for ever: the hub does not busy-loop. */
static void a_listener_that_is_none_does_not_spin(void **state)
{
    struct served s;
    (void)state;
    listen_begin(&s, "");
    int good = dup(s.transport.fd), null = open("/dev/null", O_RDWR);
    assert_true(dup2(null, s.transport.fd) >= 0);
    serve_begin(&s);
    assert_true(spent(&s, 500) < 50);
    assert_true(dup2(good, s.transport.fd) >= 0);
    close(good);
    close(null);
    serve_end(&s);
}

/* Makes an H5 frame; the CRC of a configuration message contains an octet to escape. */
static size_t frame(uint8_t *to, uint8_t type, bool reliable, uint8_t seq, const void *p, size_t n)
{
    uint8_t *at = to, plain[16] = { (uint8_t)(seq | reliable << 7), (uint8_t)(type | n << 4) };
    plain[3] = (uint8_t) ~(plain[0] + plain[1]);
    memcpy(plain + 4, p, n);
    *at++ = 0xc0;
    for (size_t k = 0; k < 4 + n; k++) {
        if (plain[k] == 0xc0) {
            *at++ = 0xdb;
        }
        *at++ = plain[k] == 0xc0 ? 0xdc : plain[k];
    }
    *at++ = 0xc0;
    return (size_t)(at - to);
}

static void put_frame(int fd, uint8_t type, bool reliable, uint8_t seq, const void *p, size_t n)
{
    uint8_t f[64];
    size_t len = frame(f, type, reliable, seq, p, n);
    (void)!send(fd, f, len, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* Brings up an H5 link and sends commands until a packet of the hub is pending; acknowledges
 * nothing. */
static int host_of_h5(const struct served *s)
{
    static const char *const link[] = { "\x01\x7e", "\x02\x7d", "\x03\xfc\x04", "\x04\x7b\x04" };
    uint8_t junk[4096];
    int host = raw(s);
    for (size_t n = 0; n < 4; n++) {
        put_frame(host, 15, false, 0, link[n], strlen(link[n]));
        pause_ms(20);
    }
    for (unsigned n = 0; n < 4000; n++) {
        put_frame(host, 1, true, n & 7, "\x02\x10\x00", 3);
        (void)!recv(host, junk, sizeof junk, MSG_DONTWAIT);
        if (n % 50 == 0) {
            pause_ms(1);
        }
    }
    return host;
}

/* The hub drops an H5 host that never acknowledges, after its retries. */
static void an_h5_host_that_never_acknowledges_is_left(void **state)
{
    struct served s;
    uint8_t junk[4096];
    (void)state;
    listen_begin(&s, ",h5");
    serve_begin(&s);
    int host = host_of_h5(&s);
    struct pollfd p = { host, 0, 0 };
    for (int n = 0; n < 90 && !p.revents; n++) { /* 20 retries of 250 ms, and a margin */
        pause_ms(100);
        (void)!recv(host, junk, sizeof junk, MSG_DONTWAIT);
        poll(&p, 1, 0);
    }
    assert_true(p.revents & POLLHUP);
    assert_true(spent(&s, 500) < 50);
    int other = raw(&s);
    close(other);
    close(host);
    serve_end(&s);
}

/* A packet is pending, and poll() reports nothing but the hang-up: the hub still drops the host. */
static void a_host_that_hangs_up_while_its_packet_is_pending(void **state)
{
    struct served s;
    long ms = 0;
    (void)state;
    listen_begin(&s, ",h5");
    serve_begin(&s);
    for (int n = 0; n < 5; n++) {
        close(host_of_h5(&s));
        ms += spent(&s, 200);
    }
    serve_end(&s);
    assert_true(ms < 100);
}

/* A program with its own loop needs only the calls that read and write. */
static void an_h5_port_by_reading_and_writing_alone(void **state)
{
    struct served s;
    char message[WOAD_PORT_MESSAGE_MAX];
    const uint8_t *packet;
    int error, sent = -EBUSY, n = 0;
    (void)state;
    listen_begin(&s, ",h5");
    serve_begin(&s);
    struct woad_port *port = woad_port_open(s.spec, &error, message);
    assert_non_null(port);
    for (int k = 0; k < 100 && n == 0; k++) {
        sent = sent ? woad_port_write(port, reset, sizeof reset) : 0;
        n = woad_port_read(port, &packet);
        struct pollfd p = { woad_port_fd(port), POLLIN, 0 };
        poll(&p, 1, 50);
    }
    assert_int_equal(sent, 0);
    assert_int_equal(n, 7);
    woad_port_close(port);
    serve_end(&s);
}

static bool may_end(void *ctx)
{
    int *refusals = ctx;
    return (*refusals)-- <= 0;
}

/* The radio that a user's programs share ends by itself: first if no program ever connects (its
 * starter was killed), then after the last program has left. may_end() refuses while another
 * process holds the lock. */
static void a_radio_that_nobody_comes_to_ends(void **state)
{
    struct served s;
    int refusals = 1;
    (void)state;
    listen_begin(&s, "");
    s.o.exit_when_empty = true;
    s.o.may_end = may_end;
    s.o.ctx = &refusals;
    serve_begin(&s);
    pause_ms(6000);
    serve_join(&s);
    refusals = 2;
    listen_begin(&s, "");
    s.o.exit_when_empty = true;
    s.o.may_end = may_end;
    s.o.ctx = &refusals;
    serve_begin(&s);
    int host = raw(&s);
    assert_true(answers(host, 2000));
    close(host);
    pause_ms(1500);
    serve_join(&s);
}

/* Hosts that connect again and again do not keep the hub from ending. */
static void *crowd(void *arg)
{
    const struct served *s = arg;
    while (!__atomic_load_n(&s->stop, __ATOMIC_RELAXED)) {
        char message[WOAD_PORT_MESSAGE_MAX];
        struct hci_transport transport;
        if (transport_open(s->spec, &transport, message) == 0) {
            transport_close(&transport);
        }
    }
    return NULL;
}

static void a_crowd_does_not_keep_it_from_its_end(void **state)
{
    struct served s;
    pthread_t thread;
    (void)state;
    listen_begin(&s, "");
    serve_begin(&s);
    assert_int_equal(pthread_create(&thread, NULL, crowd, &s), 0);
    pause_ms(200);
    __atomic_store_n(&s.stop, 1, __ATOMIC_RELAXED);
    assert_int_equal(write(s.wake[1], "", 1), 1);
    serve_join(&s);
    pthread_join(thread, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_end_is_never_slept_through),
        cmocka_unit_test(an_end_in_virtual_time_is_never_slept_through),
        cmocka_unit_test(without_descriptors_it_does_not_spin),
        cmocka_unit_test(a_listener_that_is_none_does_not_spin),
        cmocka_unit_test(an_h5_host_that_never_acknowledges_is_left),
        cmocka_unit_test(a_host_that_hangs_up_while_its_packet_is_pending),
        cmocka_unit_test(an_h5_port_by_reading_and_writing_alone),
        cmocka_unit_test(a_radio_that_nobody_comes_to_ends),
        cmocka_unit_test(a_crowd_does_not_keep_it_from_its_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
