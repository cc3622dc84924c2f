/* Tests of programs in virtual time: nodes, each a host with the program's own callback on a
 * simulated controller, all on one air.  Library woad-testing; it needs woad and woad-air, and no
 * test framework.
 *
 *     struct woad_test *t = woad_test_begin(NULL);
 *     struct woad_test_node *sensor = woad_test_add(t, &(struct woad_test_node_config){
 *         .name = "sensor", .host = { .features = …, .event = sensor_event, .ctx = &app, … } });
 *     struct woad_test_node *phone = woad_test_add(t, &(struct woad_test_node_config){ … });
 *     WOAD_TEST_CALL(phone, woad_connect(woad_test_host(phone), woad_test_address(sensor), &how));
 *     const struct woad_event *ev = woad_test_wait(phone, WOAD_EV_CONNECT, 5000);
 *     …
 *     woad_test_end(t);
 *
 * Time passes only inside the calls that have a limit or a duration.  An hour takes as long as its
 * packets take to calculate.  Equal calls with an equal seed give equal packets.
 *
 * A test that fails prints the reason, the seed, and what has happened last at all nodes, then
 * calls config.failed or abort().  So no function here returns an error. */
#ifndef WOAD_TESTING_H
#define WOAD_TESTING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "air.h"
#include "woad.h"

#ifdef __cplusplus
extern "C" {
#endif

struct woad_crypto;
struct woad_test;
struct woad_test_node;

/* Each 0 is a default. */
struct woad_test_config {
    uint64_t seed;                    /* of all that is random; 0: 1 */
    uint16_t loss_per_mille;          /* packets lost on the air */
    const struct woad_crypto *crypto; /* for encryption in the controllers; NULL: none */
    const char *pcap;                 /* file for all that is on the air, for Wireshark */
    /* The test has failed, for this reason; it must not return.  NULL: the reason goes to standard
     * error, and abort() is called. */
    void (*failed)(const char *reason);
};

struct woad_test_node_config {
    const char *name; /* in messages; it must live as long; NULL: "node" */
    /* The program's config.  event and ctx are the program's; event NULL: only the test reads the
     * events.  random NULL: random octets from the seed. */
    struct woad_config host;
    /* Its place (x_mm, y_mm) and its kind.  address zero: 02:00:00:00:00:01 for the first node and
     * so on; conns 0: a controller of version 5.4 (woad_air_profile()); queue 0: 8,192; crypto
     * NULL: the test's.  `user` is not available. */
    struct woad_air_controller_config controller;
    /* What the program does by itself, in the place of its main loop; NULL: nothing.  Called with
     * host.ctx whenever the node runs: at the time that it has returned, and after each packet.  It
     * returns the milliseconds until it must be called again, WOAD_FOREVER: not before a packet. */
    uint32_t (*loop)(void *ctx, struct woad *h, uint32_t now_ms);
};

/* Begins a test at time 0; config NULL: all defaults. */
struct woad_test *woad_test_begin(const struct woad_test_config *config);
/* Frees everything. */
void woad_test_end(struct woad_test *t);

/* Adds a node, starts its host, and waits for WOAD_EV_UP.  Features, attributes and `ctx` must live
 * as long as the test.  A callback or a loop may call its own node's host only. */
struct woad_test_node *woad_test_add(struct woad_test *t,
                                     const struct woad_test_node_config *config);

struct woad *woad_test_host(struct woad_test_node *n);
struct woad_air_controller *woad_test_controller(struct woad_test_node *n);
struct woad_air *woad_test_air(struct woad_test *t);
/* The node's address, for woad_connect(). */
const struct woad_addr *woad_test_address(const struct woad_test_node *n);
uint32_t woad_test_now_ms(const struct woad_test *t);

/* Lets time pass. */
void woad_test_run(struct woad_test *t, uint32_t ms);

/* The earliest event of this type at the node that no wait has returned yet: one that has been
 * raised already, or else the first within limit_ms; without one the test fails.  The event is a
 * copy; it and what it points to (the octets, the bond) are valid until woad_test_forget(),
 * woad_test_end(), or until the node has raised WOAD_TEST_EVENTS further ones, which is as many as
 * it keeps.  Buffers of L2CAP channels are not copied, and `authorize.allowed` is NULL. */
const struct woad_event *woad_test_wait(struct woad_test_node *n, enum woad_event_type type,
                                        uint32_t limit_ms);
enum { WOAD_TEST_EVENTS = 1024 };
/* The same, of the events for which match() returns true. */
const struct woad_event *woad_test_wait_for(struct woad_test_node *n, enum woad_event_type type,
                                            bool (*match)(void *ctx, const struct woad_event *ev),
                                            void *ctx, uint32_t limit_ms);
/* Runs until so() returns true.  It is called after each packet; `what` is for the message. */
void woad_test_wait_until(struct woad_test *t, bool (*so)(void *ctx), void *ctx, uint32_t limit_ms,
                          const char *what);
/* Runs for `ms`; the test fails if the node raises such an event meanwhile. */
void woad_test_never(struct woad_test_node *n, enum woad_event_type type, uint32_t ms);

/* How many events of the type the node has raised since woad_test_forget(), or the beginning. */
size_t woad_test_count(const struct woad_test_node *n, enum woad_event_type type);
/* Forgets the node's events. */
void woad_test_forget(struct woad_test_node *n);

/* Off: the node is gone at once, as without power: its host's memory is lost, and peers notice by
 * their supervision timeouts.  On: it starts again with its config, and WOAD_EV_UP is waited for.
 */
void woad_test_power(struct woad_test_node *n, bool on);

/* A hash of all HCI packets of all nodes: two runs with the same hash were the same. */
uint64_t woad_test_hash(const struct woad_test *t);

/* Fails the test: printf()'s format. */
void woad_test_fail(struct woad_test *t, const char *format, ...);
void woad_test_fail_call(struct woad_test_node *n, const char *call, int result);

/* A call that must return 0, at a node; and something that must be true. */
#define WOAD_TEST_CALL(node, call) \
    do { \
        int woad_test_result_ = (call); \
        if (woad_test_result_ != 0) { \
            woad_test_fail_call(node, #call, woad_test_result_); \
        } \
    } while (0)
#define WOAD_TEST_CHECK(test, x) \
    do { \
        if (!(x)) { \
            woad_test_fail(test, "%s:%d: not so: %s", __FILE__, __LINE__, #x); \
        } \
    } while (0)

#ifdef __cplusplus
}
#endif

#endif
