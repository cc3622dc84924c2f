/* In the place of web_server.c and web_session.c, where libwebsockets was not there at the build.
 *
 * Names of other files:
 *   web_place: where the page is served, its token, and its connections to the air: web_server.h */
#include "web_server.h"

/* Says what to install. */
const char *web_missing(void)
{
    return "this build has no page: install libwebsockets (Debian: libwebsockets-dev), and build "
           "again";
}

/* Never called: web_missing() is not NULL. */
int web_serve(const struct web_place *place)
{
    (void)place;
    return 1;
}
