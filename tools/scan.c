/* `woad scan`: the devices that advertise: a table that is renewed on a terminal, else lines.
 *
 * Names of other files:
 *   command: of a tool, of a help: the sub-command's name, for messages
 *   hci: of a tool: the controller's name; NULL: that of WOAD_HCI
 *   output_closed: of a tool: standard output cannot be written to any more
 *   report_name(): the name in a report; NULL: none
 *   report_take(): takes an event of a scan; true: the report is complete
 *   text_addr(): an address as text: C0:11:22:33:44:55
 *   text_addr_type(): "public" or "random"
 *   text_hex(): prints octets in hexadecimal, with something between them
 *   text_json(): prints text as a string of JSON
 *   text_parse_addr(): the address that a text is; false: it is none
 *   text_show(): prints text of a peer, made safe for a terminal
 *   tool: a sub-command: its options, host, port and state: tool_host.h
 *   TOOL_ADDR_TEXT: octets of an address as text, its 0 included
 *   tool_close(): stops the host, and frees all that tool_open() has made
 *   TOOL_DOWN: end of a wait: the controller has failed
 *   tool_ended(): prints why a wait has ended, unless by TOOL_DONE; returns the exit status
 *   TOOL_EXIT_FAILED: exit status after a message
 *   tool_fail(): prints a message; returns TOOL_EXIT_FAILED
 *   TOOL_FLAG: kind of option: without a value, to a bool
 *   tool_flush(): flushes standard output; false: it is closed
 *   tool_help: a sub-command's texts of --help, and its table of options
 *   TOOL_NUMBER: kind of option: to a long
 *   tool_open(): opens the controller and starts a host, t->h; 0, or the exit status after a
 *       message
 *   tool_option: a row of the table of options: name, name of its value, help, TOOL_…, where it
 *       goes, least and greatest number
 *   tool_parse(): takes the options off the command line; false: the command ends with *status
 *   tool_report: a report of a scan, put together: tool_report.h
 *   tool_status(): the exit status at the end: 1, too, if standard output is closed
 *   tool_step(): lets the host go on once, for some ms at most, or until a descriptor can be read;
 *       false: tool_why() is not TOOL_DONE
 *   TOOL_TEXT: kind of option: to a const char *
 *   tool_usage(): prints what is wrong with the command line; returns TOOL_EXIT_USAGE
 *   tool_why(): why the command is to end; TOOL_DONE: it is not
 *   uuid_parse(): a UUID from digits or from its name; false: it is neither
 *   uuid_text(): a UUID as text; returns its name, NULL: none */
#include "tool_host.h"
#include "tool_report.h"
#include "tool_text.h"
#include "woad_tool.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* The table: rows, octets of a name, ms until it is printed again; columns before a name; lines
 * beside the rows: the head, "more", the one where the cursor is. */
enum { DAY_S = 86400, ROWS_MAX = 500, NAME_MAX_SHOWN = 64, REDRAW_MS = 300 };
enum { COLUMNS = 80, LINES = 24, BEFORE_NAME = 17 + 1 + 6 + 1 + 8 + 1 + 8 + 2, OTHER_LINES = 3 };

/* A device of the table. */
struct row {
    struct woad_addr addr;
    int rssi;
    bool connectable, extended;
    uint8_t name[NAME_MAX_SHOWN];
    size_t name_len;
    unsigned long packets, heard; /* heard: the number of the last of all packets */
};

struct scan_tool {
    struct tool t;
    struct tool_report report;
    const char *name, *addr, *uuid_text; /* filters of the options; NULL: none */
    bool has_uuid, json, lines;
    bool table; /* else lines or JSON */
    struct woad_uuid uuid;
    struct woad_addr addr_wanted;
    long rssi_min;      /* dBm */
    unsigned long seen; /* reports that passed the filters */
    struct row row[ROWS_MAX];
    size_t rows, drawn; /* rows of the table; lines of it that are on the terminal */
    bool over;          /* the controller scans no more, or has refused */
    int status;         /* of that */
};

/* --- filters ---------------------------------------------------------------------------------- */

/* The device's name has this part, in capitals or not. */
static bool scan_has_name(const struct tool_report *r, const char *part)
{
    size_t len, wanted = strlen(part);
    const uint8_t *name = report_name(r, &len);
    for (size_t i = 0; name && i + wanted <= len; i++) {
        size_t k = 0;
        while (k < wanted && tolower(name[i + k]) == tolower((unsigned char)part[k])) {
            k++;
        }
        if (k == wanted) {
            return true;
        }
    }
    return false;
}

/* The report passes the options' filters. */
static bool scan_wants(const struct scan_tool *s)
{
    const struct tool_report *r = &s->report;
    if (s->name && !scan_has_name(r, s->name)) {
        return false;
    }
    if (s->addr && memcmp(r->addr.octet, s->addr_wanted.octet, sizeof r->addr.octet) != 0) {
        return false;
    }
    if (s->has_uuid && !woad_ad_has_uuid(r->data, r->len, &s->uuid)) {
        return false;
    }
    return r->rssi == 127 || r->rssi >= s->rssi_min;
}

/* --- lines and JSON --------------------------------------------------------------------------- */

/* Prints a report on a line. */
static void scan_line(const struct tool_report *r)
{
    char addr[TOOL_ADDR_TEXT];
    size_t len;
    if (r->addr.type == 0xff) {
        printf("%-17s %-6s", "anonymous", "");
    } else {
        text_addr(addr, &r->addr);
        printf("%s %s", addr, text_addr_type(&r->addr));
    }
    printf("  %4d dBm  ", r->rssi);
    const uint8_t *name = report_name(r, &len);
    if (name) {
        text_show(name, len);
    }
    if (r->extended) {
        printf("  extended, set %u, %u octets", r->sid, (unsigned)r->len);
    }
    putchar('\n');
}

/* A bool in JSON. */
static const char *json_bool(bool yes)
{
    if (yes) {
        return "true";
    }
    return "false";
}

/* Prints a report as an object of JSON. */
static void scan_json(const struct tool_report *r)
{
    char addr[TOOL_ADDR_TEXT];
    size_t len;
    if (r->addr.type == 0xff) {
        printf("{\"address\":null,");
    } else {
        text_addr(addr, &r->addr);
        printf("{\"address\":\"%s\",\"type\":\"%s\",", addr, text_addr_type(&r->addr));
    }
    if (r->rssi == 127) {
        printf("\"rssi\":null,");
    } else {
        printf("\"rssi\":%d,", r->rssi);
    }
    printf("\"connectable\":%s,\"scan_response\":%s,\"extended\":%s,", json_bool(r->connectable),
           json_bool(r->scan_response), json_bool(r->extended));
    if (r->extended) {
        printf("\"sid\":%u,", r->sid);
    }
    const uint8_t *name = report_name(r, &len);
    if (name) {
        printf("\"name\":");
        text_json(name, len);
        putchar(',');
    }
    printf("\"data\":\"");
    text_hex(r->data, r->len, "");
    printf("\"}\n");
}

/* --- the table -------------------------------------------------------------------------------- */

/* The table's row of the reported device, made if need be.  In a full table it takes the place of
 * the device that has been silent for longest: others' addresses keep nobody out. */
static struct row *scan_row(struct scan_tool *s)
{
    struct row *row = s->row, *end = s->row + s->rows, *silent = s->row;
    while (row < end && memcmp(&row->addr, &s->report.addr, sizeof s->report.addr) != 0) {
        silent = row->heard < silent->heard ? row : silent;
        row++;
    }
    if (row < end) {
        return row;
    }
    if (s->rows == ROWS_MAX) {
        row = silent;
    } else {
        s->rows++;
    }
    memset(row, 0, sizeof *row);
    row->addr = s->report.addr;
    return row;
}

/* The octets of text that fit, without a part of a character.  An octet takes one column at most.
 */
static size_t scan_fit(const uint8_t *text, size_t len, size_t room)
{
    if (len > room) {
        for (len = room; len && (text[len] & 0xc0) == 0x80;) {
            len--;
        }
    }
    return len;
}

/* Takes a report into the table. */
static void scan_note(struct scan_tool *s)
{
    struct row *row = scan_row(s);
    size_t len;
    row->heard = s->seen;
    row->rssi = s->report.rssi;
    row->packets++;
    row->connectable |= s->report.connectable;
    row->extended |= s->report.extended;
    const uint8_t *name = report_name(&s->report, &len);
    if (name) {
        row->name_len = scan_fit(name, len, NAME_MAX_SHOWN);
        memcpy(row->name, name, row->name_len);
    }
}

/* Prints a row, no longer than the terminal's line: its end would begin another one. */
static void scan_draw_row(const struct row *row, size_t columns)
{
    char addr[TOOL_ADDR_TEXT] = "anonymous", end[40];
    if (row->addr.type != 0xff) {
        text_addr(addr, &row->addr);
    }
    snprintf(end, sizeof end, "%s%s", row->connectable ? "" : "  (no connections)",
             row->extended ? "  (extended)" : "");
    size_t room = columns > BEFORE_NAME ? columns - BEFORE_NAME : 0;
    size_t name_len = scan_fit(row->name, row->name_len, room);
    printf("%-17s %-6s %4d dBm %8lu  ", addr, text_addr_type(&row->addr), row->rssi, row->packets);
    text_show(row->name, name_len);
    printf("%.*s\033[K\n", (int)(room - name_len), end);
}

/* Prints the table over the one before: as many rows as the terminal has lines for. */
static void scan_draw(struct scan_tool *s)
{
    struct winsize size;
    size_t columns = COLUMNS, lines = LINES;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col && size.ws_row) {
        columns = size.ws_col;
        lines = size.ws_row;
    }
    size_t most = lines > OTHER_LINES ? lines - OTHER_LINES : 1;
    size_t rows = s->rows < most ? s->rows : most;
    if (s->drawn) {
        printf("\033[%uA", (unsigned)s->drawn);
    }
    printf("%-17s %-6s %8s %8s  NAME\033[K\n", "ADDRESS", "TYPE", "RSSI", "PACKETS");
    for (size_t i = 0; i < rows; i++) {
        scan_draw_row(&s->row[i], columns);
    }
    s->drawn = rows + 1;
    if (rows < s->rows) {
        printf("and %u more: --lines shows them\033[K\n", (unsigned)(s->rows - rows));
        s->drawn++;
    }
    printf("\033[J");
}

/* --- the command ------------------------------------------------------------------------------ */

/* Prints a report that is wanted, or takes it into the table. */
static void scan_event(struct tool *t, const struct woad_event *ev)
{
    struct scan_tool *s = t->ctx;
    if (ev->type == WOAD_EV_SCAN_DONE) {
        s->over = true;
        s->status = ev->u.scan.status;
    }
    if (!report_take(&s->report, ev) || !scan_wants(s)) {
        return;
    }
    s->seen++;
    if (s->table) {
        scan_note(s);
    } else if (s->json) {
        scan_json(&s->report);
        tool_flush(t);
    } else {
        scan_line(&s->report);
        tool_flush(t);
    }
}

/* Scans for so long.  Returns the exit status. */
static int scan_run(struct scan_tool *s, unsigned long seconds)
{
    struct tool *t = &s->t;
    struct woad_scan_params params = { 96, 96, true, !s->table, 0, false };
    const char *shown = t->hci ? t->hci : getenv("WOAD_HCI");
    if (!shown) {
        shown = "this user's simulated radio";
    }
    fprintf(stderr, "woad scan: %s, %lu s\n", shown, seconds);
    if (tool_open(t)) {
        return TOOL_EXIT_FAILED;
    }
    s->status = woad_scan_start(t->h, &params);
    s->over = s->status != 0;
    uint32_t start = woad_port_now_ms(), limit = (uint32_t)seconds * 1000u, gone = 0;
    while (gone < limit && !s->over &&
           tool_step(t, -1, limit - gone < REDRAW_MS ? limit - gone : REDRAW_MS)) {
        gone = woad_port_now_ms() - start;
        if (s->table) {
            scan_draw(s);
            tool_flush(t);
        }
    }
    int status = 0;
    if (tool_why(t) == TOOL_DOWN || t->output_closed) {
        status = tool_ended(t, tool_why(t), "scanning");
    } else if (s->status) {
        status = tool_fail(t, "the controller does not scan: %s", woad_strerror(s->status));
    } else if (!s->seen) {
        fprintf(stderr, "woad scan: no device advertises there\n");
    }
    tool_close(t);
    return tool_status(t, status);
}

/* Parses 1 to a day; 0: invalid. */
static unsigned long seconds_of(const char *text)
{
    char *end;
    unsigned long n = strtoul(text, &end, 10);
    if (isdigit((unsigned char)*text) && !*end && n <= DAY_S) {
        return n;
    }
    return 0;
}

/* Parses the command line: options, and SECONDS. */
int tool_scan(int argc, char **argv)
{
    static struct scan_tool s = { .t = { .command = "scan", .event = scan_event, .ctx = &s },
                                  .rssi_min = -128 };
    static const struct tool_option options[] = {
        { "--name", "PART", "only devices with this in their names", TOOL_TEXT, &s.name, 0, 0 },
        { "--uuid", "UUID", "only with this service: 180d, \"heart rate\", 128 bits", TOOL_TEXT,
          &s.uuid_text, 0, 0 },
        { "--addr", "ADDRESS", "only this device", TOOL_TEXT, &s.addr, 0, 0 },
        { "--rssi", "DBM", "only packets that are as strong: -70", TOOL_NUMBER, &s.rssi_min, -128,
          20 },
        { "--json", NULL, "an object of JSON on each line", TOOL_FLAG, &s.json, 0, 0 },
        { "--lines", NULL, "lines, on a terminal, too", TOOL_FLAG, &s.lines, 0, 0 },
        { "--hci", "NAME", "the controller; else WOAD_HCI names it", TOOL_TEXT, &s.t.hci, 0, 0 },
        { NULL, NULL, NULL, TOOL_FLAG, NULL, 0, 0 },
    };
    static const struct tool_help help = {
        "scan", "[OPTION…] [SECONDS]",
        "Prints each advertising device once for each kind of its packets; on a terminal, a table\n"
        "that is renewed.  Scans for 5 s, or SECONDS, up to a day; Ctrl-C ends it before.  The\n"
        "controller is the one --hci or WOAD_HCI names (unix:/path, usb, hci0, …), or without\n"
        "them this user's simulated radio.\n",
        "woad scan\nwoad scan --uuid 180d --rssi -70 30\nwoad scan --json 5 | jq .name\n", options
    };
    int status;
    unsigned long seconds = 5;
    if (!tool_parse(&help, &argc, argv, &status)) {
        return status;
    }
    if (argc > 0) {
        seconds = seconds_of(argv[0]);
    }
    if (argc > 1 || !seconds) {
        return tool_usage(&help, "usage: woad scan [SECONDS], 1 to %d", DAY_S);
    }
    if (s.addr && !text_parse_addr(&s.addr_wanted, s.addr)) {
        return tool_usage(&help, "\"%s\" is no address like C0:11:22:33:44:55", s.addr);
    }
    s.has_uuid = s.uuid_text != NULL;
    if (s.has_uuid && !uuid_parse(&s.uuid, s.uuid_text)) {
        return tool_usage(&help, "\"%s\" is no UUID, and no name of one", s.uuid_text);
    }
    s.table = !s.json && !s.lines && isatty(STDOUT_FILENO);
    return scan_run(&s, seconds);
}
