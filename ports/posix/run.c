/* A whole program: woad_port_run().
 *
 * Names of other files:
 *   refused: woad_init() would fail with it; else it is a warning
 *   woad_init_check(): 0, or a mistake in the config, with its reason */
#include <woad/port.h>
#include <woad/woad.h>

#include <stdio.h>
#include <stdlib.h>

enum { LONGEST_MS = 1000 }; /* of a step: *done is looked at again */

/* Between the host and the program, to see WOAD_EV_DOWN: the host has this one's config. */
struct run {
    const struct woad_config *program;
    bool down;
    int error; /* of WOAD_EV_DOWN */
};

/* The host's callback: passes the event on. */
static void run_event(void *ctx, struct woad *h, const struct woad_event *ev)
{
    struct run *run = ctx;
    if (ev->type == WOAD_EV_DOWN) {
        run->down = true;
        run->error = ev->u.down.error;
    }
    run->program->event(run->program->ctx, h, ev);
}

/* The program's random numbers. */
static int run_random(void *ctx, uint8_t *out, size_t len)
{
    const struct run *run = ctx;
    return run->program->random(run->program->ctx, out, len);
}

/* The program's log. */
static void run_log(void *ctx, enum woad_log_level level, const char *message)
{
    const struct run *run = ctx;
    run->program->log(run->program->ctx, level, message);
}

/* Only functions that the program has, or their features would believe that there are some. */
static struct woad_config run_config(struct run *run)
{
    struct woad_config config = *run->program;
    config.ctx = run;
    if (config.event) {
        config.event = run_event;
    }
    if (config.random) {
        config.random = run_random;
    }
    if (config.log) {
        config.log = run_log;
    }
    return config;
}

/* The program's loop, until *done or an error. The program's exit status. */
static int run_with(struct woad_port *port, struct run *run, struct woad *h,
                    uint32_t (*loop)(void *ctx, struct woad *h, uint32_t now_ms), const bool *done)
{
    int error = woad_start(h);
    while (!error && !run->down && !(done && *done)) {
        uint32_t wait = WOAD_FOREVER;
        if (loop) {
            wait = loop(run->program->ctx, h, woad_port_now_ms());
        }
        error = woad_port_step(port, h, wait < LONGEST_MS ? wait : LONGEST_MS);
    }
    if (done && *done) {
        error = 0;
    }
    if (run->down) {
        error = run->error;
    }
    if (error) {
        fprintf(stderr, "the controller has failed: %s\n", woad_strerror(error));
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}

/* 0 or EXIT_FAILURE, after a sentence on stderr. */
int woad_port_run(const struct woad_config *config, const char *program,
                  uint32_t (*loop)(void *ctx, struct woad *h, uint32_t now_ms), const bool *done)
{
    struct run run = { .program = config };
    struct woad_config_fault fault;
    char message[WOAD_PORT_MESSAGE_MAX];
    int error;
    struct woad_config own = run_config(&run);
    size_t size = woad_size(&own);
    void *mem = malloc(size ? size : 1);
    int wrong = woad_init_check(mem, size, &own, &fault);
    if (wrong) {
        fprintf(stderr, "the config: %s\n", fault.reason);
    }
    if (wrong && fault.refused) {
        free(mem);
        return EXIT_FAILURE;
    }
    struct woad *h = woad_init(mem, size, &own);
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
    int status = run_with(port, &run, h, loop, done);
    woad_port_close(port);
    free(mem);
    return status;
}
