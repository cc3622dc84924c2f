/* A backend that is never active: every call converts its arguments and returns ENODEV. */
#include "py/runtime.h"
#include "extmod/modbluetooth.h"
#include "py/mperrno.h"

#include <string.h>

int mp_bluetooth_init(void)
{
    return MP_ENODEV;
}
void mp_bluetooth_deinit(void) {}
bool mp_bluetooth_is_active(void)
{
    return false;
}
void mp_bluetooth_get_current_address(uint8_t *addr_type, uint8_t *addr)
{
    (void)addr_type;
    (void)addr;
    mp_raise_OSError(MP_ENODEV);
}
void mp_bluetooth_set_address_mode(uint8_t addr_mode)
{
    (void)addr_mode;
    mp_raise_OSError(MP_ENODEV);
}
size_t mp_bluetooth_gap_get_device_name(const uint8_t **buf)
{
    *buf = (const uint8_t *)"MPY WOAD";
    return 8;
}
int mp_bluetooth_gap_set_device_name(const uint8_t *buf, size_t len)
{
    (void)buf;
    return len > 31 ? MP_EINVAL : 0;
}
int mp_bluetooth_gap_advertise_start(bool connectable, int32_t interval_us, const uint8_t *adv_data,
                                     size_t adv_data_len, const uint8_t *sr_data,
                                     size_t sr_data_len)
{
    (void)connectable;
    (void)interval_us;
    (void)adv_data;
    (void)adv_data_len;
    (void)sr_data;
    (void)sr_data_len;
    return MP_ENODEV;
}
void mp_bluetooth_gap_advertise_stop(void) {}
int mp_bluetooth_gatts_register_service_begin(bool append)
{
    (void)append;
    return 0;
}
int mp_bluetooth_gatts_register_service(mp_obj_bluetooth_uuid_t *service_uuid,
                                        mp_obj_bluetooth_uuid_t **characteristic_uuids,
                                        uint16_t *characteristic_flags,
                                        mp_obj_bluetooth_uuid_t **descriptor_uuids,
                                        uint16_t *descriptor_flags, uint8_t *num_descriptors,
                                        uint16_t *handles, size_t num_characteristics)
{
    (void)service_uuid;
    (void)characteristic_uuids;
    (void)characteristic_flags;
    (void)descriptor_uuids;
    (void)descriptor_flags;
    (void)num_descriptors;
    (void)handles;
    (void)num_characteristics;
    return 0;
}
int mp_bluetooth_gatts_register_service_end(void)
{
    return MP_ENODEV;
}
int mp_bluetooth_gatts_read(uint16_t value_handle, const uint8_t **value, size_t *value_len)
{
    (void)value_handle;
    *value = NULL;
    *value_len = 0;
    return MP_ENODEV;
}
int mp_bluetooth_gatts_write(uint16_t value_handle, const uint8_t *value, size_t value_len,
                             bool send_update)
{
    (void)value_handle;
    (void)value;
    (void)value_len;
    (void)send_update;
    return MP_ENODEV;
}
int mp_bluetooth_gatts_notify_indicate(uint16_t conn_handle, uint16_t value_handle, int gatts_op,
                                       const uint8_t *value, size_t value_len)
{
    (void)conn_handle;
    (void)value_handle;
    (void)gatts_op;
    (void)value;
    (void)value_len;
    return MP_ENODEV;
}
int mp_bluetooth_gatts_set_buffer(uint16_t value_handle, size_t len, bool append)
{
    (void)value_handle;
    (void)len;
    (void)append;
    return MP_ENODEV;
}
int mp_bluetooth_gap_disconnect(uint16_t conn_handle)
{
    (void)conn_handle;
    return MP_ENODEV;
}
int mp_bluetooth_get_preferred_mtu(void)
{
    mp_raise_OSError(MP_ENODEV);
}
int mp_bluetooth_set_preferred_mtu(uint16_t mtu)
{
    (void)mtu;
    return MP_ENODEV;
}
int mp_bluetooth_gap_scan_start(int32_t duration_ms, int32_t interval_us, int32_t window_us,
                                bool active_scan)
{
    (void)duration_ms;
    (void)interval_us;
    (void)window_us;
    (void)active_scan;
    return MP_ENODEV;
}
int mp_bluetooth_gap_scan_stop(void)
{
    return MP_ENODEV;
}
int mp_bluetooth_gap_peripheral_connect(uint8_t addr_type, const uint8_t *addr, int32_t duration_ms,
                                        int32_t min_conn_interval_us, int32_t max_conn_interval_us)
{
    (void)addr_type;
    (void)addr;
    (void)duration_ms;
    (void)min_conn_interval_us;
    (void)max_conn_interval_us;
    return MP_ENODEV;
}
int mp_bluetooth_gap_peripheral_connect_cancel(void)
{
    return MP_ENODEV;
}
int mp_bluetooth_gattc_discover_primary_services(uint16_t conn_handle,
                                                 const mp_obj_bluetooth_uuid_t *uuid)
{
    (void)conn_handle;
    (void)uuid;
    return MP_ENODEV;
}
int mp_bluetooth_gattc_discover_characteristics(uint16_t conn_handle, uint16_t start_handle,
                                                uint16_t end_handle,
                                                const mp_obj_bluetooth_uuid_t *uuid)
{
    (void)conn_handle;
    (void)start_handle;
    (void)end_handle;
    (void)uuid;
    return MP_ENODEV;
}
int mp_bluetooth_gattc_discover_descriptors(uint16_t conn_handle, uint16_t start_handle,
                                            uint16_t end_handle)
{
    (void)conn_handle;
    (void)start_handle;
    (void)end_handle;
    return MP_ENODEV;
}
int mp_bluetooth_gattc_read(uint16_t conn_handle, uint16_t value_handle)
{
    (void)conn_handle;
    (void)value_handle;
    return MP_ENODEV;
}
int mp_bluetooth_gattc_write(uint16_t conn_handle, uint16_t value_handle, const uint8_t *value,
                             size_t value_len, unsigned int mode)
{
    (void)conn_handle;
    (void)value_handle;
    (void)value;
    (void)value_len;
    (void)mode;
    return MP_ENODEV;
}
int mp_bluetooth_gattc_exchange_mtu(uint16_t conn_handle)
{
    (void)conn_handle;
    return MP_ENODEV;
}
