/* Texts of help(): written by scripts/stub_reference.py from typings/bluetooth.pyi. */
/* clang-format off */
#ifndef WOAD_UNIX_HELP_TEXT_H
#define WOAD_UNIX_HELP_TEXT_H

#define HELP_TEXTS \
    { "active", \
      "Switches the radio on or off", \
      "active()\n" \
      "active(active)\n" \
      "\n" \
      "Switches the radio on or off; without an argument says whether it is on.\n" \
      "\n" \
      "The first use opens the controller (on a PC the one that WOAD_HCI names).  Off " \
      "ends all connections and\n" \
      "procedures; settings of config() stay.\n" \
    }, \
    { "irq", \
      "Sets the handler of events", \
      "irq(handler)\n" \
      "\n" \
      "Sets the handler of events.  None removes it; an exception in it does, too.\n" \
      "\n" \
      "It gets an event's number and a tuple, whose content changes with the next " \
      "event: copy what you keep.\n" \
      "\n" \
      "1 CENTRAL_CONNECT (conn_handle, addr_type, addr)\n" \
      "2 CENTRAL_DISCONNECT (conn_handle, addr_type, addr)\n" \
      "3 GATTS_WRITE (conn_handle, value_handle)\n" \
      "4 GATTS_READ_REQUEST (conn_handle, value_handle): a number other than 0 refuses\n" \
      "5 SCAN_RESULT (addr_type, addr, adv_type, rssi, adv_data)\n" \
      "6 SCAN_DONE ()\n" \
      "7 PERIPHERAL_CONNECT (conn_handle, addr_type, addr)\n" \
      "8 PERIPHERAL_DISCONNECT (conn_handle, addr_type, addr)\n" \
      "9 GATTC_SERVICE_RESULT (conn_handle, start_handle, end_handle, uuid)\n" \
      "10 GATTC_SERVICE_DONE (conn_handle, status)\n" \
      "11 GATTC_CHARACTERISTIC_RESULT (conn_handle, end_handle, value_handle, " \
      "properties, uuid)\n" \
      "12 GATTC_CHARACTERISTIC_DONE (conn_handle, status)\n" \
      "13 GATTC_DESCRIPTOR_RESULT (conn_handle, dsc_handle, uuid)\n" \
      "14 GATTC_DESCRIPTOR_DONE (conn_handle, status)\n" \
      "15 GATTC_READ_RESULT (conn_handle, value_handle, char_data)\n" \
      "16 GATTC_READ_DONE (conn_handle, value_handle, status)\n" \
      "17 GATTC_WRITE_DONE (conn_handle, value_handle, status)\n" \
      "18 GATTC_NOTIFY (conn_handle, value_handle, notify_data)\n" \
      "19 GATTC_INDICATE (conn_handle, value_handle, notify_data)\n" \
      "20 GATTS_INDICATE_DONE (conn_handle, value_handle, status)\n" \
      "21 MTU_EXCHANGED (conn_handle, mtu)\n" \
      "22 L2CAP_ACCEPT (conn_handle, cid, psm, our_mtu, peer_mtu): a number other than " \
      "0 refuses\n" \
      "23 L2CAP_CONNECT (conn_handle, cid, psm, our_mtu, peer_mtu)\n" \
      "24 L2CAP_DISCONNECT (conn_handle, cid, psm, status)\n" \
      "25 L2CAP_RECV (conn_handle, cid)\n" \
      "26 L2CAP_SEND_READY (conn_handle, cid, status)\n" \
      "27 CONNECTION_UPDATE (conn_handle, conn_interval, conn_latency, " \
      "supervision_timeout, status)\n" \
      "28 ENCRYPTION_UPDATE (conn_handle, encrypted, authenticated, bonded, key_size)\n" \
      "29 GET_SECRET (sec_type, index, key): returns the secret or None\n" \
      "30 SET_SECRET (sec_type, key, value): returns True\n" \
      "31 PASSKEY_ACTION (conn_handle, action, passkey): 2 type it, 3 show one, 4 " \
      "compare\n" \
      "\n" \
      "64 to 78 are Woad's, and raised only after config(events=…): docs/module.md\n" \
    }, \
    { "config", \
      "Sets values, or returns one", \
      "config(param)\n" \
      "config(*, gap_name=..., rxbuf=..., mtu=..., addr_mode=..., bond=..., mitm=...,\n" \
      "    io=..., le_secure=..., events=..., long_reads=..., bond_store=...,\n" \
      "    scan_phys=..., connect_phys=...)\n" \
      "\n" \
      "Sets values, or returns one.\n" \
      "\n" \
      "mac: (addr_type, addr), read only.  gap_name: the name that centrals read.  " \
      "mtu: what gattc_exchange_mtu()\n" \
      "offers.  rxbuf: accepted and ignored.  addr_mode: 0 public, 1 random, 2 private " \
      "and resolvable, 3 private.\n" \
      "bond, mitm, le_secure, io (0 display, 1 display and yes/no, 2 keyboard, 3 none, " \
      "4 both): how to pair.\n" \
      "Woad: events: those from 64 on that are raised.  long_reads: gattc_read() reads " \
      "all of a value.  bond_store:\n" \
      "a file of bonds (PC).  dropped: how often something was lost.  scan_phys, " \
      "connect_phys: sums of 1, 2, 4.\n" \
    }, \
    { "gap_advertise", \
      "Advertises every `interval_us`, until a central connects", \
      "gap_advertise(interval_us=500000, adv_data=None, *, resp_data=None,\n" \
      "    connectable=True, scannable=True, peer=None, channels=7, accept=0)\n" \
      "\n" \
      "Advertises every `interval_us`, until a central connects.  None as the interval " \
      "stops it; None as data\n" \
      "leaves them as they were.  Advertising data have at most 31 octets; resp_data " \
      "is what a scanner asks for.\n" \
      "\n" \
      "Not connectable: no central can connect.  Woad: not scannable: no device can " \
      "respond; peer: for that one alone;\n" \
      "channels: bits for 37, 38, 39; accept: bit 0 scan requests, bit 1 connections " \
      "from gap_accept_list() only.\n" \
    }, \
    { "gap_scan", \
      "Scans for `duration_ms`: event 5 for each advertisement, event 6 at the end", \
      "gap_scan(duration_ms=0, interval_us=1280000, window_us=11250, active=False, *,\n" \
      "    filter_duplicates=False, accept_list=False)\n" \
      "\n" \
      "Scans for `duration_ms`: event 5 for each advertisement, event 6 at the end.  0 " \
      "is for ever, None stops.\n" \
      "\n" \
      "It listens for window_us in each interval_us; equal ones listen all the time.  " \
      "active: asks for scan\n" \
      "responses, too.  Woad: filter_duplicates: the controller reports a device once; " \
      "accept_list: only those.\n" \
    }, \
    { "gap_advertise_set", \
      "extended advertising, sets 0 and 1", \
      "gap_advertise_set(set, interval_us, adv_data=None, *, resp_data=None,\n" \
      "    connectable=False, scannable=False, anonymous=False, primary_phy=1,\n" \
      "    secondary_phy=1, sid=0, tx_power=127, duration_ms=0, max_events=0)\n" \
      "\n" \
      "Woad: extended advertising, sets 0 and 1.\n" \
    }, \
    { "gap_accept_list", \
      "replaces the list of peers, (addr_type, addr), to which advertising, scanning and …", \
      "gap_accept_list(peers)\n" \
      "\n" \
      "Woad: replaces the list of peers, (addr_type, addr), to which advertising, " \
      "scanning and gap_connect_any() can\n" \
      "be limited: up to 16 on a PC, 8 on a board.\n" \
    }, \
    { "gap_connect", \
      "Connects to a peer, as a central", \
      "gap_connect(addr_type, addr, scan_duration_ms=2000, min_conn_interval_us=None,\n" \
      "    max_conn_interval_us=None)\n" \
      "gap_connect(cancel)\n" \
      "\n" \
      "Connects to a peer, as a central: event 7, or event 8 with conn_handle 65535 " \
      "when the time is over.\n" \
      "\n" \
      "The intervals are those of the connection, 7,500 to 4,000,000 us.  A scan that " \
      "runs ends first.\n" \
      "gap_connect(None) gives up.\n" \
    }, \
    { "gap_connect_any", \
      "connects to the first peer of gap_accept_list() that advertises", \
      "gap_connect_any(scan_duration_ms=2000, min_us=None, max_us=None)\n" \
      "\n" \
      "Woad: connects to the first peer of gap_accept_list() that advertises.\n" \
    }, \
    { "gap_disconnect", \
      "Ends a connection", \
      "gap_disconnect(conn_handle)\n" \
      "\n" \
      "Ends a connection: event 2 or 8 follows.  False: there is none of this handle.\n" \
    }, \
    { "gap_connections", \
      "the handles of all connections", \
      "gap_connections()\n" \
      "\n" \
      "Woad: the handles of all connections.\n" \
    }, \
    { "gap_connection", \
      "(addr_type, addr, we_are_central, interval_us, latency, timeout_ms, mtu)", \
      "gap_connection(conn_handle)\n" \
      "\n" \
      "Woad: (addr_type, addr, we_are_central, interval_us, latency, timeout_ms, mtu)\n" \
    }, \
    { "gap_update", \
      "other parameters", \
      "gap_update(conn_handle, min_us, max_us, latency=0, timeout_ms=2560)\n" \
      "\n" \
      "Woad: other parameters; event 27 follows.\n" \
    }, \
    { "gap_link", \
      "event 66 follows", \
      "gap_link(conn_handle, item)\n" \
      "\n" \
      "Woad: event 66 follows.  0 RSSI, 1 TX power, 2 channels, 3 PHYs, 5 features, 6 " \
      "version\n" \
    }, \
    { "gap_data_length", \
      "the most octets, 27 to 251, that we send in one packet of the radio", \
      "gap_data_length(conn_handle, octets)\n" \
      "\n" \
      "Woad: the most octets, 27 to 251, that we send in one packet of the radio.\n" \
    }, \
    { "gap_phy", \
      "the PHYs that we prefer, sums of 1 (1M), 2 (2M), 4 (coded), 0", \
      "gap_phy(conn_handle, tx, rx, coding=0)\n" \
      "\n" \
      "Woad: the PHYs that we prefer, sums of 1 (1M), 2 (2M), 4 (coded), 0: any.  " \
      "Event 66, item 3, has those in use.\n" \
    }, \
    { "gap_pair", \
      "Makes the connection as secure as config() asks for", \
      "gap_pair(conn_handle)\n" \
      "\n" \
      "Makes the connection as secure as config() asks for: by a bond's key, else by " \
      "pairing.  Event 28 follows.\n" \
    }, \
    { "gap_passkey", \
      "Answers event 31", \
      "gap_passkey(conn_handle, action, passkey)\n" \
      "\n" \
      "Answers event 31: action 2 with the number that the user has typed, 3 with the " \
      "one that is shown, 4 with 1\n" \
      "(the numbers are equal) or 0.  Within 30 s.\n" \
    }, \
    { "gap_unpair", \
      "removes one bond", \
      "gap_unpair()\n" \
      "gap_unpair(peer)\n" \
      "\n" \
      "Woad: removes one bond; without an argument all.\n" \
    }, \
    { "gap_bonds", \
      "((addr_type, addr, authenticated, secure, key_size), …)", \
      "gap_bonds()\n" \
      "\n" \
      "Woad: ((addr_type, addr, authenticated, secure, key_size), …)\n" \
    }, \
    { "gap_oob", \
      "out-of-band data", \
      "gap_oob()\n" \
      "gap_oob(conn_handle, random, confirm)\n" \
      "gap_oob(conn_handle, key)\n" \
      "\n" \
      "Woad: out-of-band data: ours; the peer's; a key for legacy pairing.\n" \
    }, \
    { "gap_keypress", \
      "tells the peer how far the typing of a passkey is", \
      "gap_keypress(conn_handle, what)\n" \
      "\n" \
      "Woad: tells the peer how far the typing of a passkey is: 0 starts, 1 a digit, 2 " \
      "erases one, 3 all, 4 is done.\n" \
    }, \
    { "gatts_register_services", \
      "Replaces the services", \
      "gatts_register_services(services)\n" \
      "\n" \
      "Replaces the services: a tuple of (uuid, characteristics) for each; of those " \
      "(uuid, flags) or (uuid, flags,\n" \
      "descriptors).  Returns the handles of values and descriptors, a tuple for each " \
      "service.\n" \
      "\n" \
      "Flags: 0x02 read, 0x04 write without response, 0x08 write, 0x10 notify, 0x20 " \
      "indicate, 0x40 signed write;\n" \
      "0x0200, 0x0400 (0x1000, 0x2000): reading (writing) needs encryption, " \
      "authentication.\n" \
    }, \
    { "gatts_add_services", \
      "adds services to those that are there, at any time", \
      "gatts_add_services(services)\n" \
      "\n" \
      "Woad: adds services to those that are there, at any time.\n" \
    }, \
    { "gatts_remove_services", \
      "those that were added in one call with this attribute", \
      "gatts_remove_services(handle)\n" \
      "\n" \
      "Woad: those that were added in one call with this attribute.\n" \
    }, \
    { "gatts_read", \
      "The value that the server has", \
      "gatts_read(value_handle)\n" \
      "\n" \
      "The value that the server has.\n" \
    }, \
    { "gatts_write", \
      "Sets the value", \
      "gatts_write(value_handle, data, send_update=False)\n" \
      "\n" \
      "Sets the value.  send_update: also notifies or indicates it to each client that " \
      "has subscribed.\n" \
    }, \
    { "gatts_notify", \
      "Sends a notification to one client, subscribed or not", \
      "gatts_notify(conn_handle, value_handle, data=None)\n" \
      "\n" \
      "Sends a notification to one client, subscribed or not; without data the value " \
      "that is set.\n" \
    }, \
    { "gatts_notify_latest", \
      "replaces a notification of this value that has not left yet", \
      "gatts_notify_latest(conn_handle, value_handle, data=None)\n" \
      "\n" \
      "Woad: replaces a notification of this value that has not left yet.\n" \
    }, \
    { "gatts_indicate", \
      "Sends an indication", \
      "gatts_indicate(conn_handle, value_handle, data=None)\n" \
      "\n" \
      "Sends an indication: event 20 follows with the client's confirmation.  Without " \
      "data the value that is set.\n" \
    }, \
    { "gatts_set_buffer", \
      "The most octets that clients may write, 20 at first", \
      "gatts_set_buffer(value_handle, len, append=False)\n" \
      "\n" \
      "The most octets that clients may write, 20 at first.  append: writes are put " \
      "behind each other until read.\n" \
    }, \
    { "gattc_discover_services", \
      "Looks for services, all or of a UUID: event 9 for each, then event 10", \
      "gattc_discover_services(conn_handle, uuid=None)\n" \
      "\n" \
      "Looks for services, all or of a UUID: event 9 for each, then event 10.\n" \
    }, \
    { "gattc_discover_secondary", \
      "looks for services that only others include", \
      "gattc_discover_secondary(conn_handle)\n" \
      "\n" \
      "Woad: looks for services that only others include: events 9 and 10.\n" \
    }, \
    { "gattc_discover_included", \
      "looks for the services that one includes", \
      "gattc_discover_included(conn_handle, start_handle, end_handle)\n" \
      "\n" \
      "Woad: looks for the services that one includes: events 67 and 68.\n" \
    }, \
    { "gattc_discover_characteristics", \
      "Looks for characteristics between two handles, all or of a UUID: event 11 for each, …", \
      "gattc_discover_characteristics(conn_handle, start_handle, end_handle, " \
      "uuid=None)\n" \
      "\n" \
      "Looks for characteristics between two handles, all or of a UUID: event 11 for " \
      "each, then event 12.\n" \
    }, \
    { "gattc_discover_descriptors", \
      "Looks for descriptors between two handles", \
      "gattc_discover_descriptors(conn_handle, start_handle, end_handle)\n" \
      "\n" \
      "Looks for descriptors between two handles: event 13 for each, then event 14.  A " \
      "CCCD has the UUID 0x2902.\n" \
    }, \
    { "gattc_read", \
      "Reads a value", \
      "gattc_read(conn_handle, value_handle)\n" \
      "\n" \
      "Reads a value: event 15 with it, then event 16.  More than MTU - 1 octets: " \
      "config(long_reads=True).\n" \
    }, \
    { "gattc_read_uuid", \
      "reads all values of a UUID between two handles", \
      "gattc_read_uuid(conn_handle, start_handle, end_handle, uuid)\n" \
      "\n" \
      "Woad: reads all values of a UUID between two handles: event 15 for each, then " \
      "event 16.\n" \
    }, \
    { "gattc_read_multiple", \
      "reads several values by one request", \
      "gattc_read_multiple(conn_handle, handles)\n" \
      "\n" \
      "Woad: reads several values by one request: event 15 for each, then event 16.\n" \
    }, \
    { "gattc_write", \
      "Writes a value", \
      "gattc_write(conn_handle, value_handle, data, mode=0)\n" \
      "\n" \
      "Writes a value; 0 without response, 1 with one: event 17.  Woad: 2 a long value " \
      "in parts, 3 the same, comparing\n" \
      "them, 4 signed.  To subscribe, write 1 (notifications) or 2 (indications), 2 " \
      "octets, to the CCCD.\n" \
    }, \
    { "gattc_exchange_mtu", \
      "Offers config(\"mtu\") to the server", \
      "gattc_exchange_mtu(conn_handle)\n" \
      "\n" \
      "Offers config(\"mtu\") to the server: event 21 has what both use from now on, 23 " \
      "without it.\n" \
    }, \
    { "gattc_cancel", \
      "ends all procedures that are queued", \
      "gattc_cancel(conn_handle)\n" \
      "\n" \
      "Woad: ends all procedures that are queued.\n" \
    }, \
    { "l2cap_listen", \
      "Accepts channels of a PSM, 0x80 to 0xff", \
      "l2cap_listen(psm, mtu)\n" \
      "\n" \
      "Accepts channels of a PSM, 0x80 to 0xff: events 22 and 23 follow when a peer " \
      "connects.  None (Woad) ends it.\n" \
    }, \
    { "l2cap_connect", \
      "Opens a channel to a peer's PSM: event 23, or 24 with a status", \
      "l2cap_connect(conn_handle, psm, mtu)\n" \
      "\n" \
      "Opens a channel to a peer's PSM: event 23, or 24 with a status.  mtu: the " \
      "largest SDU that we take.  Woad:\n" \
      "returns the channel's cid.\n" \
    }, \
    { "l2cap_disconnect", \
      "Closes a channel", \
      "l2cap_disconnect(conn_handle, cid)\n" \
      "\n" \
      "Closes a channel: event 24 follows.\n" \
    }, \
    { "l2cap_send", \
      "Sends an SDU, of at most the peer's MTU. False", \
      "l2cap_send(conn_handle, cid, buf)\n" \
      "\n" \
      "Sends an SDU, of at most the peer's MTU.  False: event 26 follows when the " \
      "channel has taken all of it.\n" \
    }, \
    { "l2cap_recvinto", \
      "Reads into buf what the channel has received, and returns how much", \
      "l2cap_recvinto(conn_handle, cid, buf)\n" \
      "\n" \
      "Reads into buf what the channel has received, and returns how much; for None " \
      "how much there is.\n" \
    },

#endif
