/* Exceptions: the host's errors as Python's, and the checks at the beginning of each method.
 *
 * Names of other files:
 *   ble: the module's state outside MicroPython's heap: struct ble_state, ble.h
 *   ble_port_clock(): gives the host the time
 *   ble_wants(): the program has enabled this event, which upstream (MicroPython's own module, with
 *       NimBLE) does not have
 *   ending: active(False) was called where the host could not be stopped: it is stopped soon
 *   failure: why there is no radio; "": it was not lost
 *   refusal: why the host refused the method's last call
 *   thread: the main thread, in which all methods must run
 *   woad_port_log(): writes to stderr what WOAD_LOG in the environment asks for */
#include "ble.h"

#include "py/gc.h"
#include "py/mpthread.h"
#include "py/unicode.h"

/* OSError(number, detail) */
void ble_raise_with(int number, mp_obj_t detail)
{
    mp_obj_t args[] = { MP_OBJ_NEW_SMALL_INT(number), detail };
    nlr_raise(mp_obj_new_exception_args(&mp_type_OSError, 2, args));
}

#ifdef WOAD_LOG
/* Where there are no words, or MicroPython's heap has no room for them, the number stands alone. */
void ble_raise_words(int number, const char *words)
{
    mp_obj_t text = MP_OBJ_NULL;
    nlr_buf_t nlr;
    if (words[0] && !gc_is_locked() && nlr_push(&nlr) == 0) {
        text = mp_obj_new_str(words, strlen(words));
        nlr_pop();
    }
    if (text != MP_OBJ_NULL) {
        ble_raise_with(number, text);
    }
    mp_raise_OSError(number);
}

/* Keeps the message of a refused call, without the function's name, "woad_…: ", which a Python
 * program does not know.  ble_pump() forgets those about packets. */
void ble_log(void *ctx, enum woad_log_level level, const char *message)
{
    const char *words = message, *colon = strstr(message, ": ");
    if (strncmp(message, "woad_", 5) == 0 && colon) {
        words = colon + 2;
    }
    if (level == WOAD_LOG_WARNING) {
        snprintf(ble.refusal, sizeof ble.refusal, "%s", words);
    }
    woad_port_log(ctx, level, message);
}
#endif

/* WOAD_E… are negative errno values.  Two are raised as upstream does: EAGAIN (queue full) is
 * ENOMEM, unless the program has enabled IRQ_TX_READY; EISCONN is EIO. */
void ble_raise(int err)
{
    if (!err) {
        return;
    }
    int number = -err;
    if (err == WOAD_EISCONN) {
        number = MP_EIO;
    } else if (err == WOAD_EAGAIN && !ble_wants(IRQ_TX_READY)) {
        number = MP_ENOMEM;
    }
    BLE_RAISE_REFUSED(number);
}

/* ble.failure may contain a path, and a path any octets: if they are not UTF-8, those above 127
 * become '?'. */
mp_obj_t ble_failure_text(void)
{
    bool text = utf8_check((const byte *)ble.failure, strlen(ble.failure));
    for (char *c = ble.failure; *c && !text; c++) {
        if (*c & 0x80) {
            *c = '?';
        }
    }
    return mp_obj_new_str(ble.failure, strlen(ble.failure));
}

/* What tells threads apart; NULL where there is only one. */
#if MICROPY_PY_THREAD
void *ble_this_thread(void)
{
    return mp_thread_get_state();
}
#else
void *ble_this_thread(void)
{
    return NULL;
}
#endif

/* The host has no locks: all methods run in the thread that has begun the interpreter. */
void ble_check_thread(void)
{
    if (ble_this_thread() != ble.thread) {
        mp_raise_msg(&mp_type_RuntimeError,
                     MP_ERROR_TEXT("bluetooth is for the main thread: micropython.schedule()"));
    }
}

/* The host, for a method; raises ENODEV if there is none, with the reason if its radio was lost. */
struct woad *ble_active(void)
{
    ble_check_thread();
    if (!ble.host && ble.failure[0]) {
        ble_raise_with(MP_ENODEV, ble_failure_text());
    }
    if (!ble.host || ble.ending) {
        BLE_REFUSE(MP_ENODEV, "Bluetooth is off: active(True) turns it on");
    }
    BLE_FORGET_REFUSAL();
    ble_port_clock(ble.host); /* the time-outs of what the caller starts count from now */
    return ble.host;
}
