/* woad_l2cap_strerror(): results of requests for channels.  Vol 3, Part A, 4.23 and 4.26
 *
 * Names of other files:
 *   ERROR_TEXT(): the text of a code from a table; a text for unknown codes, too */
#include "error_text.h"

#include <woad/woad.h>

static const char *const l2cap_texts[] = {
    [0x00] = "success",
    [0x02] = "PSM not supported",
    [0x04] = "no resources available",
    [0x05] = "insufficient authentication",
    [0x06] = "insufficient authorization",
    [0x07] = "encryption key size too short",
    [0x08] = "insufficient encryption",
    [0x09] = "invalid source CID",
    [0x0a] = "source CID already allocated",
    [0x0b] = "unacceptable parameters",
    [0x0c] = "invalid parameters",
    [0x0d] = "pending, no further information",
    [0x0e] = "pending, authentication",
    [0x0f] = "pending, authorization",
};

const char *woad_l2cap_strerror(int status)
{
    return ERROR_TEXT(l2cap_texts, status);
}
