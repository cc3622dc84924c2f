"""Types of MicroPython's module `bluetooth` as build/micropython has it: docs/module.md.

Marked "Woad": what upstream's module does not have.  A method that the board's build leaves out is absent
(`hasattr`).  OSError: 19 not active, 11 and 12 full, 16 busy, 22 an argument, 95 not available, 107 no such
connection.
"""
from typing import Any, Callable, Iterable, Literal, overload

from _typeshed import ReadableBuffer, WriteableBuffer

FLAG_READ: int
FLAG_WRITE_NO_RESPONSE: int
FLAG_WRITE: int
FLAG_NOTIFY: int
FLAG_INDICATE: int

class UUID:
    def __init__(self, value: int | ReadableBuffer | str | UUID, /) -> None:
        """16 bits as int or 2 octets, 32 as 4, 128 as 16 octets (little-endian) or as text of 32 digits."""
    def __buffer__(self, flags: int, /) -> memoryview: ...
    def __bytes__(self) -> bytes: ...
    def __hash__(self) -> int: ...
    def __lt__(self, other: UUID) -> bool: ...
    def __le__(self, other: UUID) -> bool: ...
    def __gt__(self, other: UUID) -> bool: ...
    def __ge__(self, other: UUID) -> bool: ...

_Data = ReadableBuffer | UUID | str
_Peer = tuple[int, ReadableBuffer]
_Descriptor = tuple[UUID, int]
_Characteristic = tuple[UUID, int] | tuple[UUID, int, Iterable[_Descriptor]]
_Service = tuple[UUID, Iterable[_Characteristic]]
_Handler = Callable[[int, Any], Any]

class BLE:
    """The radio; there is one, whatever BLE() is called with."""

    def __init__(self, *args: Any, **kwargs: Any) -> None: ...
    @overload
    def active(self) -> bool: ...
    @overload
    def active(self, active: bool | int, /) -> bool: ...
    def irq(self, handler: _Handler | None, /) -> None:
        """The handler gets an event's number and its data, whose content changes with the next event.

        1 CENTRAL_CONNECT (conn_handle, addr_type, addr)
        2 CENTRAL_DISCONNECT (conn_handle, addr_type, addr)
        3 GATTS_WRITE (conn_handle, value_handle)
        4 GATTS_READ_REQUEST (conn_handle, value_handle): a number other than 0 refuses
        5 SCAN_RESULT (addr_type, addr, adv_type, rssi, adv_data)
        6 SCAN_DONE ()
        7 PERIPHERAL_CONNECT (conn_handle, addr_type, addr)
        8 PERIPHERAL_DISCONNECT (conn_handle, addr_type, addr)
        9 GATTC_SERVICE_RESULT (conn_handle, start_handle, end_handle, uuid)
        10 GATTC_SERVICE_DONE (conn_handle, status)
        11 GATTC_CHARACTERISTIC_RESULT (conn_handle, end_handle, value_handle, properties, uuid)
        12 GATTC_CHARACTERISTIC_DONE (conn_handle, status)
        13 GATTC_DESCRIPTOR_RESULT (conn_handle, dsc_handle, uuid)
        14 GATTC_DESCRIPTOR_DONE (conn_handle, status)
        15 GATTC_READ_RESULT (conn_handle, value_handle, char_data)
        16 GATTC_READ_DONE (conn_handle, value_handle, status)
        17 GATTC_WRITE_DONE (conn_handle, value_handle, status)
        18 GATTC_NOTIFY (conn_handle, value_handle, notify_data)
        19 GATTC_INDICATE (conn_handle, value_handle, notify_data)
        20 GATTS_INDICATE_DONE (conn_handle, value_handle, status)
        21 MTU_EXCHANGED (conn_handle, mtu)
        22 L2CAP_ACCEPT (conn_handle, cid, psm, our_mtu, peer_mtu): a number other than 0 refuses
        23 L2CAP_CONNECT (conn_handle, cid, psm, our_mtu, peer_mtu)
        24 L2CAP_DISCONNECT (conn_handle, cid, psm, status)
        25 L2CAP_RECV (conn_handle, cid)
        26 L2CAP_SEND_READY (conn_handle, cid, status)
        27 CONNECTION_UPDATE (conn_handle, conn_interval, conn_latency, supervision_timeout, status)
        28 ENCRYPTION_UPDATE (conn_handle, encrypted, authenticated, bonded, key_size)
        29 GET_SECRET (sec_type, index, key): returns the secret or None
        30 SET_SECRET (sec_type, key, value): returns True
        31 PASSKEY_ACTION (conn_handle, action, passkey): 2 type it, 3 show one, 4 compare

        64 to 78 are Woad's, and raised only after config(events=…): docs/module.md
        """
    @overload
    def config(self, param: Literal["mac"], /) -> tuple[int, bytes]: ...
    @overload
    def config(self, param: Literal["gap_name"], /) -> bytes: ...
    @overload
    def config(self, param: Literal["mtu", "rxbuf", "dropped", "bond_error"], /) -> int: ...
    @overload
    def config(self, param: Literal["events"], /) -> tuple[int, ...]: ...
    @overload
    def config(
        self,
        *,
        gap_name: _Data = ...,
        rxbuf: int = ...,
        mtu: int = ...,
        addr_mode: int = ...,
        bond: bool | int = ...,
        mitm: bool | int = ...,
        io: int = ...,
        le_secure: bool | int = ...,
        events: Iterable[int] = ...,  # Woad, and so are those below
        long_reads: bool | int = ...,
        bond_store: str | None = ...,
        scan_phys: int = ...,
        connect_phys: int = ...,
    ) -> None: ...

    # Advertising and scanning
    def gap_advertise(
        self,
        interval_us: int | None = 500_000,
        adv_data: _Data | None = None,
        *,
        resp_data: _Data | None = None,
        connectable: bool | int = True,
        scannable: bool = True,  # Woad, and so are those below
        peer: _Peer | None = None,
        channels: int = 7,
        accept: int = 0,
    ) -> None:
        """None as the interval stops; None as data leaves them as they were."""
    def gap_scan(
        self,
        duration_ms: int | None = 0,
        interval_us: int = 1_280_000,
        window_us: int = 11_250,
        active: bool | int = False,
        /,
        *,
        filter_duplicates: bool = False,  # Woad
        accept_list: bool = False,  # Woad
    ) -> None:
        """None as the duration stops; 0 is for ever."""
    def gap_advertise_set(
        self,
        set: int,
        interval_us: int | None,
        adv_data: _Data | None = None,
        *,
        resp_data: _Data | None = None,
        connectable: bool = False,
        scannable: bool = False,
        anonymous: bool = False,
        primary_phy: int = 1,
        secondary_phy: int = 1,
        sid: int = 0,
        tx_power: int = 127,
        duration_ms: int = 0,
        max_events: int = 0,
    ) -> None:
        """Woad: extended advertising, sets 0 and 1."""
    def gap_accept_list(self, peers: Iterable[_Peer], /) -> None:
        """Woad"""

    # Connections
    @overload
    def gap_connect(
        self,
        addr_type: int,
        addr: ReadableBuffer,
        scan_duration_ms: int | None = 2000,
        min_conn_interval_us: int | None = None,
        max_conn_interval_us: int | None = None,
        /,
    ) -> None: ...
    @overload
    def gap_connect(self, cancel: None, /) -> None: ...
    def gap_connect_any(
        self, scan_duration_ms: int | None = 2000, min_us: int | None = None, max_us: int | None = None, /
    ) -> None:
        """Woad: to the first of gap_accept_list()."""
    def gap_disconnect(self, conn_handle: int, /) -> bool: ...
    def gap_connections(self) -> tuple[int, ...]:
        """Woad"""
    def gap_connection(self, conn_handle: int, /) -> tuple[int, bytes, bool, int, int, int, int]:
        """Woad: (addr_type, addr, we_are_central, interval_us, latency, timeout_ms, mtu)"""
    def gap_update(
        self, conn_handle: int, min_us: int, max_us: int, latency: int = 0, timeout_ms: int = 2560, /
    ) -> None:
        """Woad: other parameters; event 27 follows."""
    def gap_link(self, conn_handle: int, item: int, /) -> None:
        """Woad: event 66 follows.  0 RSSI, 1 TX power, 2 channels, 3 PHYs, 5 features, 6 version"""
    def gap_data_length(self, conn_handle: int, octets: int, /) -> None:
        """Woad"""
    def gap_phy(self, conn_handle: int, tx: int, rx: int, coding: int = 0, /) -> None:
        """Woad: sums of 1 (1M), 2 (2M), 4 (coded)"""

    # Pairing
    def gap_pair(self, conn_handle: int, /) -> None: ...
    def gap_passkey(self, conn_handle: int, action: int, passkey: int, /) -> None: ...
    @overload
    def gap_unpair(self) -> None: ...
    @overload
    def gap_unpair(self, peer: _Peer, /) -> None:
        """Woad: removes one bond; without an argument all."""
    def gap_bonds(self) -> tuple[tuple[int, bytes, bool, bool, int], ...]:
        """Woad: ((addr_type, addr, authenticated, secure, key_size), …)"""
    @overload
    def gap_oob(self) -> tuple[bytes, bytes]: ...
    @overload
    def gap_oob(self, conn_handle: int, random: ReadableBuffer, confirm: ReadableBuffer, /) -> None: ...
    @overload
    def gap_oob(self, conn_handle: int, key: ReadableBuffer, /) -> None:
        """Woad: out-of-band data: ours; the peer's; a key for legacy pairing."""
    def gap_keypress(self, conn_handle: int, what: int, /) -> None:
        """Woad"""

    # GATT server
    def gatts_register_services(self, services: Iterable[_Service], /) -> tuple[tuple[int, ...], ...]:
        """The handles of values and descriptors, a tuple for each service."""
    def gatts_add_services(self, services: Iterable[_Service], /) -> tuple[tuple[int, ...], ...]:
        """Woad"""
    def gatts_remove_services(self, handle: int, /) -> None:
        """Woad: those that were added in one call with this attribute."""
    def gatts_read(self, value_handle: int, /) -> bytes: ...
    def gatts_write(self, value_handle: int, data: _Data, send_update: bool | int = False, /) -> None: ...
    def gatts_notify(self, conn_handle: int, value_handle: int, data: _Data | None = None, /) -> None: ...
    def gatts_notify_latest(
        self, conn_handle: int, value_handle: int, data: _Data | None = None, /
    ) -> None:
        """Woad: replaces a notification of this value that has not left yet."""
    def gatts_indicate(self, conn_handle: int, value_handle: int, data: _Data | None = None, /) -> None: ...
    def gatts_set_buffer(self, value_handle: int, len: int, append: bool | int = False, /) -> None: ...

    # GATT client
    def gattc_discover_services(self, conn_handle: int, uuid: UUID | None = None, /) -> None: ...
    def gattc_discover_secondary(self, conn_handle: int, /) -> None:
        """Woad"""
    def gattc_discover_included(self, conn_handle: int, start_handle: int, end_handle: int, /) -> None:
        """Woad"""
    def gattc_discover_characteristics(
        self, conn_handle: int, start_handle: int, end_handle: int, uuid: UUID | None = None, /
    ) -> None: ...
    def gattc_discover_descriptors(self, conn_handle: int, start_handle: int, end_handle: int, /) -> None: ...
    def gattc_read(self, conn_handle: int, value_handle: int, /) -> None: ...
    def gattc_read_uuid(self, conn_handle: int, start_handle: int, end_handle: int, uuid: UUID, /) -> None:
        """Woad"""
    def gattc_read_multiple(self, conn_handle: int, handles: Iterable[int], /) -> None:
        """Woad"""
    def gattc_write(self, conn_handle: int, value_handle: int, data: _Data, mode: int = 0, /) -> None:
        """0 without response, 1 with one.  Woad: 2 a long value in parts, 3 and compares them, 4 signed"""
    def gattc_exchange_mtu(self, conn_handle: int, /) -> None: ...
    def gattc_cancel(self, conn_handle: int, /) -> None:
        """Woad: ends all procedures that are queued."""

    # L2CAP channels
    def l2cap_listen(self, psm: int, mtu: int | None, /) -> None:
        """None (Woad) ends listening."""
    def l2cap_connect(self, conn_handle: int, psm: int, mtu: int, /) -> int: ...
    def l2cap_disconnect(self, conn_handle: int, cid: int, /) -> None: ...
    def l2cap_send(self, conn_handle: int, cid: int, buf: _Data, /) -> bool:
        """False: event 26 follows when the channel has taken all of it."""
    def l2cap_recvinto(self, conn_handle: int, cid: int, buf: WriteableBuffer | None, /) -> int: ...
