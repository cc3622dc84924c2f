/* The host interface of a controller: its commands, and the functions of include/woad/air.h about
 * one controller.  The link layer itself reports events: ll/events.c.  Vol 4, Part E
 *
 *   controller.c                  the public functions about one controller
 *   commands.c                    the tables of commands, and those that fit nowhere else
 *   conn_commands.c ext_commands.c periodic_commands.c
 *   iso_commands.c big_commands.c crypto_commands.c
 *                                 the commands of one area each
 *   activities.c                  what takes part in the simulation: a row for each activity
 *   fault.c                       controllers that fail */
#ifndef WOAD_AIR_HCI_H
#define WOAD_AIR_HCI_H

#include "../ll/host.h"

/* The tables of commands. A row without run ends each. */
extern const struct command air_conn_commands[], air_crypto_commands[], air_accept_commands[],
    air_ext_commands[], air_privacy_commands[], air_periodic_commands[], air_past_commands[],
    air_power_commands[], air_subrate_commands[], air_iso_commands[], air_big_commands[],
    air_data_commands[];

/* activities.c: how each activity of a controller takes part in the simulation */
extern const struct activity air_activities[ACTIVITIES];

/* Runs a command, behind its H4 type. Returns 0, or AIR_EBADMSG if its length is wrong. */
int cmd_rx(controller *c, struct rd *in);
/* Resets all state but the configuration, as at power-on. Neither host nor peers get an event.
 * 7.3.2 */
void cmd_reset(controller *c);

/* At a reset. */
void periodic_reset(controller *c);
void p256_reset(controller *c);
/* The calculation of LE Generate DHKey or Read Local P-256 Public Key ends. */
void p256_on_timer(controller *c);

/* us: the time on the air of a chain of auxiliary packets with `len` octets of data */
uint32_t chain_us(uint16_t len, uint8_t phy);

/* Parameters that more than one command has: each check returns the status. */
int own_type_check(const controller *c, uint8_t type);
int scan_filter_status(const controller *c, uint8_t filter);
struct conn_command { /* of both commands that create a connection */
    uint8_t filter, peer_type, own_type;
    struct address peer;
};
int conn_command_check(controller *c, const struct conn_command *p);
/* False: the parameters of the connection are not valid. */
bool params_from_host(struct rd *in, struct params *p);
/* Whether there is an own address of this type for `peer`; NULL: for any. */
bool has_own_address(const controller *c, uint8_t type, const uint8_t random[6],
                     const struct address *peer);

/* Isochronous streams of both kinds: limits of what a host may ask for */
enum { ISO_INTERVAL_MIN_US = 5000, ISO_LATENCY_MIN_MS = 5, ISO_LATENCY_MAX_MS = 0xfa0 };
/* The PHY that is best of a set. */
uint8_t iso_best_phy(uint8_t set);
/* The status for a set of PHYs: at least one, all supported. */
int iso_phys_status(const controller *c, uint8_t set);

#endif
