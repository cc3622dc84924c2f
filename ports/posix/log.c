/* woad_port_log(): the host's messages on stderr, as far as WOAD_LOG in the environment asks. */
#include <woad/port.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* WOAD_LOG: warning, info or debug; each includes those before it. */
void woad_port_log(void *ctx, enum woad_log_level level, const char *message)
{
    static const char *const names[] = { "warning", "info", "debug" };
    const char *wanted = getenv("WOAD_LOG");
    (void)ctx;
    for (unsigned n = 0; wanted && n < sizeof names / sizeof *names; n++) {
        if (strcmp(wanted, names[n]) == 0 && n >= (unsigned)level) {
            fprintf(stderr, "woad: %s\n", message);
        }
    }
}
