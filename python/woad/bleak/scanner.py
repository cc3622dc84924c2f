"""bleak's scanner."""
from __future__ import annotations

import inspect
from typing import Any, Literal, Optional

from bleak.backends.scanner import AdvertisementData, BaseBleakScanner

from ..values import Report
from .adapter import Adapter, adapter

_KEYED = "key" in inspect.signature(BaseBleakScanner.create_or_update_device).parameters


class WoadBleakScanner(BaseBleakScanner):  # type: ignore[misc]
    """The backend of BleakScanner."""

    def __init__(self, detection_callback: Any, service_uuids: Optional[list[str]],
                 scanning_mode: Literal["active", "passive"] = "active", **_: Any) -> None:
        super().__init__(detection_callback, service_uuids)
        if scanning_mode not in ("active", "passive"):
            raise ValueError(f"the scanning mode is active or passive, not {scanning_mode!r}")
        self._active = scanning_mode == "active"
        self._adapter: Optional[Adapter] = None

    async def start(self) -> None:
        self.seen_devices: dict[str, Any] = {}
        self._adapter = adapter()
        await self._adapter.listen(self, self._on_report, self._active)

    async def stop(self) -> None:
        if self._adapter is not None:
            await self._adapter.unlisten(self)

    def set_scanning_filter(self, **_: Any) -> None:
        """Of old programs: without effect, as on other systems than Linux."""

    def _on_report(self, report: Report) -> None:
        uuids = [str(u) for u in report.services]
        if self._service_uuids and not any(u in self._service_uuids for u in uuids):
            return
        data = AdvertisementData(
            local_name=report.name, manufacturer_data=report.manufacturer,
            service_data={str(u): value for u, value in report.service_data.items()},
            service_uuids=uuids, tx_power=report.tx_power, rssi=report.rssi,
            platform_data=(report,))
        address = str(report.address).upper()
        key = {"key": address} if _KEYED else {}
        device = self.create_or_update_device(
            **key, address=address, name=report.name or address.replace(":", "-"),
            details=report, adv=data)
        if _KEYED:
            self.call_detection_callbacks(device, data)
        elif self._callback is not None:
            self._callback(device, data)
