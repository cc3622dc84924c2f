// What an Arduino sketch is to the compiler: C++, with the library's src/ as the only folder of headers.
#include <woad/woad.h>
#include <woad/h4.h>

static uint64_t memory[1024];
extern "C" int main(void)
{
    static const struct woad_feature *const features[] = { &woad_feature_advertiser, nullptr };
    struct woad_config config = {};
    config.features = features;
    config.conns = 1;
    config.mtu = 23;
    config.tx_queue = config.request_queue = 64;
    struct woad *h = woad_init(memory, sizeof memory, &config);
    return h ? woad_start(h) : 1;
}
