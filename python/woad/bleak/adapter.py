"""The host that all scanners and clients of one event loop share, as an adapter is in a PC."""
from __future__ import annotations

import asyncio
import weakref
from typing import Any, Callable, Optional

from ..air import AirLoop
from ..connection import Connection
from ..errors import CallError, HostClosed, WoadError
from ..host import Host
from ..ports import open_host
from ..values import Address, Report

from bleak.exc import BleakError

Listener = Callable[[Report], None]
#: the controller that adapters open; None: WOAD_HCI's
default_spec: Optional[str] = None


class Adapter:
    """One host, whose scan is shared, and pauses while a connection is made."""

    def __init__(self) -> None:
        self._host: Optional[Host] = None
        self._opening: Optional[asyncio.Task[Host]] = None
        self._listeners: dict[object, tuple[Listener, bool]] = {}
        self._scan: Optional[asyncio.Task[None]] = None
        self._connecting = asyncio.Lock()
        # The last advertisement and the last scan response of each device.
        self._parts: dict[tuple[Address, bool], Report] = {}

    def use(self, host: Host) -> None:
        """Uses this host in the place of one of its own."""
        self._host = host

    async def host(self) -> Host:
        """The host, which is opened when it is needed first.  BleakError says why it can't be."""
        if self._host is not None and self._host._node:
            return self._host
        if self._opening is None or self._opening.done():
            self._opening = asyncio.ensure_future(self._open())
        return await asyncio.shield(self._opening)

    async def _open(self) -> Host:
        if isinstance(asyncio.get_running_loop(), AirLoop):
            raise BleakError("this program runs in a woad.Air: give bleak one of its hosts by "
                             "woad.bleak.use_host(await air.host())")
        try:
            self._host = await open_host(default_spec, connections=16)
        except WoadError as error:
            raise BleakError(str(error)) from error
        self._host.set_pairing(bond=True, legacy=True)
        return self._host

    # --- scanning -----------------------------------------------------------------------------

    async def listen(self, key: object, listener: Listener, active: bool) -> None:
        """Calls the listener with each report, joined with the device's earlier ones."""
        await self.host()
        self._listeners[key] = (listener, active)
        await self._restart_scan()

    async def unlisten(self, key: object) -> None:
        if self._listeners.pop(key, None) is not None and not self._listeners:
            self._parts.clear()
            await self._stop_scan()

    async def _restart_scan(self) -> None:
        await self._stop_scan()
        if self._listeners and not self._connecting.locked():
            self._scan = asyncio.ensure_future(self._run_scan())

    async def _stop_scan(self) -> None:
        scan, self._scan = self._scan, None
        if scan is not None:
            scan.cancel()
            await asyncio.gather(scan, return_exceptions=True)

    async def _run_scan(self) -> None:
        host = await self.host()
        active = any(active for _, active in self._listeners.values())
        reports = host.scan(active=active, duplicates=True)
        try:
            async for report in reports:
                self._parts[report.address, report.scan_response] = report
                report = report.joined(self._parts.get((report.address, not report.scan_response)))
                for listener, _ in list(self._listeners.values()):
                    self._call(listener, report)
        except HostClosed:
            pass
        except WoadError as error:  # start() has returned: nobody else would hear of it
            self._report("a bleak scanner hears nothing", error)
        finally:
            await reports.aclose()  # type: ignore[attr-defined]

    @staticmethod
    def _call(listener: Listener, report: Report) -> None:
        """An error of a program's callback ends neither the scan nor the others' reports."""
        try:
            listener(report)
        except (Exception, asyncio.CancelledError) as error:
            Adapter._report("in a callback of a bleak scanner", error)

    @staticmethod
    def _report(message: str, error: BaseException) -> None:
        asyncio.get_running_loop().call_exception_handler({"message": message, "exception": error})

    # --- connecting ---------------------------------------------------------------------------

    async def connect(self, peer: Address, timeout: float) -> Connection:
        """Connects, one attempt at a time; the scan pauses meanwhile."""
        host = await self.host()
        async with self._connecting:
            await self._stop_scan()
            try:
                return await host.connect(peer, timeout=max(timeout, 0.001))
            except CallError as error:
                if error.name == "WOAD_ETIMEDOUT":
                    raise TimeoutError(f"{peer} has not answered in {timeout:g} s") from error
                raise
            finally:
                asyncio.get_running_loop().call_soon(self._resume)

    def _resume(self) -> None:
        if self._listeners and self._scan is None and not self._connecting.locked():
            self._scan = asyncio.ensure_future(self._run_scan())


_of_loops: "weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Adapter]" = (
    weakref.WeakKeyDictionary())


def adapter() -> Adapter:
    """That of the running event loop."""
    loop = asyncio.get_running_loop()
    if loop not in _of_loops:
        _of_loops[loop] = Adapter()
    return _of_loops[loop]


def use_host(host: Any) -> None:
    """bleak uses this host in the running event loop, in the place of one of its own."""
    adapter().use(host)
