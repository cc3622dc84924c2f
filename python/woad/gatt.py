"""Services of a host's own server, and those that a client has found at a peer."""
from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Awaitable, Callable, Optional, Sequence, Union

from ._native import ffi, lib
from .errors import AttError
from .values import UUIDLike, native_uuid, to_octets, to_uuid

if TYPE_CHECKING:
    from .connection import Connection
    from .host import Host

#: called when a client reads: returns the value, or raises AttError
ReadHandler = Callable[["Connection"], Union[bytes, Awaitable[bytes]]]
#: called when a client writes, before the value changes: may raise AttError, then it does not
WriteHandler = Callable[["Connection", bytes], Union[None, Awaitable[None]]]


class Characteristic:
    """A characteristic of a host's own server.

    Without on_read, clients read `value`; a write sets it.  The handlers may be coroutines: the
    client waits for its answer, 30 s at most."""

    def __init__(self, uuid: UUIDLike, *, value: bytes = b"", read: bool = False,
                 write: bool = False, write_command: bool = False, notify: bool = False,
                 indicate: bool = False, encrypted: bool = False,
                 on_read: Optional[ReadHandler] = None,
                 on_write: Optional[WriteHandler] = None) -> None:
        if not (read or write or write_command or notify or indicate):
            raise ValueError("a characteristic needs read, write, write_command, notify or "
                             "indicate")
        self.uuid = to_uuid(uuid)
        self.value = value
        self.on_read, self.on_write = on_read, on_write
        self.properties = (read * lib.WOAD_PROP_READ | write * lib.WOAD_PROP_WRITE
                           | write_command * lib.WOAD_PROP_WRITE_COMMAND
                           | notify * lib.WOAD_PROP_NOTIFY | indicate * lib.WOAD_PROP_INDICATE)
        readable = lib.WOAD_PERM_READ | encrypted * lib.WOAD_PERM_READ_ENCRYPTED
        writable = lib.WOAD_PERM_WRITE | encrypted * lib.WOAD_PERM_WRITE_ENCRYPTED
        self._perm = read * readable | (write or write_command) * writable
        if encrypted and not read:
            self._perm |= lib.WOAD_PERM_READ_ENCRYPTED
        self._host: Optional[Host] = None
        self.handle = 0  # of the value, once it is in a server

    @property
    def subscribable(self) -> bool:
        return bool(self.properties & (lib.WOAD_PROP_NOTIFY | lib.WOAD_PROP_INDICATE))

    def _server(self) -> Host:
        if self._host is None:
            raise RuntimeError(f"characteristic {self.uuid} is in no server: host.add_service()")
        return self._host

    def subscribers(self) -> list[Connection]:
        """The connections whose client has subscribed."""
        return [c for c in self._server().connections if c._subscription(self.handle)]

    async def notify(self, value: Optional[bytes] = None) -> int:
        """Sends the value, the present one or this one, which becomes it, to each subscriber, as
        its client asked: by a notification, or by an indication, whose confirmation it waits for.
        Waits while a connection's queue is full.  Returns how many clients it went to; one that
        leaves meanwhile is not counted."""
        server = self._server()
        if value is not None:
            self.value = to_octets(value)
        return await server._notify(self, to_octets(self.value))


@dataclass
class Service:
    """A primary service of a host's own server."""

    uuid: UUIDLike
    characteristics: Sequence[Characteristic]

    def _rows(self) -> tuple[Any, list[Any], dict[int, Characteristic]]:
        """The attributes; what they point to; and the characteristic of each value's row."""
        own = native_uuid(self.uuid)
        keep: list[Any] = [own]
        rows: list[tuple[Any, int, int, int]] = [
            (own, lib.WOAD_ATTR_PRIMARY, 0, lib.WOAD_PERM_READ)]
        values = {}
        for c in self.characteristics:
            native = native_uuid(c.uuid)
            keep.append(native)
            rows.append((native, lib.WOAD_ATTR_CHARACTERISTIC, c.properties, lib.WOAD_PERM_READ))
            values[len(rows)] = c
            rows.append((native, lib.WOAD_ATTR_VALUE, 0, c._perm))
            if c.subscribable:
                rows.append((ffi.NULL, lib.WOAD_ATTR_CCCD, 0,
                             lib.WOAD_PERM_READ | lib.WOAD_PERM_WRITE))
        table = ffi.new("struct woad_attr[]", len(rows))
        for row, (native, kind, props, perm) in zip(table, rows):
            row.uuid, row.kind, row.props, row.perm = native, kind, props, perm
        keep.append(table)
        return table, keep, values


@dataclass(frozen=True)
class RemoteDescriptor:
    """A descriptor of a characteristic of a peer's server."""

    uuid: uuid.UUID
    handle: int


@dataclass(frozen=True)
class RemoteCharacteristic:
    """A characteristic of a peer's server."""

    uuid: uuid.UUID
    handle: int  # of its value
    end: int  # the last handle that belongs to it
    properties: int
    declaration: int = 0  # the handle of its declaration


@dataclass(frozen=True)
class RemoteService:
    """A primary service of a peer's server."""

    uuid: uuid.UUID
    start: int
    end: int
    characteristics: list[RemoteCharacteristic] = field(default_factory=list)

    def characteristic(self, which: UUIDLike) -> RemoteCharacteristic:
        """The first one of this UUID.  AttError (Attribute Not Found) without one."""
        for c in self.characteristics:
            if c.uuid == to_uuid(which):
                return c
        raise AttError(lib.WOAD_ATT_ATTRIBUTE_NOT_FOUND,
                       f"service {self.uuid} has no characteristic {which}")
