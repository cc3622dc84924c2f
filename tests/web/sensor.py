# Advertises a service with a value, and notifies it ten times a second while a central is there.
import bluetooth
import struct
import time

ble = bluetooth.BLE()
ble.active(True)
connected = None


def irq(event, data):
    global connected
    if event == 1:
        connected = data[0]
    elif event == 2:
        connected = None
        advertise()


def advertise():
    ble.gap_advertise(100_000, b"\x02\x01\x06\x03\x03\x1a\x18\x07\x09sensor")


ble.irq(irq)
((temperature,),) = ble.gatts_register_services(((bluetooth.UUID(0x181A), ((bluetooth.UUID(0x2A6E), 0x12),)),))
ble.gatts_write(temperature, struct.pack("<h", 2150))
advertise()
n = 0
while True:
    time.sleep_ms(100)
    n += 1
    if connected is not None:
        try:
            ble.gatts_notify(connected, temperature, struct.pack("<h", 2150 + n % 50))
        except OSError:
            pass
