/* A board for the program of docs/porting.md whose controller never answers.  Its clock advances
 * only while the program sleeps.  It ends well when the program has reset the controller three
 * times, two seconds apart. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint32_t now_ms = 0xfffffc00u; /* it wraps */
static unsigned resets;

uint32_t board_now_ms(void)
{
    return now_ms;
}

size_t board_uart_read(uint8_t *to, size_t room)
{
    (void)to;
    (void)room;
    return 0;
}

void board_uart_write(const uint8_t *from, size_t len)
{
    static uint32_t last_ms;
    if (len != 4 || memcmp(from, "\x01\x03\x0c\x00", 4) != 0) {
        fprintf(stderr, "%u octets that are no HCI_Reset\n", (unsigned)len);
        exit(1);
    }
    if (resets && now_ms - last_ms != 2000) {
        fprintf(stderr, "the next HCI_Reset is %u ms later\n", (unsigned)(now_ms - last_ms));
        exit(1);
    }
    last_ms = now_ms;
    if (++resets == 3) {
        exit(0);
    }
}

void board_sleep(uint32_t at_most_ms)
{
    if (at_most_ms > 2000) {
        fprintf(stderr, "it sleeps for %u ms\n", (unsigned)at_most_ms);
        exit(1);
    }
    now_ms += at_most_ms;
}
