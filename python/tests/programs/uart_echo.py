# Nordic's UART Service in MicroPython: sends back each line in capitals.
import bluetooth

_SERVICE = bluetooth.UUID("6E400001-B5A3-F393-E0A9-E50E24DCCA9E")
_RX = (bluetooth.UUID("6E400002-B5A3-F393-E0A9-E50E24DCCA9E"),
       bluetooth.FLAG_WRITE | bluetooth.FLAG_WRITE_NO_RESPONSE)
_TX = (bluetooth.UUID("6E400003-B5A3-F393-E0A9-E50E24DCCA9E"), bluetooth.FLAG_NOTIFY)
ble = bluetooth.BLE()


def advertise():
    ble.gap_advertise(100_000, b"\x02\x01\x06\x11\x07" + bytes(_SERVICE),
                      resp_data=b"\x05\x09uart")


def irq(event, data):
    if event == 2:
        print("gone")
        advertise()
    elif event == 3:
        conn, handle = data
        value = ble.gatts_read(handle)
        print("got", value)
        ble.gatts_notify(conn, tx, value.upper())


ble.active(True)
((tx, rx),) = ble.gatts_register_services(((_SERVICE, (_TX, _RX)),))
ble.gatts_set_buffer(rx, 100, True)
ble.irq(irq)
advertise()
import time
while True:
    time.sleep(10)
