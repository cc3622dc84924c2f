# A lamp for docs/tools.md: a characteristic, FFF1, that can be written.
import bluetooth
import time

ble = bluetooth.BLE()
ble.active(True)
ble.gatts_register_services(((bluetooth.UUID(0xFFF0), ((bluetooth.UUID(0xFFF1), bluetooth.FLAG_WRITE),)),))
ble.gap_advertise(100_000, b"\x02\x01\x06\x05\x09lamp")
time.sleep(600)
