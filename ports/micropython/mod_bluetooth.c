/* The module `bluetooth`: UUID, BLE and five flags. */
#include "ble.h"

static const mp_rom_map_elem_t bluetooth_globals_table[] = {
    { MP_ROM_QSTR(MP_QSTR___name__), MP_ROM_QSTR(MP_QSTR_bluetooth) },
    { MP_ROM_QSTR(MP_QSTR_BLE), MP_ROM_PTR(&ble_type) },
    { MP_ROM_QSTR(MP_QSTR_UUID), MP_ROM_PTR(&ble_uuid_type) },
    { MP_ROM_QSTR(MP_QSTR_FLAG_READ), MP_ROM_INT(WOAD_PROP_READ) },
    { MP_ROM_QSTR(MP_QSTR_FLAG_WRITE), MP_ROM_INT(WOAD_PROP_WRITE) },
    { MP_ROM_QSTR(MP_QSTR_FLAG_WRITE_NO_RESPONSE), MP_ROM_INT(WOAD_PROP_WRITE_COMMAND) },
    { MP_ROM_QSTR(MP_QSTR_FLAG_NOTIFY), MP_ROM_INT(WOAD_PROP_NOTIFY) },
    { MP_ROM_QSTR(MP_QSTR_FLAG_INDICATE), MP_ROM_INT(WOAD_PROP_INDICATE) },
};
static MP_DEFINE_CONST_DICT(bluetooth_globals, bluetooth_globals_table);

const mp_obj_module_t bluetooth_module = {
    .base = { &mp_type_module },
    .globals = (mp_obj_dict_t *)&bluetooth_globals,
};

MP_REGISTER_EXTENSIBLE_MODULE(MP_QSTR_bluetooth, bluetooth_module);
