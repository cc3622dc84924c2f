"""The simulated radio and the asyncio event loop that runs in its time."""
from __future__ import annotations

import asyncio
import os
import selectors
import threading
from types import TracebackType
from typing import Any, Callable, Coroutine, Mapping, Optional, Type, TypeVar, Union

from ._native import ffi, lib
from .errors import AirStalled, CallError
from .host import Host
from .radio import Radio, host_config
from .values import Address

T = TypeVar("T")
_EVENTS = 1000  # between two looks at files
_STEPS = 2000  # of the air between two looks at signals
_GRACE = 10.0  # real seconds for which a stalled air waits for other threads
_IDLE_ROUNDS = 1000  # rounds of callbacks that wait for nothing, before a millisecond passes


class Link:
    """What two hosts' packets meet, in both directions: `air.link(a, b).loss = 0.2`."""

    def __init__(self, air: Air, rows: tuple[Any, Any]) -> None:
        self._air, self._rows = air, rows

    @property
    def loss(self) -> float:
        """The share of packets that are lost at random, 0 to 1."""
        self._air._alive()
        return float(self._rows[0].loss_per_mille) / 1000

    @loss.setter
    def loss(self, share: float) -> None:
        self._air._alive()
        if not 0 <= share <= 1:
            raise ValueError(f"the loss is 0 to 1, not {share}")
        for row in self._rows:
            row.loss_per_mille = round(share * 1000)

    @property
    def attenuation(self) -> int:
        """Decibels that the signal loses beside those of the distance."""
        self._air._alive()
        return int(self._rows[0].loss_db)

    @attenuation.setter
    def attenuation(self, db: int) -> None:
        self._air._alive()
        if not -1000 <= db <= 1000:
            raise ValueError(f"the attenuation is -1000 to 1000 dB, not {db}")
        for row in self._rows:
            row.loss_db = db


class Air(Radio):
    """A simulated radio in virtual time.

        air = woad.Air(seed=1)
        air.run(main(air))

    Time passes only while the program waits, and then at once.  Equal programs with an equal seed
    give equal packets.

    seed: of everything that is random.  loss: the share of packets that are lost on every link.
    pcap: a file for all that is on the air, for Wireshark.  patience: virtual seconds for which a
    program without a time limit of its own may wait for the air (AirStalled)."""

    def __init__(self, seed: int = 1, loss: float = 0.0,
                 pcap: Union[str, "os.PathLike[str]", None] = None,
                 patience: float = 3600.0) -> None:
        if not 0 <= seed < 1 << 64:
            raise ValueError(f"the seed is 0 to 2**64 - 1, not {seed}")
        if not 0 <= loss <= 1:
            raise ValueError(f"the loss is 0 to 1, not {loss}")
        if not 0 < patience <= 1e9:
            raise ValueError(f"the patience is more than 0 and up to 1e9 seconds, not {patience}")
        path = ffi.NULL if pcap is None else os.fsencode(pcap)
        pump = lib.pump_new(seed, round(loss * 1000), path)
        if not pump:
            if pcap is None:
                raise MemoryError
            raise OSError(ffi.errno, os.strerror(ffi.errno), os.fspath(pcap))
        super().__init__(pump)
        self._links: dict[frozenset[int], Link] = {}
        self.seed, self.patience = seed, patience

    def __enter__(self) -> Air:
        return self

    def __exit__(self, kind: Optional[Type[BaseException]], error: Optional[BaseException],
                 trace: Optional[TracebackType]) -> None:
        self.close()

    def run(self, main: Coroutine[Any, Any, T]) -> T:
        """As asyncio.run(), in the air's time."""
        try:
            self._alive()
        except RuntimeError:
            main.close()
            raise
        with asyncio.Runner(loop_factory=lambda: AirLoop(self)) as runner:
            return runner.run(main)

    async def host(self, name: str = "", *, address: Optional[str] = None,
                   place: tuple[float, float] = (0.0, 0.0), controller: str = "5.4",
                   connections: int = 4, mtu: int = 247) -> Host:
        """A host with a controller of its own: name is its device name; address, its public
        address; place, metres east and north; controller, a kind that `woad air --help` lists."""
        where = None if address is None else Address(address)
        x, y = (round(metres * 1000) for metres in place)
        node = lib.pump_add(self._alive(), host_config(name, connections, mtu),
                            controller.encode(), where.octets if where else ffi.NULL, x, y)
        if not node:
            raise ValueError(f"no such controller, or no memory: {controller!r}")
        host = Host(self, name, node)
        try:
            await host._up()
        except BaseException:
            host.close()
            raise
        return host

    def link(self, a: Host, b: Host) -> Link:
        """The link between two hosts, whether or not they are connected."""
        pump = self._alive()
        numbers = frozenset((a._number, b._number))
        if a._radio is not self or b._radio is not self or len(numbers) != 2:
            raise ValueError("a link is between two hosts of this air")
        if numbers not in self._links:
            first = 2 * len(self._links)
            if first + 2 > lib.PUMP_LINKS:
                raise CallError("air.link", lib.WOAD_ENOMEM)
            rows = lib.pump_links(pump)
            for row, (one, other) in zip((rows[first], rows[first + 1]), ((a, b), (b, a))):
                row.loss_db, row.loss_per_mille, row.until_us = 0, 0, 0
                setattr(row, "from", lib.pump_controller(one._alive()))
                row.to = lib.pump_controller(other._alive())
            self._links[numbers] = Link(self, (rows[first], rows[first + 1]))
            lib.pump_set_links(pump, first + 2)
        return self._links[numbers]

    def flush(self) -> None:
        """Writes all of the capture to its file, while the air goes on."""
        lib.pump_flush(self._alive())

    def _advance(self, timeout: Optional[float], wait: Callable[[float], bool]) -> None:
        """Lets at most `timeout` seconds pass, until an event has been raised.  wait() looks for
        what other threads and files have, for so long, and returns whether there is something."""
        now = lib.woad_air_now(lib.pump_air(self._alive()))
        until = now + int((self.patience if timeout is None else max(timeout, 0.0)) * 1e6)
        if timeout is not None and timeout > 0:
            until += 1  # not before the time asked for
        loop, pump = asyncio.get_running_loop(), self._pump
        assert isinstance(loop, AirLoop)
        planned = loop.planned()
        for _ in range(_EVENTS):
            if not lib.pump_run(pump, until, _STEPS):
                if wait(0):
                    return
                if lib.woad_air_now(lib.pump_air(pump)) >= until:
                    if timeout is None:
                        self._stalled(wait)
                    return
                continue
            self._deliver()
            # A callback that has made nothing ready, and has set no timer: the air goes on at once.
            if not self._finalizer.alive or loop.planned() != planned:
                return
            if timeout is None:
                until = lib.woad_air_now(lib.pump_air(pump)) + int(self.patience * 1e6)

    def _stalled(self, wait: Callable[[float], bool]) -> None:
        if not (threading.active_count() > 1 and wait(_GRACE)):
            raise AirStalled(f"nothing that the program waits for has happened in "
                             f"{self.patience:g} s of the air's time")


class _AirSelector(selectors.DefaultSelector):
    """Waits for the air in the place of a wait for files, which it looks at without waiting."""

    def __init__(self, air: Air) -> None:
        super().__init__()
        self._air = air
        self._rounds = 0

    def select(self, timeout: Optional[float] = None,
               ) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or not self._air._finalizer.alive:
            return ready or super().select(timeout)
        if timeout is not None and timeout <= 0:
            # A program that only yields would stop the time: let it pass now and then.
            self._rounds += 1
            if self._rounds % _IDLE_ROUNDS:
                return ready
            timeout = 0.001
        else:
            self._rounds = 0

        def wait(seconds: float) -> bool:
            ready.extend(super(_AirSelector, self).select(seconds))
            return bool(ready)

        self._air._advance(timeout, wait)
        return ready


class AirLoop(asyncio.SelectorEventLoop):
    """An asyncio event loop whose time is an air's: `await asyncio.sleep(3600)` takes no time."""

    def __init__(self, air: Air) -> None:
        self._air = air
        self._last = air.time
        super().__init__(_AirSelector(air))

    def planned(self) -> tuple[int, int]:
        """How many callbacks are ready, and how many timers are set: it changes with each."""
        return len(getattr(self, "_ready", ())), len(getattr(self, "_scheduled", ()))

    def time(self) -> float:
        if self._air._finalizer.alive:
            self._last = self._air.time
        return self._last
