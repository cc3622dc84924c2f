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
    def active(self) -> bool:
        """Switches the radio on or off; without an argument says whether it is on.

        The first use opens the controller (on a PC the one that WOAD_HCI names).  Off ends all connections and
        procedures; settings of config() stay."""
    @overload
    def active(self, active: bool | int, /) -> bool: ...
    def irq(self, handler: _Handler | None, /) -> None:
        """Sets the handler of events.  None removes it; an exception in it does, too.

        It gets an event's number and a tuple, whose content changes with the next event: copy what you keep.

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
    ) -> None:
        """Sets values, or returns one.

        mac: (addr_type, addr), read only.  gap_name: the name that centrals read.  mtu: what gattc_exchange_mtu()
        offers.  rxbuf: accepted and ignored.  addr_mode: 0 public, 1 random, 2 private and resolvable, 3 private.
        bond, mitm, le_secure, io (0 display, 1 display and yes/no, 2 keyboard, 3 none, 4 both): how to pair.
        Woad: events: those from 64 on that are raised.  long_reads: gattc_read() reads all of a value.  bond_store:
        a file of bonds (PC).  dropped: how often something was lost.  scan_phys, connect_phys: sums of 1, 2, 4."""

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
        """Advertises every `interval_us`, until a central connects.  None as the interval stops it; None as data
        leaves them as they were.  Advertising data have at most 31 octets; resp_data is what a scanner asks for.

        Not connectable: no central can connect.  Woad: not scannable: no device can respond; peer: for that one alone;
        channels: bits for 37, 38, 39; accept: bit 0 scan requests, bit 1 connections from gap_accept_list() only."""
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
        """Scans for `duration_ms`: event 5 for each advertisement, event 6 at the end.  0 is for ever, None stops.

        It listens for window_us in each interval_us; equal ones listen all the time.  active: asks for scan
        responses, too.  Woad: filter_duplicates: the controller reports a device once; accept_list: only those."""
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
        """Woad: replaces the list of peers, (addr_type, addr), to which advertising, scanning and gap_connect_any() can
        be limited: up to 16 on a PC, 8 on a board."""

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
    ) -> None:
        """Connects to a peer, as a central: event 7, or event 8 with conn_handle 65535 when the time is over.

        The intervals are those of the connection, 7,500 to 4,000,000 us.  A scan that runs ends first.
        gap_connect(None) gives up."""
    @overload
    def gap_connect(self, cancel: None, /) -> None: ...
    def gap_connect_any(
        self, scan_duration_ms: int | None = 2000, min_us: int | None = None, max_us: int | None = None, /
    ) -> None:
        """Woad: connects to the first peer of gap_accept_list() that advertises."""
    def gap_disconnect(self, conn_handle: int, /) -> bool:
        """Ends a connection: event 2 or 8 follows.  False: there is none of this handle."""
    def gap_connections(self) -> tuple[int, ...]:
        """Woad: the handles of all connections."""
    def gap_connection(self, conn_handle: int, /) -> tuple[int, bytes, bool, int, int, int, int]:
        """Woad: (addr_type, addr, we_are_central, interval_us, latency, timeout_ms, mtu)"""
    def gap_update(
        self, conn_handle: int, min_us: int, max_us: int, latency: int = 0, timeout_ms: int = 2560, /
    ) -> None:
        """Woad: other parameters; event 27 follows."""
    def gap_link(self, conn_handle: int, item: int, /) -> None:
        """Woad: event 66 follows.  0 RSSI, 1 TX power, 2 channels, 3 PHYs, 5 features, 6 version"""
    def gap_data_length(self, conn_handle: int, octets: int, /) -> None:
        """Woad: the most octets, 27 to 251, that we send in one packet of the radio."""
    def gap_phy(self, conn_handle: int, tx: int, rx: int, coding: int = 0, /) -> None:
        """Woad: the PHYs that we prefer, sums of 1 (1M), 2 (2M), 4 (coded), 0: any.  Event 66, item 3, has those in use."""

    # Pairing
    def gap_pair(self, conn_handle: int, /) -> None:
        """Makes the connection as secure as config() asks for: by a bond's key, else by pairing.  Event 28 follows."""
    def gap_passkey(self, conn_handle: int, action: int, passkey: int, /) -> None:
        """Answers event 31: action 2 with the number that the user has typed, 3 with the one that is shown, 4 with 1
        (the numbers are equal) or 0.  Within 30 s."""
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
        """Woad: tells the peer how far the typing of a passkey is: 0 starts, 1 a digit, 2 erases one, 3 all, 4 is done."""

    # GATT server
    def gatts_register_services(self, services: Iterable[_Service], /) -> tuple[tuple[int, ...], ...]:
        """Replaces the services: a tuple of (uuid, characteristics) for each; of those (uuid, flags) or (uuid, flags,
        descriptors).  Returns the handles of values and descriptors, a tuple for each service.

        Flags: 0x02 read, 0x04 write without response, 0x08 write, 0x10 notify, 0x20 indicate, 0x40 signed write;
        0x0200, 0x0400 (0x1000, 0x2000): reading (writing) needs encryption, authentication."""
    def gatts_add_services(self, services: Iterable[_Service], /) -> tuple[tuple[int, ...], ...]:
        """Woad: adds services to those that are there, at any time."""
    def gatts_remove_services(self, handle: int, /) -> None:
        """Woad: those that were added in one call with this attribute."""
    def gatts_read(self, value_handle: int, /) -> bytes:
        """The value that the server has."""
    def gatts_write(self, value_handle: int, data: _Data, send_update: bool | int = False, /) -> None:
        """Sets the value.  send_update: also notifies or indicates it to each client that has subscribed."""
    def gatts_notify(self, conn_handle: int, value_handle: int, data: _Data | None = None, /) -> None:
        """Sends a notification to one client, subscribed or not; without data the value that is set."""
    def gatts_notify_latest(
        self, conn_handle: int, value_handle: int, data: _Data | None = None, /
    ) -> None:
        """Woad: replaces a notification of this value that has not left yet."""
    def gatts_indicate(self, conn_handle: int, value_handle: int, data: _Data | None = None, /) -> None:
        """Sends an indication: event 20 follows with the client's confirmation.  Without data the value that is set."""
    def gatts_set_buffer(self, value_handle: int, len: int, append: bool | int = False, /) -> None:
        """The most octets that clients may write, 20 at first.  append: writes are put behind each other until read."""

    # GATT client
    def gattc_discover_services(self, conn_handle: int, uuid: UUID | None = None, /) -> None:
        """Looks for services, all or of a UUID: event 9 for each, then event 10."""
    def gattc_discover_secondary(self, conn_handle: int, /) -> None:
        """Woad: looks for services that only others include: events 9 and 10."""
    def gattc_discover_included(self, conn_handle: int, start_handle: int, end_handle: int, /) -> None:
        """Woad: looks for the services that one includes: events 67 and 68."""
    def gattc_discover_characteristics(
        self, conn_handle: int, start_handle: int, end_handle: int, uuid: UUID | None = None, /
    ) -> None:
        """Looks for characteristics between two handles, all or of a UUID: event 11 for each, then event 12."""
    def gattc_discover_descriptors(self, conn_handle: int, start_handle: int, end_handle: int, /) -> None:
        """Looks for descriptors between two handles: event 13 for each, then event 14.  A CCCD has the UUID 0x2902."""
    def gattc_read(self, conn_handle: int, value_handle: int, /) -> None:
        """Reads a value: event 15 with it, then event 16.  More than MTU - 1 octets: config(long_reads=True)."""
    def gattc_read_uuid(self, conn_handle: int, start_handle: int, end_handle: int, uuid: UUID, /) -> None:
        """Woad: reads all values of a UUID between two handles: event 15 for each, then event 16."""
    def gattc_read_multiple(self, conn_handle: int, handles: Iterable[int], /) -> None:
        """Woad: reads several values by one request: event 15 for each, then event 16."""
    def gattc_write(self, conn_handle: int, value_handle: int, data: _Data, mode: int = 0, /) -> None:
        """Writes a value; 0 without response, 1 with one: event 17.  Woad: 2 a long value in parts, 3 the same, comparing
        them, 4 signed.  To subscribe, write 1 (notifications) or 2 (indications), 2 octets, to the CCCD."""
    def gattc_exchange_mtu(self, conn_handle: int, /) -> None:
        """Offers config("mtu") to the server: event 21 has what both use from now on, 23 without it."""
    def gattc_cancel(self, conn_handle: int, /) -> None:
        """Woad: ends all procedures that are queued."""

    # L2CAP channels
    def l2cap_listen(self, psm: int, mtu: int | None, /) -> None:
        """Accepts channels of a PSM, 0x80 to 0xff: events 22 and 23 follow when a peer connects.  None (Woad) ends it."""
    def l2cap_connect(self, conn_handle: int, psm: int, mtu: int, /) -> int:
        """Opens a channel to a peer's PSM: event 23, or 24 with a status.  mtu: the largest SDU that we take.  Woad:
        returns the channel's cid."""
    def l2cap_disconnect(self, conn_handle: int, cid: int, /) -> None:
        """Closes a channel: event 24 follows."""
    def l2cap_send(self, conn_handle: int, cid: int, buf: _Data, /) -> bool:
        """Sends an SDU, of at most the peer's MTU.  False: event 26 follows when the channel has taken all of it."""
    def l2cap_recvinto(self, conn_handle: int, cid: int, buf: WriteableBuffer | None, /) -> int:
        """Reads into buf what the channel has received, and returns how much; for None how much there is."""
