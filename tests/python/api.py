# Every method with every kind of argument, while inactive: what it returns or raises, a line each.
# Run by our build and by MicroPython's own front end over a stub; the lines are compared.
import bluetooth
from bluetooth import BLE, UUID


def show(what, f, *a, **k):
    try:
        r = f(*a, **k)
        print(what, "->", repr(r), type(r).__name__)
    except Exception as e:
        # The text of a wrong argument count depends on the build; its type does not.
        text = "" if isinstance(e, TypeError) and "argument" in str(e) else e.args
        if isinstance(e, OSError):
            text = e.args[:1]       # its words are ours
        print(what, "raises", type(e).__name__, text)


class Iter:
    def __iter__(self):
        return iter(())


u16 = UUID(0x180D)
u128 = UUID("6e400001-b5a3-f393-e0a9-e50e24dcca9e")
VALUES = (
    None, True, False, 0, 1, -1, 255, 256, 65535, 65536, 1 << 40, 1.5, "", "ab", "abcd", "abcdef", "x" * 16, "x" * 40,
    b"", b"\x01", b"\x01\x02", b"\x0d\x18\x00\x00", b"\x01\x02\x03\x04\x05\x06", bytearray(b"\x01\x02"), bytearray(16),
    memoryview(b"\x01\x02\x03\x04\x05\x06"), (), (1,), [], {}, u16, u128, object(), print, UUID, BLE,
)

# --- UUID ---------------------------------------------------------------------------------------
for v in VALUES:
    show("UUID(%s)" % (v if not isinstance(v, (type(print), object)) else type(v).__name__), UUID, v)
for text in (
    "6E400001-B5A3-F393-E0A9-E50E24DCCA9E", "6e400001b5a3f393e0a9e50e24dcca9e", "6e400001-b5a3-f393-e0a9-e50e24dcca9",
    "6e400001-b5a3-f393-e0a9-e50e24dcca9e0", "6e400001-b5a3-f393-e0a9-e50e24dcca9g", "-" * 40, "123", "0x180d",
    "6e-40-00-01-b5-a3-f3-93-e0-a9-e5-0e-24-dc-ca-9e", "-6e400001b5a3f393e0a9e50e24dcca9e-",
):
    show("UUID(%r)" % text, UUID, text)
show("UUID()", UUID)
show("UUID(1, 2)", UUID, 1, 2)
show("UUID(value=1)", lambda: UUID(value=1))
for a in (u16, u128, UUID(1), UUID("abcd"), UUID(0x0100), UUID(0x0002)):
    print(repr(a), str(a), hash(a), bytes(a), len(bytes(a)), bool(a), bytearray(a), memoryview(a)[1])
    show("len", len, a)
    show("iter", iter, a)
    show("attr", lambda: a.x)
    show("item", lambda: memoryview(a)[0])
    for b in (u16, u128, UUID(1), UUID("abcd"), UUID(0x0100), UUID(0x0002), 1, "x", None):
        show("eq", lambda: (a == b, a != b))
        show("lt", lambda: a < b)
        show("le", lambda: a <= b)
        show("gt", lambda: a > b)
        show("ge", lambda: a >= b)
    print({a: 1}[UUID(a)])
print(UUID(u16) is u16, UUID(u16) == u16, type(u16), UUID)
print(UUID(0x180D) == UUID("0000180d-0000-1000-8000-00805f9b34fb"))

# --- module -------------------------------------------------------------------------------------
import ubluetooth

print(ubluetooth.BLE is BLE, bluetooth.__name__)
print(sorted(x for x in dir(bluetooth)))
print([getattr(bluetooth, x) for x in sorted(dir(bluetooth)) if x.startswith("FLAG")])
ble = BLE()
print(ble is BLE(), ble is BLE(1, 2, x=3), ble, BLE, ble.active())
# What the module has beyond upstream is not upstream's business.
for name in ("active config irq gap_advertise gap_scan gap_connect gap_disconnect gatts_register_services gatts_read gatts_write "
             "gatts_notify gatts_indicate gatts_set_buffer gattc_discover_services gattc_discover_characteristics "
             "gattc_discover_descriptors gattc_read gattc_write gattc_exchange_mtu gap_bogus").split():
    print(name, hasattr(BLE, name))
show("attr", lambda: ble.x)


def set_attr():
    ble.x = 1


show("setattr", set_attr)

# --- general ------------------------------------------------------------------------------------
show("active(1,2)", ble.active, 1, 2)
show("active(None)", ble.active, None)
show("active(0)", ble.active, 0)
show("active(active=0)", lambda: ble.active(active=0))
for v in VALUES:
    show("irq", ble.irq, v)
show("irq()", ble.irq)
show("irq(handler=)", lambda: ble.irq(handler=None))
show("irq(1,2)", ble.irq, print, 2)
ble.irq(None)
for key in ("mac", "gap_name", "mtu", "addr_mode", "bogus", "", None, 1, b"mac", u16):
    show("config(%r)" % key, ble.config, key)
show("config()", ble.config)
show("config(a, b)", ble.config, "mac", "mtu")
show("config(a, b=)", lambda: ble.config("mac", mtu=23))
show("config(bogus=)", lambda: ble.config(bogus=1))
show("config(mac=)", lambda: ble.config(mac=1))
for v in VALUES:
    if isinstance(v, (str, bytes, bytearray)) and len(v) < 31:
        continue  # it would be set: the stub does not keep it
    if v is u16 or v is u128 or isinstance(v, memoryview):
        continue
    show("config(gap_name=)", lambda: ble.config(gap_name=v))
for v in (None, "x", 1.5, b"", u16, ()):
    show("config(mtu=)", lambda: ble.config(mtu=v))
    show("config(addr_mode=)", lambda: ble.config(addr_mode=v))
show("config(mtu=100)", lambda: ble.config(mtu=100))
show("config(addr_mode=1)", lambda: ble.config(addr_mode=1))

# --- methods: each argument takes each value in turn, the others are good --------------------------
ADDR = b"\x01\x02\x03\x04\x05\x06"
GOOD = {
    "gap_scan": ((0, 30000, 30000, False), 0),
    "gap_connect": ((0, ADDR, 2000, 7500, 15000), 2),
    "gap_disconnect": ((0,), 1),
    "gatts_register_services": (((),), 1),
    "gatts_read": ((1,), 1),
    "gatts_write": ((1, b"x", False), 2),
    "gatts_notify": ((0, 1, b"x"), 2),
    "gatts_indicate": ((0, 1, b"x"), 2),
    "gatts_set_buffer": ((1, 20, False), 2),
    "gattc_discover_services": ((0, u16), 1),
    "gattc_discover_characteristics": ((0, 1, 2, u16), 3),
    "gattc_discover_descriptors": ((0, 1, 2), 3),
    "gattc_read": ((0, 1), 2),
    "gattc_write": ((0, 1, b"x", 0), 3),
    "gattc_exchange_mtu": ((0,), 1),
}
for name in sorted(GOOD):
    args, least = GOOD[name]
    method = getattr(ble, name)
    for n in range(len(args) + 3):
        show("%s with %d" % (name, n), method, *(args + (0, 0, 0))[:n])
    show(name + " keyword", lambda: method(*args[:-1], x=1))
    for i in range(len(args)):
        for v in VALUES:
            show("%s arg %d" % (name, i), method, *(args[:i] + (v,) + args[i + 1 :]))
show("gap_connect(None)", ble.gap_connect, None)
show("gap_connect(1)", ble.gap_connect, 1)
show("gap_connect(0, short)", ble.gap_connect, 0, b"\x01")
show("gap_scan(None)", ble.gap_scan, None)

adv = ble.gap_advertise
show("adv()", adv)
for v in VALUES:
    show("adv interval", adv, v)
    show("adv data", adv, 100000, v)
    show("adv resp", lambda: adv(100000, resp_data=v))
    show("adv connectable", lambda: adv(100000, connectable=v))
show("adv keywords", lambda: adv(interval_us=100000, adv_data=b"x", resp_data=b"y", connectable=False))
show("adv 3 positional", adv, 100000, b"x", b"y")
show("adv bogus", lambda: adv(100000, bogus=1))
show("adv twice", lambda: adv(100000, interval_us=1))

# --- service definitions ------------------------------------------------------------------------
R = bluetooth.FLAG_READ
DEFINITIONS = (
    None, 1, "x", {}, Iter(), iter(()), [None], [()], [(u16,)], [(u16, (), 1)], [(1, ())], [[u16, []]], [(u16, None)],
    [(u16, 1)], [(u16, {})], [(u16, Iter())], [(u16, (None,))], [(u16, ((),))], [(u16, ((u16,),))],
    [(u16, ((u16, R, (), 1),))], [(u16, ((1, R),))], [(u16, ((u16, None),))], [(u16, ((u16, "x"),))],
    [(u16, ((u16, R, None),))], [(u16, ((u16, R, 1),))], [(u16, ((u16, R, (None,)),))], [(u16, ((u16, R, ((),)),))],
    [(u16, ((u16, R, ((u16,),)),))], [(u16, ((u16, R, ((u16, 1, 2),)),))], [(u16, ((u16, R, ((1, R),)),))],
    [(u16, ((u16, R, ((u16, None),)),))], [(u16, ((u16, R, ((u16, R),)),))], [(u16, [[u16, R, [[u16, R]]]])],
    [(u16, ((u16, R | 0x10000),))], [(u128, ((u128, R),)), (u16, ())], ((u16, ((u16, R), (u16, R, ()))),),
)
for i, d in enumerate(DEFINITIONS):
    show("definition %d" % i, ble.gatts_register_services, d)
