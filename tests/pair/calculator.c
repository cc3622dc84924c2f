/* Pairings and private addresses of one host share the controller's cryptographic commands.  Those
 * commands are free while a user is at the passkey dialog, whatever the application does in that
 * event. */
#include "pairing.h"

enum { DEVICE, A, B };
enum { PRIVACY, SENDS, DOINGS };
static int doing;
static uint16_t conn_of_a;

static void inside_the_passkey(struct device *d, const struct woad_event *ev)
{
    on_event(d, ev);
    if (ev->type != WOAD_EV_PASSKEY || ev->conn != conn_of_a) {
        return;
    }
    if (doing == PRIVACY) {
        assert_int_equal(woad_set_privacy(d->host, WOAD_PRIVACY_NON_RESOLVABLE, 900), 0);
    } else {
        device_tx(d);
    }
}

/* A pairs by numeric comparison and its user does not answer; B, without a user, starts to pair
 * `us` later and succeeds. */
static void pairing_beside_a_silent_user(uint64_t us)
{
    struct woad_security_policy compares = policy(WOAD_IO_DISPLAY_YES_NO, true, true);
    struct woad_security_policy just_works = policy(WOAD_IO_NONE, false, true);
    by_controller = 1 << DEVICE;
    w = world_new(9, 0);
    add(3, &compares);
    add(3, &compares);
    add(3, &just_works);
    for (int k = A; k <= B; k++) {
        device_forget(&w->device[DEVICE]);
        connect_both(&w->device[k], &w->device[DEVICE]);
        conn_of_a = k == A ? side[DEVICE].conn : conn_of_a;
    }
    side[DEVICE].user = side[A].user = SILENT;
    w->device[DEVICE].on_event = inside_the_passkey;
    for (int k = DEVICE; k <= B; k++) {
        device_forget(&w->device[k]);
    }
    assert_int_equal(woad_pair(w->device[A].host, side[A].conn), 0);
    world_run(w, us);
    assert_int_equal(woad_pair(w->device[B].host, side[B].conn), 0);
    const struct seen *s = world_wait(w, &w->device[B], WOAD_EV_SECURITY, 2000000);
    assert_non_null(s);
    assert_int_equal(s->ev.u.security.status, 0);
    assert_int_equal(side[DEVICE].passkeys, 1);
    world_free(w);
    by_controller = 0;
}

static void free_while_a_user_is_to_answer(void **state)
{
    (void)state;
    for (doing = 0; doing < DOINGS; doing++) {
        for (uint64_t us = 0; us < 120000; us += 12000) {
            pairing_beside_a_silent_user(us);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(free_while_a_user_is_to_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
