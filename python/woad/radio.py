"""What the simulated radio in this process and ports to controllers have in common: their hosts."""
from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

from ._native import ffi, lib

if TYPE_CHECKING:
    from .host import Host


class Radio:
    """Hosts that one pump drives."""

    _outside = False  # hosts are on ports to other processes

    def __init__(self, pump: Any) -> None:
        self._pump = pump
        # Frees it also when nobody calls close().
        self._finalizer = weakref.finalize(self, lib.pump_free, pump)
        self._hosts: dict[int, Host] = {}

    def _alive(self) -> Any:
        if not self._finalizer.alive:
            raise RuntimeError("this radio is closed")
        return self._pump

    @property
    def time(self) -> float:
        """Its clock, in seconds: an air's begins at 0."""
        return float(lib.pump_now_us(self._alive())) / 1e6

    def close(self) -> None:
        """Closes its hosts and frees the radio; a second call has no effect."""
        if self._finalizer.alive:
            for host in list(self._hosts.values()):
                host.close()
            self._finalizer()

    def _touch(self, node: Any) -> None:
        """A function of the node's host is about to be called."""
        lib.pump_touch(node)

    def _forget(self, host: Host) -> None:
        """Before a host's node is removed."""
        self._hosts.pop(host._number, None)

    def _deliver(self) -> None:
        while self._finalizer.alive:
            record = lib.pump_take(self._pump)
            if not record:
                return
            host = self._hosts.get(record.node)
            if host is not None:
                host._on_event(record)


def host_config(name: str, connections: int, mtu: int) -> Any:
    """The sizes of a host.  ValueError for what it cannot have."""
    if not 1 <= connections <= 64 or not 23 <= mtu <= 527:
        raise ValueError(f"connections are 1 to 64, the mtu is 23 to 527; not {connections}, {mtu}")
    if len(name.encode()) > 31:
        raise ValueError(f"a device name has up to 31 octets: {name!r}")
    config = ffi.new("struct woad_config *")
    config.conns, config.mtu, config.tx_queue = connections, mtu, 8192
    config.attr_tables, config.subscriptions = 64, 32
    config.bonds = 16
    return config
