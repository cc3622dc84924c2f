/* A discovery that ends early leaves nothing to the next procedure, and raises nothing more. */
#include "solo.h"

static const struct woad_feature *const features[] = { &woad_feature_gatt_client, NULL };

/* Begins a discovery of included services up to the Read Request for the UUID of the first one. */
static void begin(void)
{
    solo_boot(solo_config(features));
    solo_connected(SOLO_HANDLE, true, 9);
    assert_int_equal(woad_gattc_included(solo.h, solo.conn[0], 1, 0x30), 0);
    solo_pump();
    SOLO_ATT(0x09, 6, 2, 0, 0x11, 0, 0x1f, 0, 3, 0, 0x21, 0, 0x2f, 0);
    solo_pump();
    assert_int_equal(solo_frames(4, 0x0a), 1);
    assert_int_equal(solo.frame[solo.frames - 1].octet[1], 0x11);
}

static void malformed(void)
{
    SOLO_ATT(0x0b, 1, 2, 3);
}

static void cancelled(void)
{
    assert_int_equal(woad_gattc_cancel(solo.h, solo.conn[0]), 0);
    SOLO_ATT(0x0b, 1, 2, 3);
}

static void cancelled_and_refused(void)
{
    assert_int_equal(woad_gattc_cancel(solo.h, solo.conn[0]), 0);
    SOLO_ATT(0x01, 0x0a, 0x11, 0, 0x02);
}

/* GATT/CL/GAD/BI-05-C: discovery of characteristics that finds none, after each such end. */
static void no_characteristic_of_a_discovery_before(void **state)
{
    static void (*const ends[])(void) = { malformed, cancelled, cancelled_and_refused };
    static const int status[] = { WOAD_EBADMSG, WOAD_ECANCELED, WOAD_ECANCELED };
    (void)state;
    for (size_t n = 0; n < sizeof ends / sizeof *ends; n++) {
        begin();
        ends[n]();
        solo_pump();
        assert_int_equal(solo_count(WOAD_EV_GATTC_DONE), 1);
        assert_int_equal(solo_last(WOAD_EV_GATTC_DONE)->u.done.status, status[n]);
        assert_int_equal(solo_count(WOAD_EV_INCLUDED), 0);
        assert_int_equal(woad_gattc_characteristics(solo.h, solo.conn[0], 1, 0x30, NULL), 0);
        solo_pump();
        SOLO_ATT(0x01, 0x08, 1, 0, 0x0a);
        assert_int_equal(solo_count(WOAD_EV_GATTC_DONE), 2);
        assert_int_equal(solo_count(WOAD_EV_CHARACTERISTIC), 0);
        solo_end();
    }
}

/* Each of three entries of one response is reported with its own declaration, range and UUID. */
static void every_entry_of_a_response(void **state)
{
    (void)state;
    begin();
    SOLO_ATT(0x0b, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1);
    solo_pump();
    assert_int_equal(solo.frame[solo.frames - 1].octet[1], 0x21);
    SOLO_ATT(0x01, 0x0a, 0x21, 0, 0x02); /* Read Not Permitted: reported without a UUID */
    solo_pump();
    assert_int_equal(solo.frame[solo.frames - 1].octet[0], 0x08);
    assert_int_equal(solo.frame[solo.frames - 1].octet[1], 4);
    SOLO_ATT(0x09, 6, 5, 0, 1, 1, 2, 1, 6, 0, 3, 1, 4, 1, 7, 0, 5, 1, 6, 1);
    for (uint8_t start = 1; start <= 5; start = (uint8_t)(start + 2)) {
        solo_pump();
        assert_int_equal(solo.frame[solo.frames - 1].octet[0], 0x0a);
        assert_int_equal(solo.frame[solo.frames - 1].octet[1], start);
        assert_int_equal(solo.frame[solo.frames - 1].octet[2], 1);
        SOLO_ATT(0x0b, start, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1);
        const struct woad_event *ev = solo_last(WOAD_EV_INCLUDED);
        assert_int_equal(ev->u.included.declaration, 5 + start / 2);
        assert_int_equal(ev->u.included.start, 0x100 + start);
        assert_int_equal(ev->u.included.end, 0x101 + start);
        assert_int_equal(ev->u.included.uuid.size, 16);
        assert_int_equal(ev->u.included.uuid.le[0], start);
    }
    solo_pump();
    SOLO_ATT(0x01, 0x08, 8, 0, 0x0a);
    assert_int_equal(solo_count(WOAD_EV_INCLUDED), 5);
    assert_int_equal(solo_last(WOAD_EV_GATTC_DONE)->u.done.status, 0);
    solo_end();
}

/* A characteristic whose end is not known yet, when the discovery, or the search, is cancelled. */
static void nothing_after_a_cancel(void **state)
{
    static const struct woad_uuid service = WOAD_UUID16(0x180f), level = WOAD_UUID16(0x2a19);
    (void)state;
    for (int find = 0; find < 2; find++) {
        solo_boot(solo_config(features));
        solo_connected(SOLO_HANDLE, true, 9);
        if (find) {
            assert_int_equal(woad_gattc_find(solo.h, solo.conn[0], &service, &level), 0);
            solo_pump();
            SOLO_ATT(0x07, 1, 0, 0x30, 0);
        } else {
            assert_int_equal(woad_gattc_characteristics(solo.h, solo.conn[0], 1, 0x30, NULL), 0);
        }
        solo_pump();
        SOLO_ATT(0x09, 7, 2, 0, 2, 3, 0, 0x19, 0x2a);
        solo_pump();
        assert_int_equal(solo_frames(4, 0x08), 2);
        assert_int_equal(woad_gattc_cancel(solo.h, solo.conn[0]), 0);
        SOLO_ATT(0x01, 0x08, 3, 0, 0x0a);
        solo_pump();
        assert_int_equal(solo_last(WOAD_EV_GATTC_DONE)->u.done.status, WOAD_ECANCELED);
        assert_int_equal(solo_count(WOAD_EV_CHARACTERISTIC), 0);
        solo_end();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_characteristic_of_a_discovery_before),
        cmocka_unit_test(every_entry_of_a_response),
        cmocka_unit_test(nothing_after_a_cancel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
