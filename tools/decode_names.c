/* Names of assigned numbers: see decode_names.h.
 *
 * Names of other files:
 *   name_of: a row of a table of names, by number; NULL ends it
 *   names_uuid: table of the names of 16 bit UUIDs
 *   UUID_TEXT_MAX: octets of a UUID as text, its 0 included */
#include "decode_names.h"

#include <stdio.h>
#include <string.h>

/* The tables are short: one name after the other. */
const char *name_find(const struct name_of *list, uint32_t number)
{
    for (; list->name; list++) {
        if (list->number == number) {
            return list->name;
        }
    }
    return NULL;
}

/* A UUID of 128 bits that is derived from the base becomes a short one. */
const char *uuid_text(const uint8_t *octets, size_t len, char text[UUID_TEXT_MAX])
{
    const uint8_t *u = octets;
    /* The Bluetooth Base UUID, last octets first.  Vol 3, Part B, 2.5.1 */
    static const uint8_t base[12] = { 0xfb, 0x34, 0x9b, 0x5f, 0x80, 0, 0, 0x80, 0, 0x10, 0, 0 };
    if (len == 16 && memcmp(u, base, sizeof base) == 0) {
        return uuid_text(u + 12, 4, text);
    }
    if (len == 4 && u[2] == 0 && u[3] == 0) {
        len = 2;
    }
    size_t at = 0;
    for (size_t k = 0; k < len; k++) {
        if (len == 16 && (k == 4 || k == 6 || k == 8 || k == 10)) {
            text[at++] = '-';
        }
        at += (size_t)sprintf(text + at, "%02x", u[len - 1 - k]);
    }
    text[at] = '\0';
    if (len == 2) {
        return name_find(names_uuid, (uint32_t)(u[0] | u[1] << 8));
    }
    return NULL;
}

/* Vol 1, Part F, 1.3 */
const struct name_of names_hci_error[] = {
    { 0x00, "Success" },
    { 0x01, "Unknown HCI Command" },
    { 0x02, "Unknown Connection Identifier" },
    { 0x03, "Hardware Failure" },
    { 0x04, "Page Timeout" },
    { 0x05, "Authentication Failure" },
    { 0x06, "PIN or Key Missing" },
    { 0x07, "Memory Capacity Exceeded" },
    { 0x08, "Connection Timeout" },
    { 0x09, "Connection Limit Exceeded" },
    { 0x0a, "Synchronous Connection Limit Exceeded" },
    { 0x0b, "Connection Already Exists" },
    { 0x0c, "Command Disallowed" },
    { 0x0d, "Rejected, Limited Resources" },
    { 0x0e, "Rejected, Security Reasons" },
    { 0x0f, "Rejected, Unacceptable Address" },
    { 0x10, "Connection Accept Timeout" },
    { 0x11, "Unsupported Feature or Parameter Value" },
    { 0x12, "Invalid HCI Command Parameters" },
    { 0x13, "Remote User Terminated Connection" },
    { 0x14, "Remote Device Terminated, Low Resources" },
    { 0x15, "Remote Device Terminated, Power Off" },
    { 0x16, "Connection Terminated by Local Host" },
    { 0x17, "Repeated Attempts" },
    { 0x18, "Pairing Not Allowed" },
    { 0x19, "Unknown LMP PDU" },
    { 0x1a, "Unsupported Remote Feature" },
    { 0x1e, "Invalid LL Parameters" },
    { 0x1f, "Unspecified Error" },
    { 0x20, "Unsupported LL Parameter Value" },
    { 0x21, "Role Change Not Allowed" },
    { 0x22, "LL Response Timeout" },
    { 0x23, "LL Procedure Collision" },
    { 0x25, "Encryption Mode Not Acceptable" },
    { 0x28, "Instant Passed" },
    { 0x29, "Pairing with Unit Key Not Supported" },
    { 0x2a, "Different Transaction Collision" },
    { 0x2e, "Channel Classification Not Supported" },
    { 0x2f, "Insufficient Security" },
    { 0x30, "Parameter Out of Mandatory Range" },
    { 0x34, "Reserved Slot Violation" },
    { 0x39, "Connection Rejected, No Suitable Channel" },
    { 0x3a, "Controller Busy" },
    { 0x3b, "Unacceptable Connection Parameters" },
    { 0x3c, "Advertising Timeout" },
    { 0x3d, "Connection Terminated, MIC Failure" },
    { 0x3e, "Connection Failed to be Established" },
    { 0x40, "Coarse Clock Adjustment Rejected" },
    { 0x41, "Type0 Submap Not Defined" },
    { 0x42, "Unknown Advertising Identifier" },
    { 0x43, "Limit Reached" },
    { 0x44, "Operation Cancelled by Host" },
    { 0x45, "Packet Too Long" },
    { 0x46, "Too Late" },
    { 0x47, "Too Early" },
    { 0, NULL },
};

/* Vol 4, Part E, 7.7.65 and 7.8 */
const struct name_of names_address[] = {
    { 0, "public" },          { 1, "random" },       { 2, "public identity" },
    { 3, "random identity" }, { 0xff, "anonymous" }, { 0, NULL },
};
const struct name_of names_role[] = { { 0, "central" }, { 1, "peripheral" }, { 0, NULL } };
const struct name_of names_phy[] = {
    { 0, "none" }, { 1, "1M" }, { 2, "2M" }, { 3, "coded" }, { 4, "coded S=2" }, { 0, NULL },
};
const struct name_of names_adv_type[] = {
    { 0, "ADV_IND" },         { 1, "ADV_DIRECT_IND, high duty" }, { 2, "ADV_SCAN_IND" },
    { 3, "ADV_NONCONN_IND" }, { 4, "ADV_DIRECT_IND, low duty" },  { 0, NULL },
};
const struct name_of names_report_type[] = {
    { 0, "ADV_IND" },         { 1, "ADV_DIRECT_IND" }, { 2, "ADV_SCAN_IND" },
    { 3, "ADV_NONCONN_IND" }, { 4, "SCAN_RSP" },       { 0, NULL },
};
const struct name_of names_filter[] = {
    { 0, "all" },
    { 1, "accept list" },
    { 2, "all, and directed to private addresses" },
    { 3, "accept list, and directed to private addresses" },
    { 0, NULL },
};
const struct name_of names_clock[] = {
    { 0, "500 ppm" }, { 1, "250 ppm" }, { 2, "150 ppm" }, { 3, "100 ppm" }, { 4, "75 ppm" },
    { 5, "50 ppm" },  { 6, "30 ppm" },  { 7, "20 ppm" },  { 0, NULL },
};
const struct name_of names_switch[] = { { 0, "off" }, { 1, "on" }, { 0, NULL } };
const struct name_of names_operation[] = {
    { 0, "intermediate" }, { 1, "first" },     { 2, "last" },
    { 3, "complete" },     { 4, "unchanged" }, { 0, NULL },
};
const struct name_of names_data_status[] = {
    { 0, "complete" }, { 1, "more" }, { 2, "truncated" }, { 0xff, "failed" }, { 0, NULL },
};
const struct name_of names_power_reason[] = {
    { 0, "local change" }, { 1, "remote change" }, { 2, "response" }, { 0, NULL }
};

/* Assigned Numbers, 2.3 */
const struct name_of names_ad[] = {
    { 0x01, "Flags" },
    { 0x02, "Incomplete 16-bit Services" },
    { 0x03, "Complete 16-bit Services" },
    { 0x04, "Incomplete 32-bit Services" },
    { 0x05, "Complete 32-bit Services" },
    { 0x06, "Incomplete 128-bit Services" },
    { 0x07, "Complete 128-bit Services" },
    { 0x08, "Shortened Local Name" },
    { 0x09, "Complete Local Name" },
    { 0x0a, "Tx Power Level" },
    { 0x0d, "Class of Device" },
    { 0x10, "Device ID" },
    { 0x11, "Security Manager OOB Flags" },
    { 0x12, "Connection Interval Range" },
    { 0x14, "16-bit Service Solicitation" },
    { 0x15, "128-bit Service Solicitation" },
    { 0x16, "16-bit Service Data" },
    { 0x17, "Public Target Address" },
    { 0x18, "Random Target Address" },
    { 0x19, "Appearance" },
    { 0x1a, "Advertising Interval" },
    { 0x1b, "LE Device Address" },
    { 0x1c, "LE Role" },
    { 0x1f, "32-bit Service Solicitation" },
    { 0x20, "32-bit Service Data" },
    { 0x21, "128-bit Service Data" },
    { 0x22, "SC Confirmation Value" },
    { 0x23, "SC Random Value" },
    { 0x24, "URI" },
    { 0x25, "Indoor Positioning" },
    { 0x27, "LE Supported Features" },
    { 0x28, "Channel Map Update Indication" },
    { 0x29, "PB-ADV" },
    { 0x2a, "Mesh Message" },
    { 0x2b, "Mesh Beacon" },
    { 0x2c, "BIGInfo" },
    { 0x2d, "Broadcast_Code" },
    { 0x2e, "Resolvable Set Identifier" },
    { 0x2f, "Advertising Interval, long" },
    { 0x30, "Broadcast_Name" },
    { 0x31, "Encrypted Data" },
    { 0x3d, "3D Information" },
    { 0xff, "Manufacturer Specific Data" },
    { 0, NULL },
};

/* Vol 3, Part F, 3.4.1.1; Core Specification Supplement, Part B, 1.2 */
const struct name_of names_att_error[] = {
    { 0x01, "Invalid Handle" },
    { 0x02, "Read Not Permitted" },
    { 0x03, "Write Not Permitted" },
    { 0x04, "Invalid PDU" },
    { 0x05, "Insufficient Authentication" },
    { 0x06, "Request Not Supported" },
    { 0x07, "Invalid Offset" },
    { 0x08, "Insufficient Authorization" },
    { 0x09, "Prepare Queue Full" },
    { 0x0a, "Attribute Not Found" },
    { 0x0b, "Attribute Not Long" },
    { 0x0c, "Encryption Key Size Too Short" },
    { 0x0d, "Invalid Attribute Value Length" },
    { 0x0e, "Unlikely Error" },
    { 0x0f, "Insufficient Encryption" },
    { 0x10, "Unsupported Group Type" },
    { 0x11, "Insufficient Resources" },
    { 0x12, "Database Out Of Sync" },
    { 0x13, "Value Not Allowed" },
    { 0xfc, "Write Request Rejected" },
    { 0xfd, "CCCD Improperly Configured" },
    { 0xfe, "Procedure Already in Progress" },
    { 0xff, "Out of Range" },
    { 0, NULL },
};

/* Vol 3, Part H, 3.5.5, 2.3.2, 3.5.8 */
const struct name_of names_smp_reason[] = {
    { 0x01, "Passkey Entry Failed" },
    { 0x02, "OOB Not Available" },
    { 0x03, "Authentication Requirements" },
    { 0x04, "Confirm Value Failed" },
    { 0x05, "Pairing Not Supported" },
    { 0x06, "Encryption Key Size" },
    { 0x07, "Command Not Supported" },
    { 0x08, "Unspecified Reason" },
    { 0x09, "Repeated Attempts" },
    { 0x0a, "Invalid Parameters" },
    { 0x0b, "DHKey Check Failed" },
    { 0x0c, "Numeric Comparison Failed" },
    { 0x0d, "BR/EDR Pairing in Progress" },
    { 0x0e, "Cross-transport Key Derivation Not Allowed" },
    { 0x0f, "Key Rejected" },
    { 0x10, "Busy" },
    { 0, NULL },
};
const struct name_of names_smp_io[] = {
    { 0, "DisplayOnly" },     { 1, "DisplayYesNo" },    { 2, "KeyboardOnly" },
    { 3, "NoInputNoOutput" }, { 4, "KeyboardDisplay" }, { 0, NULL },
};
const struct name_of names_keypress[] = {
    { 0, "started" }, { 1, "digit entered" }, { 2, "digit erased" },
    { 3, "cleared" }, { 4, "completed" },     { 0, NULL },
};

/* Vol 3, Part A, 4.1, 4.21, 4.23, 4.26, 4.28 */
const struct name_of names_reject[] = {
    { 0, "Command not understood" },
    { 1, "Signaling MTU exceeded" },
    { 2, "Invalid CID in request" },
    { 0, NULL },
};
const struct name_of names_param_result[] = { { 0, "accepted" }, { 1, "rejected" }, { 0, NULL } };
const struct name_of names_coc_result[] = {
    { 0x0, "Successful" },
    { 0x2, "SPSM not supported" },
    { 0x4, "No resources available" },
    { 0x5, "Insufficient authentication" },
    { 0x6, "Insufficient authorization" },
    { 0x7, "Encryption key size too short" },
    { 0x8, "Insufficient encryption" },
    { 0x9, "Invalid Source CID" },
    { 0xa, "Source CID already allocated" },
    { 0xb, "Unacceptable parameters" },
    { 0, NULL },
};
const struct name_of names_ecfc_result[] = {
    { 0x0, "All successful" },
    { 0x2, "SPSM not supported" },
    { 0x4, "Some refused, no resources available" },
    { 0x5, "Insufficient authentication" },
    { 0x6, "Insufficient authorization" },
    { 0x7, "Encryption key size too short" },
    { 0x8, "Insufficient encryption" },
    { 0x9, "Some refused, Invalid Source CID" },
    { 0xa, "Some refused, Source CID already allocated" },
    { 0xb, "Unacceptable parameters" },
    { 0xc, "Invalid parameters" },
    { 0xd, "Pending" },
    { 0xe, "Pending, authentication" },
    { 0xf, "Pending, authorization" },
    { 0, NULL },
};
const struct name_of names_reconfigure_result[] = {
    { 0, "Successful" },  { 1, "MTU must not decrease" },   { 2, "MPS must not decrease" },
    { 3, "Invalid CID" }, { 4, "Unacceptable parameters" }, { 0, NULL },
};
