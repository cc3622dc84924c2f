"""bleak on Woad's hosts: the simulated radio, a real dongle without BlueZ, or a radio in this
process.

    WOAD_BLEAK=1 python3 program.py           # where the package is installed by pip
    python3 -m woad.bleak program.py          # anywhere

Both run programs that were written for bleak, unmodified.  WOAD_HCI names the controller.  In a
program of one's own, woad.bleak.install() does it, or a class is passed to bleak:

    BleakClient(device, backend=woad.bleak.WoadBleakClient)
"""
from __future__ import annotations

import sys
from typing import Any

from ..ports import use_air_time
from .adapter import Adapter, use_host
from .client import WoadBleakClient
from .scanner import WoadBleakScanner

__all__ = ["Adapter", "WoadBleakClient", "WoadBleakScanner", "install", "installed", "uninstall",
           "use_host"]
_NAMES = {"client": "get_platform_client_backend_type",
          "scanner": "get_platform_scanner_backend_type"}
_before: dict[tuple[str, str], Any] = {}


def _modules() -> list[tuple[Any, str, type[Any]]]:
    """Where bleak keeps the functions that choose a backend: module, name, our class."""
    import bleak
    import bleak.backends.client
    import bleak.backends.scanner
    return [(bleak, _NAMES["client"], WoadBleakClient),
            (bleak.backends.client, _NAMES["client"], WoadBleakClient),
            (bleak, _NAMES["scanner"], WoadBleakScanner),
            (bleak.backends.scanner, _NAMES["scanner"], WoadBleakScanner)]


def _chooser(ours: type[Any]) -> Any:
    import bleak.backends
    with_name = hasattr(bleak.backends, "BleakBackend")  # from 2.0 on

    def get_platform_backend_type() -> Any:
        return (ours, ours.__name__) if with_name else ours

    return get_platform_backend_type


def install(*, air_time: bool = True) -> None:
    """bleak uses Woad's hosts from now on, in all of this process.  air_time: asyncio.run() keeps
    the time of `woad air`, if the controller is one of its."""
    if air_time:
        use_air_time()
    if installed():
        return
    for module, name, ours in _modules():
        _before[module.__name__, name] = getattr(module, name)
        setattr(module, name, _chooser(ours))


def uninstall() -> None:
    """bleak uses the system's Bluetooth again."""
    for (module, name), function in _before.items():
        setattr(sys.modules[module], name, function)
    _before.clear()


def installed() -> bool:
    return bool(_before)
