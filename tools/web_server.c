/* Serves the page by libwebsockets: files, the capture, and WebSockets (web_session.c).
 *
 * Each URL begins with the token; without it, with another Host than an address of this machine, or
 * from a page of another origin, the answer is 403.  A name in Host would let a page whose name
 * resolves to this machine (DNS rebinding) be of the same origin.
 *
 * Names of other files:
 *   captures: downloads of captures under way
 *   context: of the server: libwebsockets' state
 *   ended: of a tool: its connection has ended; of the page's server: the air has closed its
 *       connections
 *   feed: packets that the page shows, the latest of them kept: web_feed.h
 *   feed_begin(): allocates; false: no memory
 *   feed_capture(): a capture of the packets that are kept, to be freed; NULL: no memory
 *   feed_end(): frees all
 *   feed_take(): takes octets of the stream of packets; false: see `message`
 *   lines_callback(): libwebsockets: events of the connection that takes lines
 *   packets: of the decoder, of a feed: packets so far; of web_place: the connection that brings
 *       them
 *   requests: lines that the air has not answered: of the server, in order; of a browser, their
 *       number
 *   requests_end: where the next of `requests` is to be noted
 *   server: of the decoder: the side that has the attributes, of an ATT PDU; of the page: the state
 *       of its process: web_session.h
 *   session: a browser's WebSocket
 *   session_callback(): libwebsockets: events of a browser's WebSocket
 *   sessions_end(): frees what the browsers' requests and answers need
 *   sessions_tick(): each browser gets what is new
 *   timer: of the server: libwebsockets' timer, for on_tick()
 *   WEB_ADDRESS_MAX: octets of an address as text, its 0 included
 *   web_file: a file of the page, in the program
 *   web_place: where the page is served, its token, and its connections to the air: web_server.h
 *   WEB_TOKEN_LEN: digits of the token */
#define _GNU_SOURCE
#include "web_session.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum {
    TICK_MS = 33,      /* between two messages to a browser */
    CHUNK = 16384,     /* octets of a body that are sent at a time */
    CAPTURES_MAX = 2,  /* downloads at a time */
    FDS_MAX = 128,     /* descriptors of libwebsockets */
    HEADERS_MAX = 2048 /* octets of an answer's headers */
};
static const char refusal[] = "The address needs the token that woad has printed.";

/* The body of an answer that is being sent. */
struct transfer {
    const uint8_t *at;
    size_t left;
    uint8_t *owned; /* to be freed; NULL: the body is the program's */
};

/* This build has the page. */
const char *web_missing(void)
{
    return NULL;
}

/* --- who may ask -------------------------------------------------------------------------------
 */

/* Compares without a hint, by time, at where the first difference is. */
static bool same_token(const char *a, const char *b)
{
    unsigned differ = 0;
    for (size_t k = 0; k < WEB_TOKEN_LEN; k++) {
        differ |= (unsigned char)(a[k] ^ b[k]);
    }
    return differ == 0;
}

/* `localhost` or an IPv4 address, and this server's port. */
static bool is_own_host(const struct server *s, const char *host)
{
    char name[WEB_ADDRESS_MAX];
    struct in_addr in;
    const char *colon = strrchr(host, ':');
    size_t len = colon ? (size_t)(colon - host) : strlen(host);
    unsigned long port = colon ? strtoul(colon + 1, NULL, 10) : 80;
    if (len >= sizeof name || port != s->port) {
        return false;
    }
    memcpy(name, host, len);
    name[len] = '\0';
    return strcmp(name, "localhost") == 0 || inet_pton(AF_INET, name, &in) == 1;
}

/* Host, token, origin. */
bool web_allowed(struct server *s, struct lws *wsi, char *path, size_t room)
{
    char url[WEB_TOKEN_LEN + 64], host[100], origin[120], own[120];
    if (lws_hdr_copy(wsi, url, sizeof url, WSI_TOKEN_GET_URI) <= WEB_TOKEN_LEN + 1 ||
        lws_hdr_copy(wsi, host, sizeof host, WSI_TOKEN_HOST) <= 0 || !is_own_host(s, host)) {
        return false;
    }
    if (url[0] != '/' || !same_token(url + 1, s->place->token) || url[WEB_TOKEN_LEN + 1] != '/') {
        return false;
    }
    if (lws_hdr_total_length(wsi, WSI_TOKEN_ORIGIN) > 0) {
        snprintf(own, sizeof own, "http://%s", host);
        if (lws_hdr_copy(wsi, origin, sizeof origin, WSI_TOKEN_ORIGIN) <= 0 ||
            strcmp(origin, own) != 0) {
            return false;
        }
    }
    return snprintf(path, room, "%s", url + WEB_TOKEN_LEN + 2) < (int)room;
}

/* --- files -------------------------------------------------------------------------------------
 */

/* Sends the headers; the body follows by send_body().  The security headers are libwebsockets' own:
 * a Content-Security-Policy that allows this origin alone, and no Referer. */
static int begin_answer(struct lws *wsi, struct transfer *t, const char *type)
{
    unsigned char buffer[LWS_PRE + HEADERS_MAX], *at = buffer + LWS_PRE, *start = at;
    unsigned char *end = buffer + sizeof buffer - 1;
    static const char no_store[] = "no-store";
    if (lws_add_http_common_headers(wsi, HTTP_STATUS_OK, type, t->left, &at, end) ||
        lws_add_http_header_by_token(wsi, WSI_TOKEN_HTTP_CACHE_CONTROL,
                                     (const unsigned char *)no_store, sizeof no_store - 1, &at,
                                     end) ||
        lws_finalize_write_http_header(wsi, start, &at, end)) {
        return 1;
    }
    lws_callback_on_writable(wsi);
    return 0;
}

/* The body is sent, or its connection has ended. */
static void transfer_end(struct server *s, struct transfer *t)
{
    if (t && t->owned) {
        free(t->owned);
        s->captures--;
    }
    if (t) {
        *t = (struct transfer){ 0 };
    }
}

/* Sends a piece of the body, when there is room.  0; -1: the connection is to be closed. */
static int send_body(struct server *s, struct lws *wsi, struct transfer *t)
{
    unsigned char buffer[LWS_PRE + CHUNK];
    size_t n = t->left < CHUNK ? t->left : CHUNK;
    if (!t->at) {
        return 0;
    }
    memcpy(buffer + LWS_PRE, t->at, n);
    t->at += n;
    t->left -= n;
    enum lws_write_protocol how = t->left ? LWS_WRITE_HTTP : LWS_WRITE_HTTP_FINAL;
    if (lws_write(wsi, buffer + LWS_PRE, n, how) < 0) {
        return -1;
    }
    if (t->left) {
        lws_callback_on_writable(wsi);
        return 0;
    }
    transfer_end(s, t); /* before libwebsockets frees `t`, as it does when a transaction ends */
    return lws_http_transaction_completed(wsi) ? -1 : 0;
}

/* Answers with an error.  0; -1: the connection is to be closed. */
static int refuse(struct lws *wsi, unsigned status, const char *text)
{
    if (lws_return_http_status(wsi, status, text)) {
        return -1;
    }
    return lws_http_transaction_completed(wsi) ? -1 : 0;
}

/* A capture of the packets that are kept. */
static int answer_capture(struct server *s, struct lws *wsi, struct transfer *t)
{
    size_t len;
    if (s->captures >= CAPTURES_MAX) {
        return refuse(wsi, HTTP_STATUS_SERVICE_UNAVAILABLE, "Two downloads run already.");
    }
    t->owned = feed_capture(&s->feed, &len);
    if (!t->owned) {
        return refuse(wsi, HTTP_STATUS_SERVICE_UNAVAILABLE, "There is no memory.");
    }
    s->captures++;
    t->at = t->owned;
    t->left = len;
    if (!len) {
        transfer_end(s, t);
        return refuse(wsi, HTTP_STATUS_NOT_FOUND, "There are no packets yet.");
    }
    return begin_answer(wsi, t, "application/x-pcapng");
}

/* A request: the capture, or a file.  0; others: the connection is to be closed. */
static int answer(struct server *s, struct lws *wsi, struct transfer *t)
{
    char path[64];
    transfer_end(s, t); /* of an earlier request on this connection */
    if (!web_allowed(s, wsi, path, sizeof path)) {
        return refuse(wsi, HTTP_STATUS_FORBIDDEN, refusal);
    }
    if (strcmp(path, "air.pcapng") == 0) {
        return answer_capture(s, wsi, t);
    }
    for (const struct web_file *f = web_files; f->name; f++) {
        if (strcmp(path, f->name) == 0) {
            t->at = f->octets;
            t->left = f->len;
            return begin_answer(wsi, t, f->type);
        }
    }
    return refuse(wsi, HTTP_STATUS_NOT_FOUND, "There is no such file.");
}

/* libwebsockets: events of requests; `user`: the connection's struct transfer. */
static int http_callback(struct lws *wsi, enum lws_callback_reasons why, void *user, void *in,
                         size_t len)
{
    struct server *s = lws_context_user(lws_get_context(wsi));
    switch (why) {
    case LWS_CALLBACK_HTTP: return answer(s, wsi, user);
    case LWS_CALLBACK_HTTP_WRITEABLE: return send_body(s, wsi, user);
    case LWS_CALLBACK_HTTP_DROP_PROTOCOL: /* a transaction has ended, or it becomes a WebSocket */
    case LWS_CALLBACK_CLOSED_HTTP: transfer_end(s, user); return 0;
    case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE: /* not to HTTP/2, where no token would be asked for */
        return strcasecmp(in, "websocket") == 0 ? 0 : -1;
    case LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION:
        lws_return_http_status(wsi, HTTP_STATUS_FORBIDDEN, refusal);
        return -1; /* a WebSocket without this page's subprotocol */
    default: return lws_callback_http_dummy(wsi, why, user, in, len);
    }
}

/* --- packets -----------------------------------------------------------------------------------
 */

/* Reads the answer to `watch air`.  False: the air has ended, or sends something else. */
static bool read_packets(struct server *s)
{
    char octets[65536];
    ssize_t n = read(s->place->packets, octets, sizeof octets);
    if (n < 0) {
        return errno == EAGAIN || errno == EINTR;
    }
    if (n == 0) {
        return false;
    }
    if (!feed_take(&s->feed, octets, (size_t)n)) {
        fprintf(stderr, "woad: the page: %s\n", s->feed.message);
        return false;
    }
    return true;
}

/* libwebsockets: events of the connection that brings packets. */
static int packets_callback(struct lws *wsi, enum lws_callback_reasons why, void *user, void *in,
                            size_t len)
{
    struct server *s = lws_context_user(lws_get_context(wsi));
    bool good = true;
    (void)user, (void)in, (void)len;
    switch (why) {
    case LWS_CALLBACK_RAW_RX_FILE: good = read_packets(s); break;
    case LWS_CALLBACK_RAW_CLOSE_FILE: good = false; break;
    case LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION: return -1; /* no browser's */
    default: return 0;
    }
    s->ended = s->ended || !good;
    return good ? 0 : -1;
}

/* --- its life ----------------------------------------------------------------------------------
 */

/* libwebsockets: the timer, each TICK_MS. */
static void on_tick(lws_sorted_usec_list_t *timer)
{
    struct server *s = lws_container_of(timer, struct server, timer);
    sessions_tick(s);
    lws_sul_schedule(s->context, 0, timer, on_tick, TICK_MS * LWS_US_PER_MS);
}

/* Tells the process that waits why the page cannot be served. */
static int report_error(const struct web_place *place, const char *what, int err)
{
    char text[160];
    int len = snprintf(text, sizeof text, "%s: %s", what, strerror(err));
    (void)!write(place->report, text, (size_t)len);
    return 1;
}

/* libwebsockets does not say why it cannot listen: tries the address first. */
static int try_address(const struct web_place *place)
{
    char name[WEB_ADDRESS_MAX + 16];
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((uint16_t)place->port) };
    int yes = 1, err = 0, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    inet_pton(AF_INET, place->address, &at.sin_addr);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(fd, (struct sockaddr *)&at, sizeof at) < 0 || listen(fd, 1) < 0) {
        err = errno;
    }
    close(fd);
    snprintf(name, sizeof name, "%s:%u", place->address, place->port);
    return err ? report_error(place, name, err) : 0;
}

/* Listens.  NULL: it cannot. */
static struct lws_vhost *open_server(struct server *s)
{
    static const struct lws_protocols protocols[] = {
        { "http", http_callback, sizeof(struct transfer), 0, 0, NULL, 0 },
        { "woad", session_callback, sizeof(struct session), 1024, 0, NULL, 0 },
        { "woad-packets", packets_callback, 0, 0, 0, NULL, 0 },
        { "woad-lines", lines_callback, 0, 0, 0, NULL, 0 },
        { NULL, NULL, 0, 0, 0, NULL, 0 }
    };
    struct lws_context_creation_info info = {
        .port = (int)s->place->port,
        .iface = s->place->address,
        .protocols = protocols,
        .options = LWS_SERVER_OPTION_EXPLICIT_VHOSTS | LWS_SERVER_OPTION_DISABLE_IPV6 |
                   LWS_SERVER_OPTION_FAIL_UPON_UNABLE_TO_BIND | LWS_SERVER_OPTION_VALIDATE_UTF8 |
                   LWS_SERVER_OPTION_HTTP_HEADERS_SECURITY_BEST_PRACTICES_ENFORCE,
        .fd_limit_per_thread = FDS_MAX,
        .gid = -1,
        .uid = -1,
        .user = s
    };
    lws_set_log_level(0, NULL);
    s->context = lws_create_context(&info);
    if (!s->context) {
        return NULL;
    }
    return lws_create_vhost(s->context, &info);
}

/* Begins the streams of packets and of lines.  False: it cannot. */
static bool adopt(struct server *s, struct lws_vhost *vhost)
{
    static const char watch[] = "watch air\n";
    lws_sock_file_fd_type packets = { .filefd = s->place->packets };
    lws_sock_file_fd_type lines = { .filefd = s->place->lines };
    s->lines =
        lws_adopt_descriptor_vhost(vhost, LWS_ADOPT_RAW_FILE_DESC, lines, "woad-lines", NULL);
    return s->lines &&
           lws_adopt_descriptor_vhost(vhost, LWS_ADOPT_RAW_FILE_DESC, packets, "woad-packets",
                                      NULL) &&
           write(s->place->packets, watch, sizeof watch - 1) == (ssize_t)sizeof watch - 1;
}

/* The port goes to the process that waits, then libwebsockets calls the functions above. */
int web_serve(const struct web_place *place)
{
    struct server s = { .place = place };
    s.requests_end = &s.requests;
    if (try_address(place)) {
        return 1;
    }
    struct lws_vhost *vhost = feed_begin(&s.feed) ? open_server(&s) : NULL;
    if (!vhost || !adopt(&s, vhost)) {
        return report_error(place, "libwebsockets cannot serve it", vhost ? EIO : ENOMEM);
    }
    s.port = (unsigned)lws_get_vhost_listen_port(vhost);
    char text[16];
    int len = snprintf(text, sizeof text, "%u\n", s.port);
    (void)!write(place->report, text, (size_t)len);
    close(place->report);
    lws_sul_schedule(s.context, 0, &s.timer, on_tick, TICK_MS * LWS_US_PER_MS);
    while (!s.ended && lws_service(s.context, 0) >= 0) {
    }
    lws_context_destroy(s.context);
    sessions_end(&s);
    feed_end(&s.feed);
    return 0;
}
