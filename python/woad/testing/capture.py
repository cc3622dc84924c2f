"""What was on the air: recorded by `woad air`, read by `woad decode`."""
from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any, Union

if TYPE_CHECKING:
    import os

    from .air import Air

_HEADER = 24  # octets, of a pcap file


class Capture:
    """The packets of one air.  Encrypted ones are as they were before."""

    def __init__(self, air: Air) -> None:
        self._air, self._parts = air, 0
        self.path: Path = air.folder / "air.pcap"
        self._part = air.folder / "0.pcap"

    def _flush(self) -> Path:
        """Adds what was sent since the last call to the file."""
        if self._air._alive:
            part = self._part
            self._parts += 1
            self._part = self._air.folder / f"{self._parts}.pcap"
            self._air.control(f"capture {self._part}")
            self._append(part)
        return self.path

    def _append(self, part: Path) -> None:
        with part.open("rb") as source, self.path.open("ab") as sink:
            if sink.tell():
                source.seek(_HEADER)
            shutil.copyfileobj(source, sink)
        part.unlink()

    def _end(self) -> None:
        """The air has ended, and has written all of the last part."""
        self._append(self._part)

    def _decode(self, *options: str) -> str:
        done = subprocess.run([self._air.programs["woad"], "decode", "--colour", "never", *options,
                               self._flush()], stdout=subprocess.PIPE, text=True, check=False)
        return done.stdout

    def packets(self) -> list[dict[str, Any]]:
        """Each packet as `woad decode --json` has it."""
        return [json.loads(line) for line in self._decode("--json").splitlines()]

    def att(self) -> list[dict[str, Any]]:
        """The ATT PDUs, in their order: of each its "name" and its fields, and of the packet "time"
        (in seconds since the first packet) and "from" ("central" or "peripheral")."""
        return [self._named("att", p) for p in self.packets() if "att" in p]

    def control(self) -> list[dict[str, Any]]:
        """The control PDUs of the link layer, in the same form."""
        return [self._named("control", p) for p in self.packets() if "control" in p]

    @staticmethod
    def _named(what: str, packet: dict[str, Any]) -> dict[str, Any]:
        sender = {"C>P": "central", "P>C": "peripheral"}.get(packet.get("dir", ""), "")
        return {"time": packet.get("time"), "from": sender, **packet[what]}

    def text(self, last: int = 40) -> str:
        """The last packets, a line for each."""
        lines = self._decode().splitlines()
        return "\n".join(lines[-last:] if last else [])

    def save(self, path: Union[str, "os.PathLike[str]"]) -> None:
        """Copies the capture, for Wireshark."""
        shutil.copyfile(self._flush(), path)
