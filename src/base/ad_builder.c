/* Building advertising data: { length u8, type u8, value }, repeated.  The functions are described
 * in gap.h.  Vol 3, Part C, 11; Core Specification Supplement, Part A
 *
 * Names of other files:
 *   put_le16(): writes 16 bits at any address, little endian
 *   wr_bytes(): wr_…(): write a PDU by a cursor; what does not fit sets `bad`: base/buf.h
 *   wr_len(): octets written so far (base/buf.h) */
#include <woad/woad.h>

#include "buf.h"

enum { AD_HEADER = 2, AD_VALUE_MAX = 254 };

/* Octets of a structure's value that still fit. */
static size_t ad_room(const struct woad_ad_builder *ad)
{
    size_t left = ad->room - ad->len;
    if (left < AD_HEADER) {
        return 0;
    }
    if (left - AD_HEADER > AD_VALUE_MAX) {
        return AD_VALUE_MAX;
    }
    return left - AD_HEADER;
}

/* Appends a structure whose value is `head`, `head_len` octets, and `data` behind it. */
static int ad_append(struct woad_ad_builder *ad, uint8_t type, const uint8_t *head, size_t head_len,
                     const void *data, size_t len)
{
    if (len > AD_VALUE_MAX || ad->room - ad->len < AD_HEADER || head_len + len > ad_room(ad)) {
        ad->error = WOAD_EINVAL;
        return WOAD_EINVAL;
    }
    struct wr out = wr_of(ad->data + ad->len, ad->room - ad->len);
    wr_u8(&out, (uint8_t)(1 + head_len + len));
    wr_u8(&out, type);
    wr_bytes(&out, head, head_len);
    wr_bytes(&out, data, len);
    ad->len += wr_len(&out);
    return 0;
}

int woad_ad_put(struct woad_ad_builder *ad, uint8_t type, const void *value, size_t len)
{
    return ad_append(ad, type, NULL, 0, value, len);
}

int woad_ad_flags(struct woad_ad_builder *ad, uint8_t flags)
{
    return ad_append(ad, WOAD_AD_FLAGS, &flags, 1, NULL, 0);
}

int woad_ad_appearance(struct woad_ad_builder *ad, uint16_t category)
{
    uint8_t le[2];
    put_le16(le, category);
    return ad_append(ad, WOAD_AD_APPEARANCE, le, sizeof le, NULL, 0);
}

int woad_ad_tx_power(struct woad_ad_builder *ad, int8_t dbm)
{
    uint8_t octet = (uint8_t)dbm;
    return ad_append(ad, WOAD_AD_TX_POWER, &octet, 1, NULL, 0);
}

int woad_ad_name(struct woad_ad_builder *ad, const char *name)
{
    size_t len = 0, room = ad_room(ad);
    uint8_t type = WOAD_AD_NAME;
    while (name[len] && len <= room) {
        len++;
    }
    if (len > room) { /* 10xxxxxx are the octets of a character behind its first one */
        type = WOAD_AD_NAME_SHORT;
        while (len > 0 && (len > room || ((uint8_t)name[len] & 0xc0) == 0x80)) {
            len--;
        }
    }
    if (type == WOAD_AD_NAME_SHORT && !len) {
        ad->error = WOAD_EINVAL;
        return WOAD_EINVAL;
    }
    return ad_append(ad, type, NULL, 0, name, len);
}

/* Appends the list of the UUIDs of this size, if there are any. */
static int ad_uuids_of(struct woad_ad_builder *ad, uint8_t type, uint8_t size,
                       const struct woad_uuid *uuids, size_t n)
{
    size_t len = 0;
    for (size_t at = 0; at < n; at++) {
        if (uuids[at].size == size) {
            len += size;
        }
    }
    if (len > ad_room(ad)) {
        return WOAD_EINVAL;
    }
    if (!len) {
        return 0;
    }
    struct wr out = wr_of(ad->data + ad->len, AD_HEADER + len);
    wr_u8(&out, (uint8_t)(1 + len));
    wr_u8(&out, type);
    for (size_t at = 0; at < n; at++) {
        if (uuids[at].size == size) {
            wr_bytes(&out, uuids[at].le, size);
        }
    }
    ad->len += AD_HEADER + len;
    return 0;
}

int woad_ad_uuids(struct woad_ad_builder *ad, const struct woad_uuid *uuids, size_t n)
{
    static const uint8_t lists[][2] = { { WOAD_AD_UUIDS16, 2 },
                                        { WOAD_AD_UUIDS32, 4 },
                                        { WOAD_AD_UUIDS128, 16 } };
    size_t before = ad->len;
    for (size_t k = 0; k < sizeof lists / sizeof *lists; k++) {
        if (ad_uuids_of(ad, lists[k][0], lists[k][1], uuids, n)) {
            ad->len = before;
            ad->error = WOAD_EINVAL;
            return WOAD_EINVAL;
        }
    }
    return 0;
}

int woad_ad_service_data(struct woad_ad_builder *ad, const struct woad_uuid *uuid, const void *data,
                         size_t len)
{
    uint8_t type = WOAD_AD_SERVICE_DATA16;
    if (uuid->size == 4) {
        type = WOAD_AD_SERVICE_DATA32;
    } else if (uuid->size == 16) {
        type = WOAD_AD_SERVICE_DATA128;
    }
    return ad_append(ad, type, uuid->le, uuid->size, data, len);
}

int woad_ad_manufacturer_data(struct woad_ad_builder *ad, uint16_t company, const void *data,
                              size_t len)
{
    uint8_t le[2];
    put_le16(le, company);
    return ad_append(ad, WOAD_AD_MANUFACTURER, le, sizeof le, data, len);
}

bool woad_ad_has_uuid(const uint8_t *data, size_t len, const struct woad_uuid *uuid)
{
    for (uint8_t type = WOAD_AD_UUIDS16_SOME; type <= WOAD_AD_UUIDS128; type++) {
        static const uint8_t sizes[] = { 2, 4, 16 };
        struct woad_uuid found = { .size = sizes[type / 2 - 1] };
        size_t list_len = 0;
        const uint8_t *list = woad_ad_find(data, len, type, &list_len);
        for (size_t at = 0; list && at + found.size <= list_len; at += found.size) {
            memcpy(found.le, list + at, found.size);
            if (woad_uuid_equal(&found, uuid)) {
                return true;
            }
        }
    }
    return false;
}
