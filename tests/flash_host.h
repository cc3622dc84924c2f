/* A host with bonds in the flash of flash_chip.h, and what it must hold. */
#ifndef FLASH_HOST_H
#define FLASH_HOST_H

#include <woad/crypto.h>
#include <woad/flash_bonds.h>
#include <woad/woad.h>

#include <string.h>

#include "cm.h"
#include "flash_chip.h"

enum { PEERS = 5, MEMORY = 20000 }; /* that may have bonds; octets of the host */

/* Bonds of the peers, and the host's IRK. */
struct expected {
    bool there[PEERS];
    struct woad_bond bond[PEERS];
    struct woad_cccd cccd[PEERS][6];
    uint8_t irk[16];
};

static struct woad_flash_bonds store;
static uint64_t memory[MEMORY / 8];
static struct woad *host;
static struct expected expected;

/* The host's random numbers. */
static int test_random(void *ctx, uint8_t *out, size_t len)
{
    (void)ctx;
    while (len--) {
        *out++ = (uint8_t)roll();
    }
    return 0;
}

/* The host's events say nothing here. */
static void on_event(void *ctx, struct woad *h, const struct woad_event *ev)
{
    (void)ctx, (void)h, (void)ev;
}

/* The host needs no AES here. */
static int no_aes(const uint8_t key[16], const uint8_t in[16], uint8_t out[16])
{
    (void)key, (void)in, (void)out;
    return -1;
}

/* The address of peer number `peer`. */
static struct woad_addr address_of(unsigned peer)
{
    return (struct woad_addr){ .type = peer & 1, .octet = { (uint8_t)peer, 2, 3, 4, 5, 0xc6 } };
}

/* A new start of the program: an empty host, and the store as the flash has it. */
static void start(void)
{
    static const struct woad_feature *const features[] = { &woad_feature_security_manager,
                                                           &woad_feature_gatt_server,
                                                           &woad_feature_signed_writes, NULL };
    static const struct woad_crypto crypto = { .aes128 = no_aes };
    struct woad_config config = { .features = features,
                                  .event = on_event,
                                  .conns = 1,
                                  .attr_tables = 1,
                                  .subscriptions = 6,
                                  .procedures = 1,
                                  .mtu = 65,
                                  .tx_queue = 128,
                                  .request_queue = 128,
                                  .bonds = 3 * PEERS,
                                  .crypto = &crypto,
                                  .random = test_random };
    const struct woad_flash flash = { SECTOR, unit, chip_read, chip_program, chip_erase, NULL };
    assert_true(woad_size(&config) <= sizeof memory);
    host = woad_init(memory, sizeof memory, &config);
    assert_non_null(host);
    if (woad_flash_bonds_open(&store, &flash) == 0) {
        woad_flash_bonds_event(&store, host, &(struct woad_event){ .type = WOAD_EV_UP });
    }
}

/* The same at a cut: the power comes back. */
static void restart(enum mood mood, int cut_after)
{
    dead = false;
    steps_left = cut_after;
    chip.mood = mood;
    start();
}

/* Whether the bonds are the same; `cccd`: those of `b`. */
static bool same_bond(const struct woad_bond *a, const struct woad_bond *b,
                      const struct woad_cccd *cccd)
{
    return memcmp(a->own_ltk, b->own_ltk, 16) == 0 && a->flags == b->flags &&
           a->has_irk == b->has_irk && memcmp(a->irk, b->irk, 16) == 0 &&
           a->has_csrk == b->has_csrk && memcmp(a->csrk, b->csrk, 16) == 0 &&
           a->signs == b->signs && a->own_ediv == b->own_ediv &&
           memcmp(a->own_rand, b->own_rand, 8) == 0 && a->key_size == b->key_size &&
           a->cccds == b->cccds &&
           (!a->cccds || memcmp(a->cccd, cccd, a->cccds * sizeof *cccd) == 0);
}

/* The host's bond with this peer; NULL: none. */
static const struct woad_bond *host_bond(unsigned peer)
{
    static struct woad_bond bond;
    struct woad_addr address = address_of(peer);
    for (uint16_t n = 0; woad_bond_at(host, n, &bond) == 0; n++) {
        if (memcmp(&bond.peer, &address, sizeof address) == 0) {
            return &bond;
        }
    }
    return NULL;
}

/* The host has the bond that is expected, or none. */
static bool holds(const struct expected *e, unsigned peer)
{
    const struct woad_bond *b = host_bond(peer);
    return e->there[peer] ? b && same_bond(b, &e->bond[peer], e->cccd[peer]) : !b;
}

/* The host has what is expected, `before` or `after` an operation; returns what it has. */
static struct expected settle(const struct expected *before, const struct expected *after)
{
    struct expected now = *before;
    uint8_t irk[16];
    uint16_t bonds = 0, there = 0;
    struct woad_bond bond;
    for (unsigned n = 0; n < PEERS; n++) {
        bool is_after = holds(after, n);
        assert_true(is_after || holds(before, n));
        if (is_after) {
            now.there[n] = after->there[n];
            now.bond[n] = after->bond[n];
            memcpy(now.cccd[n], after->cccd[n], sizeof now.cccd[n]);
        }
        there = (uint16_t)(there + now.there[n]);
    }
    while (woad_bond_at(host, bonds, &bond) == 0) {
        bonds++;
    }
    assert_int_equal(bonds, there);
    assert_int_equal(woad_irk(host, irk), 0);
    assert_memory_equal(irk, before->irk, 16);
    return now;
}

#endif
