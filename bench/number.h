/* A number on a board's console. */
#ifndef WOAD_BENCH_NUMBER_H
#define WOAD_BENCH_NUMBER_H

#include "examples/baremetal/board.h"

static inline void print_number(uint32_t n)
{
    char text[11] = { 0 };
    int at = 10;
    do {
        text[--at] = (char)('0' + n % 10);
        n /= 10;
    } while (n);
    board_print(text + at);
}

#endif
