/* Client Supported Features and, with Enhanced ATT, Server Supported Features: characteristics that
 * the built-in Generic Attribute service has where a feature needs them.  Vol 3, Part G, 7.2, 7.4
 *
 * Names of other files:
 *   c: a connection (core/conn.h), c->h: the host
 *   smp_role: the Security Manager, as other layers call it; NULL: not linked
 *   save_client_state: of smp_role: saves the server's state of a bonded client in its bond, with
 *       WOAD_EV_BOND; may raise WOAD_EV_BOND_WANTED before
 *   layout: with reset, command, complete, conn_open and the like: a feature's hooks
 *       (core/feature.h)
 *   gatts_conn: the server's state of a client: subscriptions, features, Service Changed */
#include "../core/feature.h"
#include "../core/security.h"
#include "gatt_server.h"

enum { SERVER_EATT = 1 };

static const struct woad_uuid uuid_client_features = WOAD_UUID16(0x2b29),
                              uuid_server_features = WOAD_UUID16(0x2b3a);
static const uint8_t server_features[1] = { SERVER_EATT };

static int client_features_read(const struct conn *c, uint16_t handle, const struct woad_attr *a,
                                struct gatts_value *out)
{
    (void)handle;
    (void)a;
    out->octets = &c->server->client_features;
    out->len = 1;
    return 0;
}

/* A write to Client Supported Features; all known bits are in the first octet.  A client may not
 * clear a bit; unknown bits are dropped.  0 or an ATT error.  7.2 */
static int client_features_write(struct conn *c, uint16_t handle, const struct woad_attr *a,
                                 uint16_t offset, struct rd *in)
{
    (void)handle;
    (void)a;
    struct woad *h = c->h;
    struct gatts_conn *s = c->server;
    uint8_t bits = rd_u8(in) & CLIENT_FEATURES;
    if (offset) {
        return WOAD_ATT_INVALID_OFFSET;
    }
    if (in->bad) {
        return WOAD_ATT_INVALID_VALUE_LENGTH;
    }
    if (s->client_features & ~bits) {
        return WOAD_ATT_VALUE_NOT_ALLOWED;
    }
    s->client_features = bits;
    if (h->smp_role) {
        h->smp_role->save_client_state(c);
    }
    return 0;
}

static const struct woad_value_kind client_features_kind = { .read = client_features_read,
                                                             .write = client_features_write };
static const struct woad_value client_features = { .kind = &client_features_kind,
                                                   .max = WOAD_ATT_VALUE_MAX };
static const struct woad_attr builtin_with_features[] = {
    BUILTIN_ATTRS,
    WOAD_CHARACTERISTIC_VALUE(&uuid_client_features, WOAD_PROP_READ | WOAD_PROP_WRITE,
                              WOAD_PERM_READ | WOAD_PERM_WRITE, &client_features),
    WOAD_CHARACTERISTIC_CONST(&uuid_server_features, server_features, sizeof server_features),
};
enum { WITH_EATT = sizeof builtin_with_features / sizeof *builtin_with_features };

const struct attr_table gatts_features = { builtin_with_features, BUILTIN_COUNT + 2, 1 };
const struct attr_table gatts_features_eatt = { builtin_with_features, WITH_EATT, 1 };

static void client_features_layout(struct woad *h)
{
    if (!h->builtin_with_features) { /* woad_feature_eatt may have set the longer table */
        h->builtin_with_features = &gatts_features;
    }
}

const struct woad_feature woad_feature_client_features = { .layout = client_features_layout };
