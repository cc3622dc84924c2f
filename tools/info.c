/* `woad info`: what a controller can do, and what Woad can't do on it: HCI commands that only read.
 * Vol 4, Part E.
 *
 * Names of other files:
 *   hci: of a tool: the controller's name; NULL: that of WOAD_HCI
 *   text_addr(): an address as text: C0:11:22:33:44:55
 *   text_hex(): prints octets in hexadecimal, with something between them
 *   tool: a sub-command: its options, host, port and state: tool_host.h
 *   TOOL_ADDR_TEXT: octets of an address as text, its 0 included
 *   TOOL_DONE: end of a wait: what was waited for is there; of tool_why(): nothing has happened
 *   tool_ended(): prints why a wait has ended, unless by TOOL_DONE; returns the exit status
 *   tool_fail(): prints a message; returns TOOL_EXIT_FAILED
 *   TOOL_FLAG: kind of option: without a value, to a bool
 *   tool_help: a sub-command's texts of --help, and its table of options
 *   tool_interrupted(): Ctrl-C or SIGTERM was received
 *   tool_option: a row of the table of options: name, name of its value, help, TOOL_…, where it
 *       goes, least and greatest number
 *   tool_parse(): takes the options off the command line; false: the command ends with *status
 *   tool_port_wait(): waits for a port without a host, or for a descriptor
 *   tool_signals(): lets Ctrl-C and SIGTERM set a flag: tool_interrupted()
 *   tool_status(): the exit status at the end: 1, too, if standard output is closed
 *   TOOL_STOPPED: end of a wait: Ctrl-C, SIGTERM, or standard output is closed
 *   TOOL_TEXT: kind of option: to a const char *
 *   TOOL_TIME: end of a wait: the time limit
 *   tool_usage(): prints what is wrong with the command line; returns TOOL_EXIT_USAGE */
#include "tool_host.h"
#include "tool_text.h"
#include "woad_tool.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { ANSWER_MS = 2000 }; /* in which a command is answered */
enum {                     /* opcodes */
       RESET = 0x0c03,
       READ_VERSION = 0x1001,
       READ_COMMANDS = 0x1002,
       READ_ADDR = 0x1009,
       LE_BUFFERS = 0x2002,
       LE_FEATURES = 0x2003,
       LE_ACCEPT_LIST = 0x200f,
       LE_STATES = 0x201c,
       LE_RESOLVING_LIST = 0x202a,
       LE_MAX_DATA_LENGTH = 0x202f,
       LE_ADV_DATA_LENGTH = 0x203a,
       LE_ADV_SETS = 0x203b
};

struct info_tool {
    struct tool t; /* only for messages and the port */
    bool json;
    uint8_t version[8], commands[64], addr[6], buffers[3], features[8], states[8];
    uint8_t accept_list, resolving_list, adv_sets;
    uint8_t max_data[8], adv_data[2];
    unsigned have; /* bits by the order of info_reads[]: the controller has answered */
};

/* LE features by bit.  Vol 6, Part B, 4.6 */
static const char *const feature_names[] = {
    "LE Encryption",
    "Connection Parameters Request",
    "Extended Reject Indication",
    "Peripheral-initiated Features Exchange",
    "LE Ping",
    "Data Packet Length Extension",
    "LL Privacy",
    "Extended Scanning Filter Policies",
    "LE 2M PHY",
    "Stable Modulation Index, transmitter",
    "Stable Modulation Index, receiver",
    "LE Coded PHY",
    "Extended Advertising",
    "Periodic Advertising",
    "Channel Selection Algorithm #2",
    "LE Power Class 1",
    "Minimum Number of Used Channels",
    "Connection CTE Request",
    "Connection CTE Response",
    "Connectionless CTE Transmitter",
    "Connectionless CTE Receiver",
    "Antenna Switching During CTE Transmission",
    "Antenna Switching During CTE Reception",
    "Receiving Constant Tone Extensions",
    "Periodic Advertising Sync Transfer, sender",
    "Periodic Advertising Sync Transfer, recipient",
    "Sleep Clock Accuracy Updates",
    "Remote Public Key Validation",
    "Connected Isochronous Stream, central",
    "Connected Isochronous Stream, peripheral",
    "Isochronous Broadcaster",
    "Synchronized Receiver",
    "Connected Isochronous Stream, host support",
    "LE Power Control Request",
    "LE Power Control Request, second bit",
    "LE Path Loss Monitoring",
    "Periodic Advertising ADI",
    "Connection Subrating",
    "Connection Subrating, host support",
    "Channel Classification",
    "Advertising Coding Selection",
    "Advertising Coding Selection, host support",
    NULL,
    "Periodic Advertising with Responses, advertiser",
    "Periodic Advertising with Responses, scanner",
};
enum { FEATURE_NAMES = sizeof feature_names / sizeof *feature_names };

/* HCI version by number.  Assigned Numbers, 2.1 */
static const char *const version_names[] = { "1.0b", "1.1", "1.2", "2.0", "2.1",
                                             "3.0",  "4.0", "4.1", "4.2", "5.0",
                                             "5.1",  "5.2", "5.3", "5.4", "6.0" };

/* The name of an HCI version. */
static const char *info_version(uint8_t number)
{
    if (number < sizeof version_names / sizeof *version_names) {
        return version_names[number];
    }
    return "later than 6.0";
}

/* Needs of Woad's beyond the least controller: a feature's bit, and what is missing without.
 */
static const struct {
    uint8_t bit;
    const char *without;
} needs[] = {
    { 0, "no pairing and no encryption: the controller has no LE Encryption" },
    { 5, "packets of at most 27 octets, so it is slow: no Data Packet Length Extension" },
    { 6, "peers with private addresses are found by a scan of the host: no LL Privacy" },
    { 8, "connections on 1M only: no LE 2M PHY" },
    { 11, "no long range: no LE Coded PHY" },
    { 12, "one advertising set, of 31 octets: no Extended Advertising" },
};
enum { NEEDS = sizeof needs / sizeof *needs };

/* --- asking ----------------------------------------------------------------------------------- */

/* Waits for Command Complete of `opcode`.  Returns its parameters behind the status, or NULL: *end
 * says why, TOOL_DONE: refused with a status. */
static const uint8_t *info_answer(struct tool *t, uint16_t opcode, size_t *len, enum tool_end *end)
{
    uint32_t start = woad_port_now_ms();
    const uint8_t *p;
    for (;;) {
        int n = woad_port_read(t->port, &p);
        if (n < 0) {
            t->down_error = n;
            *end = TOOL_DOWN;
            return NULL;
        }
        /* event u8, length u8, packets u8, opcode u16, status u8.  7.7.14 */
        if (n >= 7 && p[0] == 0x04 && p[1] == 0x0e && (p[4] | p[5] << 8) == opcode) {
            *len = (size_t)n - 7;
            *end = TOOL_DONE;
            return p[6] == 0 ? p + 7 : NULL;
        }
        /* event u8, length u8, status u8, packets u8, opcode u16: it is refused.  7.7.15 */
        if (n >= 7 && p[0] == 0x04 && p[1] == 0x0f && (p[5] | p[6] << 8) == opcode) {
            *end = TOOL_DONE;
            return NULL;
        }
        if (tool_interrupted() || woad_port_now_ms() - start >= ANSWER_MS) {
            *end = tool_interrupted() ? TOOL_STOPPED : TOOL_TIME;
            return NULL;
        }
        if (n == 0) {
            tool_port_wait(t->port, -1, 50);
        }
    }
}

/* Sends a command without parameters, and copies what it returns.  False: *end is not TOOL_DONE. */
static bool info_ask(struct info_tool *s, unsigned index, uint16_t opcode, void *to, size_t room,
                     enum tool_end *end)
{
    const uint8_t command[4] = { 0x01, (uint8_t)opcode, (uint8_t)(opcode >> 8), 0 };
    size_t len = 0;
    uint32_t start = woad_port_now_ms();
    int error = woad_port_write(s->t.port, command, sizeof command);
    const uint8_t *unread;
    while (error == -EBUSY && woad_port_now_ms() - start < ANSWER_MS && !tool_interrupted()) {
        tool_port_wait(s->t.port, -1, 50); /* the three-wire link is not active yet */
        woad_port_read(s->t.port, &unread);
        error = woad_port_write(s->t.port, command, sizeof command);
    }
    if (error) {
        s->t.down_error = error;
        *end = TOOL_DOWN;
        return false;
    }
    const uint8_t *p = info_answer(&s->t, opcode, &len, end);
    if (p && len >= room) {
        memcpy(to, p, room);
        s->have |= 1u << index;
    }
    return *end == TOOL_DONE;
}

/* Bits of info_tool.have: indices of info_read()'s commands. */
enum {
    HAVE_VERSION = 1,
    HAVE_ADDR = 3,
    HAVE_BUFFERS = 4,
    HAVE_FEATURES = 5,
    HAVE_STATES = 7,
    HAVE_MAX_DATA = 9,
    HAVE_ADV_DATA = 10
};

/* Sends all the commands.  TOOL_DONE, or why the controller gives no answers. */
static enum tool_end info_read(struct info_tool *s)
{
    uint8_t none[1];
    const struct {
        uint16_t opcode;
        void *to;
        size_t room;
    } reads[] = {
        { RESET, none, 0 },
        { READ_VERSION, s->version, 8 },
        { READ_COMMANDS, s->commands, 64 },
        { READ_ADDR, s->addr, 6 },
        { LE_BUFFERS, s->buffers, 3 },
        { LE_FEATURES, s->features, 8 },
        { LE_ACCEPT_LIST, &s->accept_list, 1 },
        { LE_STATES, s->states, 8 },
        { LE_RESOLVING_LIST, &s->resolving_list, 1 },
        { LE_MAX_DATA_LENGTH, s->max_data, 8 },
        { LE_ADV_DATA_LENGTH, s->adv_data, 2 },
        { LE_ADV_SETS, &s->adv_sets, 1 },
    };
    enum tool_end end = TOOL_DONE;
    for (unsigned i = 0; i < sizeof reads / sizeof *reads; i++) {
        if (!info_ask(s, i, reads[i].opcode, reads[i].to, reads[i].room, &end)) {
            return end;
        }
    }
    return TOOL_DONE;
}

/* --- printing --------------------------------------------------------------------------------- */

/* The controller has answered the command of this index: HAVE_… */
static bool info_has(const struct info_tool *s, unsigned index)
{
    return (s->have >> index & 1) != 0;
}

/* The controller has the LE feature of this bit. */
static bool info_feature(const struct info_tool *s, unsigned bit)
{
    return (s->features[bit / 8] >> bit % 8 & 1) != 0;
}

/* 16 bits, little endian. */
static unsigned le16(const uint8_t *p)
{
    return (unsigned)p[0] | (unsigned)p[1] << 8;
}

/* How many commands the controller has. */
static unsigned info_commands(const struct info_tool *s)
{
    unsigned n = 0;
    for (unsigned i = 0; i < 8 * sizeof s->commands; i++) {
        n += s->commands[i / 8] >> i % 8 & 1;
    }
    return n;
}

/* The controller has a public address. */
static bool info_public(const struct info_tool *s)
{
    static const uint8_t zeros[6];
    return info_has(s, HAVE_ADDR) && memcmp(s->addr, zeros, sizeof zeros) != 0;
}

/* Prints buffers, lengths and numbers of entries. */
static void info_numbers(const struct info_tool *s)
{
    if (info_has(s, HAVE_BUFFERS)) {
        printf("buffers         %u packets of %u octets\n", s->buffers[2], le16(s->buffers));
    }
    if (info_has(s, HAVE_MAX_DATA)) {
        printf("packets         %u octets sent, %u received\n", le16(s->max_data),
               le16(s->max_data + 4));
    }
    printf("lists           %u accepted, %u resolved\n", s->accept_list, s->resolving_list);
    if (info_has(s, HAVE_ADV_DATA)) {
        printf("advertising     %u sets, %u octets\n", s->adv_sets, le16(s->adv_data));
    }
    printf("commands        %u\n", info_commands(s));
    if (info_has(s, HAVE_STATES)) {
        printf("states          ");
        text_hex(s->states, sizeof s->states, " ");
        putchar('\n');
    }
}

/* Prints all as text. */
static void info_print(const struct info_tool *s)
{
    struct woad_addr addr = { .type = WOAD_ADDR_PUBLIC };
    char text[TOOL_ADDR_TEXT];
    memcpy(addr.octet, s->addr, sizeof s->addr);
    text_addr(text, &addr);
    if (info_has(s, HAVE_VERSION)) {
        printf("version         Bluetooth %s, company 0x%04x, subversion 0x%04x\n",
               info_version(s->version[0]), le16(s->version + 4), le16(s->version + 6));
    }
    printf("address         %s\n", info_public(s) ? text : "none: the host draws a random one");
    info_numbers(s);
    printf("features\n");
    for (unsigned bit = 0; bit < FEATURE_NAMES; bit++) {
        if (info_feature(s, bit) && feature_names[bit]) {
            printf("  %s\n", feature_names[bit]);
        }
    }
    printf("what Woad can't do here\n");
    for (unsigned i = 0; i < NEEDS; i++) {
        if (!info_feature(s, needs[i].bit)) {
            printf("  %s\n", needs[i].without);
        }
    }
    printf("  periodic advertising, isochronous channels: Woad's host does not have them\n");
}

/* Prints all as one object of JSON. */
static void info_print_json(const struct info_tool *s)
{
    struct woad_addr addr = { .type = WOAD_ADDR_PUBLIC };
    char text[TOOL_ADDR_TEXT];
    const char *between = "";
    memcpy(addr.octet, s->addr, sizeof s->addr);
    text_addr(text, &addr);
    printf("{\"version\":\"%s\",\"company\":%u,\"subversion\":%u,", info_version(s->version[0]),
           le16(s->version + 4), le16(s->version + 6));
    if (info_public(s)) {
        printf("\"address\":\"%s\",", text);
    }
    printf("\"acl_packets\":%u,\"acl_octets\":%u,\"accept_list\":%u,\"resolving_list\":%u,",
           s->buffers[2], le16(s->buffers), s->accept_list, s->resolving_list);
    printf("\"tx_octets\":%u,\"rx_octets\":%u,\"adv_sets\":%u,\"adv_octets\":%u,\"commands\":%u,",
           le16(s->max_data), le16(s->max_data + 4), s->adv_sets, le16(s->adv_data),
           info_commands(s));
    printf("\"states\":\"");
    text_hex(s->states, sizeof s->states, "");
    printf("\",\"features\":[");
    for (unsigned bit = 0; bit < FEATURE_NAMES; bit++) {
        if (info_feature(s, bit) && feature_names[bit]) {
            printf("%s\"%s\"", between, feature_names[bit]);
            between = ",";
        }
    }
    printf("],\"missing\":[");
    between = "";
    for (unsigned i = 0; i < NEEDS; i++) {
        if (!info_feature(s, needs[i].bit)) {
            printf("%s\"%s\"", between, needs[i].without);
            between = ",";
        }
    }
    printf("]}\n");
}

/* Opens the controller without a host, and asks it.  Returns the exit status. */
static int info_run(struct info_tool *s)
{
    char message[WOAD_PORT_MESSAGE_MAX];
    int error, status = 0;
    tool_signals();
    s->t.port = woad_port_open_as(s->t.hci, "woad", &error, message);
    if (!s->t.port) {
        return tool_fail(&s->t, "%s", message);
    }
    enum tool_end end = info_read(s);
    if (end == TOOL_TIME) {
        status = tool_fail(&s->t, "the controller does not answer; check --hci or WOAD_HCI");
    } else if (end != TOOL_DONE) {
        status = tool_ended(&s->t, end, "asking the controller");
    } else if (s->json) {
        info_print_json(s);
    } else {
        info_print(s);
    }
    woad_port_close(s->t.port);
    return tool_status(&s->t, status);
}

/* Parses the command line. */
int tool_info(int argc, char **argv)
{
    static struct info_tool s = { .t = { .command = "info" } };
    static const struct tool_option options[] = {
        { "--json", NULL, "print JSON", TOOL_FLAG, &s.json, 0, 0 },
        { "--hci", "NAME", "the controller; else WOAD_HCI names it", TOOL_TEXT, &s.t.hci, 0, 0 },
        { NULL, NULL, NULL, TOOL_FLAG, NULL, 0, 0 },
    };
    static const struct tool_help help = {
        "info", "[OPTION…]",
        "Prints what the controller says of itself, and what Woad can't do on it and why.  The\n"
        "controller is reset first.\n",
        "woad info\nwoad info --hci usb\nwoad info --hci uart:/dev/ttyACM0@115200 --json\n", options
    };
    int status;
    if (!tool_parse(&help, &argc, argv, &status)) {
        return status;
    }
    if (argc > 0) {
        return tool_usage(&help, "\"%s\" is not needed", argv[0]);
    }
    return info_run(&s);
}
