"""Bluetooth LE devices over a simulated radio, in asyncio and in virtual time.

    import woad

    async def main(air):
        sensor = await air.host("sensor")
        phone = await air.host("phone")
        level = woad.Characteristic(0x2A19, read=True, value=bytes([90]))
        sensor.add_service(woad.Service(0x180F, [level]))
        await sensor.advertise(services=[0x180F])
        link = await phone.connect(await phone.find(name="sensor"))
        print(await link.read(await link.characteristic(0x180F, 0x2A19)))

    with woad.Air() as air:
        air.run(main(air))
"""
from .air import Air, AirLoop, Link
from .connection import Connection
from .errors import (AirStalled, AttError, CallError, ControllerError, Disconnected, HostClosed,
                     PortError, WoadError)
from .gatt import (Characteristic, RemoteCharacteristic, RemoteDescriptor, RemoteService,
                   Service)
from .host import Host
from .ports import PortLoop, open_host, use_air_time
from .values import Address, Report, UUIDLike

__all__ = [
    "Address", "Air", "AirLoop", "AirStalled", "AttError", "CallError", "Characteristic",
    "Connection", "ControllerError", "Disconnected", "Host", "HostClosed", "Link",
    "PortError", "PortLoop", "RemoteCharacteristic", "RemoteDescriptor",
    "RemoteService", "Report", "Service",
    "UUIDLike", "WoadError", "open_host", "use_air_time"]
