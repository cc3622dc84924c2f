/* See radio.h.  The phone's host is Woad's, too. */
#include "radio.h"

#include <stdio.h>
#include <stdlib.h>
#include <woad/air.h>
#include <woad/woad.h>

#define REQUIRE(x) \
    do { \
        if (!(x)) { \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #x); \
            exit(1); \
        } \
    } while (0)

static struct woad_air *air;
static struct woad_air_controller *board, *phone;
static struct woad *phone_host;
static void (*board_deliver)(uint8_t *packet, size_t len);
static const struct woad_addr board_address = { 0, { 1, 0, 0, 0, 0, 2 } };
static uint16_t board_first, board_conn = WOAD_NO_CONN;
static uint8_t board_count;
static unsigned phone_count;
static bool board_up;

static const struct woad_uuid battery = WOAD_UUID16(0x180f), level = WOAD_UUID16(0x2a19);
static const struct woad_attr service[] = { WOAD_PRIMARY(&battery),
                                            WOAD_CHARACTERISTIC(&level, WOAD_PROP_NOTIFY, 0),
                                            WOAD_CCCD };

static void board_event(void *ctx, struct woad *h, const struct woad_event *ev)
{
    static const struct woad_adv_params adv = { .kind = WOAD_ADV_IND, .interval_625us = 160 };
    (void)ctx;
    if (ev->type == WOAD_EV_UP) {
        board_up = true;
        REQUIRE(woad_gatt_add(h, service, sizeof service / sizeof *service, &board_first) == 0);
        REQUIRE(woad_adv_start(h, &adv) == 0);
    } else if (ev->type == WOAD_EV_CONNECT) {
        board_conn = ev->conn;
    } else if (ev->type == WOAD_EV_DISCONNECT) {
        board_conn = WOAD_NO_CONN;
    } else if (ev->type == WOAD_EV_DOWN) {
        board_up = false;
    }
}

static const struct woad_feature *const board_features[] = { &woad_feature_advertiser,
                                                             &woad_feature_gatt_server, NULL };
const struct woad_config board_config = { .features = board_features,
                                          .event = board_event,
                                          .conns = 1,
                                          .attr_tables = 1,
                                          .subscriptions = 2,
                                          .procedures = 1,
                                          .mtu = 64,
                                          .tx_queue = 256,
                                          .request_queue = 128 };

void board_work(struct woad *h)
{
    uint16_t value = (uint16_t)(board_first + 2);
    while (board_conn != WOAD_NO_CONN && woad_gatt_subscription(h, board_conn, value) &&
           woad_gatt_notify(h, board_conn, value, &board_count, 1) == 0) {
        board_count++;
    }
}

bool board_is_up(void)
{
    return board_up;
}

static void phone_event(void *ctx, struct woad *h, const struct woad_event *ev)
{
    static const struct woad_connect_params params = { 48, 48, 12, 24, 0, 200, 5000 };
    (void)ctx;
    if (ev->type == WOAD_EV_UP) {
        REQUIRE(woad_connect(h, &board_address, &params) == 0);
    } else if (ev->type == WOAD_EV_CONNECT) {
        uint16_t cccd = (uint16_t)(board_first + 3);
        REQUIRE(woad_gattc_write(h, ev->conn, cccd, "\1\0", 2) == 0);
    } else if (ev->type == WOAD_EV_NOTIFIED) {
        REQUIRE(ev->u.value.len == 1 && ev->u.value.data[0] == (uint8_t)phone_count);
        phone_count++;
    }
}

unsigned radio_notified(void)
{
    return phone_count;
}

static struct woad_air_controller *attach(uint8_t last_octet)
{
    struct woad_air_controller_config config = { .address = { last_octet, 0, 0, 0, 0, 2 },
                                                 .queue = 8192 };
    REQUIRE(woad_air_profile("5.4", &config));
    size_t size = woad_air_controller_size(&config);
    struct woad_air_controller *c = woad_air_attach(air, calloc(1, size), size, &config);
    REQUIRE(c);
    return c;
}

void radio_begin(void (*deliver)(uint8_t *packet, size_t len))
{
    static const struct woad_feature *const features[] = { &woad_feature_central,
                                                           &woad_feature_gatt_client, NULL };
    static const struct woad_config config = { .features = features,
                                               .event = phone_event,
                                               .conns = 1,
                                               .procedures = 2,
                                               .mtu = 64,
                                               .tx_queue = 128,
                                               .request_queue = 128 };
    static const struct woad_air_config world = { .seed = 1 };
    board_deliver = deliver;
    air = woad_air_init(malloc(woad_air_size()), woad_air_size(), &world);
    board = attach(1);
    phone = attach(2);
    phone_host = woad_init(malloc(woad_size(&config)), woad_size(&config), &config);
    REQUIRE(phone_host && woad_start(phone_host) == 0);
}

bool radio_send(const uint8_t *packet, size_t len)
{
    int err = woad_air_rx(board, packet, len);
    REQUIRE(err == 0 || err == WOAD_EAGAIN);
    return err == 0;
}

void radio_hang(void)
{
    woad_air_hang(board, true);
}

uint32_t radio_now_ms(void)
{
    return (uint32_t)(woad_air_now(air) / 1000);
}

static void phone_run(void)
{
    uint8_t packet[1024];
    size_t n;
    while ((n = woad_tx(phone_host, packet, sizeof packet)) > 0 ||
           woad_poll(phone_host, radio_now_ms()) == 0) {
        REQUIRE(n == 0 || woad_air_rx(phone, packet, n) == 0);
    }
    while ((n = woad_air_tx(phone, packet, sizeof packet)) > 0) {
        woad_rx(phone_host, packet, n);
    }
}

void radio_run(uint32_t ms, bool (*awake)(void))
{
    uint64_t end = woad_air_now(air) + ms * 1000ull;
    uint8_t packet[1024];
    size_t n;
    while (!awake() && woad_air_now(air) < end) {
        uint64_t next = woad_air_now(air) + 1000;
        phone_run();
        woad_air_step(air, next < end ? next : end);
        while ((n = woad_air_tx(board, packet, sizeof packet)) > 0) {
            board_deliver(packet, n);
        }
    }
}
