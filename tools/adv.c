/* `woad adv`: advertises what the options say, until Ctrl-C or for some seconds.
 *
 * Names of other files:
 *   command: of a tool, of a help: the sub-command's name, for messages
 *   ended: of a tool: its connection has ended; of the page's server: the air has closed its
 *       connections
 *   hci: of a tool: the controller's name; NULL: that of WOAD_HCI
 *   output_closed: of a tool: standard output cannot be written to any more
 *   text_addr(): an address as text: C0:11:22:33:44:55
 *   text_addr_type(): "public" or "random"
 *   text_parse_value(): octets of a value on the command line: hexadecimal, or text; returns how
 *       many, -1: too many
 *   tool: a sub-command: its options, host, port and state: tool_host.h
 *   TOOL_ADDR_TEXT: octets of an address as text, its 0 included
 *   tool_close(): stops the host, and frees all that tool_open() has made
 *   TOOL_DONE: end of a wait: what was waited for is there; of tool_why(): nothing has happened
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
 *   tool_status(): the exit status at the end: 1, too, if standard output is closed
 *   TOOL_TEXT: kind of option: to a const char *
 *   tool_usage(): prints what is wrong with the command line; returns TOOL_EXIT_USAGE
 *   tool_wait(): lets the host go on until *done, or for some ms; TOOL_DONE, or what has ended it
 *       before
 *   uuid_parse(): a UUID from digits or from its name; false: it is neither */
#include "tool_host.h"
#include "tool_text.h"
#include "woad_tool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    DAY_S = 86400,
    SERVICES_MAX = 16,  /* UUIDs of --services */
    EXTENDED_MAX = 245, /* octets of extended advertising data: one command's */
    STARTED_MS = 5000   /* until advertising that has not begun has failed */
};

struct adv_tool {
    struct tool t;
    const char *name, *services, *manufacturer; /* of the options */
    long interval_ms;
    bool connectable, extended; /* of the options */
    bool started;               /* advertising has begun, or `failed` */
    bool failed;
    int status;                 /* of the attempt (HCI) */
    uint8_t data[EXTENDED_MAX]; /* `len` octets: the advertising data */
    size_t len;
};

/* Begins to advertise, extended or not.  0, or an error of the host. */
static int adv_start(struct adv_tool *s)
{
    struct woad_adv_params params = WOAD_ADV_DEFAULT;
    struct woad_ext_adv_params extended = WOAD_EXT_ADV_DEFAULT;
    uint32_t interval = (uint32_t)s->interval_ms * 8 / 5;
    if (s->extended) {
        extended.connectable = s->connectable;
        extended.interval_625us = interval;
        int error = woad_ext_adv_set_data(s->t.h, 0, s->data, s->len);
        return error ? error : woad_ext_adv_start(s->t.h, 0, &extended);
    }
    params.interval_625us = (uint16_t)interval;
    if (!s->connectable) {
        params.kind = WOAD_ADV_NONCONN_IND;
    }
    int error = woad_adv_set_data(s->t.h, s->data, s->len);
    return error ? error : woad_adv_start(s->t.h, &params);
}

/* Notes whether advertising has begun; prints centrals, and advertises again after each. */
static void adv_event(struct tool *t, const struct woad_event *ev)
{
    struct adv_tool *s = t->ctx;
    char addr[TOOL_ADDR_TEXT];
    switch (ev->type) {
    case WOAD_EV_ADV_STARTED:
    case WOAD_EV_EXT_ADV_STARTED: s->started = true; break;
    case WOAD_EV_ADV_FAILED:
        s->started = s->failed = true;
        s->status = ev->u.adv.status;
        break;
    case WOAD_EV_EXT_ADV_ENDED:
        if (ev->u.ext_adv.status) {
            s->started = s->failed = true;
            s->status = ev->u.ext_adv.status;
        }
        break;
    case WOAD_EV_CONNECT:
        text_addr(addr, &ev->u.connect.peer);
        printf("%s has connected\n", addr);
        tool_flush(t);
        break;
    case WOAD_EV_DISCONNECT:
        text_addr(addr, &ev->u.disconnect.peer);
        printf("%s has disconnected: %s\n", addr, woad_strerror(ev->u.disconnect.reason));
        tool_flush(t);
        t->ended = false;
        adv_start(s);
        break;
    default: break;
    }
}

/* --- what the options say --------------------------------------------------------------------- */

/* "180d,battery,6e400001-…".  Returns how many; -1: one of them is wrong, and *bad is its text. */
static int adv_services(const char *list, struct woad_uuid uuid[SERVICES_MAX], char bad[64])
{
    int n = 0;
    while (list && *list) {
        size_t len = strcspn(list, ",");
        snprintf(bad, 64, "%.*s", (int)len, list);
        if (n == SERVICES_MAX || len > 63 || !uuid_parse(&uuid[n++], bad)) {
            return -1;
        }
        list += len + (list[len] == ',');
    }
    return n;
}

/* "ffff:0102": the company's number, and octets.  False: it is wrong. */
static bool adv_manufacturer(struct woad_ad_builder *ad, const char *text)
{
    uint8_t octets[EXTENDED_MAX];
    char *end;
    unsigned long company = strtoul(text, &end, 16);
    int n = 0;
    if (end != text + 4 || (*end && *end != ':')) {
        return false;
    }
    if (*end) {
        n = text_parse_value(octets, sizeof octets, end + 1);
    }
    if (n >= 0) {
        woad_ad_manufacturer_data(ad, (uint16_t)company, octets, (size_t)n);
    }
    return n >= 0;
}

/* 0, or the exit status. */
static int adv_data(struct adv_tool *s, const struct tool_help *help)
{
    struct woad_ad_builder ad = { s->data, WOAD_ADV_DATA_MAX, 0, 0 };
    struct woad_uuid uuid[SERVICES_MAX];
    char bad[64] = "";
    int n = adv_services(s->services, uuid, bad);
    if (s->extended) {
        ad.room = sizeof s->data;
    }
    if (n < 0) {
        return tool_usage(help, "--services: \"%s\" is no UUID, no name of one, or the 17th", bad);
    }
    woad_ad_flags(&ad, WOAD_AD_GENERAL | WOAD_AD_LE_ONLY);
    if (n) {
        woad_ad_uuids(&ad, uuid, (size_t)n);
    }
    if (s->manufacturer && !adv_manufacturer(&ad, s->manufacturer)) {
        return tool_usage(help, "--manufacturer takes a company and octets, like ffff:0102");
    }
    if (s->name && *s->name) {
        woad_ad_name(&ad, s->name);
    }
    if (ad.error) {
        return tool_usage(help, "that is more than %u octets%s", (unsigned)ad.room,
                          s->extended ? "" : "; --extended has room for 245");
    }
    s->len = ad.len;
    return 0;
}

/* --- the command ------------------------------------------------------------------------------ */

/* Advertises, prints the address, and waits.  Returns the exit status. */
static int adv_run(struct adv_tool *s, unsigned long seconds)
{
    struct tool *t = &s->t;
    struct woad_addr addr;
    char text[TOOL_ADDR_TEXT];
    if (tool_open(t)) {
        return TOOL_EXIT_FAILED;
    }
    if (s->name) {
        size_t len = strlen(s->name);
        woad_gatt_set_name(t->h, (const uint8_t *)s->name, len < 31 ? len : 31);
    }
    s->status = adv_start(s);
    enum tool_end end = TOOL_DONE;
    if (!s->status) {
        end = tool_wait(t, &s->started, STARTED_MS);
    }
    int status = 0;
    if (s->status) {
        status = tool_fail(t, "the controller does not advertise so: %s", woad_strerror(s->status));
    } else if (end != TOOL_DONE) {
        status = tool_ended(t, end, "starting to advertise");
    } else {
        const bool never = false;
        woad_own_address(t->h, &addr);
        text_addr(text, &addr);
        printf("advertising as %s %s\n", text, text_addr_type(&addr));
        tool_flush(t);
        end = tool_wait(t, &never, seconds ? (uint32_t)seconds * 1000u : WOAD_FOREVER);
        if (end == TOOL_DOWN || t->output_closed) {
            status = tool_ended(t, end, "advertising");
        }
    }
    tool_close(t);
    return tool_status(t, status);
}

/* Parses the command line: options, and SECONDS. */
int tool_adv(int argc, char **argv)
{
    static struct adv_tool s = {
        .t = { .command = "adv", .program = "woad-adv", .event = adv_event, .ctx = &s },
        .name = "Woad",
        .interval_ms = 100,
    };
    static const struct tool_option options[] = {
        { "--name", "NAME", "the device's name; Woad", TOOL_TEXT, &s.name, 0, 0 },
        { "--services", "UUID,…", "services: 180d,battery,6e400001-…", TOOL_TEXT, &s.services, 0,
          0 },
        { "--manufacturer", "ID:DATA", "a company's data: ffff:0102, or ffff:text", TOOL_TEXT,
          &s.manufacturer, 0, 0 },
        { "--interval", "MS", "20 to 10240; 100", TOOL_NUMBER, &s.interval_ms, 20, 10240 },
        { "--connectable", NULL, "let centrals connect", TOOL_FLAG, &s.connectable, 0, 0 },
        { "--extended", NULL, "extended advertising, with room for 245 octets", TOOL_FLAG,
          &s.extended, 0, 0 },
        { "--hci", "NAME", "the controller; else WOAD_HCI names it", TOOL_TEXT, &s.t.hci, 0, 0 },
        { NULL, NULL, NULL, TOOL_FLAG, NULL, 0, 0 },
    };
    static const struct tool_help help = {
        "adv", "[OPTION…] [SECONDS]",
        "Advertises for SECONDS, or until Ctrl-C.  With --connectable the centrals that come\n"
        "and go are printed.\n",
        "woad adv --name lamp --services battery\nwoad adv --connectable --interval 1000 60\n"
        "woad adv --extended --manufacturer ffff:0102030405\n",
        options
    };
    int status;
    char *end = NULL;
    unsigned long seconds = 0;
    if (!tool_parse(&help, &argc, argv, &status)) {
        return status;
    }
    if (argc > 0) {
        seconds = strtoul(argv[0], &end, 10);
    }
    if (argc > 1 || (end && (*end || !seconds || seconds > DAY_S || argv[0][0] == '-'))) {
        return tool_usage(&help, "SECONDS are 1 to %d", DAY_S);
    }
    status = adv_data(&s, &help);
    if (status) {
        return status;
    }
    return adv_run(&s, seconds);
}
