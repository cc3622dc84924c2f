/* A battery on a system with tasks and interrupts, as FreeRTOS has them; here they are threads.
 *
 *   the host task       alone calls Woad
 *   the UART interrupt  puts octets into a ring and wakes the host task
 *   other tasks         put calls into a queue and wake the host task: post()
 *
 * Ends when the first central disconnects.  The controller is at WOAD_HCI=unix:/path, with H4. */
#include <woad/h4.h>
#include <woad/woad.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "rtos.h"

/* --- the queue of calls [xQueueCreate(), xQueueSend(), xQueueReceive()] */

/* A call that another task wants: function and argument are copied. */
struct call {
    void (*run)(struct woad *h, uint32_t argument);
    uint32_t argument;
};

enum { CALLS = 8 };
static struct {
    pthread_mutex_t lock;
    struct call call[CALLS];
    unsigned in, out;
} calls = { .lock = PTHREAD_MUTEX_INITIALIZER };
static struct signal wake = SIGNAL_INIT; /* the host task has something to do */

/* From any task.  False: the queue is full; try later. */
static bool post(void (*run)(struct woad *h, uint32_t argument), uint32_t argument)
{
    pthread_mutex_lock(&calls.lock);
    bool room = calls.in - calls.out < CALLS;
    if (room)
        calls.call[calls.in++ % CALLS] = (struct call){ run, argument };
    pthread_mutex_unlock(&calls.lock);
    signal_give(&wake);
    return room;
}

static bool next_call(struct call *call)
{
    pthread_mutex_lock(&calls.lock);
    bool any = calls.in != calls.out;
    if (any)
        *call = calls.call[calls.out++ % CALLS];
    pthread_mutex_unlock(&calls.lock);
    return any;
}

/* --- the program, in the host task */

static const struct woad_uuid battery = WOAD_UUID16(0x180f), level = WOAD_UUID16(0x2a19);
static const struct woad_attr service[] = {
    WOAD_PRIMARY(&battery),
    WOAD_CHARACTERISTIC_CCCD(&level, WOAD_PROP_READ | WOAD_PROP_NOTIFY, WOAD_PERM_READ),
};
static const struct woad_feature *const features[] = { &woad_feature_advertiser,
                                                       &woad_feature_gatt_server, NULL };
static struct {
    uint8_t percent;
    uint16_t first, conn;
    unsigned calls;
} app = { .percent = 100, .conn = WOAD_NO_CONN };
static bool done; /* for all tasks: atomic */

static bool is_done(void)
{
    return __atomic_load_n(&done, __ATOMIC_ACQUIRE);
}

static void on_event(void *ctx, struct woad *h, const struct woad_event *ev)
{
    static const struct woad_adv_params adv = { .kind = WOAD_ADV_IND, .interval_625us = 160 };
    static const uint8_t data[] = "\x02\x01\x06\x0d\x09Woad battery";
    (void)ctx;
    if (ev->type == WOAD_EV_UP) {
        woad_gatt_add(h, service, sizeof service / sizeof *service, &app.first);
        woad_adv_set_data(h, data, sizeof data - 1);
        woad_adv_start(h, &adv);
    } else if (ev->type == WOAD_EV_CONNECT) {
        app.conn = ev->conn;
    } else if (ev->type == WOAD_EV_GATT_READ) {
        woad_gatt_answer(h, ev->conn, 0, &app.percent, 1);
    } else if (ev->type == WOAD_EV_DISCONNECT || ev->type == WOAD_EV_DOWN) {
        __atomic_store_n(&done, true, __ATOMIC_RELEASE);
    }
}

/* The sensor task's call. */
static void set_level(struct woad *h, uint32_t percent)
{
    app.percent = (uint8_t)percent;
    app.calls++;
    if (woad_gatt_subscription(h, app.conn, (uint16_t)(app.first + 2)))
        woad_gatt_notify(h, app.conn, (uint16_t)(app.first + 2), &app.percent, 1);
}

/* --- tasks and the interrupt */

static struct {
    int fd;
    struct ring in;
    uint32_t lost; /* octets that the ring had no room for: atomic */
} uart;

/* The UART's interrupt: never calls Woad. */
static void *uart_interrupt(void *arg)
{
    uint8_t octet;
    (void)arg;
    while (read(uart.fd, &octet, 1) == 1) {
        if (!ring_put(&uart.in, octet))
            __atomic_add_fetch(&uart.lost, 1, __ATOMIC_RELAXED);
        signal_give(&wake);
    }
    return NULL;
}

static void *sensor_task(void *arg)
{
    (void)arg;
    for (uint32_t percent = 99; !is_done(); percent = percent ? percent - 1 : 99) {
        post(set_level, percent);
        sleep_ms(20);
    }
    return NULL;
}

/* Passes what the UART has received to the host. */
static void receive(struct woad *h, struct woad_h4 *h4)
{
    const uint8_t *packet;
    size_t room, n = 1;
    int len = 0;
    while (n && len >= 0) {
        uint8_t *at = woad_h4_space(h4, &room);
        woad_h4_added(h4, n = ring_get(&uart.in, at, room));
        while ((len = woad_h4_next(h4, &packet)) > 0)
            woad_rx(h, packet, (size_t)len);
    }
    if (len < 0 || __atomic_exchange_n(&uart.lost, 0, __ATOMIC_RELAXED))
        woad_fail(h, WOAD_EBADMSG); /* a real program starts again: woad_start(), resync */
}

static void host_task(struct woad *h)
{
    static uint8_t in[512], out[WOAD_TX_ROOM];
    struct woad_h4 h4;
    struct call call;
    size_t n;
    woad_h4_init(&h4, in, sizeof in);
    woad_start(h);
    while (!is_done()) {
        woad_clock(h, now_ms());
        receive(h, &h4);
        while (next_call(&call))
            call.run(h, call.argument);
        bool sent = true;
        while ((n = woad_tx(h, out, sizeof out)) > 0)
            sent = sent && write(uart.fd, out, n) == (ssize_t)n;
        uint32_t ms = woad_poll(h, now_ms());
        if (ms && sent && !is_done()) /* WOAD_FOREVER: an hour is as good, and fits every clock */
            signal_take(&wake, ms < 3600000 ? ms : 3600000);
    }
}

static bool uart_open(void)
{
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    const char *spec = getenv("WOAD_HCI");
    if (!spec || strncmp(spec, "unix:", 5) != 0 || strlen(spec + 5) >= sizeof a.sun_path)
        return false;
    strcpy(a.sun_path, spec + 5);
    uart.fd = socket(AF_UNIX, SOCK_STREAM, 0);
    return uart.fd >= 0 && connect(uart.fd, (struct sockaddr *)&a, sizeof a) == 0;
}

int main(void)
{
    static uint64_t memory[8192 / 8];
    const struct woad_config config = {
        .features = features, .event = on_event, .conns = 1, .attr_tables = 1, .subscriptions = 2
    };
    pthread_t isr, sensor;
    struct woad *h = woad_init(memory, sizeof memory, &config);
    if (!h || !uart_open()) {
        fprintf(stderr, "%s\n", h ? "WOAD_HCI=unix:/path names no controller" : "no memory");
        return 1;
    }
    pthread_create(&isr, NULL, uart_interrupt, NULL);
    pthread_create(&sensor, NULL, sensor_task, NULL);
    host_task(h);
    pthread_join(sensor, NULL);
    shutdown(uart.fd, SHUT_RDWR);
    pthread_join(isr, NULL);
    printf("%u octets from the interrupt, %u calls from the sensor task\n", (unsigned)uart.in.in,
           app.calls);
    return 0;
}
