/* Shared by web_server.c and web_session.c: the state of the process that serves the page. */
#ifndef WOAD_WEB_SESSION_H
#define WOAD_WEB_SESSION_H

#include "web_feed.h"
#include "web_server.h"

#include <libwebsockets.h>

enum { WEB_SESSIONS_MAX = 16, WEB_LINE_MAX = 1000, WEB_REQUESTS_MAX = 64 };

/* Text that grows. */
struct text {
    char *at;
    size_t len, room;
    bool failed; /* no memory */
};

/* A browser's WebSocket.  libwebsockets allocates it. */
struct session {
    struct session *next;
    struct lws *wsi;
    struct server *server;
    uint64_t next_packet;           /* number of the next one to be sent */
    unsigned list_sent, world_sent; /* server.list_serial and world_serial that it has */
    unsigned requests;              /* lines of it that the air has not answered */
    char line[WEB_LINE_MAX + 1];    /* of a message that comes in parts */
    size_t line_len;
    struct text answers; /* elements of a JSON list, a comma behind each */
    bool joined;         /* it is in server.sessions */
};

/* A line that the air has not answered yet, in the order in which they were sent. */
enum page_line { OF_BROWSER, OF_LIST, OF_WORLD };

struct page_request {
    struct page_request *next;
    struct session *session; /* NULL: it has gone */
    unsigned long id;        /* the browser's number; of lines of the server itself: */
    enum page_line kind;
};

struct server {
    const struct web_place *place;
    struct lws_context *context;
    unsigned port;
    bool ended; /* the air has closed its connections */
    struct feed feed;
    struct lws *lines;   /* the connection that takes lines */
    struct text out, in; /* of it */
    struct page_request *requests, **requests_end;
    char *list, *world; /* the latest answers, in JSON; NULL: none yet */
    unsigned list_serial, world_serial;
    struct session *sessions;
    size_t session_count;
    lws_sorted_usec_list_t timer;
    unsigned ticks;
    unsigned captures; /* downloads under way */
};

/* web_server.c */

/* Whether a request has the token, and comes from this page or from the address bar.  `path`: what
 * is behind the token. */
bool web_allowed(struct server *s, struct lws *wsi, char *path, size_t room);

/* web_session.c */

void text_put(struct text *t, const char *octets, size_t len);
void text_print(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The callbacks of the protocols: of a browser, and of the connection that takes lines. */
int session_callback(struct lws *wsi, enum lws_callback_reasons why, void *user, void *in,
                     size_t len);
int lines_callback(struct lws *wsi, enum lws_callback_reasons why, void *user, void *in,
                   size_t len);
/* Every TICK_MS while there are browsers. */
void sessions_tick(struct server *s);
void sessions_end(struct server *s);

#endif
