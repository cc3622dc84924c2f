/* Two hosts and the air on one board in QEMU, in virtual time: advertise, scan, connect, find,
 * read, write, notify, pair, a channel, disconnect, stop.  Prints for each entry point of the host
 * the most stack that a call has taken, callback included, and the most instructions.  With
 * `-icount shift=0` every instruction takes a nanosecond of the machine's time, and SysTick counts
 * at 25 MHz.  Cryptography is none: a function of P-256 says WOAD_CRYPTO_LATER once, then gives
 * some octets, so that its own cost is not counted. */
#include <woad/air.h>
#include <woad/crypto.h>
#include <woad/hci.h>
#include <woad/woad.h>

#include <string.h>

#include "number.h"

enum { PER_TICK = 40, STACK = 2048, NEAR = 64, LIMIT_MS = 20000, PSM = 0x80 };
enum { PAINT = 0xa5a5a5a5 };
#define SYSTICK_CTRL (*(volatile uint32_t *)0xe000e010)
#define SYSTICK_LOAD (*(volatile uint32_t *)0xe000e014)
#define SYSTICK_NOW (*(volatile uint32_t *)0xe000e018)

/* --- measuring -------------------------------------------------------------------------------- */

enum entry { RX, TX, POLL, CALL, ENTRIES };
static const char *const names[ENTRIES] = { "woad_rx", "woad_tx", "woad_poll", "calls" };
static struct {
    uint32_t stack, instructions;
} most[ENTRIES];
static uint32_t before;

/* Paints the stack below `here`, or returns how many octets of it were used since.  The first NEAR
 * octets are this function's, and those of its caller. */
static __attribute__((noinline)) uint32_t stack(uint32_t here, _Bool paint)
{
    uint32_t used = NEAR;
    for (uint32_t below = NEAR; below < STACK; below += 4) {
        volatile uint32_t *at = (volatile uint32_t *)(here - below);
        if (paint) {
            *at = (uint32_t)PAINT;
        } else if (*at != (uint32_t)PAINT) {
            used = below;
        }
    }
    return used;
}

static __attribute__((noinline)) void measure_begin(uint32_t here)
{
    stack(here, 1);
    before = SYSTICK_NOW;
}

static __attribute__((noinline)) void measure_end(enum entry entry, uint32_t here)
{
    uint32_t n = ((before - SYSTICK_NOW) & 0xffffff) * PER_TICK, used = stack(here, 0);
    most[entry].instructions = n > most[entry].instructions ? n : most[entry].instructions;
    most[entry].stack = used > most[entry].stack ? used : most[entry].stack;
}

#define MEASURED(entry, call) \
    do { \
        uint32_t here_; \
        __asm volatile("mov %0, sp" : "=r"(here_)); \
        measure_begin(here_); \
        (call); \
        measure_end(entry, here_); \
    } while (0)

/* --- two devices ------------------------------------------------------------------------------ */

static const struct woad_uuid service = WOAD_UUID16(0x180f);
static const struct woad_uuid type =
    WOAD_UUID128(0x6e400001, 0xb5a3, 0xf393, 0xe0a9, 0xe50e24dcca9e);
static uint8_t octets[512], channel_rx[2][1024];
static struct woad_value value = WOAD_VALUE_RAM(octets, 20, sizeof octets);
static const struct woad_attr table[] = {
    WOAD_PRIMARY(&service),
    WOAD_CHARACTERISTIC_VALUE_CCCD(&type, WOAD_PROP_READ | WOAD_PROP_WRITE | WOAD_PROP_NOTIFY,
                                   WOAD_PERM_READ | WOAD_PERM_WRITE, &value),
};
static const struct woad_feature *const features[] = {
    &woad_feature_advertiser,     &woad_feature_scanner,
    &woad_feature_central,        &woad_feature_gatt_server,
    &woad_feature_gatt_client,    &woad_feature_long_values,
    &woad_feature_link_control,   &woad_feature_security_manager,
    &woad_feature_l2cap_channels, NULL
};

static struct device {
    struct woad *h;
    struct woad_air_controller *controller;
    uint64_t seen; /* bits: types of events */
    struct woad_event last;
    uint16_t conn, cid, handle, end;
    struct woad_addr peer, own;
    uint64_t host_memory[2000], controller_memory[3000];
} device[2];
static uint64_t air_memory[2000];
static struct woad_air *air;
static _Bool well = 1;

static void ended(int status)
{
    if (status) {
        board_print("status ");
        print_number((uint32_t)status);
        board_print("\n");
        well = 0;
    }
}

static void on_event(void *ctx, struct woad *h, const struct woad_event *ev)
{
    struct device *d = ctx;
    (void)h;
    d->seen |= (uint64_t)1 << ev->type;
    if (ev->type == WOAD_EV_CONNECT) {
        d->conn = ev->conn;
    } else if (ev->type == WOAD_EV_COC_REQUEST) {
        d->cid = ev->u.coc.cid;
    } else if (ev->type == WOAD_EV_REPORT) {
        d->peer = ev->u.report.addr;
    } else if (ev->type == WOAD_EV_CHARACTERISTIC) {
        d->handle = ev->u.characteristic.value;
        d->end = ev->u.characteristic.end;
    } else if (ev->type == WOAD_EV_GATTC_DONE) {
        ended(ev->u.done.status);
    } else if (ev->type == WOAD_EV_SECURITY) {
        ended(ev->u.security.status);
    }
}

static int aes128(const uint8_t key[16], const uint8_t in[16], uint8_t out[16])
{
    (void)key;
    memmove(out, in, 16);
    return 0;
}

static int p256_public(const uint8_t private_key[32], uint8_t public_key[64])
{
    static unsigned calls;
    memcpy(public_key, private_key, 32);
    memcpy(public_key + 32, private_key, 32);
    return ++calls % 2 ? WOAD_CRYPTO_LATER : 0;
}

static int p256_dh(const uint8_t private_key[32], const uint8_t public_key[64], uint8_t secret[32])
{
    static unsigned calls;
    for (size_t n = 0; n < 32; n++) {
        secret[n] = private_key[n] ^ public_key[n];
    }
    return ++calls % 2 ? WOAD_CRYPTO_LATER : 0;
}

static const struct woad_crypto crypto = { aes128, p256_public, p256_dh };

static int some_random(void *ctx, uint8_t *out, size_t len)
{
    static uint32_t x = 1;
    (void)ctx;
    while (len--) {
        x = x * 1664525u + 1013904223u;
        *out++ = (uint8_t)(x >> 24);
    }
    return 0;
}

/* Runs both hosts until they wait for the air. */
static void run_hosts(void)
{
    static uint8_t packet[WOAD_AIR_PACKET];
    uint32_t now = (uint32_t)(woad_air_now(air) / 1000);
    size_t n;
    for (_Bool more = 1; more;) {
        more = 0;
        for (struct device *d = device; d < device + 2; d++) {
            while ((n = woad_air_tx(d->controller, packet, sizeof packet)) > 0) {
                MEASURED(RX, woad_rx(d->h, packet, n));
                more = 1;
            }
            do {
                MEASURED(TX, n = woad_tx(d->h, packet, sizeof packet));
                if (n) {
                    woad_air_rx(d->controller, packet, n);
                    more = 1;
                }
            } while (n);
            uint32_t wait;
            MEASURED(POLL, wait = woad_poll(d->h, now));
            more |= wait == 0;
        }
    }
}

/* Lets time pass until `d` has raised the event, which it then forgets. */
static void wait_for(struct device *d, enum woad_event_type event)
{
    uint64_t end = woad_air_now(air) + LIMIT_MS * 1000u, bit = (uint64_t)1 << event;
    while (well && !(d->seen & bit)) {
        uint64_t next = woad_air_next(air), at = woad_air_now(air) + 1000;
        run_hosts();
        woad_air_step(air, next < at ? next : at);
        well = well && woad_air_now(air) < end;
    }
    if (!(d->seen & bit)) {
        board_print(woad_event_name(event));
        board_print("\n");
    }
    d->seen &= ~bit;
}

/* A call that must return 0; none is made after something went wrong. */
#define DO(call) \
    do { \
        int err_ = 0; \
        if (well) { \
            MEASURED(CALL, err_ = (call)); \
        } \
        if (err_) { \
            board_print(#call "\n"); \
        } \
        well = well && err_ == 0; \
    } while (0)

static void prepare(void)
{
    struct woad_air_config config = { .seed = 1 };
    air = woad_air_init(air_memory, sizeof air_memory, &config);
    for (int k = 0; k < 2; k++) {
        struct device *d = &device[k];
        struct woad_config host = { .features = features,
                                    .event = on_event,
                                    .ctx = d,
                                    .conns = 2,
                                    .crypto = &crypto,
                                    .random = some_random };
        struct woad_air_controller_config c = { .address = { (uint8_t)(k + 1), 2, 3, 4, 5, 6 },
                                                .x_mm = k * 1000,
                                                .conns = 2,
                                                .acl_count = 4,
                                                .acl_len = 251,
                                                .queue = 4096,
                                                .crypto = &crypto };
        d->h = woad_init(d->host_memory, sizeof d->host_memory, &host);
        d->controller = woad_air_attach(air, d->controller_memory, sizeof d->controller_memory, &c);
        well = well && d->h && d->controller;
    }
}

/* --- what they do ----------------------------------------------------------------------------- */

static void connect(struct device *a, struct device *b)
{
    static const struct woad_adv_params adv = WOAD_ADV_DEFAULT;
    static const struct woad_scan_params scan = WOAD_SCAN_DEFAULT;
    static const struct woad_connect_params params = WOAD_CONNECT_DEFAULT;
    DO(woad_adv_set_data(b->h, octets, 31));
    DO(woad_adv_start(b->h, &adv));
    DO(woad_scan_start(a->h, &scan));
    wait_for(a, WOAD_EV_REPORT);
    DO(woad_connect(a->h, &a->peer, &params));
    wait_for(a, WOAD_EV_CONNECT);
    wait_for(b, WOAD_EV_CONNECT);
}

static void use_gatt(struct device *a, struct device *b)
{
    DO(woad_gattc_find(a->h, a->conn, &service, &type));
    wait_for(a, WOAD_EV_GATTC_DONE);
    DO(woad_gattc_subscribe(a->h, a->conn, a->handle, a->end, WOAD_CCCD_NOTIFY));
    wait_for(a, WOAD_EV_GATTC_DONE);
    DO(woad_gattc_write(a->h, a->conn, a->handle, octets, 200));
    wait_for(a, WOAD_EV_GATTC_DONE);
    DO(woad_gattc_write_long(a->h, a->conn, a->handle, octets, 512, 1));
    wait_for(a, WOAD_EV_GATTC_DONE);
    DO(woad_gattc_read(a->h, a->conn, a->handle));
    wait_for(a, WOAD_EV_GATTC_DONE);
    DO(woad_gattc_write_command(a->h, a->conn, a->handle, octets, 20));
    wait_for(b, WOAD_EV_GATT_WRITE);
    DO(woad_gatt_notify_value(b->h, &value) - 1);
    wait_for(a, WOAD_EV_NOTIFIED);
}

static void use_channel(struct device *a, struct device *b)
{
    static const struct woad_coc_params params = { .psm = PSM, .mtu = 512 };
    DO(woad_coc_listen(b->h, &params));
    DO(woad_coc_connect(a->h, a->conn, &params, channel_rx[0], sizeof channel_rx[0], &a->cid));
    wait_for(b, WOAD_EV_COC_REQUEST);
    DO(woad_coc_accept(b->h, b->conn, b->cid, channel_rx[1], sizeof channel_rx[1]));
    wait_for(a, WOAD_EV_COC_OPEN);
    DO(woad_coc_send(a->h, a->conn, a->cid, octets, sizeof octets));
    wait_for(b, WOAD_EV_COC_DATA);
}

static __attribute__((noinline)) void scenario(void)
{
    static const struct woad_security_policy policy = { .io = WOAD_IO_NONE, .bond = 1 };
    static const struct woad_adv_params adv = WOAD_ADV_DEFAULT;
    struct device *a = &device[0], *b = &device[1];
    prepare();
    for (struct device *d = device; well && d < device + 2; d++) {
        DO(woad_start(d->h));
        wait_for(d, WOAD_EV_UP);
        DO(woad_set_security_policy(d->h, &policy));
    }
    DO(woad_gatt_add(b->h, WOAD_ATTRS(table), NULL));
    connect(a, b);
    DO(woad_gattc_exchange_mtu(a->h, a->conn));
    wait_for(a, WOAD_EV_GATTC_DONE);
    use_gatt(a, b);
    DO(woad_pair(a->h, a->conn));
    wait_for(a, WOAD_EV_BOND);
    wait_for(b, WOAD_EV_BOND);
    use_gatt(a, b);
    use_channel(a, b);
    DO(woad_disconnect(a->h, a->conn, WOAD_HCI_REMOTE_USER_TERMINATED));
    wait_for(b, WOAD_EV_DISCONNECT);
    connect(a, b);
    a->seen = b->seen = 0;
    DO(woad_pair(a->h, a->conn)); /* by the bond's key */
    wait_for(a, WOAD_EV_SECURITY);
    wait_for(b, WOAD_EV_SECURITY);
    woad_air_hang(a->controller, 1); /* woad_poll() ends it all */
    DO(woad_adv_set_data(a->h, octets, 31));
    DO(woad_adv_start(a->h, &adv));
    wait_for(a, WOAD_EV_DOWN);
    DO(woad_stop(b->h));
    wait_for(b, WOAD_EV_DOWN);
    for (size_t n = 0; well && n < ENTRIES; n++) {
        board_print(names[n]);
        board_print(" ");
        print_number(most[n].stack);
        board_print(" ");
        print_number(most[n].instructions);
        board_print("\n");
    }
    board_print(well ? "done\n" : "wrong\n");
    for (;;) {
        board_sleep(0);
    }
}

/* The air's own stack is larger than the board's. */
void run(void)
{
    static uint64_t large[2048];
    SYSTICK_CTRL = 0;
    SYSTICK_LOAD = 0xffffff;
    SYSTICK_NOW = 0;
    SYSTICK_CTRL = 5; /* the processor's clock, no interrupt */
    __asm volatile("mov sp, %0" : : "r"(large + 2048) : "memory");
    scenario();
}
