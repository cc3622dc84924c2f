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

static bool cancels;

static void cancel_inside(const struct woad_event *ev)
{
    bool result = ev->type == WOAD_EV_SERVICE || ev->type == WOAD_EV_INCLUDED ||
                  ev->type == WOAD_EV_DESCRIPTOR || ev->type == WOAD_EV_CHARACTERISTIC;
    if (cancels && result) {
        assert_int_equal(woad_gattc_cancel(solo.h, ev->conn), 0);
    }
}

static int find_services(void)
{
    return woad_gattc_services(solo.h, solo.conn[0], NULL);
}
static int find_included(void)
{
    return woad_gattc_included(solo.h, solo.conn[0], 1, 0x30);
}
static int find_characteristics(void)
{
    return woad_gattc_characteristics(solo.h, solo.conn[0], 1, 0x30, NULL);
}
static int find_descriptors(void)
{
    return woad_gattc_descriptors(solo.h, solo.conn[0], 1, 0x30);
}

/* An event's callback cancels: the other results of the same response raise no events. */
static void cancelled_inside_an_event(void **state)
{
    static const struct {
        int (*find)(void);
        enum woad_event_type type;
        uint8_t response[24];
    } row[] = {
        { find_services, WOAD_EV_SERVICE, { 0x11, 6, 1, 0, 2, 0, 0, 0x18, 3, 0, 4, 0, 1, 0x18 } },
        { find_included,
          WOAD_EV_INCLUDED,
          { 0x09, 8, 2, 0, 0x40, 0, 0x41, 0, 0, 0x18, 3, 0, 0x42, 0, 0x43, 0, 1, 0x18 } },
        { find_characteristics,
          WOAD_EV_CHARACTERISTIC,
          { 0x09, 7, 2, 0, 2, 3, 0, 0, 0x2a, 4, 0, 2, 5, 0, 1, 0x2a, 6, 0, 2, 7, 0, 2, 0x2a } },
        { find_descriptors, WOAD_EV_DESCRIPTOR, { 0x05, 1, 2, 0, 0, 0x29, 3, 0, 1, 0x29 } },
    };
    static const uint8_t len[] = { 14, 18, 23, 10 };
    (void)state;
    for (size_t n = 0; n < sizeof row / sizeof *row; n++) {
        for (int cancel = 0; cancel < 2; cancel++) {
            solo_boot(solo_config(features));
            solo_connected(SOLO_HANDLE, true, 9);
            solo.on_event = cancel_inside;
            cancels = cancel;
            assert_int_equal(row[n].find(), 0);
            solo_pump();
            solo_l2cap(SOLO_HANDLE, 4, row[n].response, len[n]);
            assert_int_equal(solo_count(row[n].type), cancel ? 1 : 2);
            solo_pump();
            assert_int_equal(solo_count(WOAD_EV_GATTC_DONE), cancel);
            solo_end();
        }
    }
}

/* The entry at the end of the range is followed by others: they are out of range. */
static void entries_behind_the_range(void **state)
{
    (void)state;
    begin();
    SOLO_ATT(0x0b, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1);
    solo_pump();
    SOLO_ATT(0x0b, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1);
    solo_pump();
    SOLO_ATT(0x09, 6, 0x30, 0, 1, 1, 2, 1, 0x30, 0, 3, 1, 4, 1);
    solo_pump();
    solo_forget();
    SOLO_ATT(0x0b, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1);
    solo_pump();
    assert_int_equal(solo_count(WOAD_EV_INCLUDED), 1);
    assert_int_equal(solo_count(WOAD_EV_GATTC_DONE), 1);
    assert_int_equal(solo_last(WOAD_EV_GATTC_DONE)->u.done.status, WOAD_EBADMSG);
    solo_end();
}

/* A value's handle behind the next declaration, or behind the end of the range: the event's range
 * has it nevertheless. */
static void range_has_the_value(void **state)
{
    (void)state;
    solo_boot(solo_config(features));
    solo_connected(SOLO_HANDLE, true, 9);
    assert_int_equal(find_characteristics(), 0);
    solo_pump();
    SOLO_ATT(0x09, 7, 2, 0, 2, 9, 0, 0, 0x2a, 4, 0, 2, 0x40, 0, 1, 0x2a);
    const struct woad_event *ev = solo_last(WOAD_EV_CHARACTERISTIC);
    assert_int_equal(ev->u.characteristic.value, 9);
    assert_int_equal(ev->u.characteristic.end, 9);
    solo_pump();
    SOLO_ATT(0x01, 0x08, 5, 0, 0x0a);
    solo_pump();
    ev = solo_last(WOAD_EV_CHARACTERISTIC);
    assert_int_equal(ev->u.characteristic.value, 0x40);
    assert_int_equal(ev->u.characteristic.end, 0x40);
    assert_int_equal(solo_last(WOAD_EV_GATTC_DONE)->u.done.status, 0);
    solo_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cancelled_inside_an_event),
        cmocka_unit_test(entries_behind_the_range),
        cmocka_unit_test(range_has_the_value),
        cmocka_unit_test(no_characteristic_of_a_discovery_before),
        cmocka_unit_test(every_entry_of_a_response),
        cmocka_unit_test(nothing_after_a_cancel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
