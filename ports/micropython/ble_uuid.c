/* bluetooth.UUID: an int of 16 bits, 2, 4 or 16 octets least significant first, or 32 hexadecimal
 * digits.
 *
 * Names of other files:
 *   le: octets of a UUID, least significant first, `size` of them */
#include "ble.h"

#include "py/unicode.h"

/* A new Python object. */
mp_obj_t ble_uuid_new(const struct woad_uuid *uuid)
{
    ble_uuid_obj_t *self = mp_obj_malloc(ble_uuid_obj_t, &ble_uuid_type);
    self->uuid = *uuid;
    return MP_OBJ_FROM_PTR(self);
}

/* NULL: the object is no UUID. */
const struct woad_uuid *ble_uuid_of(mp_obj_t o)
{
    if (mp_obj_is_type(o, &ble_uuid_type)) {
        return &((ble_uuid_obj_t *)MP_OBJ_TO_PTR(o))->uuid;
    }
    return NULL;
}

/* 32 hexadecimal digits, hyphens anywhere between them; raises ValueError. */
static void uuid_from_text(struct woad_uuid *uuid, const char *text, size_t len)
{
    int digits = 0;
    uuid->size = 16;
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '-') {
            continue;
        }
        if (!unichar_isxdigit((byte)text[i])) {
            mp_raise_ValueError(MP_ERROR_TEXT("invalid char in UUID"));
        }
        if (digits == 32) {
            mp_raise_ValueError(MP_ERROR_TEXT("UUID too long"));
        }
        /* The first digit is the upper half of the last octet. */
        uint8_t *octet = &uuid->le[15 - digits / 2];
        *octet = (uint8_t)(*octet << 4 | unichar_xdigit_value((byte)text[i]));
        digits++;
    }
    if (digits < 32) {
        mp_raise_ValueError(MP_ERROR_TEXT("UUID too short"));
    }
}

/* bluetooth.UUID(value): an int of 16 bits, a string, or octets. */
static mp_obj_t uuid_make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw,
                              const mp_obj_t *args)
{
    struct woad_uuid uuid = { 0 };
    (void)type;
    mp_arg_check_num(n_args, n_kw, 1, 1, false);
    if (mp_obj_is_int(args[0])) {
        mp_int_t value;
        if (!mp_obj_get_int_maybe(args[0], &value) || value > 65535) {
            mp_raise_ValueError(MP_ERROR_TEXT("invalid UUID"));
        }
        uuid = (struct woad_uuid)WOAD_UUID16(value);
        return ble_uuid_new(&uuid);
    }
    mp_buffer_info_t buf;
    mp_get_buffer_raise(args[0], &buf, MP_BUFFER_READ);
    if (buf.len == 2 || buf.len == 4 || buf.len == 16) {
        uuid.size = (uint8_t)buf.len;
        memcpy(uuid.le, buf.buf, buf.len);
    } else {
        uuid_from_text(&uuid, buf.buf, buf.len);
    }
    return ble_uuid_new(&uuid);
}

/* hash(uuid); no other operator. */
static mp_obj_t uuid_unary_op(mp_unary_op_t op, mp_obj_t self_in)
{
    const struct woad_uuid *uuid = ble_uuid_of(self_in);
    if (op == MP_UNARY_OP_HASH) {
        return MP_OBJ_NEW_SMALL_INT(qstr_compute_hash(uuid->le, uuid->size));
    }
    return MP_OBJ_NULL;
}

/* The same size: compares octets, least significant first.  Otherwise the shorter one is less. */
static mp_obj_t uuid_binary_op(mp_binary_op_t op, mp_obj_t lhs, mp_obj_t rhs)
{
    const struct woad_uuid *a = ble_uuid_of(lhs), *b = ble_uuid_of(rhs);
    if (!b ||
        (op != MP_BINARY_OP_EQUAL && op != MP_BINARY_OP_LESS && op != MP_BINARY_OP_LESS_EQUAL &&
         op != MP_BINARY_OP_MORE && op != MP_BINARY_OP_MORE_EQUAL)) {
        return MP_OBJ_NULL;
    }
    if (a->size == b->size) {
        return mp_obj_new_bool(mp_seq_cmp_bytes(op, a->le, a->size, b->le, b->size));
    }
    return mp_binary_op(op, MP_OBJ_NEW_SMALL_INT(a->size), MP_OBJ_NEW_SMALL_INT(b->size));
}

/* UUID(0x180f), UUID('…') */
static void uuid_print(const mp_print_t *print, mp_obj_t self, mp_print_kind_t kind)
{
    const struct woad_uuid *uuid = ble_uuid_of(self);
    char text[37];
    (void)kind;
    woad_uuid_format(uuid, text);
    mp_printf(print, uuid->size == 16 ? "UUID('%s')" : "UUID(0x%s)", text);
}

/* A copy: a memoryview keeps the pointer, and the garbage collector follows only pointers to the
 * start of a block. */
static mp_int_t uuid_get_buffer(mp_obj_t self, mp_buffer_info_t *buf, mp_uint_t flags)
{
    const struct woad_uuid *uuid = ble_uuid_of(self);
    if (flags != MP_BUFFER_READ) {
        return 1;
    }
    uint8_t *copy = m_new(uint8_t, uuid->size);
    memcpy(copy, uuid->le, uuid->size);
    *buf = (mp_buffer_info_t){ .buf = copy, .len = uuid->size, .typecode = 'B' };
    return 0;
}

MP_DEFINE_CONST_OBJ_TYPE(ble_uuid_type, MP_QSTR_UUID, MP_TYPE_FLAG_NONE, make_new, uuid_make_new,
                         unary_op, uuid_unary_op, binary_op, uuid_binary_op, print, uuid_print,
                         buffer, uuid_get_buffer);
