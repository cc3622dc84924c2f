/* A program for scripts/size to weigh: it uses everything that its configuration SIZE names.  On a
 * board it prints the memory that the host needs: as configured, with small packets, for one more
 * connection, and for one more bond. */
#include <woad/hci.h>
#include <woad/woad.h>

#include "number.h"

enum { SECURITY = 1, CENTRAL = 2, CHANNELS = 4, EXTENDED = 8 }; /* SIZE: some of these */
enum { CONNS = 4, BONDS = 4, MTU = 247, MPS = 247, PSM = 0x80, SMALL = 98 };
#define HAS(what) (((SIZE) & (what)) != 0)
#define IF_HAS(what, n) (HAS(what) ? (n) : 0)

static const struct woad_uuid service = WOAD_UUID16(0x180f);
static const struct woad_uuid value = { 16,
                                        { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 } };
static const struct woad_attr db[] = {
    WOAD_PRIMARY(&service),
    WOAD_CHARACTERISTIC_CCCD(
        &value, WOAD_PROP_READ | WOAD_PROP_WRITE | WOAD_PROP_NOTIFY | WOAD_PROP_INDICATE,
        WOAD_PERM_READ | WOAD_PERM_WRITE),
};
#if (SIZE) & 2
#define SECURITY_FEATURE woad_feature_security_manager
#else
#define SECURITY_FEATURE woad_feature_security_peripheral
#endif
static const struct woad_feature *const features[] = { &woad_feature_advertiser,
                                                       &woad_feature_gatt_server,
#if (SIZE) & 1
                                                       &SECURITY_FEATURE,
                                                       &woad_feature_controller_crypto,
#endif
#if (SIZE) & 2
                                                       &woad_feature_scanner,
                                                       &woad_feature_central,
                                                       &woad_feature_gatt_client,
#endif
#if (SIZE) & 4
                                                       &woad_feature_l2cap_channels,
#endif
#if (SIZE) & 8
                                                       &woad_feature_extended_advertising,
#endif
                                                       NULL };

static uint64_t mem[2048];
static uint8_t octets[MTU];

#if (SIZE) & 1
static void secure(struct woad *h, const struct woad_event *ev)
{
    static const struct woad_security_policy policy = { .io = WOAD_IO_KEYBOARD_DISPLAY,
                                                        .bond = true,
                                                        .mitm = true };
    switch (ev->type) {
    case WOAD_EV_UP: woad_set_security_policy(h, &policy); break;
    case WOAD_EV_CONNECT: woad_pair(h, ev->conn); break;
    case WOAD_EV_PASSKEY:
        woad_passkey(h, ev->conn, ev->u.passkey.action, ev->u.passkey.passkey);
        break;
    case WOAD_EV_BOND: woad_bond_remove(h, &ev->u.bond.bond->peer); break;
    default: break;
    }
}
#endif

#if (SIZE) & 2
static void central(struct woad *h, const struct woad_event *ev)
{
    static const struct woad_scan_params scan = { 48, 48, true, true, 0, false };
    static const struct woad_connect_params params = { 48, 48, 24, 40, 0, 400, 5000 };
    switch (ev->type) {
    case WOAD_EV_UP: woad_scan_start(h, &scan); break;
    case WOAD_EV_REPORT:
        woad_scan_stop(h);
        woad_connect(h, &ev->u.report.addr, &params);
        break;
    case WOAD_EV_CONNECT:
        woad_gattc_exchange_mtu(h, ev->conn);
        woad_gattc_services(h, ev->conn, NULL);
        break;
    case WOAD_EV_SERVICE:
        woad_gattc_characteristics(h, ev->conn, ev->u.service.start, ev->u.service.end, NULL);
        break;
    case WOAD_EV_CHARACTERISTIC:
        woad_gattc_descriptors(h, ev->conn, ev->u.characteristic.value, ev->u.characteristic.end);
        woad_gattc_read(h, ev->conn, ev->u.characteristic.value);
        break;
    case WOAD_EV_DESCRIPTOR: woad_gattc_write(h, ev->conn, ev->u.descriptor.handle, "\1", 2); break;
    case WOAD_EV_NOTIFIED:
        woad_gattc_write_command(h, ev->conn, ev->u.value.handle, ev->u.value.data,
                                 ev->u.value.len);
        break;
    default: break;
    }
}
#endif

#if (SIZE) & 4
static uint8_t rx[8 * MPS];

static void channels(struct woad *h, const struct woad_event *ev)
{
    static const struct woad_coc_params params = { .psm = PSM, .mtu = 1024, .mps = MPS };
    uint16_t cid;
    bool end;
    switch (ev->type) {
    case WOAD_EV_UP: woad_coc_listen(h, &params); break;
    case WOAD_EV_CONNECT: woad_coc_connect(h, ev->conn, &params, rx, sizeof rx, &cid); break;
    case WOAD_EV_COC_REQUEST: woad_coc_accept(h, ev->conn, ev->u.coc.cid, rx, sizeof rx); break;
    case WOAD_EV_COC_OPEN: woad_coc_send(h, ev->conn, ev->u.coc.cid, octets, sizeof octets); break;
    case WOAD_EV_COC_DATA:
        woad_coc_read(h, ev->conn, ev->u.coc_data.cid, octets, sizeof octets, &end);
        woad_coc_disconnect(h, ev->conn, ev->u.coc_data.cid);
        break;
    default: break;
    }
}
#endif

#if (SIZE) & 8
static void extended(struct woad *h, const struct woad_event *ev)
{
    static const struct woad_ext_adv_params params = { .interval_625us = 160,
                                                       .connectable = true,
                                                       .secondary_phy = 2 };
    if (ev->type == WOAD_EV_UP) {
        woad_ext_adv_set_data(h, 0, octets, sizeof octets);
        woad_ext_adv_start(h, 0, &params);
        woad_set_scan_phys(h, WOAD_PHYS_1M);
    } else if (ev->type == WOAD_EV_EXT_REPORT) {
        woad_ext_adv_stop(h, 0);
    }
}
#endif

static void on_event(void *ctx, struct woad *h, const struct woad_event *ev)
{
    static const struct woad_adv_params params = { .kind = WOAD_ADV_IND, .interval_625us = 160 };
    (void)ctx;
    switch (ev->type) {
    case WOAD_EV_UP:
        woad_gatt_add(h, db, sizeof db / sizeof *db, NULL);
        woad_adv_set_data(h, octets, 31);
        woad_adv_set_scan_response(h, octets, 31);
        woad_adv_start(h, &params);
        break;
    case WOAD_EV_CONNECT: woad_adv_stop(h); break;
    case WOAD_EV_GATT_READ:
    case WOAD_EV_GATT_WRITE: woad_gatt_answer(h, ev->conn, 0, octets, 20); break;
    case WOAD_EV_SUBSCRIBE:
        woad_gatt_notify(h, ev->conn, ev->u.subscribe.value_handle, octets, 20);
        woad_gatt_indicate(h, ev->conn, ev->u.subscribe.value_handle, octets, 20);
        break;
    case WOAD_EV_INDICATED: woad_disconnect(h, ev->conn, WOAD_HCI_REMOTE_USER_TERMINATED); break;
    default: break;
    }
#if (SIZE) & 1
    secure(h, ev);
#endif
#if (SIZE) & 2
    central(h, ev);
#endif
#if (SIZE) & 4
    channels(h, ev);
#endif
#if (SIZE) & 8
    extended(h, ev);
#endif
}

static void tell(const char *name, size_t n)
{
    board_print(name);
    print_number((uint32_t)n);
    board_print("\n");
}

void run(void)
{
    struct woad_config config = { .features = features,
                                  .event = on_event,
                                  .conns = CONNS,
                                  .attr_tables = 1,
                                  .subscriptions = 1,
                                  .procedures = 1,
                                  .mtu = MTU,
                                  .tx_queue = MTU + 2,
                                  .request_queue = MTU + 2,
                                  .bonds = IF_HAS(SECURITY, BONDS),
                                  .pairings = IF_HAS(SECURITY, 1),
                                  .l2cap_channels = IF_HAS(CHANNELS, 2),
                                  .psms = IF_HAS(CHANNELS, 1),
                                  .mps = IF_HAS(CHANNELS, MPS),
                                  .adv_sets = IF_HAS(EXTENDED, 1) };
    size_t size = woad_size(&config);
    struct woad *h = woad_init(mem, sizeof mem, &config);
    struct woad_config small = config;
    small.mtu = SMALL;
    small.mps = IF_HAS(CHANNELS, SMALL);
    small.tx_queue = small.request_queue = SMALL + 2;
    tell("ram ", size);
    tell("small ", woad_size(&small));
    config.conns++;
    tell("connection ", woad_size(&config) - size);
    size = woad_size(&config);
    config.bonds++;
    tell("bond ", woad_size(&config) - size);
    if (h) {
        board_print("done\n");
        woad_start(h);
    } else {
        board_print("wrong\n");
    }
    while (h) { /* so that the linker keeps the whole path of packets */
        uint8_t packet[WOAD_TX_ROOM];
        size_t n = board_hci_read(packet, sizeof packet);
        if (n) {
            woad_rx(h, packet, n);
        }
        n = woad_tx(h, packet, sizeof packet);
        board_hci_write(packet, n);
        woad_poll(h, board_now_ms());
        board_sleep(0);
    }
}
