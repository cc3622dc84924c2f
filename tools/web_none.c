/* In the place of web_server.c and web_session.c, where libwebsockets was not there at the build.
 */
#include "web_server.h"

const char *web_missing(void)
{
    return "this build has no page: install libwebsockets (Debian: libwebsockets-dev), and build "
           "again";
}

int web_serve(const struct web_place *place)
{
    (void)place;
    return 1;
}
