/* Keypress notifications: how far the user has typed a passkey.  Vol 3, Part H, 3.5.8
 *
 * Names of other files:
 *   p: a pairing (smp.h)
 *   AUTH_KEYPRESS: AUTH_…: bits of AuthReq
 *   emit_of(): raises an event of a connection; the application may call the host inside it
 *   keypress_due: a keypress notification is to be sent
 *   keypresses: of a pairing: notifications of the peer that have restarted the timer
 *   layout: with reset, command, complete and the like: a feature's hooks (core/feature.h)
 *   method: of a pairing: JUST_WORKS and so on
 *   pairing_for_call(): the running pairing; NULL: none. *err is the reason, WOAD_ENOENT with one,
 *       too
 *   passkey_action: what the user is to do: WOAD_PASSKEY_…
 *   PDU_AUTH: PDU_…: offsets in Pairing Request and Response; which of both
 *   rd_u8(): rd_…(): read a PDU by a cursor; behind its end they return zeros, or NULL, and set
 *       `bad`: base/buf.h
 *   REFUSED(): logs why a call is refused, and is its error
 *   side: of a pairing: what is known of both sides
 *   smp_fail(): smp_ended() for a failure found here: sends Pairing Failed
 *   smp_keypress: handler of Keypress Notification: smp_keypress.c; NULL: not linked
 *   smp_restart_timer(): the Security Manager timer runs for 30 s from now
 *   user_state: of the user's part: USER_PENDING, USER_ANSWERED */
#include "../core/event.h"
#include "../core/log.h"
#include "smp.h"

static bool keypress_agreed(const struct pairing *p)
{
    return p && p->method == WOAD_METHOD_PASSKEY &&
           (p->side[0].pdu[PDU_AUTH] & p->side[1].pdu[PDU_AUTH] & AUTH_KEYPRESS);
}

/* Notifications that restart the timer: a passkey begun, typed three times and completed.  With
 * more, a peer that never goes on would keep the pairing for ever. */
enum { KEYPRESSES_MAX = 24 };

/* SMP_KEYPRESS_NOTIFICATION: type u8.  Restarts the timer, for the user.  Ignored unless both sides
 * have agreed on it.  3.5.8 */
static void keypress_rx(struct pairing *p, struct rd *in)
{
    uint8_t type = rd_u8(in);
    if (type > WOAD_KEYPRESS_COMPLETED) {
        smp_fail(p->c, WOAD_SMP_INVALID_PARAMETERS);
    } else if (keypress_agreed(p)) {
        struct woad_event ev;
        ev.u.keypress.what = (enum woad_keypress)type;
        if (p->keypresses < KEYPRESSES_MAX) {
            p->keypresses++;
            smp_restart_timer(p->c);
        }
        emit_of(p->c, WOAD_EV_KEYPRESS, &ev);
    }
}

static void keypress_layout(struct woad *h)
{
    h->smp_keypress = keypress_rx;
}

const struct woad_feature woad_feature_keypresses = { .layout = keypress_layout };

int woad_keypress(struct woad *h, uint16_t conn, enum woad_keypress type)
{
    int err;
    struct pairing *p = pairing_for_call(h, conn, &err);
    if (err != WOAD_ENOENT) {
        return err;
    }
    if (type > WOAD_KEYPRESS_COMPLETED) {
        return REFUSED(h, WOAD_EINVAL, "type %d", (int)type);
    }
    if (!h->smp_keypress || !keypress_agreed(p) || p->passkey_action != WOAD_PASSKEY_INPUT ||
        p->user_state != USER_PENDING) {
        return REFUSED(h, WOAD_ENOENT, "no passkey is typed, or the peer has not agreed");
    }
    if (p->keypress_due) {
        return REFUSED(h, WOAD_EAGAIN, "the one before has not been sent yet");
    }
    p->keypress_due = true;
    p->keypress = (uint8_t)type;
    return 0;
}
