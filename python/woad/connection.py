"""A connection: its GATT client, and what the server does for its peer."""
from __future__ import annotations

import asyncio
import inspect
from collections import deque
from typing import TYPE_CHECKING, Any, Awaitable, Callable, Optional, Union

from ._native import ffi, lib
from .errors import AttError, CallError, WoadError, att_status_error
from .futures import finish
from .gatt import Characteristic, RemoteCharacteristic, RemoteDescriptor, RemoteService
from .values import Address, UUIDLike, from_native_uuid, native_uuid, to_octets

if TYPE_CHECKING:
    from .host import Host

Where = Union[RemoteCharacteristic, RemoteDescriptor, int]


def _handle(where: Where) -> int:
    handle = where if isinstance(where, int) else where.handle
    if not 0 < handle <= 0xFFFF:
        raise ValueError(f"a handle is 1 to 0xffff, not {handle}")
    return handle


class _Procedure:
    """A procedure of the GATT client: its call, the wait for its end, and what it has found."""

    def __init__(self, what: str, function: Any, args: tuple[Any, ...],
                 future: asyncio.Future[list[Any]]) -> None:
        self.what, self.function, self.args, self.future = what, function, args, future
        self.found: list[Any] = []


class Connection:
    """A connection with a peer.  Each call that waits ends when the connection ends: Disconnected,
    with the reason's name; or HostClosed."""

    def __init__(self, host: Host, number: int, peer: Address, central: bool) -> None:
        self._host, self._number = host, number
        #: the peer's address; and whether this side is the central
        self.peer, self.central = peer, central
        self._ended: Optional[WoadError] = None
        self._closed: asyncio.Future[WoadError] = host._loop.create_future()
        self._running: Optional[_Procedure] = None
        self._queue: deque[_Procedure] = deque()
        self._room: list[asyncio.Future[None]] = []
        self._line_room: list[asyncio.Future[None]] = []  # of notifications
        self._commands = False  # Write Commands are queued: a request must not overtake them
        self._indications: deque[asyncio.Future[None]] = deque()
        self._callbacks: dict[int, Callable[[bytes], object]] = {}
        self._securing: Optional[asyncio.Future[None]] = None

    # --- life ---------------------------------------------------------------------------------

    @property
    def connected(self) -> bool:
        return self._ended is None

    @property
    def reason(self) -> Optional[WoadError]:
        """Why it has ended; None while it lasts."""
        return self._ended

    @property
    def mtu(self) -> int:
        """The ATT_MTU in use."""
        info = ffi.new("struct woad_conn_info *")
        self._call("mtu", lib.woad_conn_info, info)
        return int(info.mtu)

    @property
    def encrypted(self) -> bool:
        security = ffi.new("struct woad_security *")
        self._call("encrypted", lib.woad_conn_security, security)
        return bool(security.encrypted)

    def _call(self, what: str, function: Any, *args: Any) -> int:
        if self._ended is not None:
            raise self._ended
        return self._host._call(what, function, self._number, *args)

    def close(self) -> None:
        """Begins to disconnect; without effect on one that has ended."""
        if self._ended is None:
            try:
                self._call("disconnect", lib.woad_disconnect, lib.WOAD_HCI_REMOTE_USER_TERMINATED)
            except CallError as error:
                if error.code not in (lib.WOAD_EALREADY, lib.WOAD_ENOTCONN):
                    raise

    async def disconnect(self) -> None:
        """Disconnects, and returns when the connection has ended."""
        self.close()
        await self.wait_closed()

    async def wait_closed(self) -> WoadError:
        """Waits for the end of the connection, and returns its reason."""
        return await asyncio.shield(self._closed)

    def _end(self, error: WoadError) -> None:
        self._ended = error
        finish(self._closed, error)
        for procedure in (self._running, *self._queue):
            if procedure is not None:
                finish(procedure.future, error=error)
        self._running = None
        self._queue.clear()
        for wait in (*self._room, *self._line_room, *self._indications, self._securing):
            finish(wait, error=error)
        self._room.clear()
        self._line_room.clear()
        self._indications.clear()
        self._callbacks.clear()

    # --- client -------------------------------------------------------------------------------

    async def _run(self, what: str, function: Any, *args: Any) -> list[Any]:
        """Runs a procedure behind those that wait, and returns what it has found.  A procedure
        whose task is cancelled while it waits is not carried out."""
        if self._ended is not None:
            raise self._ended
        procedure = _Procedure(what, function, args, self._host._loop.create_future())
        self._queue.append(procedure)
        self._next()
        return await procedure.future

    def _next(self) -> None:
        while self._running is None and self._queue and not self._commands:
            procedure = self._queue.popleft()
            if procedure.future.done():
                continue
            try:
                self._call(procedure.what, procedure.function, *procedure.args)
                self._running = procedure
            except WoadError as error:
                if error.code == lib.WOAD_ENOTCONN:  # it is ending: _end() has the reason
                    self._running = procedure
                else:
                    finish(procedure.future, error=error)
            except Exception as error:  # of arguments: the next procedure does not suffer
                finish(procedure.future, error=error)

    async def exchange_mtu(self) -> int:
        """Exchanges the ATT_MTU, once in the life of a connection, and returns it."""
        try:
            await self._run("exchange_mtu", lib.woad_gattc_exchange_mtu)
        except CallError as error:
            if error.code != lib.WOAD_EALREADY:
                raise
        return self.mtu

    async def services(self) -> list[RemoteService]:
        """Discovers all primary services and their characteristics."""
        found: list[RemoteService] = []
        for uuid, start, end in await self._run("services", lib.woad_gattc_services, ffi.NULL):
            characteristics = await self._run(
                "services", lib.woad_gattc_characteristics, start, end, ffi.NULL)
            found.append(RemoteService(uuid, start, end, characteristics))
        return found

    async def characteristic(self, service: UUIDLike, which: UUIDLike) -> RemoteCharacteristic:
        """The first characteristic `which` in the services `service`.  AttError (Attribute Not
        Found) without one."""
        found = await self._run(f"characteristic {which}", lib.woad_gattc_find,
                                native_uuid(service), native_uuid(which))
        if not found:
            raise AttError(lib.WOAD_ATT_ATTRIBUTE_NOT_FOUND, f"characteristic {which}")
        first: RemoteCharacteristic = found[0]
        return first

    async def descriptors(self, characteristic: RemoteCharacteristic) -> list[RemoteDescriptor]:
        """Discovers the descriptors of a characteristic."""
        if characteristic.handle >= characteristic.end:
            return []
        return await self._run("descriptors", lib.woad_gattc_descriptors,
                               characteristic.handle + 1, characteristic.end)

    async def read(self, where: Where) -> bytes:
        """Reads a whole value, up to 512 octets."""
        return b"".join(await self._run("read", lib.woad_gattc_read, _handle(where)))

    async def write(self, where: Where, value: bytes, *, response: bool = True) -> None:
        """Writes a value, up to 512 octets, and waits for the response.  Without: queues a Write
        Command of up to ATT_MTU - 3 octets, and waits only while the queue is full."""
        handle, value = _handle(where), to_octets(value)
        if len(value) > lib.WOAD_ATT_VALUE_MAX:
            raise ValueError(f"a value has up to {lib.WOAD_ATT_VALUE_MAX} octets, not {len(value)}")
        if not response:
            await self._when_room("write", lib.woad_gattc_write_command, handle, value, len(value))
            self._commands = self._ended is None
        elif len(value) <= self.mtu - 3:
            await self._run("write", lib.woad_gattc_write, handle, value, len(value))
        else:
            await self._run("write", lib.woad_gattc_write_long, handle, value, len(value), False)

    async def subscribe(self, characteristic: RemoteCharacteristic,
                        callback: Callable[[bytes], object], *, indicate: bool = False) -> None:
        """Calls `callback` with each value that the peer notifies, or indicates."""
        before = self._callbacks.get(characteristic.handle)
        self._callbacks[characteristic.handle] = callback
        bits = lib.WOAD_CCCD_INDICATE if indicate else lib.WOAD_CCCD_NOTIFY
        try:
            await self._run("subscribe", lib.woad_gattc_subscribe, characteristic.handle,
                            characteristic.end, bits)
        except BaseException:
            self._callbacks.pop(characteristic.handle, None)
            if before is not None and self._ended is None:
                self._callbacks[characteristic.handle] = before
            raise

    async def unsubscribe(self, characteristic: RemoteCharacteristic) -> None:
        """Ends a subscription."""
        await self._run("unsubscribe", lib.woad_gattc_subscribe, characteristic.handle,
                        characteristic.end, 0)
        self._callbacks.pop(characteristic.handle, None)

    async def pair(self) -> None:
        """Pairs, or encrypts with the bond's key.  WoadError with the reason if that fails."""
        if self._securing is not None and not self._securing.done():
            raise CallError("pair", lib.WOAD_EALREADY)
        self._securing = self._host._loop.create_future()
        self._call("pair", lib.woad_pair)
        await self._securing

    # --- server -------------------------------------------------------------------------------

    def _subscription(self, handle: int) -> int:
        if self._ended is not None or not self._host._node:
            return 0
        return int(lib.woad_gatt_subscription(self._host._host, self._number, handle))

    async def _when_room(self, what: str, function: Any, *args: Any) -> None:
        """Calls until the queue has room."""
        while True:
            try:
                self._call(what, function, *args)
                return
            except CallError as error:
                if error.code == lib.WOAD_ENOTCONN:
                    raise await self.wait_closed() from None
                if error.code != lib.WOAD_EAGAIN:
                    raise
            node = self._host._alive()
            self._want(node, True)
            room: asyncio.Future[None] = self._host._loop.create_future()
            self._room.append(room)
            await room

    async def _notify(self, handle: int, value: bytes) -> None:
        host, size = self._host, len(value)
        while True:
            if self._ended is not None:
                raise self._ended
            node = host._node or host._alive()
            host._radio._touch(node)
            result = lib.pump_notify(node, self._number, handle, value, size)
            if result == 0:
                return
            if result == lib.WOAD_ENOTCONN:
                raise await self.wait_closed()
            if result != lib.WOAD_EAGAIN:
                raise CallError("notify", result)
            room: asyncio.Future[None] = host._loop.create_future()
            self._line_room.append(room)
            await room

    async def _indicate(self, handle: int, value: bytes) -> None:
        confirmed: asyncio.Future[None] = self._host._loop.create_future()
        await self._when_room("indicate", lib.woad_gatt_indicate, handle, value, len(value))
        self._indications.append(confirmed)
        await confirmed

    def _answer(self, request: int, error: int, value: bytes = b"") -> None:
        if self._ended is None and self._host._node:
            self._host._radio._touch(self._host._node)
            # It fails if the client has gone, or has closed its bearer: nobody waits any more.
            lib.woad_gatt_answer_to(self._host._host, self._number, request, error, value,
                                    len(value))

    async def _answer_when(self, request: Optional[int], result: Awaitable[Any],
                           then: Callable[[Any], bytes]) -> None:
        """Answers the client when its handler's coroutine has ended."""
        try:
            code, value = 0, then(await result)
        except AttError as error:
            code, value = error.code, b""
        except BaseException:
            if request is not None:
                self._answer(request, lib.WOAD_ATT_UNLIKELY)
            raise
        if request is not None:
            self._answer(request, code, value)

    def _on_gatt_read(self, event: Any) -> None:
        request = event.u.gatt_read.request
        c = self._host._values.get(event.u.gatt_read.handle)
        if c is None:
            self._answer(request, lib.WOAD_ATT_UNLIKELY)
        else:
            value, on_read = c.value, c.on_read
            self._dispatch(request, lambda: on_read(self) if on_read else value, to_octets)

    def _on_gatt_write(self, event: Any) -> None:
        w = event.u.gatt_write
        request = w.request if w.need_answer else None
        c = self._host._values.get(w.handle)
        data = bytes(ffi.buffer(w.data, w.len)) if w.len else b""
        if c is None:
            if request is not None:
                self._answer(request, lib.WOAD_ATT_UNLIKELY)
            return
        characteristic, offset, value = c, int(w.offset), data

        def handler() -> Any:
            nonlocal value
            if offset:
                before = to_octets(characteristic.value)
                if offset > len(before):
                    raise AttError(lib.WOAD_ATT_INVALID_OFFSET)
                value = before[:offset] + data
            return characteristic.on_write(self, value) if characteristic.on_write else None

        def store(_: Any) -> bytes:
            characteristic.value = value
            return b""

        self._dispatch(request, handler, store)

    def _dispatch(self, request: Optional[int], handler: Callable[[], Any],
                  then: Callable[[Any], bytes]) -> None:
        """Runs a handler: at once, or as a task if it is a coroutine.  Request None: the client
        wants no answer."""
        try:
            result = handler()
            if inspect.isawaitable(result):
                self._host._spawn(self._answer_when(request, result, then))
                return
            code, value = 0, then(result)
        except AttError as error:
            code, value = error.code, b""
        except BaseException:
            if request is not None:
                self._answer(request, lib.WOAD_ATT_UNLIKELY)
            raise
        if request is not None:
            self._answer(request, code, value)

    # --- events -------------------------------------------------------------------------------

    def _on_event(self, event: Any) -> None:
        handler = _HANDLERS.get(event.type)
        if handler is not None:
            handler(self, event)

    def _found(self, item: Any) -> None:
        if self._running is not None:
            self._running.found.append(item)

    def _on_characteristic(self, event: Any) -> None:
        c = event.u.characteristic
        self._found(RemoteCharacteristic(from_native_uuid(c.uuid), c.value, c.end, c.props,
                                         c.declaration))

    def _on_descriptor(self, event: Any) -> None:
        d = event.u.descriptor
        self._found(RemoteDescriptor(from_native_uuid(d.uuid), d.handle))

    def _on_service(self, event: Any) -> None:
        s = event.u.service
        self._found((from_native_uuid(s.uuid), s.start, s.end))

    def _on_read(self, event: Any) -> None:
        v = event.u.value
        self._found(bytes(ffi.buffer(v.data, v.len)) if v.len else b"")

    def _on_value(self, event: Any) -> None:
        v = event.u.value
        callback = self._callbacks.get(v.handle)
        if callback is not None:
            callback(bytes(ffi.buffer(v.data, v.len)) if v.len else b"")

    def _on_done(self, event: Any) -> None:
        status = event.u.done.status
        if status == lib.WOAD_ENOTCONN:  # _end() follows, with the reason
            return
        procedure, self._running = self._running, None
        if procedure is not None:
            error = att_status_error(procedure.what, status) if status else None
            finish(procedure.future, procedure.found, error)
        self._next()

    def _on_room(self, event: Any) -> None:
        waits, self._room = self._room, []
        for wait in waits:
            finish(wait)
        self._wake_line()
        # Behind those that wait, the line of notifications goes on.
        self._host._loop.call_soon(self._line_goes_on)

    def _line_goes_on(self) -> None:
        if self._ended is None and self._host._node and not self._room:
            self._host._radio._touch(self._host._node)
            self._want(self._host._node, False)

    def _want(self, node: Any, wanted: bool) -> None:
        if lib.pump_want(node, self._number, wanted):
            self._wake_line()

    def _wake_line(self) -> None:
        waits, self._line_room = self._line_room, []
        for wait in waits:
            finish(wait)

    def _on_sent(self, event: Any) -> None:
        self._commands = False
        self._next()

    def _on_indicated(self, event: Any) -> None:
        status = event.u.done.status
        if self._indications and status != lib.WOAD_ENOTCONN:
            finish(self._indications.popleft(),
                   error=att_status_error("indicate", status) if status else None)

    def _on_passkey(self, event: Any) -> None:
        action, number = event.u.passkey.action, event.u.passkey.passkey
        self._host._spawn(self._answer_passkey(action, number))

    async def _answer_passkey(self, action: int, number: int) -> None:
        """Asks the program, and gives its answer; none, or an error, ends the pairing."""
        handler = self._host._on_passkey
        try:
            answer = handler(self, _ACTIONS[action], number) if handler is not None else None
            if inspect.isawaitable(answer):
                answer = await answer
            if action == lib.WOAD_PASSKEY_DISPLAY:
                return
            if answer is None or answer is False:
                number = 0
            elif answer is True or 0 <= int(answer) <= 999999:
                number = int(answer)
            else:
                raise ValueError(f"a passkey is 0 to 999999, not {answer}")
            if self._ended is None and self._host._node:
                self._host._radio._touch(self._host._node)
                # It fails if the pairing has ended: nobody waits any more.
                lib.woad_passkey(self._host._host, self._number, action, number)
        except BaseException:
            self.close()
            raise

    def _on_security(self, event: Any) -> None:
        status = event.u.security.status
        if status == lib.WOAD_ENOTCONN:
            return
        error = WoadError("pair", status, str(status), bytes(
            ffi.string(lib.woad_smp_strerror(status))).decode()) if status else None
        finish(self._securing, error=error)


_ACTIONS = {lib.WOAD_PASSKEY_INPUT: "input", lib.WOAD_PASSKEY_DISPLAY: "display",
            lib.WOAD_PASSKEY_COMPARE: "compare"}
_HANDLERS = {
    lib.WOAD_EV_SERVICE: Connection._on_service,
    lib.WOAD_EV_CHARACTERISTIC: Connection._on_characteristic,
    lib.WOAD_EV_DESCRIPTOR: Connection._on_descriptor,
    lib.WOAD_EV_PASSKEY: Connection._on_passkey,
    lib.WOAD_EV_READ: Connection._on_read,
    lib.WOAD_EV_NOTIFIED: Connection._on_value,
    lib.WOAD_EV_INDICATION: Connection._on_value,
    lib.WOAD_EV_GATTC_DONE: Connection._on_done,
    lib.WOAD_EV_TX_READY: Connection._on_room,
    lib.WOAD_EV_TX_DONE: Connection._on_sent,
    lib.WOAD_EV_INDICATED: Connection._on_indicated,
    lib.WOAD_EV_SECURITY: Connection._on_security,
    lib.WOAD_EV_GATT_READ: Connection._on_gatt_read,
    lib.WOAD_EV_GATT_WRITE: Connection._on_gatt_write,
}
