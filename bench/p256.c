/* What P-256 takes in software: crypto/mbedtls.c with Mbed TLS's own C, on a board in QEMU with
 * `-icount shift=0`: instructions for a public key and for a shared secret, and the stack. */
#include "crypto/mbedtls.c"

#include <mbedtls/memory_buffer_alloc.h>

#include "number.h"

enum { PER_TICK = 40, STACK = 8192, NEAR = 64 };
enum { PAINT = 0xa5a5a5a5 };
#define SYSTICK_CTRL (*(volatile uint32_t *)0xe000e010)
#define SYSTICK_LOAD (*(volatile uint32_t *)0xe000e014)
#define SYSTICK_NOW (*(volatile uint32_t *)0xe000e018)
enum { WRAPPED = 1 << 16 };

static uint64_t large[2048];
static unsigned char heap[16384];

/* The allocator names it; nothing calls it. */
void _exit(int status);
void _exit(int status)
{
    (void)status;
    board_print("wrong\n");
    for (;;) {
    }
}

static void tell(const char *name, uint32_t n, const char *end)
{
    board_print(name);
    print_number(n);
    board_print(end);
}

static __attribute__((noinline)) void measure(const char *name, _Bool dh)
{
    static const uint8_t private_key[2][32] = {
        { 0x3f, 0x49, 0xf6, 0xd4, 0xa3, 0xc5, 0x5f, 0x38, 0x74, 0xc9, 0xb3,
          0xe3, 0xd2, 0x10, 0x3f, 0x50, 0x4a, 0xff, 0x60, 0x7b, 0xeb, 0x40,
          0xb7, 0x99, 0x58, 0x99, 0xb8, 0xa6, 0xcd, 0x3c, 0x1a, 0xbd },
        { 0x55, 0x18, 0x8b, 0x3d, 0x32, 0xf6, 0xbb, 0x9a, 0x90, 0x0a, 0xfc,
          0xfb, 0xee, 0xd4, 0xe7, 0x2a, 0x59, 0xcb, 0x9a, 0xc2, 0xf1, 0x9d,
          0x7c, 0xfb, 0x6b, 0x4f, 0xdd, 0x49, 0xf4, 0x7f, 0xc5, 0xfd }
    }; /* Vol 3, Part H, C.1: sample data */
    static uint8_t public_key[64], secret[32];
    uint32_t here, used = NEAR;
    __asm volatile("mov %0, sp" : "=r"(here));
    for (uint32_t below = NEAR; below < STACK; below += 4) {
        *(volatile uint32_t *)(here - below) = (uint32_t)PAINT;
    }
    SYSTICK_NOW = 0;
    uint32_t before = SYSTICK_NOW;
    int err = dh ? woad_mbedtls.p256_dh(private_key[1], public_key, secret)
                 : woad_mbedtls.p256_public(private_key[0], public_key);
    uint32_t now = SYSTICK_NOW, wrapped = SYSTICK_CTRL & WRAPPED;
    for (uint32_t below = NEAR; below < STACK; below += 4) {
        used = *(volatile uint32_t *)(here - below) != (uint32_t)PAINT ? below : used;
    }
    tell(name, ((before - now) & 0xffffff) * PER_TICK, wrapped ? " and more " : " ");
    tell("", used, "\n");
    if (err || (dh && secret[0] != 0xec)) {
        board_print("wrong\n");
    }
}

static __attribute__((noinline)) void both(void)
{
    mbedtls_memory_buffer_alloc_init(heap, sizeof heap);
    measure("p256_public ", 0);
    measure("p256_dh ", 1);
    board_print("done\n");
    for (;;) {
        board_sleep(0);
    }
}

void run(void)
{
    SYSTICK_CTRL = 0;
    SYSTICK_LOAD = 0xffffff;
    SYSTICK_NOW = 0;
    SYSTICK_CTRL = 5; /* the processor's clock, no interrupt */
    __asm volatile("mov sp, %0" : : "r"(large + 2048) : "memory");
    both();
}
