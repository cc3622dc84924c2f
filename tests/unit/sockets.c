#define _GNU_SOURCE
/* Names of sockets and lines: what listening and closing remove, and unusual names. */
#include "folder.h"

#include <woad/port.h>

#include "transport/open.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static char message[WOAD_PORT_MESSAGE_MAX];
static char name[LISTEN_NAME_MAX];

static int served(const char *spec, struct hci_transport *transport)
{
    bool listens = false;
    int err = transport_listen(spec, transport, &listens, name, message);
    assert_true(err || listens);
    return err;
}

/* Returns 0 or a negative errno: a program serves this name. */
static int visited(const char *spec)
{
    struct hci_transport transport;
    int err = transport_open(spec, &transport, message);
    if (!err) {
        transport_close(&transport);
    }
    return err;
}

static bool is_there(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0;
}

static void put_file(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0644);
    assert_int_equal(write(fd, "notes", 5), 5);
    close(fd);
}

/* Listening on the path of a file, a link or a folder fails and removes nothing. */
static void what_is_no_socket_stays(void **state)
{
    struct hci_transport transport;
    struct stat st;
    (void)state;
    put_file("notes.txt");
    assert_int_equal(symlink("notes.txt", "link"), 0);
    assert_int_equal(mkdir("folder", 0700), 0);
    assert_int_equal(served("unix:notes.txt", &transport), -EEXIST);
    assert_int_equal(served("unix:link", &transport), -EEXIST);
    assert_int_equal(served("unix:folder", &transport), -EEXIST);
    assert_int_equal(lstat("notes.txt", &st), 0);
    assert_int_equal(st.st_size, 5);
    assert_true(is_there("link"));
}

/* Listening on the name of a running server fails. */
static void a_socket_that_is_served_is_not_taken(void **state)
{
    struct hci_transport first, second;
    (void)state;
    assert_int_equal(served("unix:s", &first), 0);
    assert_int_equal(served("unix:s", &second), -EADDRINUSE);
    assert_int_equal(visited("unix:s"), 0);
    transport_unlisten(&first);
    assert_false(is_there("s"));
}

/* A server that can't be reached for lack of descriptors is not dead: its socket stays. */
static void without_a_descriptor_nothing_is_removed(void **state)
{
    struct hci_transport first, second;
    struct rlimit all, none;
    (void)state;
    assert_int_equal(served("unix:s", &first), 0);
    getrlimit(RLIMIT_NOFILE, &all);
    none = all;
    none.rlim_cur = 0;
    setrlimit(RLIMIT_NOFILE, &none);
    int tried = visited("unix:s"), listened = served("unix:s", &second);
    setrlimit(RLIMIT_NOFILE, &all);
    assert_int_equal(tried, -EMFILE);
    assert_int_equal(listened, -EMFILE);
    assert_int_equal(visited("unix:s"), 0);
    transport_unlisten(&first);
}

static void a_dead_socket_is_replaced_if_it_is_ours(void **state)
{
    struct hci_transport transport;
    (void)state;
    assert_int_equal(served("unix:s", &transport), 0);
    transport_close(&transport); /* like a program that was killed */
    assert_true(is_there("s"));
    if (geteuid() == 0) {
        assert_int_equal(chown("s", 65534, 65534), 0);
        assert_int_equal(served("unix:s", &transport), -EACCES);
        assert_int_equal(chown("s", 0, 0), 0);
    }
    assert_int_equal(served("unix:s", &transport), 0);
    transport_unlisten(&transport);
}

/* The program's socket was removed, and another program serves the name: closing leaves it
 * alone. */
static void the_socket_of_another_stays_at_the_end(void **state)
{
    struct hci_transport first, second;
    (void)state;
    assert_int_equal(served("unix:s", &first), 0);
    assert_int_equal(unlink("s"), 0);
    assert_int_equal(served("unix:s", &second), 0);
    transport_unlisten(&first);
    assert_int_equal(visited("unix:s"), 0);
    assert_int_equal(unlink("s"), 0);
    put_file("s");
    transport_unlisten(&second);
    assert_true(is_there("s"));
}

/* A comma belongs to the path, unless an option such as `h5` follows it. */
static void a_comma_is_part_of_a_path(void **state)
{
    struct hci_transport transport;
    (void)state;
    put_file("a");
    assert_int_equal(served("unix:a,b", &transport), 0);
    assert_false(transport.three_wire);
    assert_string_equal(name, "unix:a,b");
    assert_int_equal(visited("unix:a,b"), 0);
    transport_unlisten(&transport);
    assert_true(is_there("a"));
    assert_false(is_there("a,b"));
    assert_int_equal(served("unix:a,b,h5", &transport), 0);
    assert_true(transport.three_wire);
    assert_string_equal(name, "unix:a,b,h5");
    transport_unlisten(&transport);
    assert_false(is_there("a,b"));
}

/* The backlog of a listener is full, and it never accepts: connecting fails after a limited
 * time. */
static void who_does_not_accept_is_not_waited_for_for_ever(void **state)
{
    struct sockaddr_un a = { .sun_family = AF_UNIX, .sun_path = "s" };
    int fd = socket(AF_UNIX, SOCK_STREAM, 0), full[8];
    struct hci_transport transport;
    (void)state;
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(fd, 0), 0);
    for (int n = 0; n < 8; n++) {
        full[n] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)!connect(full[n], (struct sockaddr *)&a, sizeof a);
    }
    assert_int_equal(visited("unix:s"), -ETIMEDOUT);
    assert_int_equal(served("unix:s", &transport), -ETIMEDOUT);
    assert_true(is_there("s"));
    for (int n = 0; n < 8; n++) {
        close(full[n]);
    }
    close(fd);
}

static void a_port_is_a_number_up_to_65535(void **state)
{
    static const char *const wrong[] = {
        "tcp:70000",
        "tcp:99999999999",
        "tcp:65536",
        "tcp:+80",
        "tcp: 80",
        "tcp:-1",
        "tcp:",
        "tcp:127.0.0.1:70000",
        "tcp:127.0.0.1:",
        "tcp:[::1]",
        "tcp:[::1]:70000",
        "tcp:[::1",
        "tcp:x",
    };
    struct hci_transport transport;
    (void)state;
    for (size_t n = 0; n < sizeof wrong / sizeof *wrong; n++) {
        assert_int_equal(served(wrong[n], &transport), -EINVAL);
        assert_int_equal(visited(wrong[n]), -EINVAL);
    }
}

/* The listener's name contains the port that the system chose. */
static void any_port_and_ipv6(void **state)
{
    struct hci_transport transport;
    (void)state;
    assert_int_equal(served("tcp:0", &transport), 0);
    assert_true(strtoul(name + 4, NULL, 10) > 0);
    char spec[LISTEN_NAME_MAX + 10];
    snprintf(spec, sizeof spec, "tcp:127.0.0.1:%s", name + 4);
    assert_int_equal(visited(spec), 0);
    transport_unlisten(&transport);
    if (served("tcp:[::1]:0", &transport) == 0) { /* where the machine has IPv6 */
        assert_int_equal(strncmp(name, "tcp:[::1]:", 10), 0);
        assert_int_equal(visited(name), 0);
        transport_unlisten(&transport);
    }
}

/* A long host name is neither truncated nor ignored. */
static void a_long_host_is_not_this_machine(void **state)
{
    struct hci_transport transport, other;
    char spec[700], port[20];
    (void)state;
    assert_int_equal(served("tcp:127.0.0.1:0", &transport), 0);
    snprintf(port, sizeof port, "%s", strrchr(name, ':'));
    for (size_t len = 120; len < 600; len += 20) {
        memset(spec, 'x', sizeof spec);
        memcpy(spec, "tcp:", 4);
        strcpy(spec + 4 + len, port);
        assert_true(visited(spec) < 0);
        assert_true(served(spec, &other) < 0);
    }
    transport_unlisten(&transport);
}

/* Options of a serial line have any order, and an invalid one is refused. */
static void options_in_any_order(void **state)
{
    static const struct {
        const char *options;
        bool h5;
        uint32_t to;
        int error;
    } with[] = {
        { "", false, 0, 0 },
        { ",h5", true, 0, 0 },
        { ",even,h5", true, 0, 0 },
        { ",h5,even", true, 0, 0 },
        { ",to=921600,h5,bcm=x", true, 921600, 0 },
        { "@115200,h5,to=921600", true, 921600, 0 },
        { "@115200,odd", false, 0, EINVAL },
        { "@115200x", false, 0, EINVAL },
        { "@", false, 0, EINVAL },
        { ",to=", false, 0, EINVAL },
        { ",to=921600x", false, 0, EINVAL },
        { ",to=4295888896", false, 0, EINVAL },
        { ",bcm=", false, 0, EINVAL },
        { ",bcm=01234567890123456789012345678901234567890123456789012345678901234567890123456789"
          "0123456789012345",
          false, 0, EINVAL },
    };
    int pty = posix_openpt(O_RDWR | O_NOCTTY);
    char spec[300];
    (void)state;
    assert_true(pty >= 0 && grantpt(pty) == 0 && unlockpt(pty) == 0);
    for (size_t n = 0; n < sizeof with / sizeof *with; n++) {
        struct hci_transport transport;
        snprintf(spec, sizeof spec, "uart:%s%s", ptsname(pty), with[n].options);
        assert_int_equal(transport_open(spec, &transport, message), -with[n].error);
        if (!with[n].error) {
            assert_int_equal(transport.three_wire, with[n].h5);
            assert_int_equal(transport.baud, with[n].to);
            transport_close(&transport);
        }
    }
    assert_int_equal(visited("hci65536"), -EINVAL);
    assert_int_equal(visited("hci+1"), -EINVAL);
    close(pty);
}

/* Descriptors 0, 1 and 2 are closed: the program's output does not reach a controller. */
static void what_is_printed_does_not_go_to_a_controller(void **state)
{
    struct hci_transport transport;
    (void)state;
    assert_int_equal(served("unix:s", &transport), 0);
    pid_t child = fork();
    if (!child) {
        struct hci_transport to, other;
        close(0), close(1), close(2);
        bool above = transport_open("unix:s", &to, message) == 0 && to.fd > 2;
        above = above && served("unix:t", &other) == 0 && other.fd > 2;
        _exit(above && fcntl(0, F_GETFD) < 0 ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    transport_unlisten(&transport);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, enter, leave)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(what_is_no_socket_stays),
        CASE(a_socket_that_is_served_is_not_taken),
        CASE(without_a_descriptor_nothing_is_removed),
        CASE(a_dead_socket_is_replaced_if_it_is_ours),
        CASE(the_socket_of_another_stays_at_the_end),
        CASE(a_comma_is_part_of_a_path),
        CASE(who_does_not_accept_is_not_waited_for_for_ever),
        CASE(a_port_is_a_number_up_to_65535),
        CASE(any_port_and_ipv6),
        CASE(a_long_host_is_not_this_machine),
        CASE(options_in_any_order),
        CASE(what_is_printed_does_not_go_to_a_controller),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
