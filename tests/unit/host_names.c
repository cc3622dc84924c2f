#define _GNU_SOURCE
/* Hosts that bind names, and the addresses that the hub gives them. */
#include "folder.h"

#include "hub/hub.h"
#include "transport/open.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

static struct hci_transport transport;
static pthread_t thread;
static int wake[2], stop;

static char logged[2000]; /* lines, read after an answer of the host that they are about */

static void log_line(const char *line)
{
    size_t len = strlen(logged);
    snprintf(logged + len, sizeof logged - len, "%s\n", line);
}

static void *serve(void *arg)
{
    struct hub_options o = { .listener = &transport,
                             .listeners = 1,
                             .seed = 1,
                             .wake = wake[0],
                             .btsnoop = ".",
                             .name_logs = true,
                             .log = log_line,
                             .warn = log_line };
    (void)arg;
    assert_int_equal(hub_run(&o, &stop), 0);
    return NULL;
}

static int hub_begin(void **state)
{
    char message[WOAD_PORT_MESSAGE_MAX], name[LISTEN_NAME_MAX];
    bool listens;
    stop = 0;
    logged[0] = '\0';
    return enter(state) == 0 && pipe(wake) == 0 &&
                   transport_listen("unix:s", &transport, &listens, name, message) == 0 &&
                   pthread_create(&thread, NULL, serve, NULL) == 0
               ? 0
               : -1;
}

static int hub_stop(void **state)
{
    stop = 1;
    (void)!write(wake[1], "", 1);
    pthread_join(thread, NULL);
    transport_unlisten(&transport);
    close(wake[0]);
    close(wake[1]);
    return leave(state);
}

/* Sends HCI_Read_BD_ADDR; the address follows 7 octets of the answer. */
static uint64_t address(int fd)
{
    static const uint8_t read_address[] = { 1, 0x09, 0x10, 0 };
    uint8_t got[13];
    uint64_t a = 0;
    size_t len = 0;
    assert_int_equal(send(fd, read_address, sizeof read_address, MSG_NOSIGNAL), 4);
    while (len < sizeof got) {
        struct pollfd p = { fd, POLLIN, 0 };
        assert_int_equal(poll(&p, 1, 5000), 1);
        ssize_t n = read(fd, got + len, sizeof got - len);
        assert_true(n > 0);
        len += (size_t)n;
    }
    for (size_t k = 6; k; k--) {
        a = a << 8 | got[7 + k - 1];
    }
    return a;
}

static int come(const char *program)
{
    char message[WOAD_PORT_MESSAGE_MAX];
    struct hci_transport host;
    assert_int_equal(transport_open_as("unix:s", program, &host, message), 0);
    return host.fd;
}

/* Connects a host that has bound a name, of this project's form or another. */
static int come_bound(const char *name)
{
    struct sockaddr_un a = { .sun_family = AF_UNIX }, hub = { .sun_family = AF_UNIX };
    size_t len = strlen(name);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    memcpy(a.sun_path + 1, name, len);
    assert_int_equal(bind(fd, (struct sockaddr *)&a,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + len)),
                     0);
    strcpy(hub.sun_path, "s");
    assert_int_equal(connect(fd, (struct sockaddr *)&hub, sizeof hub), 0);
    return fd;
}

/* A name has the same address at each connection; other names have others. */
static void a_name_has_one_address(void **state)
{
    (void)state;
    uint64_t first[2] = { 0, 0 };
    for (int n = 0; n < 5; n++) {
        int a = come("one"), b = come("other");
        uint64_t now[2] = { address(a), address(b) };
        assert_true(now[0] != now[1]);
        assert_int_equal(now[0] >> 24, 0x564f41);
        assert_true(now[0] & 0x800000);
        if (n) {
            assert_memory_equal(now, first, sizeof now);
        }
        memcpy(first, now, sizeof now);
        close(a);
        close(b);
    }
}

/* Two hosts with one name have different addresses.  A process that reconnects gets its last
 * address again. */
static void two_of_a_name_differ_and_come_back(void **state)
{
    (void)state;
    int a = come("one"), b = come("one");
    uint64_t first = address(a), second = address(b);
    assert_true(first != second);
    close(b);
    b = come("one");
    assert_true(address(b) == second);
    close(a);
    close(b);
    a = come("one"); /* this process used the second address last */
    assert_true(address(a) == second);
    b = come("one");
    assert_true(address(b) == first);
    close(a);
    close(b);
}

/* Another process, which has used no name yet, takes the first free one. */
static void a_new_process_takes_the_first_that_is_free(void **state)
{
    (void)state;
    int a = come("one"), status = -1;
    uint64_t first = address(a);
    close(a);
    pid_t child = fork();
    if (child == 0) {
        _exit(address(come("one")) == first ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

/* Hosts without a name of this project's form get addresses by their number. */
static void others_have_an_address_by_number(void **state)
{
    static const char *const names[] = { "", "w", "woa", "woaf/1", "anything else" };
    (void)state;
    for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
        int fd = come_bound(names[k]);
        assert_true(address(fd) == 0x564f41440001 + k);
        close(fd);
    }
    int fd = come(NULL);
    assert_true(address(fd) == 0x564f41440006);
    close(fd);
}

/* Names that are too long for the hub's buffer, or just fit. */
static void names_of_any_length(void **state)
{
    char name[100];
    (void)state;
    for (size_t len = 5; len < sizeof name; len++) {
        memset(name, 'x', sizeof name);
        memcpy(name, "woad/", 5);
        name[len] = '\0';
        int fd = come_bound(name);
        assert_true((address(fd) & 0x800000) == (len <= PEER_NAME_MAX ? 0x800000 : 0));
        close(fd);
    }
}

static uint32_t low_of(const char *name)
{
    uint32_t hash = 2166136261u;
    for (; *name; name++) {
        hash = (hash ^ (uint8_t)*name) * 16777619u;
    }
    return (hash ^ hash >> 23) & 0x7fffff;
}

/* Two names with equal 23 bits, found by trial. */
static void an_address_that_is_in_use_is_not_given_again(void **state)
{
    static uint32_t seen[1 << 23];
    char a[30], b[30] = "";
    (void)state;
    memset(seen, 0, sizeof seen);
    for (uint32_t n = 1; !b[0]; n++) {
        snprintf(a, sizeof a, "woad/%u", n);
        uint32_t low = low_of(a);
        if (seen[low]) {
            snprintf(b, sizeof b, "woad/%u", seen[low]);
        }
        seen[low] = n;
    }
    int one = come_bound(a);
    uint64_t first = address(one);
    int other = come_bound(b);
    assert_true(address(other) != first);
    close(one);
    close(other);
}

static int come_by(const char *spec, const char *program)
{
    char message[WOAD_PORT_MESSAGE_MAX];
    struct hci_transport host;
    assert_int_equal(transport_open_as(spec, program, &host, message), 0);
    return host.fd;
}

/* ",addr=" is the host's public address; ",name=" is the program, and in the log. */
static void a_host_chooses_its_address_and_name(void **state)
{
    (void)state;
    int a = come_by("unix:s,name=sensor,addr=c0:11:22:33:44:55", "other");
    assert_true(address(a) == 0xc01122334455);
    assert_string_equal(logged, "controller 1 (sensor) attached\n");
    int b = come_by("unix:s,addr=000000000001,name=sensor", NULL), c = come_by("unix:s", "sensor");
    assert_true(address(b) == 1);
    assert_int_equal(address(c) >> 24, 0x564f41);
    assert_non_null(strstr(logged, "controller 2 (sensor 2) attached\n"));
    assert_non_null(strstr(logged, "controller 3 (sensor 3) attached\n"));
    close(a);
    a = come_by("unix:s,name=sensor,addr=C01122334455", NULL);
    assert_true(address(a) == 0xc01122334455);
    assert_non_null(strstr(logged, "controller 4 (sensor) attached\n"));
    close(a);
    close(b);
    close(c);
}

/* An address that another host has: the hub closes the connection, and says why. */
static void an_address_that_is_taken_is_refused(void **state)
{
    char octet;
    (void)state;
    int a = come_by("unix:s,addr=c0:11:22:33:44:55,name=one", NULL);
    assert_true(address(a) == 0xc01122334455);
    int b = come_by("unix:s,addr=c0:11:22:33:44:55,name=two", NULL);
    struct pollfd p = { b, POLLIN, 0 };
    assert_int_equal(poll(&p, 1, 5000), 1);
    assert_true(read(b, &octet, 1) <= 0);
    assert_true(address(a) == 0xc01122334455);
    assert_non_null(strstr(logged, "controller 2 (two) is refused: its address c0:11:22:33:44:55 "
                                   "is that of controller 1 (one)\n"));
    close(a);
    close(b);
}

static void addresses_and_names_that_are_none(void **state)
{
    static const char *const specs[] = {
        "unix:s,addr=",
        "unix:s,addr=c0:11:22:33:44",
        "unix:s,addr=c0:11:22:33:44:55:66",
        "unix:s,addr=c01:1:22:33:44:55",
        "unix:s,addr=c0:11:22:33:44:5g",
        "unix:s,addr=c0:11:22:33:44:55:",
        "unix:s,addr=:c0:11:22:33:44:55",
        "tcp:localhost:1,name=a",
        "usb,addr=c0:11:22:33:44:55",
    };
    char message[WOAD_PORT_MESSAGE_MAX];
    struct hci_transport host;
    (void)state;
    for (size_t k = 0; k < sizeof specs / sizeof *specs; k++) {
        message[0] = '\0';
        assert_int_equal(transport_open_as(specs[k], "p", &host, message), -EINVAL);
        assert_true(strstr(message, "addr=c0:11:22:33:44:55") || strstr(message, "only unix:"));
    }
}

/* A path is shortened to a word; what is no text, or too long, is made safe. */
static void names_in_the_log(void **state)
{
    static const char *const programs[][2] = {
        { "/home/me/sensor.py", " (sensor)" },
        { "/usr/bin/scan", " (scan)" },
        { "lab/sensor.py", " (lab/sensor.py)" },
        { "a b", " (a b)" },
        { "\033[2Jx\n\xff", " (?[2Jx?"
                            "?)" },
        { "K\xc3\xb6ln", " (K\xc3\xb6ln)" },
        { "-c", "" },
        { "", "" },
        { "/", "" },
    };
    char line[300], name[201];
    (void)state;
    for (unsigned k = 0; k < sizeof programs / sizeof *programs; k++) {
        int fd = come(programs[k][0]);
        address(fd);
        snprintf(line, sizeof line, "controller %u%s attached\n", k + 1, programs[k][1]);
        assert_non_null(strstr(logged, line));
        close(fd);
    }
    for (size_t k = 0; k < 200; k++) {
        name[k] = k % 2 ? '\xb6' : '\xc3';
    }
    name[200] = '\0';
    int fd = come(name);
    address(fd);
    name[HOST_NAME_MAX - 2] = '\0';
    snprintf(line, sizeof line, " (%s) attached\n", name);
    assert_non_null(strstr(logged, line));
    close(fd);
}

/* What another maker's program binds is read within its bounds. */
static void names_that_others_bind(void **state)
{
    static const char *const texts[] = {
        "woad/x/0/c01122334455/a",
        "woad/x/0/c0112233445/a",
        "woad/x/0//",
        "woad/x/0/-",
        "woad/x/0/-/a/b",
        "woad/",
        "woad/x/0/+1+1+1+1+1+1/a",
        "",
    };
    struct peer_name peer;
    char text[PEER_NAME_MAX];
    (void)state;
    for (size_t k = 0; k < sizeof texts / sizeof *texts; k++) {
        transport_read_peer_name(texts[k], strlen(texts[k]), &peer);
        assert_true(peer.has_address == (k == 0));
        bool eight = (k < 5 && k != 3) || k == 6;
        assert_int_equal(peer.key, eight ? 8 : strlen(texts[k]));
    }
    memset(text, 'x', sizeof text);
    memcpy(text, "woad/x/0/-/", 11);
    text[30] = '\0';
    transport_read_peer_name(text, sizeof text, &peer);
    assert_int_equal(strlen(peer.name), HOST_NAME_MAX - 1);
    assert_int_equal(peer.name[19], '?');
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, hub_begin, hub_stop)

/* A host whose name is a number has no log of the name that a host without a name gets. */
static void a_number_as_a_name(void **state)
{
    (void)state;
    int named = come("2"), other = come_bound("x");
    address(named);
    address(other);
    assert_int_equal(access("_2.btsnoop", R_OK), 0);
    assert_int_equal(access("2.btsnoop", R_OK), 0);
    close(named);
    close(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_name_has_one_address),
        CASE(two_of_a_name_differ_and_come_back),
        CASE(a_new_process_takes_the_first_that_is_free),
        CASE(others_have_an_address_by_number),
        CASE(names_of_any_length),
        CASE(an_address_that_is_in_use_is_not_given_again),
        CASE(a_host_chooses_its_address_and_name),
        CASE(an_address_that_is_taken_is_refused),
        CASE(addresses_and_names_that_are_none),
        CASE(names_in_the_log),
        CASE(names_that_others_bind),
        CASE(a_number_as_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
