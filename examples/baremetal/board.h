/* What the example asks of a board: a UART to the controller, a clock, somewhere to print. */
#ifndef BOARD_H
#define BOARD_H

#include <stddef.h>
#include <stdint.h>

void board_init(void);
uint32_t board_now_ms(void);
/* HCI's UART.  What has come, at most `room` octets; and to be sent, as many as there is room for:
 * both return how many, at once. */
size_t board_hci_read(uint8_t *to, size_t room);
size_t board_hci_write(const uint8_t *from, size_t len);
/* Sleeps until an interrupt, unless octets have come; the clock interrupts each millisecond. */
void board_sleep(void);
void board_print(const char *text);

/* main.c; startup code calls it, and it does not return. */
void run(void);

#endif
