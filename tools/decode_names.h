/* Names of assigned numbers. */
#ifndef WOAD_DECODE_NAMES_H
#define WOAD_DECODE_NAMES_H

#include <stddef.h>
#include <stdint.h>

/* A list ends with a NULL name. */
struct name_of {
    uint32_t number;
    const char *name;
};

/* NULL: the number has no name. */
const char *name_find(const struct name_of *list, uint32_t number);

extern const struct name_of names_hci_error[], names_address[], names_role[], names_phy[],
    names_adv_type[], names_report_type[], names_filter[], names_clock[], names_ad[],
    names_att_error[], names_smp_reason[], names_smp_io[], names_keypress[], names_reject[],
    names_coc_result[], names_ecfc_result[], names_reconfigure_result[], names_param_result[],
    names_power_reason[], names_switch[], names_operation[], names_data_status[];

/* UUIDs of 16 bits. */
extern const struct name_of names_uuid[];

/* Writes a UUID of 2, 4 or 16 octets, and returns its name; NULL: none. */
enum { UUID_TEXT_MAX = 40 }; /* octets, the 0 included */
const char *uuid_text(const uint8_t *octets, size_t len, char text[UUID_TEXT_MAX]);

#endif
