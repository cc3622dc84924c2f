/* A whole program: woad_port_run(). */
#include <woad/port.h>
#include <woad/woad.h>

#include <stdio.h>
#include <stdlib.h>

enum { LONGEST_MS = 1000 };

static int run_with(struct woad_port *port, const struct woad_config *config, struct woad *h,
                    uint32_t (*loop)(void *ctx, struct woad *h, uint32_t now_ms), const bool *done)
{
    int error = woad_start(h);
    while (!error && !(done && *done)) {
        uint32_t wait = WOAD_FOREVER;
        if (loop) {
            wait = loop(config->ctx, h, woad_port_now_ms());
        }
        error = woad_port_step(port, h, wait < LONGEST_MS ? wait : LONGEST_MS);
    }
    if (error && !(done && *done)) {
        fprintf(stderr, "the controller has failed: %s\n", woad_strerror(error));
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}

int woad_port_run(const struct woad_config *config, const char *program,
                  uint32_t (*loop)(void *ctx, struct woad *h, uint32_t now_ms), const bool *done)
{
    struct woad_config_fault fault;
    char message[WOAD_PORT_MESSAGE_MAX];
    int error;
    size_t size = woad_size(config);
    void *mem = malloc(size ? size : 1);
    int wrong = woad_init_check(mem, size, config, &fault);
    if (wrong) {
        fprintf(stderr, "the config: %s\n", fault.reason);
    }
    if (wrong && fault.refused) {
        free(mem);
        return EXIT_FAILURE;
    }
    struct woad *h = woad_init(mem, size, config);
    struct woad_port *port = woad_port_open_as(NULL, program, &error, message);
    if (!port) {
        fprintf(stderr, "%s\n", message);
        free(mem);
        return EXIT_FAILURE;
    }
    const struct woad_vendor_init *init = woad_port_vendor_init(port);
    if (init) {
        woad_set_vendor_init(h, init);
    }
    int status = run_with(port, config, h, loop, done);
    woad_port_close(port);
    free(mem);
    return status;
}
