// A peripheral in C++17: its headers, its tables and its calls, against a phone over the air.
#include <cstdio>
#include <cstring>
#include <string>

#include <woad/btsnoop.h>
#include <woad/h4.h>
#include <woad/testing.h>
#include <woad/woad.h>

namespace
{

const woad_uuid heart_rate = WOAD_UUID16(0x180d), measurement = WOAD_UUID16(0x2a37);
const woad_uuid location = WOAD_UUID16(0x2a38), text = WOAD_UUID16(0x2901);
const char wrist[] = { 2 };
woad_value place = WOAD_VALUE_CONST(wrist, 1);
const woad_attr attrs[] = {
    WOAD_PRIMARY(&heart_rate), WOAD_CHARACTERISTIC_CCCD(&measurement, WOAD_PROP_NOTIFY, 0),
    WOAD_DESCRIPTOR_CONST(&text, "beats", 5),
    WOAD_CHARACTERISTIC_VALUE(&location, WOAD_PROP_READ, WOAD_PERM_READ, &place)
};
const woad_feature *const features[] = { &woad_feature_advertiser, &woad_feature_central,
                                         &woad_feature_gatt_server, &woad_feature_gatt_client,
                                         nullptr };

class Sensor
{
  public:
    uint16_t first = 0;

    static void on_event(void *self, woad *h, const woad_event *ev)
    {
        static_cast<Sensor *>(self)->handle(h, *ev);
    }

  private:
    void handle(woad *h, const woad_event &ev)
    {
        if (ev.type == WOAD_EV_UP) {
            woad_gatt_add(h, attrs, sizeof attrs / sizeof *attrs, &first);
            woad_adv_params adv = WOAD_ADV_DEFAULT;
            woad_adv_start(h, &adv);
        }
        if (ev.type == WOAD_EV_SUBSCRIBE) {
            woad_gatt_notify(h, ev.conn, static_cast<uint16_t>(first + 2), "\0\x48", 2);
        }
    }
};

woad_config config()
{
    woad_config c{};
    c.features = features;
    c.conns = 1;
    c.attr_tables = 1;
    c.subscriptions = 2;
    c.procedures = 2;
    c.mtu = 64;
    c.tx_queue = 128;
    c.request_queue = 128;
    return c;
}

}  // namespace

int main()
{
    Sensor app;
    woad_test *t = woad_test_begin(nullptr);
    woad_test_node_config node{};
    node.name = "sensor";
    node.host = config();
    node.host.event = Sensor::on_event;
    node.host.ctx = &app;
    woad_test_node *sensor = woad_test_add(t, &node);
    node = woad_test_node_config{};
    node.name = "phone";
    node.host = config();
    woad_test_node *phone = woad_test_add(t, &node);
    woad *h = woad_test_host(phone);

    woad_connect_params how{};
    how.scan_interval_625us = how.scan_window_625us = 160;
    how.interval_min_1250us = how.interval_max_1250us = 40;
    how.supervision_10ms = 400;
    WOAD_TEST_CALL(phone, woad_connect(h, woad_test_address(sensor), &how));
    const uint16_t conn = woad_test_wait(phone, WOAD_EV_CONNECT, 10000)->conn;
    WOAD_TEST_CALL(phone, woad_gattc_write(h, conn, static_cast<uint16_t>(app.first + 3), "\1", 2));
    const woad_event *ev = woad_test_wait(phone, WOAD_EV_NOTIFIED, 5000);
    const std::string value(reinterpret_cast<const char *>(ev->u.value.data), ev->u.value.len);
    WOAD_TEST_CHECK(t, value == std::string("\0\x48", 2));
    woad_test_end(t);
    WOAD_TEST_CHECK(nullptr, std::strcmp(woad_version(), WOAD_VERSION) == 0);
    std::printf("C++: %zu octets notified\n", value.size());
}
