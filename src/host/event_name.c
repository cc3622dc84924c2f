/* woad_event_name().
 *
 * Names of other files:
 *   ATTEMPTS: peers of which failed pairings are kept */
#include <woad/woad.h>

#define NAME(type) [WOAD_EV_##type] = "WOAD_EV_" #type

static const char *const event_names[] = {
    NAME(UP),
    NAME(DOWN),
    NAME(ADV_STARTED),
    NAME(ADV_FAILED),
    NAME(ADV_STOPPED),
    NAME(REPORT),
    NAME(EXT_REPORT),
    NAME(EXT_ADV_STARTED),
    NAME(EXT_ADV_ENDED),
    NAME(SCAN_DONE),
    NAME(CONNECT),
    NAME(CONNECT_FAILED),
    NAME(DISCONNECT),
    NAME(CONN_UPDATE),
    NAME(LINK),
    NAME(ACCEPT_LIST),
    NAME(TX_READY),
    NAME(TX_DONE),
    NAME(SECURITY),
    NAME(PASSKEY),
    NAME(SECURITY_REQUEST),
    NAME(BOND),
    NAME(BOND_WANTED),
    NAME(ATTEMPTS),
    NAME(KEYPRESS),
    NAME(OOB),
    NAME(COC_REQUEST),
    NAME(COC_OPEN),
    NAME(COC_CHANGED),
    NAME(COC_CLOSED),
    NAME(COC_DATA),
    NAME(COC_RECEIVED),
    NAME(COC_SENT),
    NAME(MTU),
    NAME(ATT_BEARERS),
    NAME(GATT_READ),
    NAME(GATT_WRITE),
    NAME(AUTHORIZE),
    NAME(SUBSCRIBE),
    NAME(INDICATED),
    NAME(SERVICE),
    NAME(INCLUDED),
    NAME(CHARACTERISTIC),
    NAME(DESCRIPTOR),
    NAME(READ),
    NAME(NOTIFIED),
    NAME(INDICATION),
    NAME(GATTC_DONE),
};

const char *woad_event_name(enum woad_event_type type)
{
    if ((size_t)type < sizeof event_names / sizeof *event_names && event_names[type]) {
        return event_names[type];
    }
    return "WOAD_EV_unknown";
}
