/* The attribute tables that transcripts name. */
#include "run.h"

#include <string.h>

static const struct woad_uuid u_service = WOAD_UUID16(0x180d), u_value = WOAD_UUID16(0x2a37),
                              u_const = WOAD_UUID16(0x2a38), u_desc = WOAD_UUID16(0x2901),
                              u_secret = WOAD_UUID16(0x2a39),
                              u_long = {
                                  16, { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 }
                              };
static const struct woad_include include_16 = { 1, 5, &u_service }, include_128 = { 6, 9, &u_long };
/* Handles from 10: a service with two includes, 11 and 12; a secondary service, 13. */
static const struct woad_attr db_includes[] = {
    WOAD_PRIMARY(&u_service),
    WOAD_INCLUDE(&include_16),
    WOAD_INCLUDE(&include_128),
    WOAD_SECONDARY(&u_long),
};
/* Handles from 10: service, [11, 12 value, 13 CCCD, 14 descriptor], [15, 16 constant],
 * [17, 18 write only], service of 128 bits 19, [20, 21 of 128 bits]. */
static const struct woad_attr db_small[] = {
    WOAD_PRIMARY(&u_service),
    WOAD_CHARACTERISTIC(&u_value, WOAD_PROP_READ | WOAD_PROP_WRITE | WOAD_PROP_NOTIFY,
                        WOAD_PERM_READ | WOAD_PERM_WRITE),
    WOAD_CCCD,
    WOAD_DESCRIPTOR(&u_desc, WOAD_PERM_READ),
    WOAD_CHARACTERISTIC_CONST(&u_const, "0123456789abcdefghijklmnopqrstuvwxyz", 36),
    WOAD_CHARACTERISTIC(&u_secret, WOAD_PROP_WRITE, WOAD_PERM_WRITE),
    WOAD_PRIMARY(&u_long),
    WOAD_CHARACTERISTIC(&u_long, WOAD_PROP_READ, WOAD_PERM_READ | WOAD_PERM_READ_ENCRYPTED),
};

/* Handles from 12, behind Client Supported Features: service, [13, 14 value, 15 CCCD]. */
static const struct woad_attr db_features[] = {
    WOAD_PRIMARY(&u_service),
    WOAD_CHARACTERISTIC_CCCD(&u_value, WOAD_PROP_READ | WOAD_PROP_NOTIFY, WOAD_PERM_READ),
};
/* Permissions, from 10: a service, then values at 12, 14, 16, 18, 20, 22, 24, 26: none, read,
 * write, both, encrypted and authenticated reads, the same for writes. */
#define PERM(perm) WOAD_CHARACTERISTIC(&u_value, WOAD_PROP_READ | WOAD_PROP_WRITE, perm)
static const struct woad_attr db_perm[] = {
    WOAD_PRIMARY(&u_service),
    PERM(0),
    PERM(WOAD_PERM_READ),
    PERM(WOAD_PERM_WRITE),
    PERM(WOAD_PERM_READ | WOAD_PERM_WRITE),
    PERM(WOAD_PERM_READ | WOAD_PERM_READ_ENCRYPTED),
    PERM(WOAD_PERM_READ | WOAD_PERM_READ_AUTHENTICATED),
    PERM(WOAD_PERM_WRITE | WOAD_PERM_WRITE_ENCRYPTED),
    PERM(WOAD_PERM_WRITE | WOAD_PERM_WRITE_AUTHENTICATED),
};
/* From 10: three services with a characteristic of 3, 3 and 5 constant octets of one type. */
static const struct woad_attr db_types[] = {
    WOAD_PRIMARY(&u_service),
    WOAD_CHARACTERISTIC_CONST(&u_const, "abc", 3),
    WOAD_DESCRIPTOR_CONST(&u_desc, "one", 3),
    WOAD_PRIMARY(&u_long),
    WOAD_CHARACTERISTIC_CONST(&u_const, "def", 3),
    WOAD_PRIMARY(&u_service),
    WOAD_CHARACTERISTIC_CONST(&u_const, "ghijk", 5),
    WOAD_DESCRIPTOR_CONST(&u_long, "long", 4),
};

#define DB(name) \
    { \
#name, db_##name, sizeof db_##name / sizeof *db_##name \
    }
static const struct {
    const char *name;
    const struct woad_attr *attrs;
    size_t n;
} dbs[] = { DB(small), DB(includes), DB(features), DB(perm), DB(types) };

void add_db(struct woad *h, const char *name)
{
    for (size_t n = 0; n < sizeof dbs / sizeof *dbs; n++) {
        if (strcmp(dbs[n].name, name) == 0) {
            woad_gatt_add(h, dbs[n].attrs, (uint16_t)dbs[n].n, NULL);
        }
    }
}

/* Adds a service of four attributes at handle `first`; behind the other services if 0. */
int add_more(struct woad *h, uint16_t first)
{
    enum { N = sizeof db_features / sizeof *db_features };
    return first ? woad_gatt_add_at(h, db_features, N, first)
                 : woad_gatt_add(h, db_features, N, NULL);
}
