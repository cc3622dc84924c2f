"""bleak's client."""
from __future__ import annotations

import asyncio
from typing import Any, Callable, Optional

from bleak.backends.characteristic import BleakGATTCharacteristic
from bleak.backends.client import BaseBleakClient
from bleak.backends.descriptor import BleakGATTDescriptor
from bleak.backends.device import BLEDevice
from bleak.exc import BleakDeviceNotFoundError, BleakError

from .. import errors
from ..connection import Connection
from ..gatt import RemoteCharacteristic
from ..values import Address, Report
from .adapter import Adapter, adapter
from .gatt import collection

_NOTIFY = 0x10


class WoadBleakClient(BaseBleakClient):  # type: ignore[misc]
    """The backend of BleakClient."""

    def __init__(self, address_or_ble_device: Any, services: Optional[set[str]] = None,
                 **options: Any) -> None:
        super().__init__(address_or_ble_device, **options)
        device = isinstance(address_or_ble_device, BLEDevice)
        self._device = address_or_ble_device if device else None
        self._wanted = services
        self._pairs = bool(options.get("pair"))
        self._adapter: Optional[Adapter] = None
        self._link: Optional[Connection] = None
        self._watch: Optional[asyncio.Task[None]] = None

    # --- life ---------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        return str(self._device.name) if self._device is not None else str(self.address)

    @property
    def is_connected(self) -> Any:
        connected = self._link is not None and self._link.connected
        old = getattr(self, "_DeprecatedIsConnectedReturn", None)  # which may be awaited
        return old(connected) if old is not None else connected

    @property
    def mtu_size(self) -> int:
        return self._connected().mtu

    def _connected(self) -> Connection:
        if self._link is None or not self._link.connected:
            raise BleakError("Not connected")
        return self._link

    async def _find(self, timeout: float) -> Address:
        """The peer's address, which is looked for unless a scan has found it."""
        if self._device is not None and isinstance(self._device.details, Report):
            return self._device.details.address
        assert self._adapter is not None
        try:
            wanted = Address(str(self.address))
        except ValueError as error:
            raise BleakError(str(error)) from error
        found: asyncio.Future[Address] = asyncio.get_running_loop().create_future()

        def listener(report: Report) -> None:
            if report.address.text == wanted.text and not found.done():
                found.set_result(report.address)

        await self._adapter.listen(found, listener, False)
        try:
            return await asyncio.wait_for(found, timeout)
        except TimeoutError:
            raise BleakDeviceNotFoundError(
                self.address, f"Device with address {self.address} was not found.") from None
        finally:
            await self._adapter.unlisten(found)

    async def connect(self, pair: bool = False, **options: Any) -> bool:
        if self._link is not None and self._link.connected:
            raise BleakError("Client is already connected")
        timeout = float(options.get("timeout", self._timeout))
        self._adapter = adapter()
        peer = await self._find(timeout)
        async with asyncio.timeout(timeout):
            try:
                link = self._link = await self._adapter.connect(peer, timeout)
                try:
                    await link.exchange_mtu()
                    if pair or self._pairs:
                        await link.pair()
                    self.services = await self._discover(link)
                except BaseException:
                    link.close()
                    self._link = None
                    raise
            except errors.WoadError as error:
                raise BleakError(f"connecting to {self.address}: {error}") from error
        self._watch = asyncio.ensure_future(self._on_end(link))
        return True

    async def _on_end(self, link: Connection) -> None:
        await link.wait_closed()
        if self._link is link:
            self._link = self.services = None
        if self._disconnected_callback is not None:
            try:
                self._disconnected_callback()
            except (Exception, asyncio.CancelledError) as error:  # no reason for disconnect() to fail
                asyncio.get_running_loop().call_exception_handler(
                    {"message": "in a disconnected_callback of bleak", "exception": error})

    async def disconnect(self) -> bool:
        if self._link is not None:
            await self._link.disconnect()
        if self._watch is not None:
            await asyncio.shield(self._watch)
        return True

    async def pair(self, *_: Any, **__: Any) -> bool:
        await self._run(self._connected().pair())
        return True

    async def unpair(self) -> bool:
        self._adapter = self._adapter or adapter()
        host = await self._adapter.host()
        peer = self._link.peer if self._link is not None else None
        await self.disconnect()
        known = [b for b in host.bonds() if b == peer or b.text == str(self.address).lower()]
        for bond in known:
            host.forget(bond)
        return True

    async def get_services(self, **_: Any) -> Any:
        if self.services is None:
            self.services = await self._discover(self._connected())
        return self.services

    async def _discover(self, link: Connection) -> Any:
        found = []
        for service in await link.services():
            if self._wanted is None or str(service.uuid) in self._wanted:
                found.append((service, [(c, await link.descriptors(c))
                                        for c in service.characteristics]))
        return collection(found, lambda: link.mtu - 3 if link.connected else 20)

    # --- values -------------------------------------------------------------------------------

    async def _run(self, procedure: Any) -> Any:
        """Waits for a procedure, with bleak's errors."""
        try:
            return await procedure
        except errors.Disconnected as error:
            raise BleakError(f"Not connected: {error}") from error
        except errors.AttError as error:
            raise _att_error(error) from error
        except errors.WoadError as error:
            raise BleakError(str(error)) from error

    def _characteristic(self, which: Any) -> RemoteCharacteristic:
        self._connected()
        if not isinstance(which, BleakGATTCharacteristic):
            found = self.services.get_characteristic(which) if self.services else None
            if found is None:
                raise BleakError(f"Characteristic {which} was not found!")
            which = found
        obj: RemoteCharacteristic = which.obj
        return obj

    def _descriptor(self, which: Any) -> int:
        self._connected()
        if not isinstance(which, BleakGATTDescriptor):
            found = self.services.get_descriptor(which) if self.services else None
            if found is None:
                raise BleakError(f"Descriptor with handle {which} was not found!")
            which = found
        return int(which.handle)

    async def read_gatt_char(self, characteristic: Any, **_: Any) -> bytearray:
        c = self._characteristic(characteristic)
        return bytearray(await self._run(self._connected().read(c)))

    async def read_gatt_descriptor(self, descriptor: Any, **_: Any) -> bytearray:
        handle = self._descriptor(descriptor)
        return bytearray(await self._run(self._connected().read(handle)))

    async def write_gatt_char(self, characteristic: Any, data: Any,
                              response: bool = False) -> None:
        c = self._characteristic(characteristic)
        await self._run(self._connected().write(c, bytes(data), response=response))

    async def write_gatt_descriptor(self, descriptor: Any, data: Any) -> None:
        handle = self._descriptor(descriptor)
        await self._run(self._connected().write(handle, bytes(data)))

    async def start_notify(self, characteristic: Any, callback: Callable[[bytearray], None],
                           **_: Any) -> None:
        c = self._characteristic(characteristic)
        await self._run(self._connected().subscribe(
            c, lambda value: callback(bytearray(value)), indicate=not c.properties & _NOTIFY))

    async def stop_notify(self, characteristic: Any) -> None:
        c = self._characteristic(characteristic)
        await self._run(self._connected().unsubscribe(c))


def _att_error(error: errors.AttError) -> Exception:
    """bleak's error for an ATT error: since 3.0 it is one with the code."""
    import bleak.exc
    kind = getattr(bleak.exc, "BleakGATTProtocolError", None)
    found: Exception = BleakError(str(error)) if kind is None else kind(error.code)
    return found
