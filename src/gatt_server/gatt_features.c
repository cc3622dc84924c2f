/* Client Supported Features and, with Enhanced ATT, Server Supported Features: characteristics that
 * the built-in Generic Attribute service has where a feature needs them.  Vol 3, Part G, 7.2, 7.4
 *
 * Names of other files:
 *   c: a connection (core/conn.h), c->h: the host
 *   attr_table: an array of attributes, n of them, `first` the handle of the first
 *   bad: of a cursor (base/buf.h): something was read past the end, or did not fit
 *   BUILTIN_ATTRS: the rows of the built-in services, BUILTIN_COUNT of them
 *   builtin_with_features: the built-in table with characteristics of features; NULL: the plain one
 *   CLIENT_FEATURES: bits of Client Supported Features that the server knows
 *   gatts_conn: the server's state of a client: subscriptions, features, Service Changed
 *   gatts_value(): a value to be read; ATT_PENDING: the application has it
 *   layout: with reset, command, complete and the like: a feature's hooks (core/feature.h)
 *   rd_u8(): rd_…(): read a PDU by a cursor; behind its end they return zeros, or NULL, and set
 *       `bad`: base/buf.h
 *   save_client_state: of smp_role: saves the server's state in the client's bond; may raise events
 *   server: of a connection: the client's state; of a bearer: the request in progress
 *   smp_role: the Security Manager, as other layers call it; NULL: not linked */
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

/* The shorter table is without Server Supported Features. */
enum { WITHOUT_EATT = BUILTIN_COUNT + 2 };
const struct attr_table gatts_features = { .attrs = builtin_with_features,
                                           .n = WITHOUT_EATT,
                                           .first = 1 };
const struct attr_table gatts_features_eatt = { .attrs = builtin_with_features,
                                                .n = WITH_EATT,
                                                .first = 1 };

static void client_features_layout(struct woad *h)
{
    if (!h->builtin_with_features) { /* woad_feature_eatt may have set the longer table */
        h->builtin_with_features = &gatts_features;
    }
}

const struct woad_feature woad_feature_client_features = { .layout = client_features_layout };
