/* The HID Service of a keyboard.  HID Service 1.0; HID over GATT Profile 1.0 */
#ifndef HID_KEYBOARD_H
#define HID_KEYBOARD_H

#include <woad/woad.h>

/* Modifiers, a reserved octet, six keys: USB HID 1.11, appendix B.1. */
static const uint8_t report_map[] = "\x05\x01\x09\x06\xa1\x01\x05\x07\x19\xe0\x29\xe7\x15\x00\x25"
                                    "\x01\x75\x01\x95\x08\x81\x02\x95\x01\x75\x08\x81\x01\x95\x06"
                                    "\x75\x08\x15\x00\x25\x65\x19\x00\x29\x65\x81\x00\xc0";
static const struct woad_uuid hid = WOAD_UUID16(0x1812), information = WOAD_UUID16(0x2a4a),
                              map = WOAD_UUID16(0x2a4b), control = WOAD_UUID16(0x2a4c),
                              report = WOAD_UUID16(0x2a4d), mode = WOAD_UUID16(0x2a4e),
                              boot = WOAD_UUID16(0x2a22), reference = WOAD_UUID16(0x2908);
enum { NOTIFIED = WOAD_PROP_READ | WOAD_PROP_NOTIFY, COMMAND = WOAD_PROP_WRITE_COMMAND };
enum { READ = WOAD_PERM_READ | WOAD_PERM_READ_ENCRYPTED };
enum { WRITE = WOAD_PERM_WRITE | WOAD_PERM_WRITE_ENCRYPTED };
enum { MODE = 2, REPORT = 4, BOOT = 8 }; /* handles of values, from the first one on */
/* A constant that is read on an encrypted connection only. */
#define CONSTANT(uuid_, value_, len_) \
    { .uuid = uuid_, \
      .kind = WOAD_ATTR_CHARACTERISTIC, \
      .props = WOAD_PROP_READ, \
      .perm = WOAD_PERM_READ }, \
    { \
        .uuid = uuid_, .value = value_, .len = len_, .kind = WOAD_ATTR_VALUE, .perm = READ \
    }
static const struct woad_attr service[] = {
    WOAD_PRIMARY(&hid),
    WOAD_CHARACTERISTIC(&mode, WOAD_PROP_READ | COMMAND, READ | WRITE),
    WOAD_CHARACTERISTIC_CCCD(&report, NOTIFIED, READ),
    { .uuid = &reference, .value = "\0\1", .len = 2, .kind = WOAD_ATTR_DESCRIPTOR, .perm = READ },
    WOAD_CHARACTERISTIC_CCCD(&boot, NOTIFIED, READ),
    CONSTANT(&map, report_map, sizeof report_map - 1),
    CONSTANT(&information, "\x11\x01\x00\x02", 4),
    WOAD_CHARACTERISTIC(&control, COMMAND, WRITE),
};

#endif
