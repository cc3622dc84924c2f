"""What can go wrong, each with the reason and its name in the C interface."""
from __future__ import annotations

from ._native import ffi, lib


def _names(prefix: str, below: int) -> dict[int, str]:
    found = {}
    for name in dir(lib):
        if name.startswith(prefix) and isinstance(getattr(lib, name), int):
            value: int = getattr(lib, name)
            if (value < 0) == (below < 0):
                found[value] = name
    return found


_CALL = _names("WOAD_E", -1)
_HCI = _names("WOAD_HCI_", 1)
_ATT = _names("WOAD_ATT_", 1)


def _text(pointer: object) -> str:
    text: bytes = ffi.string(pointer)
    return text.decode()


class WoadError(Exception):
    """The base of all errors of this package."""

    def __init__(self, what: str, code: int, name: str, text: str) -> None:
        super().__init__(f"{what}: {text} ({name})")
        self.code = code
        #: the reason's name, as in "WOAD_ENOTCONN" or "WOAD_ATT_READ_NOT_PERMITTED"
        self.name = name


class CallError(WoadError):
    """The host has refused a call, and nothing has changed; or it has ended a procedure itself."""

    def __init__(self, what: str, code: int) -> None:
        super().__init__(what, code, _CALL.get(code, str(code)), _text(lib.woad_strerror(code)))


class AttError(WoadError):
    """The peer has answered with an ATT error.  Raised by a handler of a server, it is the answer
    that the client gets."""

    def __init__(self, code: int, what: str = "the peer has refused") -> None:
        if not 0 < code < 0x100:
            raise ValueError(f"an ATT error is 1 to 255, not {code}")
        super().__init__(what, code, _ATT.get(code, f"0x{code:02x}"),
                         _text(lib.woad_att_strerror(code)))


class ControllerError(WoadError):
    """The controller has refused, or has reported a failure: an HCI error code."""

    def __init__(self, what: str, code: int) -> None:
        super().__init__(what, code, _HCI.get(code, f"0x{code:02x}"),
                         _text(lib.woad_strerror(code)))


class Disconnected(ControllerError):
    """The connection has ended; `code` and `name` are the HCI reason."""

    def __init__(self, code: int, what: str = "the connection has ended") -> None:
        super().__init__(what, code)


class HostClosed(WoadError):
    """The host is closed, or its controller has failed."""

    def __init__(self, what: str, code: int = 0) -> None:
        name = _CALL.get(code, "closed")
        text = _text(lib.woad_strerror(code)) if code else "it is closed"
        super().__init__(what, code, name, text)


class PortError(WoadError):
    """A controller cannot be opened; the text says why, and what to do."""

    def __init__(self, spec: object, code: int, text: str) -> None:
        super().__init__(f"controller {spec}" if spec else "the controller", code,
                         _CALL.get(code, str(code)), text)


class AirStalled(RuntimeError):
    """What the program waits for does not happen: nothing on the air can wake it any more, or
    nothing has within the air's `patience`."""


def check(what: str, result: int) -> int:
    """Returns what a call has returned, or raises CallError."""
    if result < 0:
        raise CallError(what, result)
    return result


def status_error(what: str, status: int) -> WoadError:
    """Of a status that is HCI's, or the host's own."""
    return CallError(what, status) if status < 0 else ControllerError(what, status)


def att_status_error(what: str, status: int) -> WoadError:
    """Of a status that is ATT's, or the host's own."""
    return CallError(what, status) if status < 0 else AttError(status, what)
