/* The H4 parser; the input arrives in pieces. */
#include <woad/h4.h>

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    size_t size = len ? 260 + 16u * data[0] : 0;
    uint8_t *mem = malloc(size);
    bool controller = len && data[0] & 1;
    struct woad_h4 it, *h = &it;
    const uint8_t *packet;
    woad_h4_init(h, mem, size);
    while (len > 1) {
        size_t room, n = data[0] < len - 1 ? data[0] : len - 1;
        uint8_t *at = woad_h4_space(h, &room);
        n = n < room ? n : room;
        memcpy(at, data + 1, n);
        woad_h4_added(h, n);
        data += 1 + n;
        len -= 1 + n;
        int got;
        while ((got = woad_h4_next(h, &packet)) > 0) {
            volatile uint8_t sum = 0;
            for (int i = 0; i < got; i++) {
                sum = (uint8_t)(sum + packet[i]);
            }
        }
        if (got < 0) {
            woad_h4_resync(h, controller);
        }
    }
    free(mem);
    return 0;
}
