#define _GNU_SOURCE
/* The hub and the ports: real sockets, real time, hosts in this process, and clients that send
 * garbage. */
#include "cm.h"

#include <woad/port.h>
#include <woad/woad.h>

#include "hub/hub.h"
#include "transport/open.h"
#include "hub/world_file.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct served {
    pthread_t thread;
    struct hci_transport transport;
    int stop;
    char path[80], spec[90];
    struct world_file *air_world;
};

static void *serve(void *arg)
{
    struct served *s = arg;
    struct hub_options o = {
        .listener = &s->transport, .listeners = 1, .seed = 5, .world = s->air_world
    };
    hub_run(&o, &s->stop);
    return NULL;
}

static void serve_begin(struct served *s)
{
    char message[WOAD_PORT_MESSAGE_MAX], name[LISTEN_NAME_MAX];
    bool listens;
    snprintf(s->path, sizeof s->path, "/tmp/woad-test-%d", (int)getpid());
    snprintf(s->spec, sizeof s->spec, "unix:%s", s->path);
    s->stop = 0;
    assert_int_equal(transport_listen(s->spec, &s->transport, &listens, name, message), 0);
    assert_true(listens);
    assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
}

static void serve_end(struct served *s)
{
    char message[WOAD_PORT_MESSAGE_MAX];
    struct hci_transport transport;
    s->stop = 1;
    transport_open(s->spec, &transport, message); /* unblocks the hub */
    pthread_join(s->thread, NULL);
    transport_close(&transport);
    transport_close(&s->transport);
    unlink(s->path);
}

struct program {
    bool up, connected, found;
    int down, downs;
    uint16_t conn;
    struct woad_addr peer;
};

static void on_event(void *ctx, struct woad *h, const struct woad_event *ev)
{
    struct program *p = ctx;
    (void)h;
    p->up = p->up || ev->type == WOAD_EV_UP;
    if (ev->type == WOAD_EV_DOWN) {
        p->up = false;
        p->downs++;
        p->down = ev->u.down.error;
    } else if (ev->type == WOAD_EV_CONNECT) {
        p->connected = true;
        p->conn = ev->conn;
    } else if (ev->type == WOAD_EV_DISCONNECT) {
        p->connected = false;
    } else if (ev->type == WOAD_EV_REPORT) {
        p->found = true;
        p->peer = ev->u.report.addr;
    }
}

static struct woad *host_new(struct program *p)
{
    static const struct woad_feature *const all[] = { &woad_feature_advertiser,
                                                      &woad_feature_scanner,
                                                      &woad_feature_central,
                                                      &woad_feature_gatt_server,
                                                      &woad_feature_long_values,
                                                      &woad_feature_read_multiple,
                                                      &woad_feature_signed_writes,
                                                      &woad_feature_pipelining,
                                                      &woad_feature_type_index,
                                                      &woad_feature_gatt_client,
                                                      NULL };
    struct woad_config c = { .features = all,
                             .event = on_event,
                             .ctx = p,
                             .conns = 1,
                             .procedures = 1,
                             .mtu = 64,
                             .tx_queue = 128,
                             .request_queue = 128 };
    memset(p, 0, sizeof *p);
    return woad_init(malloc(woad_size(&c)), woad_size(&c), &c);
}

static void two_hosts_by_socket(void **state)
{
    struct served s = { .air_world = NULL };
    struct program p[2];
    struct woad *h[2];
    struct woad_port *port[2];
    char message[WOAD_PORT_MESSAGE_MAX];
    int error;
    (void)state;
    serve_begin(&s);
    for (int i = 0; i < 2; i++) {
        h[i] = host_new(&p[i]);
        port[i] = woad_port_open(s.spec, &error, message);
        assert_non_null(port[i]);
        woad_start(h[i]);
        for (int n = 0; n < 200 && !p[i].up; n++) {
            assert_int_equal(woad_port_step(port[i], h[i], 10), 0);
        }
        assert_true(p[i].up);
    }
    struct woad_adv_params adv = { .kind = WOAD_ADV_IND, .interval_625us = 32 };
    struct woad_scan_params scan = { 48, 48, false, false, 0, false };
    struct woad_connect_params conn = { 16, 16, 6, 6, 0, 100, 2000 };
    assert_int_equal(woad_adv_start(h[0], &adv), 0);
    assert_int_equal(woad_scan_start(h[1], &scan), 0);
    for (int n = 0; n < 300 && !(p[0].connected && p[1].connected); n++) {
        woad_port_step(port[0], h[0], 1);
        woad_port_step(port[1], h[1], 5);
        if (p[1].found && woad_scan_running(h[1])) {
            woad_scan_stop(h[1]);
            assert_int_equal(woad_connect(h[1], &p[1].peer, &conn), 0);
        }
    }
    assert_true(p[0].connected && p[1].connected);
    /* One host leaves without disconnecting: the other's connection ends after the supervision
     * timeout. */
    woad_port_close(port[1]);
    for (int n = 0; n < 100 && p[0].connected; n++) {
        woad_port_step(port[0], h[0], 5);
    }
    assert_false(p[0].connected);
    /* The hub ends: the port reports one error and does not hang. */
    serve_end(&s);
    for (error = 0; !error;) {
        error = woad_port_step(port[0], h[0], 50);
    }
    assert_int_equal(error, -EIO);
    assert_int_equal(p[0].downs, 1);
    assert_int_equal(p[0].down, -EIO);
    woad_port_close(port[0]);
    free(h[0]);
    free(h[1]);
}

static int raw(const struct served *s)
{
    char message[WOAD_PORT_MESSAGE_MAX];
    struct hci_transport transport;
    int fd = transport_open(s->spec, &transport, message) ? -1 : transport.fd;
    assert_true(fd >= 0);
    return fd;
}

static ssize_t answer(int fd, uint8_t *buf, size_t room)
{
    struct pollfd p = { fd, POLLIN, 0 };
    return poll(&p, 1, 2000) > 0 ? read(fd, buf, room) : -1;
}

/* h4_garbage: the hub closes the connection of a client that does not send H4, and no other. */
static void garbage_on_a_socket(void **state)
{
    static const uint8_t reset[] = { 1, 3, 0x0c, 0 };
    struct served s = { .air_world = NULL };
    uint8_t buf[64], junk[4096];
    (void)state;
    serve_begin(&s);
    int good = raw(&s);
    for (int round = 0; round < 50; round++) {
        int bad = raw(&s);
        for (size_t i = 0; i < sizeof junk; i++) {
            junk[i] = (uint8_t)((unsigned)round * 37u + i * 101u + i * i);
        }
        junk[0] = (uint8_t)(round % 5 ? 0x80 + round : 1 + round % 2);
        (void)!send(bad, junk, sizeof junk, MSG_NOSIGNAL);
        ssize_t n;
        while ((n = answer(bad, buf, sizeof buf)) > 0) {
        }
        assert_true(n <= 0);
        close(bad);
        assert_int_equal(send(good, reset, sizeof reset, MSG_NOSIGNAL), sizeof reset);
        assert_int_equal(answer(good, buf, sizeof buf), 7);
    }
    close(good);
    serve_end(&s);
}

/* A host sends commands and never reads: the hub makes that host wait, and no other. */
static void a_host_that_does_not_read(void **state)
{
    static const uint8_t reset[] = { 1, 3, 0x0c, 0 }, commands[] = { 1, 2, 0x10, 0 };
    struct served s = { .air_world = NULL };
    uint8_t buf[64];
    (void)state;
    serve_begin(&s);
    int deaf = raw(&s), good = raw(&s);
    for (long sent = 0; sent < 200000; sent++) {
        if (send(deaf, commands, sizeof commands, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
            break;
        }
    }
    for (int i = 0; i < 20; i++) {
        assert_int_equal(send(good, reset, sizeof reset, MSG_NOSIGNAL), sizeof reset);
        assert_int_equal(answer(good, buf, sizeof buf), 7);
    }
    close(deaf);
    close(good);
    serve_end(&s);
}

enum { FLOODS = 4 }; /* the hub writes each of their packets in one piece */
struct flood {
    int fd, stop;
};

static void *flood(void *arg)
{
    const struct flood *f = arg;
    uint8_t b[4000];
    for (size_t i = 0; i < sizeof b; i += 5) { /* ACL data with an unknown handle */
        memcpy(b + i, "\x02\x01\x0e\x00\x00", 5);
    }
    while (!__atomic_load_n(&f->stop, __ATOMIC_RELAXED)) {
        struct pollfd p = { f->fd, POLLOUT, 0 };
        if (send(f->fd, b, sizeof b, MSG_NOSIGNAL) < 0) {
            poll(&p, 1, 100);
        }
    }
    return NULL;
}

/* A host sends packets without answers and without a pause: it does not starve the others. */
static void a_host_that_never_stops(void **state)
{
    static const uint8_t reset[] = { 1, 3, 0x0c, 0 };
    struct served s = { .air_world = NULL };
    uint8_t buf[64];
    pthread_t thread[FLOODS];
    (void)state;
    serve_begin(&s);
    struct flood f = { raw(&s), 0 };
    int good = raw(&s);
    for (size_t i = 0; i < FLOODS; i++) {
        assert_int_equal(pthread_create(&thread[i], NULL, flood, &f), 0);
    }
    for (int i = 0; i < 20; i++) {
        assert_int_equal(send(good, reset, sizeof reset, MSG_NOSIGNAL), sizeof reset);
        assert_int_equal(answer(good, buf, sizeof buf), 7);
    }
    __atomic_store_n(&f.stop, 1, __ATOMIC_RELAXED);
    for (size_t i = 0; i < FLOODS; i++) {
        pthread_join(thread[i], NULL);
    }
    close(f.fd);
    close(good);
    serve_end(&s);
}

/* A world file sets which controller receives which, and faults: the first advertises, the
 * second scans. */
static bool found_in(const char *world, bool *said)
{
    static struct world_file air_world;
    char path[] = "/tmp/woad-world-XXXXXX", wrong[WORLD_MESSAGE_MAX],
         message[WOAD_PORT_MESSAGE_MAX];
    struct served s = { .air_world = &air_world };
    struct woad_adv_params adv = { .kind = WOAD_ADV_IND, .interval_625us = 32 };
    struct woad_scan_params scan = { 48, 48, false, false, 0, false };
    struct program p[2];
    struct woad *h[2];
    struct woad_port *port[2];
    int error, fd = mkstemp(path);
    assert_int_equal(write(fd, world, strlen(world)), strlen(world));
    close(fd);
    assert_int_equal(world_file_load(&air_world, path, wrong), 0);
    unlink(path);
    serve_begin(&s);
    for (int i = 0; i < 2; i++) {
        h[i] = host_new(&p[i]);
        port[i] = woad_port_open(s.spec, &error, message);
        assert_non_null(port[i]);
        woad_start(h[i]);
        for (int n = 0; n < 200 && !p[i].up; n++) {
            assert_int_equal(woad_port_step(port[i], h[i], 10), 0);
        }
    }
    woad_adv_start(h[0], &adv);
    woad_scan_start(h[1], &scan);
    for (int n = 0; n < 60 && !p[1].found; n++) {
        woad_port_step(port[0], h[0], 1);
        woad_port_step(port[1], h[1], 9);
    }
    *said = p[0].downs > 0;
    for (int i = 0; i < 2; i++) {
        woad_port_close(port[i]);
        free(h[i]);
    }
    serve_end(&s);
    return p[1].found;
}

static void a_world_by_a_file(void **state)
{
    bool said;
    (void)state;
    assert_true(found_in("noise -100\n", &said));
    assert_false(said);
    assert_true(found_in("drop 2 1 all\nlink 2 1 0 1000\n", &said));
    assert_false(found_in("drop 1 2 all\n", &said));
    assert_false(found_in("link 1 * 0 1000\n", &said));
    assert_false(found_in("place 2 900000 0\n", &said));
    /* hardware errors, repeated so that one arrives whenever the host is there */
    static char errors[WORLD_LINES_MAX * 32] = "drop 1 2 all\n";
    for (unsigned n = 1; n < 100; n++) {
        size_t used = strlen(errors);
        snprintf(errors + used, sizeof errors - used, "at %u.%u say 1 04 10 01 42\n", n / 10,
                 n % 10);
    }
    assert_false(found_in(errors, &said));
    assert_true(said);
}

/* woad_port_open() refuses wrong specs with an error and a message. */
static void specs_that_are_wrong(void **state)
{
    static const struct {
        const char *spec;
        int error;
    } wrong[] = {
        { "", EINVAL },
        { "x", EINVAL },
        { "unix:", EINVAL },
        { "unix:/nowhere/at/all", ENODEV },
        { "tcp:", EINVAL },
        { "tcp:1", EINVAL },
        { "tcp:127.0.0.1:1", ECONNREFUSED },
        { "uart:", EINVAL },
        { "uart:/dev/null@1", EINVAL },
        { "uart:/dev/null@115200", ENOTTY },
        { "uart:/dev/nothing@115200", ENOENT },
        { "hci", EINVAL },
        { "hcix", EINVAL },
        { "pty:/dev/null", ENOTTY },
        { "unix:0123456789012345678901234567890123456789012345678901234567890123456789012345678901"
          "2345678901234567890123456789",
          EINVAL },
    };
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char message[WOAD_PORT_MESSAGE_MAX] = "";
        int error = 0;
        assert_null(woad_port_open(wrong[i].spec, &error, message));
        assert_int_equal(error, -wrong[i].error);
        assert_true(strlen(message) > 10);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_hosts_by_socket),       cmocka_unit_test(garbage_on_a_socket),
        cmocka_unit_test(a_host_that_does_not_read), cmocka_unit_test(a_host_that_never_stops),
        cmocka_unit_test(specs_that_are_wrong),      cmocka_unit_test(a_world_by_a_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
