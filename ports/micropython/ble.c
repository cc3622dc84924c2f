/* BLE(): the one object, its table of methods, and irq().
 *
 * Names of other files:
 *   ble_frames_new(): makes the objects for the arguments of events; false: no memory
 *   ble_obj_t: the BLE object: handler, queue of events, services
 *   ble_queue_new(): makes the queue of events; false: no memory
 *   handler_failed: the handler raised an exception and was removed
 *   handler_refused: the handler has refused a request at least once */
#include "ble.h"

MP_REGISTER_ROOT_POINTER(void *woad_ble);

struct ble_state ble;

/* NULL before BLE(), and during a soft reset: what was in the heap is lost then. */
ble_obj_t *ble_object(void)
{
    return MP_STATE_VM(woad_ble);
}

/* BLE(): the same object each time, made by the first call. */
static mp_obj_t ble_make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw,
                             const mp_obj_t *args)
{
    (void)type;
    (void)n_args;
    (void)n_kw;
    (void)args;
    if (!ble_object()) {
        ble_obj_t *o = m_new0(ble_obj_t, 1);
        o->base.type = &ble_type;
        o->handler = mp_const_none;
        if (!ble_frames_new(o) || !ble_queue_new(o)) {
            mp_raise_OSError(MP_ENOMEM);
        }
        MP_STATE_VM(woad_ble) = o;
    }
    return MP_OBJ_FROM_PTR(ble_object());
}

/* irq(handler); None removes it. */
static mp_obj_t ble_method_irq(mp_obj_t self, mp_obj_t handler)
{
    (void)self;
    if (handler != mp_const_none && !mp_obj_is_callable(handler)) {
        mp_raise_ValueError(MP_ERROR_TEXT("invalid handler"));
    }
    ble_obj_t *o = ble_object();
    o->handler = handler;
    o->handler_refused = o->handler_failed = false;
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_2(ble_irq_obj, ble_method_irq);

static const mp_rom_map_elem_t ble_locals_table[] = {
    { MP_ROM_QSTR(MP_QSTR_active), MP_ROM_PTR(&ble_active_obj) },
    { MP_ROM_QSTR(MP_QSTR_config), MP_ROM_PTR(&ble_config_obj) },
    { MP_ROM_QSTR(MP_QSTR_irq), MP_ROM_PTR(&ble_irq_obj) },
    { MP_ROM_QSTR(MP_QSTR_gap_advertise), MP_ROM_PTR(&ble_gap_advertise_obj) },
    { MP_ROM_QSTR(MP_QSTR_gap_scan), MP_ROM_PTR(&ble_gap_scan_obj) },
    { MP_ROM_QSTR(MP_QSTR_gap_connect), MP_ROM_PTR(&ble_gap_connect_obj) },
    { MP_ROM_QSTR(MP_QSTR_gap_disconnect), MP_ROM_PTR(&ble_gap_disconnect_obj) },
    { MP_ROM_QSTR(MP_QSTR_gap_pair), MP_ROM_PTR(&ble_gap_pair_obj) },
    { MP_ROM_QSTR(MP_QSTR_gap_passkey), MP_ROM_PTR(&ble_gap_passkey_obj) },
    { MP_ROM_QSTR(MP_QSTR_gatts_register_services), MP_ROM_PTR(&ble_gatts_register_services_obj) },
    { MP_ROM_QSTR(MP_QSTR_gatts_read), MP_ROM_PTR(&ble_gatts_read_obj) },
    { MP_ROM_QSTR(MP_QSTR_gatts_write), MP_ROM_PTR(&ble_gatts_write_obj) },
    { MP_ROM_QSTR(MP_QSTR_gatts_notify), MP_ROM_PTR(&ble_gatts_notify_obj) },
    { MP_ROM_QSTR(MP_QSTR_gatts_indicate), MP_ROM_PTR(&ble_gatts_indicate_obj) },
    { MP_ROM_QSTR(MP_QSTR_gatts_set_buffer), MP_ROM_PTR(&ble_gatts_set_buffer_obj) },
    { MP_ROM_QSTR(MP_QSTR_gattc_discover_services), MP_ROM_PTR(&ble_gattc_discover_services_obj) },
    { MP_ROM_QSTR(MP_QSTR_gattc_discover_characteristics),
      MP_ROM_PTR(&ble_gattc_discover_characteristics_obj) },
    { MP_ROM_QSTR(MP_QSTR_gattc_discover_descriptors),
      MP_ROM_PTR(&ble_gattc_discover_descriptors_obj) },
    { MP_ROM_QSTR(MP_QSTR_gattc_read), MP_ROM_PTR(&ble_gattc_read_obj) },
    { MP_ROM_QSTR(MP_QSTR_gattc_write), MP_ROM_PTR(&ble_gattc_write_obj) },
    { MP_ROM_QSTR(MP_QSTR_gattc_exchange_mtu), MP_ROM_PTR(&ble_gattc_exchange_mtu_obj) },
    { MP_ROM_QSTR(MP_QSTR_l2cap_listen), MP_ROM_PTR(&ble_l2cap_listen_obj) },
    { MP_ROM_QSTR(MP_QSTR_l2cap_connect), MP_ROM_PTR(&ble_l2cap_connect_obj) },
    { MP_ROM_QSTR(MP_QSTR_l2cap_disconnect), MP_ROM_PTR(&ble_l2cap_disconnect_obj) },
    { MP_ROM_QSTR(MP_QSTR_l2cap_send), MP_ROM_PTR(&ble_l2cap_send_obj) },
    { MP_ROM_QSTR(MP_QSTR_l2cap_recvinto), MP_ROM_PTR(&ble_l2cap_recvinto_obj) },
    /* Beyond upstream: docs/module.md. */
    { MP_ROM_QSTR(MP_QSTR_gap_unpair), MP_ROM_PTR(&ble_gap_unpair_obj) },
    { MP_ROM_QSTR(MP_QSTR_gap_bonds), MP_ROM_PTR(&ble_gap_bonds_obj) },
    { MP_ROM_QSTR(MP_QSTR_gap_oob), MP_ROM_PTR(&ble_gap_oob_obj) },
    { MP_ROM_QSTR(MP_QSTR_gap_keypress), MP_ROM_PTR(&ble_gap_keypress_obj) },
    { MP_ROM_QSTR(MP_QSTR_gap_advertise_set), MP_ROM_PTR(&ble_gap_advertise_set_obj) },
    { MP_ROM_QSTR(MP_QSTR_gap_connect_any), MP_ROM_PTR(&ble_gap_connect_any_obj) },
    { MP_ROM_QSTR(MP_QSTR_gap_accept_list), MP_ROM_PTR(&ble_gap_accept_list_obj) },
    { MP_ROM_QSTR(MP_QSTR_gap_connections), MP_ROM_PTR(&ble_gap_connections_obj) },
    { MP_ROM_QSTR(MP_QSTR_gap_connection), MP_ROM_PTR(&ble_gap_connection_obj) },
    { MP_ROM_QSTR(MP_QSTR_gap_update), MP_ROM_PTR(&ble_gap_update_obj) },
    { MP_ROM_QSTR(MP_QSTR_gap_link), MP_ROM_PTR(&ble_gap_link_obj) },
    { MP_ROM_QSTR(MP_QSTR_gap_data_length), MP_ROM_PTR(&ble_gap_data_length_obj) },
    { MP_ROM_QSTR(MP_QSTR_gap_phy), MP_ROM_PTR(&ble_gap_phy_obj) },
    { MP_ROM_QSTR(MP_QSTR_gatts_add_services), MP_ROM_PTR(&ble_gatts_add_services_obj) },
    { MP_ROM_QSTR(MP_QSTR_gatts_remove_services), MP_ROM_PTR(&ble_gatts_remove_services_obj) },
    { MP_ROM_QSTR(MP_QSTR_gatts_notify_latest), MP_ROM_PTR(&ble_gatts_notify_latest_obj) },
    { MP_ROM_QSTR(MP_QSTR_gattc_discover_secondary),
      MP_ROM_PTR(&ble_gattc_discover_secondary_obj) },
    { MP_ROM_QSTR(MP_QSTR_gattc_discover_included), MP_ROM_PTR(&ble_gattc_discover_included_obj) },
    { MP_ROM_QSTR(MP_QSTR_gattc_read_uuid), MP_ROM_PTR(&ble_gattc_read_uuid_obj) },
    { MP_ROM_QSTR(MP_QSTR_gattc_read_multiple), MP_ROM_PTR(&ble_gattc_read_multiple_obj) },
    { MP_ROM_QSTR(MP_QSTR_gattc_cancel), MP_ROM_PTR(&ble_gattc_cancel_obj) },
};
static MP_DEFINE_CONST_DICT(ble_locals, ble_locals_table);

MP_DEFINE_CONST_OBJ_TYPE(ble_type, MP_QSTR_BLE, MP_TYPE_FLAG_NONE, make_new, ble_make_new,
                         locals_dict, &ble_locals);
