/* A board, for main.c: the UART to the controller, a clock, and a console. */
#ifndef BOARD_H
#define BOARD_H

#include <stddef.h>
#include <stdint.h>

void board_init(void);
uint32_t board_now_ms(void);
/* The HCI UART.  Read and write as many octets as there are, or as there is room for; return how
 * many.  They do not wait. */
size_t board_hci_read(uint8_t *to, size_t room);
size_t board_hci_write(const uint8_t *from, size_t len);
/* Sleeps until an interrupt, `ms` milliseconds at most, unless octets are ready.  A board whose
 * clock interrupts each millisecond need not look at `ms`. */
void board_sleep(uint32_t ms);
void board_print(const char *text);

/* In main.c: the startup code calls it; it does not return. */
void run(void);

#endif
