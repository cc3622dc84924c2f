/* Isochronous streams: what iso.c, cis.c, cis_event.c and bis.c share. Unframed, with a flush
 * timeout of one event: an SDU is sent in the event of its time, in as many subevents as it needs
 * and the event has, or not at all. Vol 6, Part B, 4.4.6, 4.5.13, 4.5.14; Part G */
#ifndef WOAD_AIR_ISO_H
#define WOAD_AIR_ISO_H

#include "ll.h"

enum { ISO_HANDLE = 0x100, ISO_PDU = 251, ISO_SUBEVENTS = 31, ISO_HEAR_US = 40, T_MSS = 150 };
enum { ISO_END = 0, ISO_START = 1, ISO_CONTROL = 3 }; /* LLID; END: or a whole one */

/* iso.c */
struct iso *iso_free(controller *c);
struct iso *iso_by_handle(controller *c, uint16_t handle);
uint16_t iso_handle(const controller *c, const struct iso *s);
void iso_stop(controller *c, struct iso *s);
uint8_t iso_channel(const struct iso *s, uint8_t subevent);
uint8_t iso_payloads(uint16_t max_sdu);
void iso_event_begin(struct iso *s);
void iso_event_end(controller *c, struct iso *s);
/* The payload of this number of the SDU that is sent. Returns its LLID. */
uint8_t iso_payload(const struct iso *s, uint8_t number, const uint8_t **data, size_t *len);
void iso_take(struct iso *s, uint8_t llid, struct rd *in);

/* cis_event.c */
void cis_on_timer(controller *c, struct iso *s);
void cis_on_tx_done(controller *c, struct iso *s);
void cis_on_rx_timeout(controller *c, struct iso *s);
void cis_on_rx(controller *c, struct iso *s, const struct air_packet *f);
/* cis.c */
void cis_create(controller *c, struct iso *s, uint8_t link);
void cis_answer(controller *c, struct iso *s, uint8_t error);
void cis_lost(controller *c, struct iso *s, uint8_t reason);
/* bis.c */
void bis_on_timer(controller *c, struct iso *s);
void bis_on_rx_timeout(controller *c, struct iso *s);
void bis_on_rx(controller *c, struct iso *s, const struct air_packet *f);
struct big *big_by_handle(controller *c, uint8_t handle);
struct big *big_free(controller *c);
uint64_t big_place(const controller *c, const struct big_info *info);
void big_begin(controller *c, struct big *b);
void big_end(controller *c, struct big *b);
/* events.c */
void evt_cis_established(controller *c, const struct iso *s, uint8_t status);
void evt_cis_request(controller *c, const struct iso *s);
void evt_big(controller *c, const struct big *b, uint8_t status);
void evt_big_ended(controller *c, const struct big *b, uint8_t reason);
void evt_big_info(controller *c, uint16_t sync, const struct big_info *info);

#endif
