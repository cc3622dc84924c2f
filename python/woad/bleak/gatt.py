"""A peer's services as bleak has them: classes of its own before 1.0, later its classes."""
from __future__ import annotations

import inspect
from typing import Any, Callable, Optional

from bleak.backends.characteristic import BleakGATTCharacteristic, GattCharacteristicsFlags
from bleak.backends.descriptor import BleakGATTDescriptor
from bleak.backends.service import BleakGATTService, BleakGATTServiceCollection
from bleak.uuids import normalize_uuid_str

from ..gatt import RemoteCharacteristic, RemoteDescriptor, RemoteService

ABSTRACT = inspect.isabstract(BleakGATTService)  # before 1.0: a backend derives its own
_CCCD = normalize_uuid_str("2902")


def _properties(bits: int) -> list[str]:
    return [flag.name.replace("_", "-") for flag in GattCharacteristicsFlags if bits & flag.value]


class _Service(BleakGATTService):  # type: ignore[misc]
    def __init__(self, obj: RemoteService) -> None:
        super().__init__(obj)
        self._list: list[Any] = []

    uuid = property(lambda self: str(self.obj.uuid))
    handle = property(lambda self: self.obj.start)
    characteristics = property(lambda self: self._list)

    def add_characteristic(self, characteristic: Any) -> None:
        self._list.append(characteristic)


class _Characteristic(BleakGATTCharacteristic):  # type: ignore[misc]
    def __init__(self, obj: RemoteCharacteristic, service: RemoteService, size: int) -> None:
        super().__init__(obj, size)
        self._service, self._list = service, []

    _list: list[Any]
    uuid = property(lambda self: str(self.obj.uuid))
    handle = property(lambda self: self.obj.handle)
    service_uuid = property(lambda self: str(self._service.uuid))
    service_handle = property(lambda self: self._service.start)
    properties = property(lambda self: _properties(self.obj.properties))
    descriptors = property(lambda self: self._list)

    def get_descriptor(self, specifier: Any) -> Optional[Any]:
        for d in self._list:
            if specifier == d.handle or (not isinstance(specifier, int)
                                         and normalize_uuid_str(str(specifier)) == d.uuid):
                return d
        return None

    def add_descriptor(self, descriptor: Any) -> None:
        self._list.append(descriptor)


class _Descriptor(BleakGATTDescriptor):  # type: ignore[misc]
    def __init__(self, obj: RemoteDescriptor, characteristic: RemoteCharacteristic) -> None:
        super().__init__(obj)
        self._characteristic = characteristic

    uuid = property(lambda self: str(self.obj.uuid))
    handle = property(lambda self: self.obj.handle)
    characteristic_uuid = property(lambda self: str(self._characteristic.uuid))
    characteristic_handle = property(lambda self: self._characteristic.handle)


def collection(found: list[tuple[RemoteService,
                                 list[tuple[RemoteCharacteristic, list[RemoteDescriptor]]]]],
               room: Callable[[], int]) -> Any:
    """bleak's collection of what was found.  room: octets of a write without response."""
    services = BleakGATTServiceCollection()
    for s, characteristics in found:
        service = _Service(s) if ABSTRACT else BleakGATTService(s, s.start, str(s.uuid))
        services.add_service(service)
        for c, descriptors in characteristics:
            if ABSTRACT:
                characteristic = _Characteristic(c, s, room())
            else:
                characteristic = BleakGATTCharacteristic(
                    c, c.handle, str(c.uuid), _properties(c.properties), room, service)
            services.add_characteristic(characteristic)
            for d in descriptors:
                services.add_descriptor(
                    _Descriptor(d, c) if ABSTRACT
                    else BleakGATTDescriptor(d, d.handle, str(d.uuid), characteristic))
    return services
