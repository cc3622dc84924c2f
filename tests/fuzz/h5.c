/* The three-wire line: octets of the input, time between them, and packets of the host. */
#include "transport/h5.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void take(struct h5 *h, const uint8_t *octets, size_t n)
{
    const uint8_t *packet;
    size_t got;
    while (n) {
        size_t used = h5_rx(h, octets, n, &packet, &got);
        volatile uint8_t sum = 0;
        for (size_t k = 0; k < got; k++) {
            sum = (uint8_t)(sum + packet[k]);
        }
        octets += used;
        n -= used;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    enum { ROOM = 70 };
    uint8_t buf[2 * ROOM + H5_OVERHEAD];
    void *mem = malloc(h5_size(ROOM));
    uint32_t now = 0;
    struct h5 h;
    h5_init(&h, mem, ROOM);
    if (len && data[0] & 1) {
        h.link = H5_ACTIVE;
    }
    while (len > 1) {
        size_t n = data[0] < len - 1 ? data[0] : len - 1;
        uint8_t *octets = malloc(n ? n : 1);
        for (size_t k = 0; k < n; k++) {
            octets[k] = data[1 + k];
        }
        take(&h, octets, n);
        if (n && h5_ready(&h)) {
            h5_put(&h, octets, n);
        }
        free(octets);
        now += n * 7;
        h5_due(&h, now);
        while (h5_tx(&h, buf, sizeof buf)) {
        }
        data += 1 + n;
        len -= 1 + n;
    }
    free(mem);
    return 0;
}
