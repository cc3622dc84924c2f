"""A Bluetooth LE host: advertising, scanning, connections, GATT."""
from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any, AsyncIterator, Awaitable, Callable, Iterable, Optional, Union

from ._native import ffi, lib
from .connection import Connection
from .errors import (CallError, Disconnected, HostClosed, WoadError, check, status_error)
from .futures import finish
from .gatt import Characteristic, Service
from .values import (Address, Report, UUIDLike, advertising_data, from_native_address, to_uuid)

if TYPE_CHECKING:
    from .radio import Radio

#: called with the connection, "display", "input" or "compare", and the number to show
PasskeyHandler = Callable[["Connection", str, int], Any]
_IO = {"none": lib.WOAD_IO_NONE, "display": lib.WOAD_IO_DISPLAY, "yes_no": lib.WOAD_IO_DISPLAY_YES_NO,
       "keyboard": lib.WOAD_IO_KEYBOARD, "keyboard_display": lib.WOAD_IO_KEYBOARD_DISPLAY}
_CONNECTABLE = (0, 1)  # ADV_IND, ADV_DIRECT_IND


class Host:
    """One device: a host on a controller of its own.  Air.host() and open_host() make it.

    Each call that waits ends when the host is closed, too: with HostClosed."""

    def __init__(self, radio: Radio, name: str, node: Any) -> None:
        self._radio, self.name, self._node = radio, name, node
        self._number: int = lib.pump_number(node)
        self._host = lib.pump_host(node)
        self._loop = asyncio.get_running_loop()
        radio._hosts[self._number] = self
        self._connections: dict[int, Connection] = {}
        self._values: dict[int, Characteristic] = {}
        self._tables: dict[int, tuple[Service, list[Any], list[int]]] = {}
        self._accepted: deque[Connection] = deque()
        self._waits: dict[str, asyncio.Future[Any]] = {}
        self._reports: Optional[asyncio.Queue[Any]] = None
        self._failure: Optional[WoadError] = None  # why it is closed
        self._on_passkey: Optional[PasskeyHandler] = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.address = Address("00:00:00:00:00:00")  # its public address, once it is up

    # --- life ---------------------------------------------------------------------------------

    async def _up(self) -> None:
        await self._wait("up")
        native = ffi.new("struct woad_addr *")
        self._call("the address", lib.woad_own_address, native)
        self.address = from_native_address(native)
        name = self.name.encode()
        self._call("the name", lib.woad_gatt_set_name, name, len(name))

    def _alive(self) -> Any:
        if not self._node:
            raise HostClosed(f"host {self.name!r}")
        return self._node

    def _call(self, what: str, function: Any, *args: Any) -> int:
        self._radio._touch(self._alive())
        return check(what, function(self._host, *args))

    def _wait(self, what: str) -> asyncio.Future[Any]:
        """The future that the event `what` ends.  One at a time waits for each."""
        before = self._waits.get(what)
        if before is not None and not before.done():
            raise CallError(what, lib.WOAD_EBUSY)
        future = self._waits[what] = self._loop.create_future()
        return future

    def _end(self, what: str, value: Any = None, error: Optional[Exception] = None) -> None:
        finish(self._waits.pop(what, None), value, error)

    def close(self) -> None:
        """Takes the device off the air at once, as without power: peers notice by their
        supervision timeouts.  A second call has no effect."""
        if self._node:
            self._fail(HostClosed(f"host {self.name!r}"))

    def _fail(self, error: WoadError) -> None:
        node, self._node = self._node, None
        self._failure = error
        self._radio._forget(self)
        lib.pump_remove(node)
        for task in self._tasks:
            task.cancel()
        for wait in list(self._waits):
            self._end(wait, error=error)
        if self._reports is not None:
            self._reports.put_nowait(error)
        for connection in list(self._connections.values()):
            connection._end(error)
        self._connections.clear()
        self._accepted.clear()

    async def __aenter__(self) -> Host:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    def move(self, x: float, y: float) -> None:
        """To another place on the air of this process, in metres."""
        if self._radio._outside:
            raise RuntimeError("this host is on a port: `woad control` moves it on a `woad air`")
        c = lib.pump_controller(self._alive())
        lib.woad_air_move(c, round(x * 1000), round(y * 1000), lib.woad_air_power(c))

    # --- pairing ------------------------------------------------------------------------------

    def set_pairing(self, *, io: str = "none", bond: bool = False, mitm: bool = False,
                    legacy: bool = False, on_passkey: Optional[PasskeyHandler] = None) -> None:
        """How this host pairs from now on.  io: what the device has for its user: "none",
        "display", "yes_no", "keyboard" or "keyboard_display".  bond: it keeps the keys.  mitm: it
        demands a method that resists an attacker in the middle.  legacy: peers without LE Secure
        Connections may pair, too.

        on_passkey(connection, action, number) may be a coroutine.  Action "display": show the
        number; "input": return the passkey that the peer shows; "compare": return whether the peer
        shows this number."""
        if io not in _IO:
            raise ValueError(f"io is one of {', '.join(_IO)}, not {io!r}")
        policy = ffi.new("struct woad_security_policy *")
        policy.io, policy.bond, policy.allow_legacy = _IO[io], bond, legacy
        policy.mitm = policy.require_mitm = mitm
        self._call("set_pairing", lib.woad_set_security_policy, policy)
        self._on_passkey = on_passkey

    def bonds(self) -> list[Address]:
        """The peers with which this host is bonded."""
        found: list[Address] = []
        bond = ffi.new("struct woad_bond *")
        self._alive()
        while lib.woad_bond_at(self._host, len(found), bond) == 0:
            found.append(from_native_address(bond.peer))
        return found

    def forget(self, peer: Optional[Address] = None) -> None:
        """Removes a peer's bond, None: all of them.  CallError (WOAD_ENOENT) if the peer has none."""
        self._call("forget", lib.woad_bond_remove, ffi.NULL if peer is None else peer.native())

    # --- advertising and connections from outside ---------------------------------------------

    async def advertise(self, *, name: Optional[str] = None, services: Iterable[UUIDLike] = (),
                        manufacturer: Optional[dict[int, bytes]] = None, interval: float = 0.1,
                        connectable: bool = True) -> None:
        """Starts to advertise, and returns when it has begun; name None: the host's, if it has one.
        It goes on until stop_advertising() or, if connectable, until a central connects."""
        data, response = advertising_data(name if name is not None else self.name or None, services,
                                          manufacturer or {})
        if not 0.02 <= interval <= 10.24:
            raise ValueError(f"the interval is 0.02 to 10.24 seconds, not {interval}")
        params = ffi.new("struct woad_adv_params *")
        params.kind = lib.WOAD_ADV_IND if connectable else lib.WOAD_ADV_SCAN_IND
        params.interval_625us = round(interval / 0.000625)
        started = self._wait("advertising")
        try:
            self._call("advertise", lib.woad_adv_set_data, data, len(data))
            self._call("advertise", lib.woad_adv_set_scan_response, response, len(response))
            self._call("advertise", lib.woad_adv_start, params)
        except WoadError:
            del self._waits["advertising"]
            raise
        await started

    async def stop_advertising(self) -> None:
        """Stops it, and returns when it has ended."""
        self._alive()
        if lib.woad_adv_running(self._host):
            stopped = self._wait("advertising stopped")
            self._call("stop_advertising", lib.woad_adv_stop)
            await stopped

    async def accept(self) -> Connection:
        """The next connection that a central makes."""
        while True:
            self._alive()
            while self._accepted:
                connection = self._accepted.popleft()
                if connection.connected:
                    return connection
            await self._wait("accept")

    @property
    def connections(self) -> list[Connection]:
        return list(self._connections.values())

    # --- scanning and connecting --------------------------------------------------------------

    async def scan(self, duration: Optional[float] = None, *, active: bool = True,
                   duplicates: bool = False) -> AsyncIterator[Report]:
        """Yields what it receives, for `duration` seconds, or until the iterator is closed."""
        if duration is not None and not 0.001 <= duration <= 2e6:
            raise ValueError(f"the duration is 0.001 to 2e6 seconds, not {duration}")
        if self._reports is not None:
            raise CallError("scan", lib.WOAD_EALREADY)
        params = ffi.new("struct woad_scan_params *")
        params.interval_625us = params.window_625us = 96
        params.active, params.filter_duplicates = active, not duplicates
        params.duration_ms = 0 if duration is None else round(duration * 1000)
        stopping = self._waits.get("scan stopped")
        if stopping is not None:  # of an iterator that was closed just now
            await asyncio.shield(stopping)
        self._call("scan", lib.woad_scan_start, params)
        reports: asyncio.Queue[Any] = asyncio.Queue()
        self._reports = reports
        try:
            while True:
                item = await reports.get()
                if item is None:
                    return
                if isinstance(item, Exception):
                    raise self._failure or item
                yield item
        finally:
            self._reports = None
            if self._node and lib.woad_scan_running(self._host):
                self._wait("scan stopped")
                self._call("scan", lib.woad_scan_stop)

    async def find(self, *, name: Optional[str] = None, service: Optional[UUIDLike] = None,
                   timeout: float = 10.0) -> Report:
        """The first device with this name and this service, as one report of what its advertisement
        and its scan response have.  TimeoutError without one."""
        reports = self.scan(timeout)
        wanted = None if service is None else to_uuid(service)
        seen: dict[Address, Report] = {}
        try:
            async for report in reports:
                report = seen[report.address] = report.joined(seen.get(report.address))
                if name in (None, report.name) and (wanted is None or wanted in report.services):
                    return report
        finally:
            await reports.aclose()  # type: ignore[attr-defined]
        raise TimeoutError(f"no device with name {name!r}, service {service!r} in {timeout:g} s")

    async def connect(self, peer: Union[Address, Report, Host, str], *,
                      timeout: float = 10.0) -> Connection:
        """Connects to a peer.  ControllerError or CallError (WOAD_ETIMEDOUT) if that fails."""
        if not 0.001 <= timeout <= 2e6:
            raise ValueError(f"the timeout is 0.001 to 2e6 seconds, not {timeout}")
        address = Address(peer) if isinstance(peer, str) else peer
        if not isinstance(address, Address):
            address = address.address
        params = ffi.new("struct woad_connect_params *")
        params.scan_interval_625us = params.scan_window_625us = 96
        params.interval_min_1250us, params.interval_max_1250us = 24, 40
        params.supervision_10ms, params.timeout_ms = 400, round(timeout * 1000)
        ending = self._waits.get("connect abandoned")
        if ending is not None:  # an attempt whose task was cancelled
            await asyncio.shield(ending)
        future = self._wait("connect")
        try:
            self._call("connect", lib.woad_connect, address.native(), params)
        except BaseException:
            self._waits.pop("connect", None)
            raise
        try:
            connection: Connection = await future
        except asyncio.CancelledError:
            self._abandon(future)
            raise
        return connection

    def _abandon(self, future: asyncio.Future[Any]) -> None:
        """Ends an attempt to connect whose task was cancelled, and a connection that came of it."""
        if not future.cancelled():
            if future.exception() is None:
                future.result().close()
        elif self._node and self._waits.get("connect") is future:
            del self._waits["connect"]
            self._wait("connect abandoned")
            self._radio._touch(self._node)
            lib.woad_connect_cancel(self._host)

    # --- server -------------------------------------------------------------------------------

    def add_service(self, service: Service) -> None:
        """Adds a service; clients that are connected and want to know are notified."""
        if any(c._host is not None for c in service.characteristics):
            raise ValueError("a characteristic of this service is in a server already")
        table, keep, rows = service._rows()
        first = ffi.new("uint16_t *")
        self._call("add_service", lib.woad_gatt_add, table, len(table), first)
        for row, characteristic in rows.items():
            characteristic._host, characteristic.handle = self, first[0] + row
            self._values[characteristic.handle] = characteristic
        self._tables[first[0]] = (service, keep, [first[0] + row for row in rows])

    def remove_service(self, service: Service) -> None:
        """Removes one that was added.  ValueError for another."""
        for first, (known, _, handles) in self._tables.items():
            if known is service:
                break
        else:
            raise ValueError("this service is not in this server")
        self._call("remove_service", lib.woad_gatt_remove, first)
        del self._tables[first]
        for handle in handles:
            self._values.pop(handle)._host = None

    async def _notify(self, characteristic: Characteristic, value: bytes) -> int:
        sent, handle = 0, characteristic.handle
        for connection in list(self._connections.values()):
            bits = connection._subscription(handle)
            if not bits:
                continue
            try:
                if bits & lib.WOAD_CCCD_NOTIFY:
                    await connection._notify(handle, value)
                else:
                    await connection._indicate(handle, value)
                sent += 1
            except Disconnected:
                pass
        return sent

    def _spawn(self, work: Awaitable[None]) -> None:
        async def run() -> None:
            await work
        task = self._loop.create_task(run())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # --- events -------------------------------------------------------------------------------

    def _on_event(self, record: Any) -> None:
        event = record.ev
        handler = _HANDLERS.get(event.type)
        try:
            if handler is not None:
                handler(self, event)
            elif event.conn != lib.WOAD_NO_CONN:
                connection = self._connections.get(event.conn)
                if connection is not None:
                    connection._on_event(event)
        except (Exception, asyncio.CancelledError) as error:  # a callback's: the air goes on
            self._loop.call_exception_handler(
                {"message": f"in a callback of host {self.name!r}", "exception": error})
        if self._node and lib.pump_error(self._node):
            self._fail(HostClosed(f"host {self.name!r}", lib.pump_error(self._node)))

    def _on_down(self, event: Any) -> None:
        self._fail(HostClosed(f"host {self.name!r}", event.u.down.error or lib.WOAD_EIO))

    def _on_report(self, event: Any) -> None:
        if self._reports is not None:
            r = event.u.report
            self._reports.put_nowait(Report(
                from_native_address(r.addr), r.rssi, r.kind in _CONNECTABLE, r.kind == 4,
                bytes(ffi.buffer(r.data, r.len)) if r.len else b""))

    def _on_scan_done(self, event: Any) -> None:
        status = event.u.scan.status
        if self._reports is not None:
            self._reports.put_nowait(status_error("scan", status) if status else None)
        self._end("scan stopped")

    def _on_adv_failed(self, event: Any) -> None:
        self._end("advertising", error=status_error("advertise", event.u.adv.status))

    def _on_adv_stopped(self, event: Any) -> None:
        self._end("advertising stopped")
        self._end("advertising", error=status_error(
            "advertise", event.u.adv.status or lib.WOAD_ECANCELED))

    def _on_connect(self, event: Any) -> None:
        connect = event.u.connect
        connection = Connection(self, event.conn, from_native_address(connect.peer),
                                bool(connect.central))
        self._connections[event.conn] = connection
        if not connection.central:
            self._end("advertising stopped")
            self._accepted.append(connection)
            self._end("accept")
        elif "connect abandoned" in self._waits:
            self._end("connect abandoned")
            connection.close()
        else:
            self._end("connect", connection)

    def _on_connect_failed(self, event: Any) -> None:
        self._end("connect abandoned")
        self._end("connect", error=status_error("connect", event.u.connect_failed.status))

    def _on_disconnect(self, event: Any) -> None:
        connection = self._connections.pop(event.conn, None)
        if connection is not None:
            connection._end(Disconnected(event.u.disconnect.reason))


_HANDLERS = {
    lib.WOAD_EV_UP: lambda h, e: h._end("up"),
    lib.WOAD_EV_DOWN: Host._on_down,
    lib.WOAD_EV_REPORT: Host._on_report,
    lib.WOAD_EV_SCAN_DONE: Host._on_scan_done,
    lib.WOAD_EV_ADV_STARTED: lambda h, e: h._end("advertising"),
    lib.WOAD_EV_ADV_FAILED: Host._on_adv_failed,
    lib.WOAD_EV_ADV_STOPPED: Host._on_adv_stopped,
    lib.WOAD_EV_CONNECT: Host._on_connect,
    lib.WOAD_EV_CONNECT_FAILED: Host._on_connect_failed,
    lib.WOAD_EV_DISCONNECT: Host._on_disconnect,
}
