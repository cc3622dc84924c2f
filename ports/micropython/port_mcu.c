/* Boards: the host in static memory, over one of the HCI drivers of hci.h; packets move whenever
 * MicroPython's scheduler runs.
 *
 * Random numbers come from the controller (woad_feature_controller_crypto), and so does
 * cryptography, unless the build sets WOAD_CRYPTO=mbedtls. ble.h says what each ble_port_ function
 * is for.
 *
 * Names of other files:
 *   ble: the module's state outside MicroPython's heap: struct ble_state, ble.h
 *   BLE_ADV_SETS: advertising sets of the configuration
 *   BLE_BOND_SLOTS: bonds of the configuration; legacy pairing takes two slots
 *   BLE_CONNS: connections of the configuration
 *   ble_due(): ms until ble_run() is needed even without packets
 *   ble_hci_close(): powers the controller off, where the driver can
 *   BLE_HCI_IN: octets of the longest packet that is received
 *   ble_hci_open(): powers the controller; 0 or a negative errno
 *   ble_hci_read(): received octets; returns how many, or a negative errno
 *   ble_hci_run_in_ms(): the scheduler runs ble_run() after so many ms
 *   ble_hci_run_now(): the scheduler runs ble_run()
 *   ble_hci_write(): writes a packet from octet *sent on; after an exception the next call
 *       continues
 *   BLE_MTU_MAX: the largest ATT_MTU that config(mtu=…) can set
 *   ble_obj_t: the BLE object: handler, queue of events, services
 *   ble_object(): the BLE object with what is in the heap; NULL before BLE(), or during a soft
 *       reset
 *   ble_queue_empty(): no event is queued
 *   m_malloc_maybe(): MicroPython: memory of the heap; NULL: none, without an exception
 *   mp_hal_ticks_ms(): MicroPython: ms, wrapping
 *   mp_sched_exception(): MicroPython: an exception becomes pending
 *   nlr_push(): begins a part in which Python's exceptions are caught; nlr_pop() ends it
 *   running: ble_run() runs
 *   woad_static_features: the features chosen by WOAD_USE_…
 *   woad_static_memory: room for the host: woad/static.h, by the WOAD_USE_… and WOAD_CONFIG_…
 *       above it
 *   WOAD_TX_ROOM: octets of the longest packet that the host sends */
#include "hci.h"

#include <woad/h4.h>

#define WOAD_USE_ADVERTISER 1
#define WOAD_USE_SCANNER 1
#define WOAD_USE_CENTRAL 1
#define WOAD_USE_GATT_SERVER 1
#define WOAD_USE_LONG_VALUES 1
#define WOAD_USE_READ_MULTIPLE 1
#define WOAD_USE_SIGNED_WRITES 1
#define WOAD_USE_PIPELINING 1
#define WOAD_USE_GATT_CLIENT 1
#define WOAD_USE_ACCEPT_LIST 1
#define WOAD_USE_LINK_CONTROL 1
#define WOAD_USE_SECURITY_MANAGER 1
#define WOAD_USE_KEYPRESSES 1
#define WOAD_USE_OUT_OF_BAND 1
#define WOAD_USE_RESOLVING_LIST 1
#define WOAD_USE_L2CAP_CHANNELS 1
#define WOAD_USE_ENHANCED_CHANNELS 1
#define WOAD_USE_CONTROLLER_CRYPTO 1
#define WOAD_USE_WATCHDOG 1
#define WOAD_USE_QUIRKS 1
#define WOAD_USE_EXTENDED_ADVERTISING 1
/* The capacities of life_start(). */
#define WOAD_CONFIG_CONNS BLE_CONNS
#define WOAD_CONFIG_ATTR_TABLES BLE_TABLES
#define WOAD_CONFIG_SUBSCRIPTIONS BLE_SUBSCRIPTIONS
#define WOAD_CONFIG_PROCEDURES BLE_PROCEDURES
#define WOAD_CONFIG_ACCEPT_LIST BLE_ACCEPT
#define WOAD_CONFIG_MTU BLE_MTU_MAX
#define WOAD_CONFIG_TX_QUEUE BLE_QUEUE
#define WOAD_CONFIG_REQUEST_QUEUE BLE_REQUESTS
#define WOAD_CONFIG_PREPARE_QUEUE BLE_PREPARED
#define WOAD_CONFIG_PIPELINE_QUEUE BLE_PIPELINE
#define WOAD_CONFIG_BONDS BLE_BOND_SLOTS
#define WOAD_CONFIG_L2CAP_CHANNELS BLE_CHANNELS
#define WOAD_CONFIG_PSMS BLE_PSMS
#define WOAD_CONFIG_ADV_SETS BLE_ADV_SETS
#include <woad/static.h>

/* How often a driver is read that does not schedule ble_run() when octets arrive. */
#ifndef BLE_HCI_POLL_MS
#define BLE_HCI_POLL_MS 10
#endif

static struct {
    bool open;
    struct woad_h4 h4;
    uint8_t in[BLE_HCI_IN];
    uint32_t poll_due_ms; /* milliseconds from the last pump to the host's next deadline */
    bool behind;          /* the last pump left packets unread */
    uint32_t behind_since;
} mcu_io;

/* The limits of one pump: ports/posix/port.c explains them. */
enum { BLE_PUMP_READS = 8, BLE_PUMP_MS = 10, BLE_BEHIND_MS = 1000 };

static union woad_static_memory mcu_memory;

/* ble_port_alloc(): blocks of MicroPython's heap in a list that a root pointer keeps alive; a freed
 * block leaves the list and is collected later. */
struct gc_block {
    struct gc_block *next;
    uint64_t mem[];
};
MP_REGISTER_ROOT_POINTER(struct gc_block *woad_blocks);

#ifdef WOAD_MBEDTLS
extern const struct woad_crypto woad_mbedtls;
const struct woad_crypto *const ble_port_crypto = &woad_mbedtls;
#else
const struct woad_crypto *const ble_port_crypto = NULL;
#endif
int (*const ble_port_random)(void *ctx, uint8_t *out, size_t len) = NULL;

const struct woad_feature *const *const ble_port_features = woad_static_features;

/* The heap is new: it has no block of the module's. */
void ble_port_begin(void)
{
    MP_STATE_VM(woad_blocks) = NULL;
}

/* The HCI driver does the vendor's initialisation. */
void ble_port_prepare(struct woad *h)
{
    (void)h;
}

/* NULL: the configuration is larger than the static memory. */
void *ble_port_memory(size_t len)
{
    if (len <= sizeof mcu_memory) {
        return &mcu_memory;
    }
    return NULL;
}

/* The memory of the host is static. */
void ble_port_memory_free(void *mem)
{
    (void)mem;
}

/* Of MicroPython's heap: see struct gc_block. */
void *ble_port_alloc(size_t len)
{
    struct gc_block *k = m_malloc_maybe(sizeof *k + len);
    if (!k) {
        return NULL;
    }
    memset(k->mem, 0, len);
    k->next = MP_STATE_VM(woad_blocks);
    MP_STATE_VM(woad_blocks) = k;
    return k->mem;
}

/* The garbage collector may free the block. */
void ble_port_free(void *mem)
{
    struct gc_block **at = &MP_STATE_VM(woad_blocks);
    while (*at && (void *)(*at)->mem != mem) {
        at = &(*at)->next;
    }
    if (*at) {
        *at = (*at)->next;
    }
}

/* Boards have no file of bonds: programs keep them, by IRQ_GET_SECRET and IRQ_SET_SECRET. */
int ble_port_store(const char *path)
{
    if (path) {
        return -MP_EOPNOTSUPP;
    }
    return 0;
}

/* No bonds are kept by the port on microcontrollers: these functions do nothing. */
bool ble_port_stores(void)
{
    return false;
}
int ble_port_store_error(void)
{
    return 0;
}
void ble_port_store_event(struct woad *h, const struct woad_event *ev)
{
    (void)h;
    (void)ev;
}
uint32_t ble_port_store_run(bool now)
{
    (void)now;
    return WOAD_FOREVER;
}
void ble_port_store_bond(const struct woad_bond *b)
{
    (void)b;
}
void ble_port_store_irk(const uint8_t irk[16])
{
    (void)irk;
}
int ble_port_store_remove(const struct woad_addr *peer)
{
    (void)peer;
    return WOAD_ENOENT;
}

/* One call of the HCI driver: arguments and result. */
struct mcu_call {
    enum { BLE_CALL_CLOSE, BLE_CALL_READ, BLE_CALL_WRITE, BLE_CALL_WAIT } what;
    uint8_t *to;
    const uint8_t *packet;
    size_t len, sent;
    int result;
};

/* In mcu_called(), which catches what the driver raises. */
static void mcu_call(struct mcu_call *c)
{
    switch (c->what) {
    case BLE_CALL_CLOSE: ble_hci_close(); break;
    case BLE_CALL_READ: c->result = ble_hci_read(c->to, c->len); break;
    case BLE_CALL_WRITE: c->result = ble_hci_write(c->packet, c->len, &c->sent); break;
    default: mp_hal_delay_us(100); break;
    }
}

/* False: the driver raised an exception, *raised. */
static bool mcu_called(struct mcu_call *c, mp_obj_t *raised)
{
    nlr_buf_t nlr;
    if (nlr_push(&nlr) == 0) {
        mcu_call(c);
        nlr_pop();
        return true;
    }
    *raised = MP_OBJ_FROM_PTR(nlr.ret_val);
    return false;
}

/* An exception (Ctrl-C) must not pass through the host, nor cut a packet: the call is repeated, and
 * the exception becomes MicroPython's pending one. */
static int mcu_guard(struct mcu_call *c)
{
    enum { BLE_TRIES = 100 };
    mp_obj_t raised = MP_OBJ_NULL;
    bool done = false;
    c->result = -MP_EIO;
    for (int tries = 0; !done && tries < BLE_TRIES; tries++) {
        done = mcu_called(c, &raised);
    }
    if (raised != MP_OBJ_NULL) {
        mp_sched_exception(raised);
    }
    return c->result;
}

/* Writes a whole packet. 0 or a negative errno. */
static int mcu_write(const uint8_t *packet, size_t len)
{
    struct mcu_call c = { .what = BLE_CALL_WRITE, .packet = packet, .len = len };
    return mcu_guard(&c);
}

/* Starts the controller.  0, or a negative errno and `message`. */
int ble_port_open(char message[WOAD_PORT_MESSAGE_MAX])
{
    int err = ble_hci_open();
    if (err) {
        strcpy(message, "the controller does not start");
        return err;
    }
    woad_h4_init(&mcu_io.h4, mcu_io.in, sizeof mcu_io.in);
    woad_h4_resync(&mcu_io.h4, false); /* the host's first command is a reset */
    mcu_io.open = true;
    mcu_io.behind = false;
    return 0;
}

/* An exception of the driver does not leave the function. */
void ble_port_close(void)
{
    if (mcu_io.open) {
        struct mcu_call c = { .what = BLE_CALL_CLOSE };
        mcu_io.open = false;
        mcu_guard(&c);
    }
}

/* The driver's timer still runs ble_run(). */
void ble_port_lose(void)
{
    ble_port_close();
}

bool ble_port_is_open(void)
{
    return mcu_io.open;
}

/* Writes all that the host has to send. */
int ble_port_flush(struct woad *h)
{
    uint8_t packet[WOAD_TX_ROOM];
    size_t n;
    int err = 0;
    while (mcu_io.open && !err && (n = woad_tx(h, packet, sizeof packet)) > 0) {
        err = mcu_write(packet, n);
    }
    return err;
}

/* Sends the host's answers before it reads the next packet, so that order is kept. */
static int mcu_take(struct woad *h)
{
    const uint8_t *packet;
    int n, err = 0;
    while (!err && (n = woad_h4_next(&mcu_io.h4, &packet)) != 0) {
        if (n < 0) {
            return WOAD_EBADMSG;
        }
        woad_rx(h, packet, (size_t)n);
        err = ble_port_flush(h);
    }
    return err;
}

/* Reads packets up to the limits of one pump.  True: there may be more. */
static bool mcu_read(struct woad *h, int *err)
{
    mp_uint_t start = mp_hal_ticks_ms();
    int got = 1, left = BLE_PUMP_READS;
    while (!*err && left && got > 0) {
        size_t room;
        uint8_t *at = woad_h4_space(&mcu_io.h4, &room);
        struct mcu_call c = { .what = BLE_CALL_READ, .to = at, .len = room };
        got = mcu_guard(&c);
        if (got > 0) {
            woad_h4_added(&mcu_io.h4, (size_t)got);
            *err = mcu_take(h);
        }
        left = mp_hal_ticks_ms() - start < BLE_PUMP_MS ? left - 1 : 0;
    }
    if (got < 0) {
        *err = got;
    }
    return got > 0 && !*err;
}

/* Whether to advance the host's clock.  While received packets are unread the host must not time
 * out, but that may not last longer than BLE_BEHIND_MS. */
static bool mcu_on_time(bool more)
{
    uint32_t now = mp_hal_ticks_ms();
    if (more && !mcu_io.behind) {
        mcu_io.behind_since = now;
    }
    mcu_io.behind = more;
    return !more || now - mcu_io.behind_since >= BLE_BEHIND_MS;
}

/* Sends, reads, lets the host time out, sends what follows from both. */
int ble_port_pump(struct woad *h)
{
    if (!mcu_io.open) {
        return 0;
    }
    woad_clock(h, mp_hal_ticks_ms());
    int err = ble_port_flush(h);
    bool more = mcu_read(h, &err);
    mcu_io.poll_due_ms = 0;
    if (mcu_on_time(more)) {
        mcu_io.poll_due_ms = woad_poll(h, mp_hal_ticks_ms());
        if (!err) {
            err = ble_port_flush(h);
        }
    }
    if (more) {
        mcu_io.poll_due_ms = 0;
    }
    if (err) {
        woad_fail(h, err);
    }
    return err;
}

/* poll_due_ms is 0, too, if a deadline of the host has passed: both want ble_run() at once. */
bool ble_port_more(void)
{
    return mcu_io.open && !mcu_io.poll_due_ms;
}

/* Gives the host the time. */
void ble_port_clock(struct woad *h)
{
    woad_clock(h, mp_hal_ticks_ms());
}

/* A short delay: some boards (ESP32) run the scheduler in delays of 155 us and more, and it must
 * not run before the waiting method has returned. */
void ble_port_wait(uint32_t ms)
{
    struct mcu_call c = { .what = BLE_CALL_WAIT };
    (void)ms;
    mcu_guard(&c);
}

/* The host is to run soon. */
void ble_port_schedule(void)
{
    ble_hci_run_now();
}

/* The host is to run in 1 ms. */
void ble_port_soon(void)
{
    if (mcu_io.open || ble.host) { /* a failed radio may still have queued events */
        ble_hci_run_in_ms(1);
    }
}

/* ble_due() and the driver's pace decide when; queued events are delivered at once, or in a
 * millisecond. */
void ble_port_arm(uint32_t delay_ms)
{
    ble_obj_t *o = ble_object();
    bool has_events = o && !ble_queue_empty(o);
    if ((!mcu_io.open && !has_events) || ble.running) {
        return;
    }
    if (has_events && !delay_ms) {
        ble_hci_run_now();
    } else { /* not at once: the program must run, too */
        uint32_t ms = MIN(mcu_io.poll_due_ms, BLE_HCI_POLL_MS);
        uint32_t due = ble_due();
        if (ms > due) {
            ms = due;
        }
        ble_hci_run_in_ms(ms && !has_events ? ms : 1);
    }
}
