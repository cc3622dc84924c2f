/* Browsers' WebSockets: what they send and get.
 *
 * A browser sends text, `ID LINE`: a line of hub/control.h, or `packet N` for the decode of packet
 * N.  It gets objects of JSON, at most one each TICK_MS: `packets` from number `first` on, of each
 * [us, channel, PHY, kind, sender, octets, airtime, access address, flags, name, dBm]; `skipped`,
 * packets that this browser was too slow for; `lost`, those that the server was too slow for;
 * `list` and `world`, when they have changed; `answers`, of each [ID, answer].  One message is
 * under way at a time: a browser that does not read misses packets, and nothing waits for it.
 *
 * Names of other files:
 *   airtime_us: of a packet: from its first bit to its last
 *   block_len: of a packet: octets of its block of the capture, at `octets`
 *   decode_len: of a packet: octets of its decode as JSON, behind the block
 *   ended: of a tool: its connection has ended; of the page's server: the air has closed its
 *       connections
 *   feed: packets that the page shows, the latest of them kept: web_feed.h
 *   feed_first(): number of the oldest packet that is kept
 *   feed_packet(): the packet of that number; NULL: it is not kept
 *   joined: of a browser: it is in the list of browsers
 *   line_len: octets of `line`
 *   list_sent: of a browser: the list_serial that it has
 *   list_serial: counts the changes of `list`, the latest answer to the line of that name
 *   next_packet: of a browser: number of the next packet to be sent
 *   OF_BROWSER: kind of a request: a browser's line
 *   OF_LIST: kind of a request: the server's own, for `list`
 *   OF_WORLD: kind of a request: the server's own, for `world`
 *   page_request: a line that the air has not answered yet
 *   requests: lines that the air has not answered: of the server, in order; of a browser, their
 *       number
 *   requests_end: where the next of `requests` is to be noted
 *   server: of the decoder: the side that has the attributes, of an ATT PDU; of the page: the state
 *       of its process: web_session.h
 *   session: a browser's WebSocket
 *   sessions: the browsers
 *   text: text that grows: `len` octets, `failed`: there was no memory
 *   ticks: how often sessions_tick() has been called
 *   WEB_LINE_MAX: octets of a browser's line
 *   WEB_REQUESTS_MAX: lines of a browser that may wait for an answer
 *   world_sent: of a browser: the world_serial that it has
 *   world_serial: counts the changes of `world`, the latest answer to the line of that name */
#define _GNU_SOURCE
#include "web_session.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Packets of a message; HISTORY: packets that a new browser gets; STATE_TICKS: how often `list` and
 * `world` are asked for; octets of answers that a browser may have pending. */
enum { MESSAGE_PACKETS = 2000, HISTORY = 4000, STATE_TICKS = 5, ANSWERS_MAX = 1 << 18 };
/* Octets: that a text grows by, at least; of an answer of the air; of the kernel's queue. */
enum { TEXT_FIRST = 1024, ANSWER_MAX = 1 << 20, SEND_ROOM = 1 << 17 };

/* --- text ---------------------------------------------------------------------------------------
 */

/* Appends octets. */
void text_put(struct text *t, const char *octets, size_t len)
{
    if (t->len + len > t->room) {
        size_t room = 2 * (t->len + len) + TEXT_FIRST;
        char *more = realloc(t->at, room);
        if (!more) {
            t->failed = true;
            return;
        }
        t->at = more;
        t->room = room;
    }
    memcpy(t->at + t->len, octets, len);
    t->len += len;
}

/* Appends formatted text, of 399 octets at most. */
void text_print(struct text *t, const char *format, ...)
{
    char line[400];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (len > 0) {
        text_put(t, line, (size_t)len < sizeof line ? (size_t)len : sizeof line - 1);
    }
}

/* Frees the text; it may be used again. */
static void text_free(struct text *t)
{
    free(t->at);
    *t = (struct text){ 0 };
}

/* --- lines for the air -------------------------------------------------------------------------
 */

/* Sends a line, whose answer is for `session`.  False: no memory. */
static bool ask(struct server *s, struct session *session, unsigned long id, enum page_line kind,
                const char *line, size_t len)
{
    struct page_request *r = malloc(sizeof *r);
    if (!r) {
        return false;
    }
    *r = (struct page_request){ .session = session, .id = id, .kind = kind };
    *s->requests_end = r;
    s->requests_end = &r->next;
    if (session) {
        session->requests++;
    }
    text_put(&s->out, line, len);
    text_put(&s->out, "\n", 1);
    lws_callback_on_writable(s->lines);
    return !s->out.failed;
}

/* The lines that a page may send: no files, and nothing that holds up the connection. */
static bool is_for_pages(const char *line)
{
    static const char *const words[] = { "move",  "off",       "on",    "loss",     "noise",
                                         "wall",  "link",      "pause", "step",     "speed",
                                         "hang",  "resume",    "crash", "continue", "time",
                                         "place", "interferer" };
    size_t len = strcspn(line, " ");
    for (size_t k = 0; k < sizeof words / sizeof *words; k++) {
        if (strlen(words[k]) == len && memcmp(words[k], line, len) == 0) {
            return true;
        }
    }
    return false;
}

/* Keeps the latest answer to a line of the server's own.  Whether it has changed. */
static bool keep_state(char **at, const char *answer, size_t len)
{
    if (*at && strlen(*at) == len && memcmp(*at, answer, len) == 0) {
        return false;
    }
    char *copy = strndup(answer, len);
    if (!copy) {
        return false;
    }
    free(*at);
    *at = copy;
    return true;
}

/* An answer of the air, without its line end. */
static void take_answer(struct server *s, const char *answer, size_t len)
{
    struct page_request *r = s->requests;
    if (!r) {
        return;
    }
    s->requests = r->next;
    if (!s->requests) {
        s->requests_end = &s->requests;
    }
    if (r->kind == OF_LIST) {
        s->list_serial += keep_state(&s->list, answer, len);
    } else if (r->kind == OF_WORLD) {
        s->world_serial += keep_state(&s->world, answer, len);
    } else if (r->session) {
        r->session->requests--;
        text_print(&r->session->answers, "[%lu,", r->id);
        text_put(&r->session->answers, answer, len);
        text_print(&r->session->answers, "],");
    }
    free(r);
}

/* Reads the answers.  False: the air has ended. */
static bool read_lines(struct server *s, int fd)
{
    char octets[16384], *end;
    ssize_t n = read(fd, octets, sizeof octets);
    if (n < 0) {
        return errno == EAGAIN || errno == EINTR;
    }
    text_put(&s->in, octets, (size_t)n);
    size_t at = 0;
    while ((end = memchr(s->in.at + at, '\n', s->in.len - at)) != NULL) {
        size_t len = (size_t)(end - s->in.at) - at;
        take_answer(s, s->in.at + at, len);
        at += len + 1;
    }
    s->in.len -= at;
    memmove(s->in.at, s->in.at + at, s->in.len);
    return n > 0 && !s->in.failed && s->in.len < ANSWER_MAX;
}

/* Sends lines to the air while there is room.  False: the air has ended. */
static bool write_lines(struct server *s, int fd)
{
    ssize_t n = write(fd, s->out.at, s->out.len);
    if (n < 0) {
        return errno == EAGAIN || errno == EINTR;
    }
    s->out.len -= (size_t)n;
    memmove(s->out.at, s->out.at + n, s->out.len);
    if (s->out.len) {
        lws_callback_on_writable(s->lines);
    }
    return true;
}

/* `ended` once the air has closed the connection. */
int lines_callback(struct lws *wsi, enum lws_callback_reasons why, void *user, void *in, size_t len)
{
    struct server *s = lws_context_user(lws_get_context(wsi));
    bool good = true;
    (void)user, (void)in, (void)len;
    switch (why) {
    case LWS_CALLBACK_RAW_RX_FILE: good = read_lines(s, s->place->lines); break;
    case LWS_CALLBACK_RAW_WRITEABLE_FILE:
        good = !s->out.len || write_lines(s, s->place->lines);
        break;
    case LWS_CALLBACK_RAW_CLOSE_FILE: good = false; break;
    case LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION: return -1; /* no browser's */
    default: return 0;
    }
    s->ended = s->ended || !good;
    return good ? 0 : -1;
}

/* --- what browsers send ------------------------------------------------------------------------
 */

/* `packet N`: its decode, at once. */
static void answer_packet(struct session *session, unsigned long id, const char *number)
{
    char *end;
    unsigned long long n = strtoull(number, &end, 10);
    const struct feed_packet *p = NULL;
    if (end != number && !*end) {
        p = feed_packet(&session->server->feed, n);
    }
    if (!p || !p->octets) {
        text_print(&session->answers,
                   "[%lu,{\"ok\":false,\"error\":\"that packet is not kept any more\"}],", id);
        return;
    }
    text_print(&session->answers, "[%lu,{\"ok\":true,\"packet\":", id);
    text_put(&session->answers, p->octets + p->block_len, p->decode_len);
    text_print(&session->answers, "}],");
}

/* Does `ID LINE`.  False: it is no such text, and the connection is to be closed. */
static bool take_message(struct session *session)
{
    char *line = session->line, *end;
    for (size_t k = 0; k < session->line_len; k++) {
        if ((unsigned char)line[k] < ' ' || line[k] == 0x7f) {
            return false;
        }
    }
    line[session->line_len] = '\0';
    unsigned long id = strtoul(line, &end, 10);
    if (line[0] < '0' || line[0] > '9' || end - line > 9 || *end != ' ' ||
        session->requests >= WEB_REQUESTS_MAX || session->answers.len > ANSWERS_MAX) {
        return false;
    }
    end++;
    if (strncmp(end, "packet ", 7) == 0) {
        answer_packet(session, id, end + 7);
    } else if (is_for_pages(end)) {
        return ask(session->server, session, id, OF_BROWSER, end, strlen(end));
    } else {
        text_print(&session->answers,
                   "[%lu,{\"ok\":false,\"error\":\"a page may not send this\"}],", id);
    }
    return true;
}

/* A part of a message.  False: the connection is to be closed. */
static bool receive(struct session *session, const char *in, size_t len)
{
    bool good = !lws_frame_is_binary(session->wsi) && len <= WEB_LINE_MAX - session->line_len;
    if (!good) {
        return false;
    }
    memcpy(session->line + session->line_len, in, len);
    session->line_len += len;
    if (!lws_is_final_fragment(session->wsi) || lws_remaining_packet_payload(session->wsi) > 0) {
        return true;
    }
    good = take_message(session);
    session->line_len = 0;
    return good;
}

/* --- what browsers get -------------------------------------------------------------------------
 */

/* A packet as a JSON list, as above. */
static void put_packet(struct text *t, const struct feed_packet *p)
{
    text_print(t, "[%" PRIu64 ",%u,%u,%u,%u,%u,%u,%" PRIu32 ",%u,\"%s\",%d],", p->us, p->channel,
               p->phy, p->kind, p->sender, p->len, (unsigned)p->airtime_us, p->access_address,
               p->flags, p->name, p->power_dbm);
}

/* The next packets; counts those that were overwritten before this browser got them. */
static void put_packets(struct session *session, struct text *t)
{
    const struct feed *f = &session->server->feed;
    uint64_t first = feed_first(f), skipped = 0;
    if (session->next_packet < first) {
        skipped = first - session->next_packet;
        session->next_packet = first;
    }
    text_print(t,
               "\"first\":%" PRIu64 ",\"skipped\":%" PRIu64 ",\"lost\":%" PRIu64 ",\"packets\":[",
               session->next_packet, skipped, f->lost);
    for (unsigned k = 0; k < MESSAGE_PACKETS && session->next_packet < f->packets; k++) {
        put_packet(t, feed_packet(f, session->next_packet++));
    }
    t->len -= t->at && t->at[t->len - 1] == ','; /* behind the last */
    text_print(t, "]");
}

/* A field `key`, if the browser does not have its latest value. */
static void put_state(struct text *t, const char *key, const char *state, unsigned serial,
                      unsigned *sent)
{
    if (state && *sent != serial) {
        text_print(t, ",\"%s\":", key);
        text_put(t, state, strlen(state));
        *sent = serial;
    }
}

/* There is something to send to the browser. */
static bool has_news(const struct session *session)
{
    const struct server *s = session->server;
    return session->next_packet < s->feed.packets || session->answers.len ||
           session->list_sent != s->list_serial || session->world_sent != s->world_serial;
}

/* Sends a message.  False: the connection is to be closed. */
static bool send_news(struct session *session)
{
    struct server *s = session->server;
    struct text t = { 0 };
    if (!has_news(session)) {
        return true;
    }
    char space[LWS_PRE] = { 0 };
    text_put(&t, space, sizeof space);
    text_print(&t, "{");
    put_packets(session, &t);
    put_state(&t, "list", s->list, s->list_serial, &session->list_sent);
    put_state(&t, "world", s->world, s->world_serial, &session->world_sent);
    if (session->answers.len) {
        text_print(&t, ",\"answers\":[");
        text_put(&t, session->answers.at, session->answers.len - 1);
        text_print(&t, "]");
        session->answers.len = 0;
    }
    text_print(&t, "}");
    bool good = !t.failed && !session->answers.failed &&
                lws_write(session->wsi, (unsigned char *)t.at + LWS_PRE, t.len - LWS_PRE,
                          LWS_WRITE_TEXT) >= 0;
    text_free(&t);
    return good;
}

/* Asks the air for its state at times, too. */
void sessions_tick(struct server *s)
{
    if (s->session_count && s->ticks++ % STATE_TICKS == 0 && s->out.len == 0) {
        ask(s, NULL, 0, OF_LIST, "list", 4);
        ask(s, NULL, 0, OF_WORLD, "world", 5);
    }
    for (struct session *session = s->sessions; session; session = session->next) {
        if (has_news(session)) {
            lws_callback_on_writable(session->wsi);
        }
    }
}

/* --- connections -------------------------------------------------------------------------------
 */

/* With a short queue in the kernel a slow browser gets what is new, not megabytes of what was. */
static void session_begin(struct server *s, struct session *session, struct lws *wsi)
{
    const int room = SEND_ROOM;
    setsockopt(lws_get_socket_fd(wsi), SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
    *session = (struct session){ .wsi = wsi, .server = s, .next = s->sessions, .joined = true };
    session->next_packet = feed_first(&s->feed);
    if (s->feed.packets - session->next_packet > HISTORY) {
        session->next_packet = s->feed.packets - HISTORY;
    }
    s->sessions = session;
    s->session_count++;
    s->ticks = 0; /* its state is asked for at once */
}

/* The browser's connection has ended: answers to it are dropped. */
static void session_end(struct server *s, struct session *session)
{
    struct session **at = &s->sessions;
    if (!session || !session->joined) {
        return;
    }
    while (*at != session) {
        at = &(*at)->next;
    }
    *at = session->next;
    s->session_count--;
    for (struct page_request *r = s->requests; r; r = r->next) {
        if (r->session == session) {
            r->session = NULL;
        }
    }
    text_free(&session->answers);
    session->joined = false;
}

/* A WebSocket needs the token, as files do. */
int session_callback(struct lws *wsi, enum lws_callback_reasons why, void *user, void *in,
                     size_t len)
{
    struct server *s = lws_context_user(lws_get_context(wsi));
    struct session *session = user;
    char path[8];
    bool good = true;
    switch (why) {
    case LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION:
        good = web_allowed(s, wsi, path, sizeof path) && strcmp(path, "ws") == 0 &&
               s->session_count < WEB_SESSIONS_MAX;
        if (!good) {
            lws_return_http_status(wsi, HTTP_STATUS_FORBIDDEN, NULL);
        }
        break;
    case LWS_CALLBACK_ESTABLISHED: session_begin(s, session, wsi); break;
    case LWS_CALLBACK_CLOSED: session_end(s, session); break;
    case LWS_CALLBACK_RECEIVE: good = receive(session, in, len); break;
    case LWS_CALLBACK_SERVER_WRITEABLE: good = send_news(session); break;
    default: break;
    }
    return good ? 0 : -1;
}

/* The browsers' own memory is libwebsockets'. */
void sessions_end(struct server *s)
{
    while (s->requests) {
        struct page_request *r = s->requests;
        s->requests = r->next;
        free(r);
    }
    text_free(&s->out);
    text_free(&s->in);
    free(s->list);
    free(s->world);
}
