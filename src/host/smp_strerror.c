/* woad_smp_strerror(): reasons of Pairing Failed.  Vol 3, Part H, 3.5.5
 *
 * Names of other files:
 *   ERROR_TEXT(): the text of a code from a table; a text for unknown codes, too */
#include "error_text.h"

#include <woad/woad.h>

static const char *const smp_texts[] = {
    [0x00] = "success",
    [0x01] = "passkey entry failed",
    [0x02] = "OOB data not available",
    [0x03] = "authentication requirements not met",
    [0x04] = "confirm value does not match: a wrong passkey, or an attacker",
    [0x05] = "pairing not supported",
    [0x06] = "encryption key size too short",
    [0x07] = "command not supported",
    [0x08] = "unspecified reason",
    [0x09] = "repeated attempts",
    [0x0a] = "invalid parameters",
    [0x0b] = "DHKey check failed",
    [0x0c] = "numeric comparison failed",
    [0x0d] = "BR/EDR pairing in progress",
    [0x0e] = "cross-transport key derivation not allowed",
    [0x0f] = "key rejected",
    [0x10] = "busy",
};

const char *woad_smp_strerror(int status)
{
    if (status >= WOAD_SECURITY_HCI) {
        return woad_strerror(status - WOAD_SECURITY_HCI);
    }
    if (status > WOAD_SECURITY_PEER) {
        status -= WOAD_SECURITY_PEER;
    }
    return ERROR_TEXT(smp_texts, status);
}
