# What bleak's example sensortag.py asks of a TI SensorTag, in MicroPython.
import bluetooth
import time


def u(text):
    return bluetooth.UUID(text if isinstance(text, int) else text + "-0451-4000-b000-000000000000")


R, W, N = bluetooth.FLAG_READ, bluetooth.FLAG_WRITE, bluetooth.FLAG_NOTIFY
W |= bluetooth.FLAG_WRITE_NO_RESPONSE
INFO = ((0x2A23, bytes(range(8))), (0x2A24, b"CC2650"), (0x2A26, b"1.0"), (0x2A27, b"2.0"),
        (0x2A28, b"3.0"), (0x2A29, b"Woad"))
ble = bluetooth.BLE()
ble.active(True)
ble.config(gap_name="SensorTag")
info, (battery,), (io_data, io_config), (keys,) = ble.gatts_register_services((
    (u(0x180A), tuple((u(n), R) for n, _ in INFO)),
    (u(0x180F), ((u(0x2A19), R | N),)),
    (u("f000aa64"), ((u("f000aa65"), R | W), (u("f000aa66"), R | W))),
    (u(0xFFE0), ((u(0xFFE1), N),))))
for handle, (_, value) in zip(info, INFO):
    ble.gatts_write(handle, value)
ble.gatts_write(battery, b"\x55")
for handle in (io_data, io_config):
    ble.gatts_write(handle, b"\x00")
gone = False


def irq(event, data):
    global gone
    gone = gone or event == 2


ble.irq(irq)
ble.gap_advertise(100_000, b"\x02\x01\x06\x0a\x09SensorTag")
print("at", ":".join("%02X" % b for b in ble.config("mac")[1]))
while not gone:
    time.sleep(1)
    ble.gatts_write(keys, b"\x01", True)
