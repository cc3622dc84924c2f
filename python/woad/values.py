"""Addresses, UUIDs, advertising data."""
from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any, Iterable, Union

from ._native import ffi, lib

#: a UUID as programs write it: 0x180f, "180f", the long form, or uuid.UUID
UUIDLike = Union[int, str, uuid.UUID]
_BASE = uuid.UUID("00000000-0000-1000-8000-00805f9b34fb")


def to_uuid(value: UUIDLike) -> uuid.UUID:
    """The 128-bit form.  ValueError for what is none."""
    if isinstance(value, uuid.UUID):
        return value
    if isinstance(value, str):
        if len(value) not in (4, 8):
            return uuid.UUID(value)
        value = int(value, 16)
    if not 0 <= value <= 0xFFFFFFFF:
        raise ValueError(f"a UUID of 16 or 32 bits is 0 to 0xffffffff, not {value:#x}")
    return uuid.UUID(int=(value << 96) | _BASE.int)


def native_uuid(value: UUIDLike) -> Any:
    """A struct woad_uuid of 2 octets where that is enough, else of 16."""
    long = to_uuid(value)
    native = ffi.new("struct woad_uuid *")
    short = long.int >> 96
    octets = long.bytes[::-1]
    if long.int - (short << 96) == _BASE.int and short <= 0xFFFF:
        octets = short.to_bytes(2, "little")
    native.size = len(octets)
    ffi.memmove(native.le, octets, len(octets))
    return native


def from_native_uuid(native: Any) -> uuid.UUID:
    octets = bytes(ffi.buffer(native.le, native.size))
    if native.size == 16:
        return uuid.UUID(bytes=octets[::-1])
    return to_uuid(int.from_bytes(octets, "little"))


def to_octets(value: Any) -> bytes:
    """The octets of bytes, a bytearray, a memoryview, a list of numbers.  TypeError for what has
    none, and for a number, of which bytes() would make so many zeros."""
    if hasattr(value, "__index__"):
        raise TypeError(f"octets are needed, not the number {value!r}")
    return bytes(value)


@dataclass(frozen=True, order=True)
class Address:
    """A device address, as in "02:00:00:00:00:01"."""

    text: str
    random: bool = False

    def __post_init__(self) -> None:
        octets = self.text.split(":")
        try:
            good = len(octets) == 6 and all(len(o) == 2 and int(o, 16) >= 0 for o in octets)
        except ValueError:
            good = False
        if not good:
            raise ValueError(f"an address is six octets, as in 02:00:00:00:00:01, not "
                             f"{self.text!r}")
        object.__setattr__(self, "text", self.text.lower())

    def __str__(self) -> str:
        return self.text

    @property
    def octets(self) -> bytes:
        """Least significant first, as on the air."""
        return bytes.fromhex(self.text.replace(":", ""))[::-1]

    def native(self) -> Any:
        native = ffi.new("struct woad_addr *")
        native.type = int(self.random)
        ffi.memmove(native.octet, self.octets, 6)
        return native


def from_native_address(native: Any) -> Address:
    octets = bytes(ffi.buffer(native.octet, 6))[::-1]
    return Address(":".join(f"{o:02x}" for o in octets), bool(native.type & 1))


def structures(data: bytes) -> list[tuple[int, bytes]]:
    """The structures of advertising data, (type, value); malformed data end them."""
    found, at = [], 0
    while at + 1 < len(data) and data[at] and at + 1 + data[at] <= len(data):
        found.append((data[at + 1], data[at + 2:at + 1 + data[at]]))
        at += 1 + data[at]
    return found


def advertising_data(name: str | None, services: Iterable[UUIDLike],
                     manufacturer: dict[int, bytes]) -> tuple[bytes, bytes]:
    """Advertising data and scan response: flags and services; what does not fit beside them goes
    into the response.  ValueError if it does not fit there either."""
    parts = [bytes((lib.WOAD_AD_FLAGS, lib.WOAD_AD_GENERAL | lib.WOAD_AD_LE_ONLY))]
    uuids = [native_uuid(s) for s in services]
    for size, kind in ((2, lib.WOAD_AD_UUIDS16), (16, lib.WOAD_AD_UUIDS128)):
        listed = b"".join(bytes(ffi.buffer(u.le, size)) for u in uuids if u.size == size)
        if listed:
            parts.append(bytes((kind,)) + listed)
    if name is not None:
        parts.append(bytes((lib.WOAD_AD_NAME,)) + name.encode())
    for company, value in manufacturer.items():
        parts.append(bytes((lib.WOAD_AD_MANUFACTURER,)) + company.to_bytes(2, "little") + value)
    payloads = [b"", b""]
    for part in parts:
        for k in (0, 1):
            if len(payloads[k]) + 1 + len(part) <= lib.WOAD_ADV_DATA_MAX:
                payloads[k] += bytes((len(part),)) + part
                break
        else:
            raise ValueError(f"name, services and manufacturer's data do not fit into two times "
                             f"{lib.WOAD_ADV_DATA_MAX} octets: {len(part)} octets are left over")
    return payloads[0], payloads[1]


@dataclass(frozen=True)
class Report:
    """An advertisement, or a scan response, that a scan has received."""

    address: Address
    rssi: int
    connectable: bool
    scan_response: bool
    data: bytes

    def joined(self, before: Report | None) -> Report:
        """This one, with the data of an earlier one of the same device that was of the other kind:
        advertisement or scan response."""
        if before is None or before.scan_response == self.scan_response:
            return self
        first, second = (before, self) if self.scan_response else (self, before)
        return Report(self.address, self.rssi, first.connectable, False, first.data + second.data)

    @property
    def name(self) -> str | None:
        for kind, value in structures(self.data):
            if kind in (lib.WOAD_AD_NAME, lib.WOAD_AD_NAME_SHORT):
                return value.decode(errors="replace")
        return None

    @property
    def services(self) -> list[uuid.UUID]:
        sizes = {lib.WOAD_AD_UUIDS16_SOME: 2, lib.WOAD_AD_UUIDS16: 2, lib.WOAD_AD_UUIDS32_SOME: 4,
                 lib.WOAD_AD_UUIDS32: 4, lib.WOAD_AD_UUIDS128_SOME: 16, lib.WOAD_AD_UUIDS128: 16}
        found = []
        for kind, value in structures(self.data):
            size = sizes.get(kind, 0)
            for at in range(0, len(value) - size + 1, size) if size else ():
                number = int.from_bytes(value[at:at + size], "little")
                found.append(uuid.UUID(int=number) if size == 16 else to_uuid(number))
        return found

    @property
    def manufacturer(self) -> dict[int, bytes]:
        return {int.from_bytes(value[:2], "little"): value[2:]
                for kind, value in structures(self.data)
                if kind == lib.WOAD_AD_MANUFACTURER and len(value) >= 2}

    @property
    def service_data(self) -> dict[uuid.UUID, bytes]:
        sizes = {lib.WOAD_AD_SERVICE_DATA16: 2, lib.WOAD_AD_SERVICE_DATA32: 4,
                 lib.WOAD_AD_SERVICE_DATA128: 16}
        found = {}
        for kind, value in structures(self.data):
            size = sizes.get(kind, 0)
            if size and len(value) >= size:
                number = int.from_bytes(value[:size], "little")
                key = uuid.UUID(int=number) if size == 16 else to_uuid(number)
                found[key] = value[size:]
        return found

    @property
    def tx_power(self) -> int | None:
        """dBm, if it is advertised."""
        for kind, value in structures(self.data):
            if kind == lib.WOAD_AD_TX_POWER and len(value) == 1:
                return int.from_bytes(value, "little", signed=True)
        return None
