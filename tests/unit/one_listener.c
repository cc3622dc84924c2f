#define _GNU_SOURCE
/* Programs listen on the name of a dead socket at the same moment: one of them serves, and hosts
 * reach it. */
#include "folder.h"

#include "transport/open.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

enum { PROGRAMS = 4, ROUNDS = 60 };

static void dead_socket(void)
{
    struct sockaddr_un a = { .sun_family = AF_UNIX, .sun_path = "s" };
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    unlink("s");
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    close(fd);
}

/* A process: waits until `start` closes, listens, writes the result to `said`, exits when `stop`
 * closes. */
static void program(int start, int said, int stop)
{
    char message[WOAD_PORT_MESSAGE_MAX], name[LISTEN_NAME_MAX], octet;
    struct hci_transport transport;
    bool listens;
    (void)!read(start, &octet, 1);
    octet = transport_listen("unix:s", &transport, &listens, name, message) == 0;
    (void)!write(said, &octet, 1);
    (void)!read(stop, &octet, 1);
    _exit(0);
}

static void one_of_several_serves(void **state)
{
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        int start[2], said[2], stop[2], serving = 0;
        char message[WOAD_PORT_MESSAGE_MAX], octet;
        struct hci_transport host;
        assert_true(pipe(start) == 0 && pipe(said) == 0 && pipe(stop) == 0);
        dead_socket();
        for (int p = 0; p < PROGRAMS; p++) {
            if (fork() == 0) {
                close(start[1]);
                close(stop[1]);
                program(start[0], said[1], stop[0]);
            }
        }
        close(start[1]);
        for (int p = 0; p < PROGRAMS; p++) {
            assert_int_equal(read(said[0], &octet, 1), 1);
            serving += octet;
        }
        assert_int_equal(serving, 1);
        assert_int_equal(transport_open("unix:s", &host, message), 0);
        transport_close(&host);
        close(stop[1]);
        for (int p = 0; p < PROGRAMS; p++) {
            assert_true(wait(NULL) > 0);
        }
        close(start[0]);
        close(said[0]);
        close(said[1]);
        close(stop[0]);
    }
}

/* A program that keeps the folder's lock, or an unreadable folder: listening fails after a
 * limited time. */
static void a_folder_that_can_not_be_locked(void **state)
{
    char message[WOAD_PORT_MESSAGE_MAX], name[LISTEN_NAME_MAX];
    struct hci_transport transport;
    bool listens;
    (void)state;
    int fd = open(".", O_RDONLY | O_DIRECTORY);
    assert_int_equal(flock(fd, LOCK_EX), 0);
    uint32_t start = woad_port_now_ms();
    assert_int_equal(transport_listen("unix:s", &transport, &listens, name, message), 0);
    assert_in_range(woad_port_now_ms() - start, 0, 10000);
    transport_unlisten(&transport);
    close(fd);
    assert_int_equal(transport_listen("unix:nowhere/s", &transport, &listens, name, message),
                     -ENOENT);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, enter, leave)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(one_of_several_serves),
        CASE(a_folder_that_can_not_be_locked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
