/* Reads recordings packet by packet, from a file or a pipe: btsnoop, pcap and pcapng. */
#ifndef WOAD_DECODE_FILE_H
#define WOAD_DECODE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum record_kind {
    RECORD_H4,   /* HCI, the H4 type first */
    RECORD_AIR,  /* access address, PDU, CRC; with `radio` */
    RECORD_NOTE, /* text */
    RECORD_OTHER /* of a link type that is not decoded */
};

/* The pseudo-header of a packet on the air. */
struct record_radio {
    bool there;
    uint8_t channel; /* in steps of 2 MHz from 2402 MHz */
    int8_t power_dbm;
    uint16_t flags;
};

struct record {
    enum record_kind kind;
    uint64_t us;     /* since 1970, or since the capture's own beginning */
    unsigned source; /* number of the interface or adapter */
    bool received;   /* of HCI: from the controller */
    bool directed;   /* `received` is known */
    const uint8_t *data;
    size_t len, whole; /* octets here, and octets that the packet had */
    uint64_t lost;     /* packets that are missing before this one */
    unsigned queue;    /* of a packet on the air: number of its sender's host; 0: unknown */
    struct record_radio radio;
};

/* A link type and a clock: of the file, or of an interface of pcapng. */
struct interface {
    uint32_t link_type;
    uint64_t ticks; /* a second */
    char name[64];  /* "": none */
    bool has_device;
    uint8_t device[6]; /* its controller's address, the last octet first */
};

/* Sources of packets; octets of a packet, and of a message. */
enum { INTERFACES_MAX = 4096, RECORD_MAX = 1 << 17, RECORDING_MESSAGE_MAX = 160 };

struct recording {
    FILE *in;
    int format;
    bool big_endian;
    struct interface interface[INTERFACES_MAX];
    unsigned interfaces;
    unsigned long records;
    uint8_t octets[RECORD_MAX];
    char message[RECORDING_MESSAGE_MAX]; /* why reading has failed */
};

/* Reads the file's header.  0; -1: it is no recording, or is cut, and `message` says so. */
int recording_open(struct recording *r, FILE *in);
/* Reads one packet, valid until the next call.  1; 0: the end; -1: the file is cut or spoilt, and
 * `message` says where. */
int recording_next(struct recording *r, struct record *record);
/* The interface's name; "": it has none. */
const char *recording_source(const struct recording *r, unsigned source);
/* The name of the interface whose controller has the address; NULL: none has. */
const char *recording_device(const void *recording, const uint8_t *address);

#endif
