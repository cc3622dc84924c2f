/* How the stm32 port of MicroPython names its UARTs: hci_mpbthci.c compiles as for a Pyboard D. */
#ifndef STUB_UART_H
#define STUB_UART_H
typedef enum { PYB_UART_NONE, PYB_UART_6 = 6 } pyb_uart_t;
#endif
