#define _GNU_SOURCE
/* The radio that a user's programs share: its socket, the processes that may use it, and what
 * remains. */
#include "folder.h"

#include <woad/port.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char run[80];

static int enter_with_radio(void **state)
{
    unsetenv("WOAD_HCI");
    if (enter(state) < 0) {
        return -1;
    }
    snprintf(run, sizeof run, "%s/run", folder);
    return mkdir(run, 0700) == 0 ? setenv("XDG_RUNTIME_DIR", run, 1) : -1;
}

/* Connects to the radio; returns 0 if a controller answers. */
static int visit(struct woad_port **stored)
{
    static const uint8_t reset[] = { 1, 3, 0x0c, 0 };
    char message[WOAD_PORT_MESSAGE_MAX];
    const uint8_t *packet;
    int error = 0, n = 0;
    struct woad_port *port = woad_port_open(NULL, &error, message);
    if (!port) {
        return error;
    }
    error = woad_port_write(port, reset, sizeof reset);
    struct pollfd p = { woad_port_fd(port), POLLIN, 0 };
    while (!error && n == 0 && poll(&p, 1, 2000) == 1) {
        n = woad_port_read(port, &packet);
    }
    if (stored && n > 0) {
        *stored = port;
    } else {
        woad_port_close(port);
    }
    return n > 0 ? 0 : -EIO;
}

static bool is_there(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0;
}

/* Returns whether the radio of `run` removes its socket within three seconds. */
static bool radio_ended(void)
{
    char socket[100];
    snprintf(socket, sizeof socket, "%s/woad/air", run);
    for (int n = 0; n < 300 && is_there(socket); n++) {
        poll(NULL, 0, 10);
    }
    return !is_there(socket);
}

static int in_child(int (*what)(void))
{
    int status;
    pid_t child = fork();
    if (!child) {
        _exit(what() & 0xff);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static int with_nothing_open(void)
{
    close(0), close(1), close(2);
    return -visit(NULL);
}

/* A program with descriptors 0, 1 and 2 closed can start the radio. */
static void a_program_without_standard_files_starts_it(void **state)
{
    (void)state;
    assert_int_equal(in_child(with_nothing_open), 0);
    assert_true(radio_ended());
}

static int with_a_high_descriptor(void)
{
    int p[2];
    char octet;
    if (pipe(p) < 0 || dup2(p[1], 5000) < 0) {
        return 99;
    }
    close(p[1]);
    struct woad_port *port = NULL;
    int err = visit(&port);
    close(5000);
    fcntl(p[0], F_SETFL, O_NONBLOCK);
    bool held = read(p[0], &octet, 1) != 0; /* or end of file */
    woad_port_close(port);
    return err ? -err : held;
}

static void it_keeps_no_descriptor_of_who_starts_it(void **state)
{
    struct rlimit most;
    (void)state;
    getrlimit(RLIMIT_NOFILE, &most);
    if (most.rlim_max <= 5000) {
        skip();
    }
    most.rlim_cur = most.rlim_max < 20000 ? most.rlim_max : 20000;
    setrlimit(RLIMIT_NOFILE, &most);
    assert_int_equal(in_child(with_a_high_descriptor), 0);
    assert_true(radio_ended());
}

static int with_one_descriptor(void)
{
    int next = dup(0);
    struct rlimit few;
    close(next);
    getrlimit(RLIMIT_NOFILE, &few);
    few.rlim_cur = (rlim_t)next + 1; /* the lock's descriptor */
    setrlimit(RLIMIT_NOFILE, &few);
    return -visit(NULL);
}

/* A program that lacks descriptors to connect does not remove the radio's socket. */
static void a_program_that_can_not_connect_leaves_it_alone(void **state)
{
    struct woad_port *port = NULL;
    (void)state;
    assert_int_equal(visit(&port), 0);
    assert_int_equal(in_child(with_one_descriptor), EMFILE);
    char socket[100];
    snprintf(socket, sizeof socket, "%s/woad/air", run);
    assert_true(is_there(socket));
    woad_port_close(port);
    assert_true(radio_ended());
}

/* A relative XDG_RUNTIME_DIR is ignored. */
static void a_relative_runtime_folder_is_none(void **state)
{
    (void)state;
    setenv("XDG_RUNTIME_DIR", "run", 1);
    assert_int_equal(visit(NULL), 0);
    assert_false(is_there("run/woad"));
}

/* An XDG_RUNTIME_DIR that others can write, or of another owner, is ignored. */
static void a_runtime_folder_of_another_is_none(void **state)
{
    (void)state;
    assert_int_equal(chmod(run, 0777), 0);
    assert_int_equal(visit(NULL), 0);
    assert_false(is_there("run/woad"));
    assert_int_equal(chmod(run, 0700), 0);
    if (geteuid() == 0) { /* like su, or sudo -E */
        assert_int_equal(chown(run, 65534, 65534), 0);
        assert_int_equal(visit(NULL), 0);
        assert_false(is_there("run/woad"));
    }
}

/* The radio works with an XDG_RUNTIME_DIR of any length. */
static void a_long_runtime_folder(void **state)
{
    char path[300];
    (void)state;
    for (size_t len = 80; len < 200; len += 10) {
        memset(path, 'x', sizeof path);
        memcpy(path, run, strlen(run));
        path[strlen(run)] = '/';
        path[len] = '\0';
        assert_int_equal(mkdir(path, 0700), 0);
        setenv("XDG_RUNTIME_DIR", path, 1);
        assert_int_equal(visit(NULL), 0);
    }
}

enum { OTHER = 64123 }; /* an unused user id */

static int as_another(void)
{
    unsetenv("XDG_RUNTIME_DIR");
    return setuid(OTHER) < 0 || chdir("/") < 0 ? 99 : -visit(NULL);
}

/* Another user owns the folder's name in /tmp: the radio uses the next name. */
static void a_name_that_is_taken_is_not_the_only_one(void **state)
{
    struct stat st;
    char taken[60], next[64];
    (void)state;
    if (geteuid() != 0) {
        skip();
    }
    snprintf(taken, sizeof taken, "/tmp/woad-%d", OTHER);
    snprintf(next, sizeof next, "%s-1", taken);
    char command[200];
    snprintf(command, sizeof command, "rm -rf %s %s", taken, next);
    assert_int_equal(system(command), 0); /* left by a run that was killed */
    assert_int_equal(mkdir(taken, 0700), 0);
    int err = in_child(as_another);
    bool found = lstat(next, &st) == 0 && st.st_uid == OTHER && (st.st_mode & 0777) == 0700;
    snprintf(run, sizeof run, "/tmp/woad-%d-1", OTHER);
    poll(NULL, 0, 500);
    assert_int_equal(system(command), 0);
    assert_int_equal(err, 0);
    assert_true(found);
}

/* The process that holds the lock is stopped. */
static void a_lock_that_is_never_let_go(void **state)
{
    (void)state;
    assert_int_equal(mkdir("run/woad", 0700), 0);
    int fd = open("run/woad/lock", O_RDWR | O_CREAT, 0600);
    assert_int_equal(flock(fd, LOCK_EX), 0);
    assert_int_equal(visit(NULL), -ETIMEDOUT);
    close(fd);
    assert_int_equal(visit(NULL), 0);
    assert_true(radio_ended());
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, enter_with_radio, leave)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_program_without_standard_files_starts_it),
        CASE(it_keeps_no_descriptor_of_who_starts_it),
        CASE(a_program_that_can_not_connect_leaves_it_alone),
        CASE(a_relative_runtime_folder_is_none),
        CASE(a_runtime_folder_of_another_is_none),
        CASE(a_long_runtime_folder),
        CASE(a_name_that_is_taken_is_not_the_only_one),
        CASE(a_lock_that_is_never_let_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
