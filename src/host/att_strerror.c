/* woad_att_strerror(): ATT error codes.  Vol 3, Part F, 3.4.1.1; common profile and service error
 * codes: Core Specification Supplement, Part B, 1.2
 *
 * Names of other files:
 *   ERROR_TEXT(): the text of a code from a table; a text for unknown codes, too */
#include "error_text.h"

#include <woad/woad.h>

enum { PROFILE_FIRST = 0xfc, APPLICATION_FIRST = 0x80, APPLICATION_LAST = 0x9f };

static const char *const att_texts[] = {
    [0x00] = "success",
    [0x01] = "invalid handle",
    [0x02] = "read not permitted",
    [0x03] = "write not permitted",
    [0x04] = "invalid PDU",
    [0x05] = "insufficient authentication",
    [0x06] = "request not supported",
    [0x07] = "invalid offset",
    [0x08] = "insufficient authorization",
    [0x09] = "prepare queue full",
    [0x0a] = "attribute not found",
    [0x0b] = "attribute not long",
    [0x0c] = "encryption key size too short",
    [0x0d] = "invalid attribute value length",
    [0x0e] = "unlikely error",
    [0x0f] = "insufficient encryption",
    [0x10] = "unsupported group type",
    [0x11] = "insufficient resources",
    [0x12] = "database out of sync",
    [0x13] = "value not allowed",
};
static const char *const profile_texts[] = {
    [0xfc - PROFILE_FIRST] = "write request rejected",
    [0xfd - PROFILE_FIRST] = "CCCD improperly configured",
    [0xfe - PROFILE_FIRST] = "procedure already in progress",
    [0xff - PROFILE_FIRST] = "out of range",
};

const char *woad_att_strerror(int error)
{
    if (error >= PROFILE_FIRST && error <= 0xff) {
        return profile_texts[error - PROFILE_FIRST];
    }
    if (error >= APPLICATION_FIRST && error <= APPLICATION_LAST) {
        return "an error of the application";
    }
    return ERROR_TEXT(att_texts, error);
}
