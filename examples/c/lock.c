/* A lock that a bonded central may open.  To pair, the user types the number that the lock shows;
 * the bond is kept in a file.  Ends when the first central disconnects.  examples/c/key.c opens it.
 */
#include <stdio.h>
#include <string.h>

#include <woad/crypto.h>
#include <woad/port.h>
#include <woad/woad.h>

static const struct woad_uuid lock = WOAD_UUID16(0xfff0), bolt = WOAD_UUID16(0xfff1);
static uint8_t is_open;
static struct woad_value bolt_value = WOAD_VALUE_FIXED(&is_open, 1);
static const struct woad_attr service[] = {
    WOAD_PRIMARY(&lock),
    WOAD_CHARACTERISTIC_VALUE(&bolt, WOAD_PROP_READ | WOAD_PROP_WRITE,
                              WOAD_PERM_READ | WOAD_PERM_WRITE | WOAD_PERM_WRITE_AUTHENTICATED,
                              &bolt_value),
};
static const struct woad_feature *const features[] = { &woad_feature_advertiser,
                                                       &woad_feature_gatt_server,
                                                       &woad_feature_security_manager, NULL };

static struct woad_bond_file *bonds;
static bool done;

static void begin(struct woad *h)
{
    static const struct woad_security_policy policy = {
        .io = WOAD_IO_DISPLAY, .bond = true, .mitm = true, .require_mitm = true
    };
    static const struct woad_adv_params params = WOAD_ADV_DEFAULT;
    uint8_t octets[WOAD_ADV_DATA_MAX];
    struct woad_ad_builder ad = WOAD_AD_BUILDER(octets);
    woad_ad_flags(&ad, WOAD_AD_GENERAL | WOAD_AD_LE_ONLY);
    woad_ad_uuids(&ad, &lock, 1);
    woad_ad_name(&ad, "Woad lock");
    woad_gatt_add(h, service, sizeof service / sizeof *service, NULL);
    woad_set_security_policy(h, &policy);
    woad_adv_set_data(h, ad.data, ad.len);
    woad_adv_start(h, &params);
    printf("shut\n");
}

static void on_event(void *ctx, struct woad *h, const struct woad_event *ev)
{
    (void)ctx;
    woad_bond_file_event(bonds, h, ev);
    if (ev->type == WOAD_EV_BOND && woad_bond_file_error(bonds)) {
        fprintf(stderr, "not kept: %s\n", strerror(-woad_bond_file_error(bonds)));
    }
    switch (ev->type) {
    case WOAD_EV_UP: begin(h); break;
    case WOAD_EV_PASSKEY: printf("to open it, type %06u\n", ev->u.passkey.passkey); break;
    case WOAD_EV_SECURITY: printf("pairing: %s\n", woad_smp_strerror(ev->u.security.status)); break;
    case WOAD_EV_GATT_WRITE: printf("%s\n", is_open ? "open" : "shut"); break;
    case WOAD_EV_DISCONNECT: done = true; break;
    default: break;
    }
    fflush(stdout);
}

int main(int argc, char **argv)
{
    const struct woad_config config = {
        .features = features, .event = on_event, .crypto = &woad_psa, .random = woad_port_random
    };
    const char *path = argc > 1 ? argv[1] : "lock.bonds";
    int error;
    bonds = woad_bond_file_open(path, &error);
    if (!bonds) {
        fprintf(stderr, "%s: %s\n", path, strerror(-error));
        return 1;
    }
    int status = woad_port_run(&config, "lock", NULL, &done);
    woad_bond_file_close(bonds);
    return status;
}
