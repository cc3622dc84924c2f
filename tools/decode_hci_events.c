/* HCI events: number, name, parameters.  Vol 4, Part E, 7.7; the second table has the subevents of
 * LE Meta, 7.7.65.  decode_fields.c has the types.
 *
 * A description names fields, each NAME:TYPE.  Types, with octets: u1 to u5 a number, x1 to x8 in
 * hexadecimal, i1 with a sign; hex8 to hex64 octets; slots: u16 of 0.625 ms, frames: u16 of 1.25
 * ms, slots1: u8 of 1.25 ms, tens: u16 of 10 ms; conn and attr: handles, addr: an address; len1,
 * len2: the length of the next rest or ad; *{…}: repeated to the end, n1{…}: behind their number
 * u8.  Other words name numbers: decode_fields.c.
 *
 * Names of other files:
 *   packet_kind: a row of a table: number, name and fields of a packet */
#include "decode.h"

const struct packet_kind hci_events[] = {
    { 0x03, "Connection Complete", "status:error handle:u2 address:addr link_type:u1 encryption:u1",
      NULL },
    { 0x05, "Disconnection Complete", "status:error handle:conn reason:error", NULL },
    { 0x08, "Encryption Change [v1]", "status:error handle:conn enabled:u1", NULL },
    { 0x0c, "Read Remote Version Information Complete",
      "status:error handle:conn version:u1 company:x2 subversion:x2", NULL },
    { 0x0e, "Command Complete", "credits:u1 opcode:x2", NULL },
    { 0x0f, "Command Status", "status:error credits:u1 opcode:x2", NULL },
    { 0x10, "Hardware Error", "hardware_code:x1", NULL },
    { 0x13, "Number Of Completed Packets", "handles:n1{handle:conn packets:u2}", NULL },
    { 0x1a, "Data Buffer Overflow", "link_type:u1", NULL },
    { 0x30, "Encryption Key Refresh Complete", "status:error handle:conn", NULL },
    { 0x57, "Authenticated Payload Timeout Expired", "handle:conn", NULL },
    { 0x59, "Encryption Change [v2]", "status:error handle:conn enabled:u1 key_size:u1", NULL },
    { 0xff, "Vendor Specific", "data:rest", NULL },
    { 0, NULL, NULL, NULL },
};

const struct packet_kind hci_le_events[] = {
    { 0x01, "LE Connection Complete",
      "status:error handle:conn role:role peer_type:addrtype peer:addr "
      "interval_ms:frames latency:u2 timeout_ms:tens clock:clock",
      NULL },
    { 0x02, "LE Advertising Report",
      "reports:n1{type:reporttype addr_type:addrtype addr:addr data_len:len1 data:ad "
      "rssi_dbm:i1}",
      NULL },
    { 0x03, "LE Connection Update Complete",
      "status:error handle:conn interval_ms:frames latency:u2 timeout_ms:tens", NULL },
    { 0x04, "LE Read Remote Features Complete", "status:error handle:conn features:hex8", NULL },
    { 0x05, "LE Long Term Key Request", "handle:conn random:hex8 diversifier:x2", NULL },
    { 0x06, "LE Remote Connection Parameter Request",
      "handle:conn interval_min_ms:frames interval_max_ms:frames latency:u2 "
      "timeout_ms:tens",
      NULL },
    { 0x07, "LE Data Length Change", "handle:conn tx_octets:u2 tx_us:u2 rx_octets:u2 rx_us:u2",
      NULL },
    { 0x08, "LE Read Local P-256 Public Key Complete", "status:error key:hex64", NULL },
    { 0x09, "LE Generate DHKey Complete", "status:error key:hex32", NULL },
    { 0x0a, "LE Enhanced Connection Complete [v1]",
      "status:error handle:conn role:role peer_type:addrtype peer:addr local_rpa:addr "
      "peer_rpa:addr interval_ms:frames latency:u2 timeout_ms:tens clock:clock",
      NULL },
    { 0x0b, "LE Directed Advertising Report",
      "reports:n1{type:reporttype addr_type:addrtype addr:addr direct_type:addrtype "
      "direct:addr rssi_dbm:i1}",
      NULL },
    { 0x0c, "LE PHY Update Complete", "status:error handle:conn tx:phy rx:phy", NULL },
    { 0x0d, "LE Extended Advertising Report",
      "reports:n1{type:x2 addr_type:addrtype addr:addr primary:phy secondary:phy sid:u1 "
      "power_dbm:i1 rssi_dbm:i1 periodic_ms:frames direct_type:addrtype direct:addr "
      "data_len:len1 data:ad}",
      NULL },
    { 0x0e, "LE Periodic Advertising Sync Established [v1]",
      "status:error sync:u2 sid:u1 addr_type:addrtype addr:addr phy:phy "
      "interval_ms:frames clock:clock",
      NULL },
    { 0x0f, "LE Periodic Advertising Report [v1]",
      "sync:u2 power_dbm:i1 rssi_dbm:i1 cte_type:x1 data_status:datastatus "
      "data_len:len1 data:ad",
      NULL },
    { 0x10, "LE Periodic Advertising Sync Lost", "sync:u2", NULL },
    { 0x11, "LE Scan Timeout", "", NULL },
    { 0x12, "LE Advertising Set Terminated", "status:error set:u1 handle:conn events:u1", NULL },
    { 0x13, "LE Scan Request Received", "set:u1 addr_type:addrtype addr:addr", NULL },
    { 0x14, "LE Channel Selection Algorithm", "handle:conn algorithm:u1", NULL },
    { 0x15, "LE Connectionless IQ Report", "sync:u2 channel:u1 rest:rest", NULL },
    { 0x16, "LE Connection IQ Report", "handle:conn rest:rest", NULL },
    { 0x17, "LE CTE Request Failed", "status:error handle:conn", NULL },
    { 0x18, "LE Periodic Advertising Sync Transfer Received [v1]",
      "status:error handle:conn service_data:x2 sync:u2 sid:u1 addr_type:addrtype "
      "addr:addr phy:phy interval_ms:frames clock:clock",
      NULL },
    { 0x19, "LE CIS Established [v1]",
      "status:error handle:conn cig_delay_us:u3 cis_delay_us:u3 latency_c_us:u3 "
      "latency_p_us:u3 phy_c:phy phy_p:phy subevents:u1 burst_c:u1 burst_p:u1 "
      "flush_c:u1 flush_p:u1 pdu_c:u2 pdu_p:u2 iso_interval_ms:frames",
      NULL },
    { 0x1a, "LE CIS Request", "acl_handle:conn cis_handle:u2 cig:u1 cis:u1", NULL },
    { 0x1b, "LE Create BIG Complete",
      "status:error big:u1 sync_delay_us:u3 latency_us:u3 phy:phy subevents:u1 burst:u1 "
      "pretransmission:u1 repetitions:u1 pdu:u2 iso_interval_ms:frames "
      "streams:n1{handle:conn}",
      NULL },
    { 0x1c, "LE Terminate BIG Complete", "big:u1 reason:error", NULL },
    { 0x1d, "LE BIG Sync Established",
      "status:error big:u1 latency_us:u3 subevents:u1 burst:u1 pretransmission:u1 "
      "repetitions:u1 pdu:u2 iso_interval_ms:frames streams:n1{handle:conn}",
      NULL },
    { 0x1e, "LE BIG Sync Lost", "big:u1 reason:error", NULL },
    { 0x1f, "LE Request Peer SCA Complete", "status:error handle:conn clock:clock", NULL },
    { 0x20, "LE Path Loss Threshold", "handle:conn path_loss_db:u1 zone:u1", NULL },
    { 0x21, "LE Transmit Power Reporting",
      "status:error handle:conn reason:powerreason phy:phy power_dbm:i1 flags:x1 "
      "delta_db:i1",
      NULL },
    { 0x22, "LE BIGInfo Advertising Report",
      "sync:u2 streams:u1 subevents:u1 iso_interval_ms:frames burst:u1 "
      "pretransmission:u1 repetitions:u1 pdu:u2 sdu_interval_us:u3 sdu:u2 phy:phy "
      "framing:u1 encryption:u1",
      NULL },
    { 0x23, "LE Subrate Change",
      "status:error handle:conn subrate:u2 latency:u2 continuation:u2 timeout_ms:tens", NULL },
    { 0x24, "LE Periodic Advertising Sync Established [v2]",
      "status:error sync:u2 sid:u1 addr_type:addrtype addr:addr phy:phy "
      "interval_ms:frames clock:clock subevents:u1 subevent_interval:u1 slot_delay:u1 "
      "slot_spacing:u1",
      NULL },
    { 0x25, "LE Periodic Advertising Report [v2]",
      "sync:u2 power_dbm:i1 rssi_dbm:i1 cte_type:x1 event:u2 pa_subevent:u1 "
      "data_status:datastatus data_len:len1 data:ad",
      NULL },
    { 0x26, "LE Periodic Advertising Sync Transfer Received [v2]",
      "status:error handle:conn service_data:x2 sync:u2 sid:u1 addr_type:addrtype "
      "addr:addr phy:phy interval_ms:frames clock:clock subevents:u1 "
      "subevent_interval:u1 slot_delay:u1 slot_spacing:u1",
      NULL },
    { 0x27, "LE Periodic Advertising Subevent Data Request", "set:u1 start:u1 count:u1", NULL },
    { 0x28, "LE Periodic Advertising Response Report",
      "set:u1 pa_subevent:u1 tx_status:u1 responses:rest", NULL },
    { 0x29, "LE Enhanced Connection Complete [v2]",
      "status:error handle:conn role:role peer_type:addrtype peer:addr local_rpa:addr "
      "peer_rpa:addr interval_ms:frames latency:u2 timeout_ms:tens clock:clock set:u1 "
      "sync:u2",
      NULL },
    { 0, NULL, NULL, NULL },
};
