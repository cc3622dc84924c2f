/* `woad replay`: a recorded log, and where a host differs from it. */
#ifndef WOAD_REPLAY_TOOL_H
#define WOAD_REPLAY_TOOL_H

#include "../hub/replay.h"

enum { REPLAY_PACKET_MAX = 4096, REPLAY_WHY_MAX = 400 }; /* octets of a packet, of a sentence */

/* How a replay has ended. */
enum replay_end {
    END_NONE,
    END_REPRODUCED,
    END_DIFFERS,
    END_MISSING,   /* the host's next packet did not come in time */
    END_PROGRAM,   /* the program ended before */
    END_NO_RADIO,  /* the program has opened no radio */
    END_TWO_RADIOS /* the program has opened a second one beside the first */
};

/* Where the host differs. */
struct replay_difference {
    enum replay_verdict verdict;
    size_t index; /* of the recorded packet */
    uint64_t us;  /* the log's time at which the host sent its own */
    size_t offset, len;
    uint8_t octets[REPLAY_PACKET_MAX]; /* of the host's packet */
};

/* What the report says. */
struct replay_report {
    enum replay_end end;
    bool json;
    unsigned context; /* packets to be shown before a difference */
    struct replay_difference *difference;
    size_t differences;
    uint64_t extra;           /* packets of the host after the log's end */
    double seconds;           /* of the log that were played */
    char cut[REPLAY_WHY_MAX]; /* why the log ends where it does; "": it is whole */
    char why[REPLAY_WHY_MAX]; /* a sentence about END_PROGRAM and the like */
};

/* A line of standard input. */
struct replay_input {
    double seconds; /* since the log's first packet; before 0: from the beginning */
    char *text;     /* with its line feed */
};

/* Reads a file of lines, each with its seconds and a blank in front; NULL at the end has no text.
 * NULL after a message. */
struct replay_input *replay_load_input(const char *path);
void replay_free_input(struct replay_input *lines);
/* Reads a recording.  0, with r->cut if it is cut or spoilt behind its first packets; 1 after a
 * message. */
int replay_load(const char *path, struct replay *log, struct replay_report *r);
/* Prints the report; returns the exit status. */
int replay_print(const struct replay *log, const struct replay_report *r);

#endif
