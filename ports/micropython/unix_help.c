/* help() on PCs: of the module, of BLE, and of each method, by the texts of typings/bluetooth.pyi.
 *
 * The linker puts this help() into the place of MicroPython's (--wrap), which has no text for a
 * function and is called for everything else.
 *
 * Names of other files:
 *   HELP_TEXTS: each method's name, first sentence, and all of its text: unix_help_text.h */
#include "ble.h"

#include "py/runtime.h"

#include "unix_help_text.h"

extern const mp_obj_fun_builtin_var_t __real_mp_builtin_help_obj;
extern const mp_obj_fun_builtin_var_t __wrap_mp_builtin_help_obj;

static const struct {
    const char *name, *sentence, *text;
} help_texts[] = { HELP_TEXTS };
enum { HELP_COUNT = sizeof help_texts / sizeof *help_texts };

/* What objboundmeth.c and runtime.c of MicroPython make of a method: both structs are their own. */
struct help_bound {
    mp_obj_base_t base;
    mp_obj_t function, self;
};
struct help_checked {
    mp_obj_base_t base;
    const mp_obj_type_t *of;
    mp_obj_t function;
};

/* The function in a method of an object, or of the type; else the object itself. */
static mp_obj_t help_function(mp_obj_t obj)
{
    mp_obj_t active = mp_load_attr(MP_OBJ_FROM_PTR(&ble_type), MP_QSTR_active);
    const mp_obj_type_t *type = mp_obj_get_type(obj), *checked = mp_obj_get_type(active);
    if (type->name == MP_QSTR_bound_method) {
        return ((const struct help_bound *)MP_OBJ_TO_PTR(obj))->function;
    }
    if (type == checked && type != &mp_type_fun_builtin_var) {
        return ((const struct help_checked *)MP_OBJ_TO_PTR(obj))->function;
    }
    return obj;
}

/* The name of a method of BLE; NULL: it is none. */
static const char *help_method_name(mp_obj_t obj)
{
    mp_obj_t function = help_function(obj);
    const mp_map_t *map = &MP_OBJ_TYPE_GET_SLOT(&ble_type, locals_dict)->map;
    for (size_t i = 0; i < map->alloc; i++) {
        if (map->table[i].value == function) {
            return mp_obj_str_get_str(map->table[i].key);
        }
    }
    return NULL;
}

static bool help_method(mp_obj_t obj)
{
    const char *name = help_method_name(obj);
    for (int i = 0; name && i < HELP_COUNT; i++) {
        if (strcmp(help_texts[i].name, name) == 0) {
            mp_print_str(&mp_plat_print, help_texts[i].text);
            return true;
        }
    }
    return false;
}

static void help_class(void)
{
    for (int i = 0; i < HELP_COUNT; i++) {
        mp_printf(&mp_plat_print, "  %s -- %s\n", help_texts[i].name, help_texts[i].sentence);
    }
    mp_print_str(&mp_plat_print, "help(bluetooth.BLE.gap_scan) and so on say more\n");
}

static mp_obj_t help(size_t n_args, const mp_obj_t *args)
{
    mp_obj_t obj = n_args ? args[0] : mp_const_none;
    if (obj == MP_OBJ_FROM_PTR(&ble_type) || mp_obj_get_type(obj) == &ble_type) {
        help_class();
    } else if (!help_method(obj)) {
        mp_call_function_n_kw(MP_OBJ_FROM_PTR(&__real_mp_builtin_help_obj), n_args, 0, args);
        if (obj == MP_OBJ_FROM_PTR(&bluetooth_module)) {
            mp_print_str(&mp_plat_print, "help(bluetooth.BLE) lists the radio's methods\n");
        }
    }
    return mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(__wrap_mp_builtin_help_obj, 0, 1, help);
