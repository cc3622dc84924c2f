"""Hosts on controllers outside this process: real ones, and those of `woad air`.

    host = await woad.open_host("unix:/tmp/air.sock", name="phone")

They work in any asyncio event loop.  In a PortLoop, which the package installs where it has to, the
program keeps the time of `woad air`: then its time limits are as exact as the air's packets, and in
virtual time an hour takes a moment."""
from __future__ import annotations

import asyncio
import os
import selectors
import sys
import threading
import weakref
from pathlib import Path
from typing import Any, Callable, Optional

from ._native import ffi, lib
from .errors import PortError
from .host import Host
from .radio import Radio, host_config

_FOREVER = 0xFFFFFFFF
_NEVER = (1 << 64) - 1
_OUTSIDE_SLICE = 0.1  # seconds of one wait for other threads and descriptors, in virtual time


class Ports(Radio):
    """The hosts of one event loop that are on ports."""

    _outside = True

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        pump = lib.pump_new_ports()
        if not pump:
            raise MemoryError
        super().__init__(pump)
        self._loop = loop
        self._fds: dict[int, int] = {}  # of the hosts, by their numbers
        self._timer: Optional[asyncio.TimerHandle] = None
        self._soon: Optional[asyncio.Handle] = None
        self._blocked = False

    async def open(self, spec: Optional[str], name: str, program: Optional[str], connections: int,
                   mtu: int, bonds: Optional[str]) -> Host:
        config = host_config(name, connections, mtu)
        error, message = ffi.new("int *"), ffi.new("char[]", 200)
        script = program or os.path.abspath(sys.argv[0] or sys.executable)
        node = lib.pump_open(self._alive(), config, ffi.NULL if spec is None else os.fsencode(spec),
                             os.fsencode(script), error, message)
        if not node:
            raise PortError(spec, error[0], ffi.string(message).decode(errors="replace"))
        if bonds is not None:
            code = lib.pump_bonds(node, os.fsencode(bonds))
            if code:
                lib.pump_remove(node)
                raise OSError(-code, os.strerror(-code), bonds)
        host = Host(self, name, node)
        self._fds[host._number] = fd = lib.pump_fd(node)
        self._loop.add_reader(fd, self._serve)
        self._touch(node)
        try:
            await host._up()
        except BaseException:
            host.close()
            raise
        return host

    def _touch(self, node: Any) -> None:
        lib.pump_touch(node)
        if self._soon is None:
            self._soon = self._loop.call_soon(self._serve)

    def _forget(self, host: Host) -> None:
        """Before a host's port is closed."""
        super()._forget(host)
        fd = self._fds.pop(host._number)
        if not self._loop.is_closed():
            self._loop.remove_reader(fd)
            self._loop.remove_writer(fd)

    def _serve(self) -> None:
        for handle in (self._timer, self._soon):
            if handle is not None:
                handle.cancel()
        self._timer = self._soon = None
        if not self._finalizer.alive:
            return
        wait, blocked = ffi.new("uint32_t *"), ffi.new("bool *")
        if lib.pump_serve(self._pump, wait, blocked):
            self._deliver()
        if not self._finalizer.alive or not self._fds:
            return
        if blocked[0] != self._blocked:
            self._blocked = blocked[0]
            for fd in self._fds.values():
                if self._blocked:
                    self._loop.add_writer(fd, self._serve)
                else:
                    self._loop.remove_writer(fd)
        if wait[0] == 0:
            self._soon = self._soon or self._loop.call_soon(self._serve)
        elif wait[0] != _FOREVER and self._timer is None:
            self._timer = self._loop.call_later(wait[0] / 1000, self._serve)


_of_loops: "weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Ports]" = (
    weakref.WeakKeyDictionary())


def ports_of(loop: asyncio.AbstractEventLoop) -> Ports:
    """The ports of an event loop; they live as long as it does."""
    ports = _of_loops.get(loop)
    if ports is None or not ports._finalizer.alive:
        ports = _of_loops[loop] = Ports(loop)
    return ports


async def open_host(spec: Optional[str] = None, *, name: str = "", program: Optional[str] = None,
                    connections: int = 4, mtu: int = 247, bonds: Optional[str] = None) -> Host:
    """A host on the controller that `spec` names, as WOAD_HCI does; None: WOAD_HCI, or this user's
    simulated radio.  program: its name on a simulated radio, which decides its address there; None:
    the script's path.  bonds: a file that keeps them.  PortError says why it cannot be opened."""
    ports = ports_of(asyncio.get_running_loop())
    return await ports.open(spec, name, program, connections, mtu, bonds)


# --- the clock ------------------------------------------------------------------------------------

class _PortSelector(selectors.EpollSelector):
    """Waits on this process's clock, which is that of `woad air` while a host is on one."""

    outside: Callable[[], bool]

    def select(self, timeout: Optional[float] = None,
               ) -> list[tuple[selectors.SelectorKey, int]]:
        # First: a thread that ends behind this has written what select() sees.
        outside = lib.pump_is_virtual() and self.outside()
        ready = super().select(0)
        if ready or (timeout is not None and timeout <= 0):
            return ready
        if outside and (timeout is None or timeout > _OUTSIDE_SLICE):
            timeout = _OUTSIDE_SLICE
        until = _NEVER
        if timeout is not None:
            until = min(lib.pump_clock_us() + int(timeout * 1e6) + 1, _NEVER)
        lib.pump_sleep(until, self.fileno(), outside)
        return super().select(0)

class PortLoop(asyncio.SelectorEventLoop):
    """An event loop on the time of `woad air`: its wall's, or virtual time (docs/clock.md)."""

    def __init__(self) -> None:
        selector = _PortSelector()
        self._running_in_threads = 0
        self._threads = set(threading.enumerate())
        self._own_fds = 0
        super().__init__(selector)
        self._own_fds = len(selector.get_map())  # by which threads wake this one
        selector.outside = self._waits_outside
        self._keys = selector.get_map()

    def time(self) -> float:
        return float(lib.pump_clock_us()) / 1e6

    def _waits_outside(self) -> bool:
        """Whether a thread, a file or a socket may wake the program: virtual time waits for them,
        no faster than the wall's."""
        ports = _of_loops.get(self)
        of_ports = len(ports._fds) if ports is not None else 0
        if self._running_in_threads or len(self._keys) > self._own_fds + of_ports:
            return True
        executor = getattr(self, "_default_executor", None)
        idle: set[threading.Thread] = getattr(executor, "_threads", set())
        return any(t not in self._threads and t not in idle for t in threading.enumerate())

    def run_in_executor(self, executor: Any, func: Callable[..., Any],
                        *args: Any) -> "asyncio.Future[Any]":
        future: asyncio.Future[Any] = super().run_in_executor(executor, func, *args)
        self._running_in_threads += 1

        def done(_: object) -> None:
            self._running_in_threads -= 1

        future.add_done_callback(done)
        return future

    def close(self) -> None:
        ports = _of_loops.pop(self, None)
        if ports is not None and not self.is_running():
            ports.close()
        super().close()


class _Policy(asyncio.DefaultEventLoopPolicy):
    def new_event_loop(self) -> asyncio.AbstractEventLoop:
        return PortLoop()


def use_air_time() -> None:
    """asyncio.run() keeps the time of `woad air` from now on.  With WOAD_CLOCK=virtual this process
    joins it at once, so that it is on the air's clock from here.  RuntimeError if it can't."""
    if os.environ.get("WOAD_CLOCK") == "virtual" and not lib.pump_is_virtual():
        join(os.environ.get("WOAD_HCI", ""))
    if not isinstance(asyncio.get_event_loop_policy(), _Policy):
        asyncio.set_event_loop_policy(_Policy())


def join(spec: str, name: Optional[str] = None) -> None:
    """Joins the virtual time of the `woad air` that `spec` names."""
    kind, _, path = spec.partition(":")
    path = path.partition(",")[0]
    name = name or os.environ.get("WOAD_NAME") or Path(sys.argv[0] or "python").stem
    if kind != "unix" or not lib.pump_join(os.fsencode(path), os.fsencode(name)):
        raise RuntimeError(f"there is no virtual time at {spec!r}: start `woad air --clock virtual "
                           f"unix:/path` and set WOAD_HCI=unix:/path")
