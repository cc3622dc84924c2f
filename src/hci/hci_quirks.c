/* Quirks: corrections to what some controllers say of themselves during bring-up.  A table of known
 * ones, then the application's: woad_set_quirks().
 *
 * Names of other files:
 *   arena_alloc(): allocates in woad_init(), zeroed; NULL while memory is only measured
 *   ASSERT_SIZE: does not compile unless the struct has the size that include/woad/sizes.h says
 *   commands: of hci: commands of the controller, as HCI gives them
 *   get_le16(): 16 bits at any address, little endian
 *   layout: with reset, command, complete and the like: a feature's hooks (core/feature.h)
 *   le_features: of hci: LE features of the controller, as HCI gives them
 *   public_addr: the public address of the controller; all 0: it has none
 *   quirks: of the host: faults of the controller that are worked around: hci_quirks.c; NULL: not
 *       linked */
#include "../core/conn.h"
#include "../core/feature.h"

/* Vol 4, Part E, 6.27: octet and bits of Supported_Commands.  Companies by their assigned
 * numbers. */
enum { BROADCOM = 0x000f, ACTIONS = 0x03e0, ANY = 0xffff };

/* Addresses that every part of a kind has until it is given its own: they are of no use.  Least
 * significant octet first. */
static const uint8_t bcm20702a0[6] = { 0x00, 0xa0, 0x02, 0x70, 0x20, 0x00 };
static const uint8_t bcm20702a1[6] = { 0x00, 0x00, 0xa0, 0x02, 0x70, 0x20 };
static const uint8_t bcm2076b1[6] = { 0x79, 0x56, 0x00, 0xa0, 0x76, 0x20 };
static const uint8_t bcm43430a0[6] = { 0xac, 0x1f, 0x12, 0xa0, 0x43, 0x43 };
static const uint8_t bcm43430a1[6] = { 0xac, 0x1f, 0x12, 0xa1, 0x43, 0x43 };
static const uint8_t bcm4324b3[6] = { 0x00, 0x00, 0x00, 0xb3, 0x24, 0x43 };
static const uint8_t bcm4330b1[6] = { 0x00, 0x00, 0x00, 0xb1, 0x30, 0x43 };
static const uint8_t bcm4334b0[6] = { 0x00, 0x00, 0x00, 0xb0, 0x34, 0x43 };
static const uint8_t bcm4345c5[6] = { 0xac, 0x1f, 0x00, 0xc5, 0x45, 0x43 };
static const uint8_t bcm43341b[6] = { 0xac, 0x1f, 0x00, 0x1b, 0x34, 0x43 };

/* Columns: company, first and last LMP subversion, kind, octet and bits, address. */
static const struct woad_quirk known_quirks[] = {
    { BROADCOM, 0, ANY, WOAD_QUIRK_ADDRESS, 0, 0, bcm20702a0 },
    { BROADCOM, 0, ANY, WOAD_QUIRK_ADDRESS, 0, 0, bcm20702a1 },
    { BROADCOM, 0, ANY, WOAD_QUIRK_ADDRESS, 0, 0, bcm2076b1 },
    { BROADCOM, 0, ANY, WOAD_QUIRK_ADDRESS, 0, 0, bcm43430a0 },
    { BROADCOM, 0, ANY, WOAD_QUIRK_ADDRESS, 0, 0, bcm43430a1 },
    { BROADCOM, 0, ANY, WOAD_QUIRK_ADDRESS, 0, 0, bcm4324b3 },
    { BROADCOM, 0, ANY, WOAD_QUIRK_ADDRESS, 0, 0, bcm4330b1 },
    { BROADCOM, 0, ANY, WOAD_QUIRK_ADDRESS, 0, 0, bcm4334b0 },
    { BROADCOM, 0, ANY, WOAD_QUIRK_ADDRESS, 0, 0, bcm4345c5 },
    { BROADCOM, 0, ANY, WOAD_QUIRK_ADDRESS, 0, 0, bcm43341b },
    /* Claims LE Extended Create Connection, and answers it with an error. */
    { ACTIONS, 0, ANY, WOAD_QUIRK_NO_COMMANDS, 37, 0x80, NULL },
};

struct quirks {
    const struct woad_quirk *table; /* of the application, `n` rows */
    size_t n;
};
ASSERT_SIZE(quirks, WOAD_SIZE_QUIRKS);

/* Corrects h->controller, if the quirk is about this part. */
static void quirk_apply(struct woad *h, const struct woad_quirk *q)
{
    struct controller *c = &h->controller;
    uint16_t company = get_le16(c->version + 4), subversion = get_le16(c->version + 6);
    if (q->company != company || subversion < q->subversion_first ||
        subversion > q->subversion_last) {
        return;
    }
    switch (q->kind) {
    case WOAD_QUIRK_ADDRESS:
        if (memcmp(c->public_addr.octet, q->address, 6) == 0) {
            memset(c->public_addr.octet, 0, 6); /* none */
        }
        break;
    case WOAD_QUIRK_NO_COMMANDS:
        c->commands[q->octet % sizeof c->commands] &= (uint8_t)~q->bits;
        break;
    case WOAD_QUIRK_HAS_COMMANDS: c->commands[q->octet % sizeof c->commands] |= q->bits; break;
    case WOAD_QUIRK_NO_LE_FEATURES:
        c->le_features[q->octet % sizeof c->le_features] &= (uint8_t)~q->bits;
        break;
    default: break;
    }
}

static void quirks_apply(struct woad *h)
{
    for (size_t n = 0; n < sizeof known_quirks / sizeof *known_quirks; n++) {
        quirk_apply(h, &known_quirks[n]);
    }
    for (size_t n = 0; n < h->quirks->n; n++) {
        quirk_apply(h, &h->quirks->table[n]);
    }
}

static void quirks_layout(struct woad *h)
{
    h->quirks = arena_alloc(h, 1, sizeof *h->quirks);
    if (h->quirks) {
        h->quirks_apply = quirks_apply;
    }
}

const struct woad_feature woad_feature_quirks = { .layout = quirks_layout };

int woad_set_quirks(struct woad *h, const struct woad_quirk *table, size_t n)
{
    if (!h->quirks) {
        return WOAD_ENOTSUP;
    }
    h->quirks->table = table;
    h->quirks->n = n;
    return 0;
}
