/* A program with functions of its own that have the short names of the library's: both are linked
 * whole, and each calls its own. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <woad/testing.h>

static int calls;

void wipe(void), emit(void), conn_close(void), radio_send(void), rd_u8(void), hub_run(void);
int same(int a, int b);

void wipe(void)
{
    calls++;
}

void emit(void)
{
    calls++;
}

void conn_close(void)
{
    calls++;
}

void radio_send(void)
{
    calls++;
}

void rd_u8(void)
{
    calls++;
}

void hub_run(void)
{
    calls++;
}

int same(int a, int b)
{
    calls++;
    return a == b;
}

static const struct woad_feature *const features[] = { &woad_feature_advertiser,
                                                       &woad_feature_central, NULL };

int main(void)
{
    static const struct woad_adv_params adv = { .kind = WOAD_ADV_IND, .interval_625us = 160 };
    static const struct woad_connect_params how = { 160, 160, 40, 40, 0, 400, 0 };
    struct woad_test *t = woad_test_begin(NULL);
    struct woad_test_node_config node = { .host = { .features = features, .conns = 1 } };
    node.host.procedures = 1;
    node.host.mtu = 64;
    node.host.tx_queue = node.host.request_queue = 128;
    struct woad_test_node *a = woad_test_add(t, &node), *b = woad_test_add(t, &node);
    WOAD_TEST_CALL(a, woad_adv_start(woad_test_host(a), &adv));
    WOAD_TEST_CALL(b, woad_connect(woad_test_host(b), woad_test_address(a), &how));
    uint16_t conn = woad_test_wait(b, WOAD_EV_CONNECT, 10000)->conn;
    WOAD_TEST_CALL(b, woad_disconnect(woad_test_host(b), conn, 0x13));
    woad_test_wait(a, WOAD_EV_DISCONNECT, 10000);
    woad_test_end(t);
    if (calls != 0 || !same(1, 1)) {
        return 1;
    }
    wipe(), emit(), conn_close(), radio_send(), rd_u8(), hub_run();
    printf("names of its own: %d calls\n", calls);
    return calls != 7;
}
