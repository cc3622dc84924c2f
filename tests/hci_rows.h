/* Rows of the HCI table: the status with which a controller answers a command in a given state.
 * Core 5.4, Vol 4, Part E; each row names its clause.
 *
 * A state is a list of commands.  Each command is an opcode and its parameters in hexadecimal,
 * and ends with `;`.  `B` in front: the peer's controller executes it.  `wait N`: N milliseconds
 * pass.  `00*31`: the octet 00, 31 times.  Every command of a state must succeed. */
#ifndef WOAD_TESTS_HCI_ROWS_H
#define WOAD_TESTS_HCI_ROWS_H

#include <stdint.h>

struct row {
    const char *clause, *state;
    uint16_t opcode;
    const char *params;
    int status;
};
enum { DISCARDS = 0x100 }; /* or'ed to a status: the set's data are discarded */

enum {
    OK = 0x00,
    NO_CONNECTION = 0x02,
    MEMORY = 0x07,
    LIMIT = 0x09,
    EXISTS = 0x0b,
    DISALLOWED = 0x0c,
    UNSUPPORTED = 0x11,
    INVALID = 0x12,
    NO_REMOTE = 0x1a,
    NO_SET = 0x42,
    REACHED = 0x43,
    TOO_LONG = 0x45,
    UNKNOWN = 0x01
};

#define A6 " 02 02 03 04 05 06" /* B's address, behind an address type */
#define RANDOM_ADDRESS "2005 01 02 03 04 05 c6;"

/* --- states of legacy commands ---------------------------------------------------------------- */

#define IDLE ""
#define ADV_PARAMS(min, max, kind, own, type, channels, filter) \
    min " " max " " kind " " own " " type A6 " " channels " " filter
#define ADV_KIND(kind) "2006 " ADV_PARAMS("20 00", "20 00", kind, "00", "00", "07", "00") ";"
#define ADV_OWN(own) "2006 " ADV_PARAMS("20 00", "20 00", "00", own, "00", "07", "00") ";"
#define ADVERTISING ADV_KIND("00") "200a 01;"
#define ADV_BY_LIST "2006 " ADV_PARAMS("20 00", "20 00", "00", "00", "00", "07", "03") ";200a 01;"
#define SCANNING "200b 00 10 00 10 00 00 00;200c 01 00;"
#define SCAN_BY_LIST "200b 00 10 00 10 00 00 01;200c 01 00;"
#define CREATE_ALL(si, sw, filter, type, own, min, max, late, timeout, ce) \
    si " " sw " " filter " " type A6 " " own " " min " " max " " late " " timeout " " ce
#define CREATE \
    CREATE_ALL("10 00", "10 00", "00", "00", "00", "08 00", "08 00", "00 00", "64 00", \
               "00 00 00 00")
#define CONNECTING "200d " CREATE ";"
#define CONNECT_BY_LIST \
    "200d " CREATE_ALL("10 00", "10 00", "01", "00", "00", "08 00", "08 00", "00 00", "64 00", \
                       "00 00 00 00") ";"
#define B_CREATE \
    "B 200d 10 00 10 00 00 00 01 02 03 04 05 06 00 08 00 08 00 00 00 64 00 00 00 00 00;"
#define B_ADVERTISES "B 2006 20 00 20 00 00 00 00 00 00 00 00 00 00 07 00;B 200a 01;"
#define CENTRAL_ B_ADVERTISES CONNECTING "wait 200;"
#define PERIPHERAL_ ADVERTISING B_CREATE "wait 200;"
#define KNOWN "2016 40 00;wait 100;" /* the peer's features have been read */
#define LTK "01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f 10"
#define ENCRYPT "2019 40 00 00*10 " LTK ";"
#define ENCRYPTED ENCRYPT "wait 100;B 201a 40 00 " LTK ";wait 200;"

/* The resolving list has one entry: B, with a peer IRK and a local IRK. */
#define PEER_KEY "21 22 23 24 25 26 27 28 29 2a 2b 2c 2d 2e 2f 30"
#define OWN_KEY "41 42 43 44 45 46 47 48 49 4a 4b 4c 4d 4e 4f 50"
#define RESOLVING "2027 00" A6 " " PEER_KEY " " OWN_KEY ";"
#define RESOLVES RESOLVING "202d 01;"

/* --- states of extended commands -------------------------------------------------------------- */

#define SET_ALL(handle, props, min, max, channels, own, type, filter, power, first, second, sid, \
                tell) \
    handle " " props " 00 " min " " max " " channels " " own " " type A6 " " filter " " power \
           " " first " 00 " second " " sid " " tell
#define SET(handle, props) \
    SET_ALL(handle, props, "a0 00 00", "a0 00 00", "07", "00", "00", "00", "7f", "01", "01", "03", \
            "00")
#define SET_OWN(handle, props, own) \
    SET_ALL(handle, props, "a0 00 00", "a0 00 00", "07", own, "00", "00", "7f", "01", "01", "03", \
            "00")
#define HAS_SET(props) "2036 " SET("01", props) ";"
#define START "2039 01 01 01 00 00 00;"
#define STOP "2039 00 01 01 00 00 00;"
#define EXT_ADVERTISING HAS_SET("00") START
#define DATA(n) "2037 01 03 00 " n
#define EXT_SCANNING "2041 00 00 01 00 10 00 10 00;2042 01 00 00 00 00 00;"
#define PHY_CREATE "10 00 10 00 08 00 08 00 00 00 64 00 00 00 00 00"
#define EXT_CREATE "00 00 00" A6 " 01 " PHY_CREATE
#define EXT_CONNECTING "2043 " EXT_CREATE ";"
#define HAS_TRAIN HAS_SET("00") "203e 01 50 00 50 00 00 00;"
#define TRAIN HAS_TRAIN "2040 01 01;" START
#define CREATE_SYNC "00 03 00" A6 " 00 00 64 00 00"
#define SYNCING "2044 " CREATE_SYNC ";"
#define B_TRAIN \
    "B 2036 " SET("01", "00") ";B 203e 01 10 00 10 00 00 00;B 2040 01 01;" \
                              "B 2039 01 01 01 00 00 00;"
#define SYNCED B_TRAIN SYNCING EXT_SCANNING "wait 500;2042 00 00 00 00 00 00;"
#define EXT_CENTRAL \
    "B 2036 " SET("01", "13") ";B 2039 01 01 01 00 00 00;" EXT_CONNECTING "wait 300;"
#define EXT_PERIPHERAL \
    "2036 " SET("01", "13") ";" START "B 2043 00 00 00 01 02 03 04 05 06 01 " PHY_CREATE \
                            ";wait 300;"

/* --- states of isochronous streams ------------------------------------------------------------ */

#define HOSTS "2074 20 01;B 2074 20 01;"
#define CIG_ALL(id, to, from, sca, packing, framing, l1, l2, n) \
    id " " to " " from " " sca " " packing " " framing " " l1 " " l2 " " n
#define CIG(n) CIG_ALL("07", "10 27 00", "10 27 00", "00", "00", "00", "0a 00", "0a 00", n)
#define CIS(id) " " id " 3c 00 3c 00 02 02 02 02"
#define CONFIGURED HOSTS "2062 " CIG("01") CIS("01") ";"
#define CIS_PENDING EXT_CENTRAL_ISO "2062 " CIG("02") CIS("01") CIS("02") ";2064 01 00 01 40 00;"
#define EXT_CENTRAL_ISO HOSTS EXT_CENTRAL
#define CIS_UP CIS_PENDING "wait 300;B 2066 00 01;wait 600;"
#define CIS_ENDED CIS_UP "0406 00 01 13;wait 600;"
#define CIS_ASKED \
    HOSTS EXT_PERIPHERAL "B 2062 " CIG("01") CIS("01") ";B 2064 01 00 01 40 00;wait 300;"
#define CIS_AGREED CIS_ASKED "2066 00 01;"
#define CIS_IN CIS_AGREED "wait 600;"
#define PATH(handle, direction) handle " " direction " 00 03 00 00 00 00 00 00 00 00"
#define BIG_ALL(id, set, n, interval, sdu, late, again, phy, packing, framing, encrypted) \
    id " " set " " n " " interval " " sdu " " late " " again " " phy " " packing " " framing \
       " " encrypted " 00*16"
#define BIG(id, set) \
    BIG_ALL(id, set, "01", "10 27 00", "3c 00", "0a 00", "01", "02", "00", "00", "00")
#define BIG_UP TRAIN "2068 " BIG("03", "01") ";"
#define BIG_SYNC_ALL(id, sync, encrypted, mse, timeout, n) \
    id " " sync " " encrypted " 00*16 " mse " " timeout " " n
#define BIG_SYNC(n) BIG_SYNC_ALL("02", "00 00", "00", "00", "64 00", n)
#define B_BIG "B 2068 " BIG("03", "01") ";"
#define BIG_SYNCING SYNCED "206b " BIG_SYNC("01 01") ";"
#define BIG_SYNCED \
    B_TRAIN B_BIG SYNCING EXT_SCANNING "wait 500;206b " BIG_SYNC("01 01") ";wait 500;"

#endif
