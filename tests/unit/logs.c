#define _GNU_SOURCE
/* Logs and captures: existing files are kept, and write errors are reported. */
#include "folder.h"

#include <woad/port.h>

#include "transport/btsnoop.h"
#include "hub/capture.h"
#include "hub/hub.h"
#include "transport/open.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FILE_HEAD = 16, RECORD_HEAD = 24 };
static const uint8_t reset[] = { 1, 3, 0x0c, 0 };
static void put_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

static off_t size_of(const char *path)
{
    struct stat st;
    return stat(path, &st) < 0 ? -1 : st.st_size;
}

/* Returns the number of records in a log, -1 if it is damaged. */
static int records(const char *path)
{
    static uint8_t b[1 << 20];
    int fd = open(path, O_RDONLY), count = 0;
    ssize_t len = read(fd, b, sizeof b), at = FILE_HEAD;
    close(fd);
    while (at + RECORD_HEAD <= len) {
        size_t n = (size_t)b[at + 6] << 8 | b[at + 7];
        if (b[at + 4] || b[at + 5] || b[at + RECORD_HEAD] != 1) {
            return -1;
        }
        at += RECORD_HEAD + (ssize_t)n;
        count++;
    }
    return len >= FILE_HEAD && memcmp(b, "btsnoop", 8) == 0 && at == len ? count : -1;
}

static void log_some(const char *path, int n)
{
    struct btsnoop log;
    assert_int_equal(btsnoop_open(&log, path, false), 0);
    for (int k = 0; k < n; k++) {
        assert_int_equal(btsnoop_put(&log, 0, false, reset, sizeof reset), 0);
    }
    btsnoop_close(&log);
}

/* A log that exists is continued. */
static void a_log_goes_on(void **state)
{
    (void)state;
    log_some("log", 3);
    log_some("log", 2);
    assert_int_equal(records("log"), 5);
}

/* Processes start logging to one file at the same time, again and again: the file has one
 * header, and every record is complete. */
static void programs_share_a_log(void **state)
{
    enum { ROUNDS = 60, PROGRAMS = 6, LINES_EACH = 20 };
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        int start[2];
        char octet;
        assert_int_equal(pipe(start), 0);
        for (int p = 0; p < PROGRAMS; p++) {
            if (fork() == 0) {
                close(start[1]);
                (void)!read(start[0], &octet, 1); /* end of file */
                log_some("log", LINES_EACH);
                _exit(0);
            }
        }
        close(start[0]);
        close(start[1]);
        for (int p = 0; p < PROGRAMS; p++) {
            int status;
            assert_true(wait(&status) > 0);
            assert_int_equal(status, 0);
        }
        assert_int_equal(records("log"), PROGRAMS * LINES_EACH);
        unlink("log");
    }
}

/* A file that is not a log is refused and keeps its contents. */
static void what_is_no_log_stays(void **state)
{
    struct btsnoop log;
    (void)state;
    put_file("notes", "what was to be remembered");
    assert_int_equal(btsnoop_open(&log, "notes", false), -EBADMSG);
    assert_int_equal(size_of("notes"), 25);
    assert_int_equal(btsnoop_open(&log, "/dev/full", false), -ENOSPC);
    assert_int_equal(btsnoop_open(&log, "nowhere/log", false), -ENOENT);
    assert_int_equal(btsnoop_open(&log, ".", false), -EISDIR);
}

static void keys_are_their_users_alone(void **state)
{
    struct stat st;
    (void)state;
    mode_t mask = umask(0);
    struct btsnoop log;
    assert_int_equal(btsnoop_open(&log, "log", true), 0);
    btsnoop_close(&log);
    umask(mask);
    assert_int_equal(stat("log", &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
}

/* A log or a capture was readable for all: keys that follow are readable for its owner only. */
static void keys_are_hidden_in_what_is_there(void **state)
{
    static const uint8_t head[8] = "captured";
    struct btsnoop log;
    struct capture c;
    struct stat st;
    (void)state;
    mode_t mask = umask(022);
    log_some("log", 1);
    assert_int_equal(capture_open(&c, "capture", head, sizeof head, false), 0);
    assert_int_equal(capture_close(&c), 0);
    umask(mask);
    assert_int_equal(stat("log", &st), 0);
    assert_int_equal(st.st_mode & 0777, 0644);
    assert_int_equal(btsnoop_open(&log, "log", true), 0);
    btsnoop_close(&log);
    assert_int_equal(stat("log", &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(capture_open(&c, "capture", head, sizeof head, true), 0);
    assert_int_equal(capture_close(&c), 0);
    assert_int_equal(stat("capture", &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(btsnoop_open(&log, "/dev/null", true), 0);
    btsnoop_close(&log);
}

static void limit(rlim_t octets, struct rlimit *all)
{
    getrlimit(RLIMIT_FSIZE, all);
    struct rlimit few = { octets, all->rlim_max };
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &few);
}

/* A limit of the file size stands for a full disk: no partial record is left. */
static void a_record_that_does_not_fit_is_reported_and_removed(void **state)
{
    struct rlimit all;
    (void)state;
    struct btsnoop log;
    int err = btsnoop_open(&log, "log", false), n = 0;
    limit(200, &all);
    while (!err && n < 100) {
        err = btsnoop_put(&log, 0, false, reset, sizeof reset);
        n += !err;
    }
    setrlimit(RLIMIT_FSIZE, &all);
    assert_true(err < 0);
    assert_int_equal(records("log"), n);
    assert_int_equal(btsnoop_put(&log, 0, false, reset, sizeof reset), 0);
    assert_int_equal(records("log"), n + 1);
    btsnoop_close(&log);
}

/* A pipe without a reader does not block the writer. */
static void a_pipe_that_nobody_reads(void **state)
{
    (void)state;
    assert_int_equal(mkfifo("pipe", 0600), 0);
    struct btsnoop log;
    int err = btsnoop_open(&log, "pipe", false);
    assert_int_equal(err, 0);
    for (int n = 0; n < 10000 && !err; n++) {
        err = btsnoop_put(&log, 0, false, reset, sizeof reset);
    }
    assert_int_equal(err, -EAGAIN);
    btsnoop_close(&log);
}

/* The port goes on without its log and prints the error on standard error. */
static void a_port_goes_on_without_its_log(void **state)
{
    struct rlimit all;
    char message[WOAD_PORT_MESSAGE_MAX];
    const uint8_t *packet;
    bool listens;
    char name[LISTEN_NAME_MAX];
    struct hci_transport transport;
    int error;
    (void)state;
    assert_int_equal(transport_listen("unix:s", &transport, &listens, name, message), 0);
    put_file("notes", "notes");
    setenv("WOAD_BTSNOOP", "notes", 1);
    assert_null(woad_port_open("unix:s", &error, message));
    assert_int_equal(error, -EBADMSG);
    setenv("WOAD_BTSNOOP", "log", 1);
    struct woad_port *port = woad_port_open("unix:s", &error, message);
    unsetenv("WOAD_BTSNOOP");
    assert_non_null(port);
    int was = dup(2), said = open("said", O_RDWR | O_CREAT, 0600);
    dup2(said, 2);
    limit(100, &all);
    for (int n = 0; n < 10; n++) {
        error = error ? error : woad_port_write(port, reset, sizeof reset);
    }
    setrlimit(RLIMIT_FSIZE, &all);
    dup2(was, 2);
    close(was);
    char line[200] = "";
    assert_true(pread(said, line, sizeof line - 1, 0) > 0);
    close(said);
    assert_non_null(strstr(line, "WOAD_BTSNOOP"));
    assert_ptr_equal(strchr(line, '\n'), strrchr(line, '\n'));
    assert_int_equal(error, 0);
    assert_int_equal(woad_port_read(port, &packet), 0);
    assert_int_equal(records("log"), 3);
    woad_port_close(port);
    transport_unlisten(&transport);
}

/* --- logs of the hub -------------------------------------------------------------------------- */

static char warned[300];
static void warn(const char *line)
{
    snprintf(warned, sizeof warned, "%s", line);
}

struct served {
    struct hub_options o;
    int stop, result;
};

static void *serve(void *arg)
{
    struct served *s = arg;
    s->result = hub_run(&s->o, &s->stop);
    return NULL;
}

/* Runs a hub for one host that resets its controller.  Returns the hub's result. */
static int an_hour(const char *pcap, const char *logs)
{
    char message[WOAD_PORT_MESSAGE_MAX], name[LISTEN_NAME_MAX];
    uint8_t buf[64];
    struct hci_transport transport, host;
    pthread_t thread;
    bool listens;
    int wake[2];
    assert_int_equal(transport_listen("unix:s", &transport, &listens, name, message), 0);
    assert_int_equal(pipe(wake), 0);
    struct served s = { .o = { .listener = &transport,
                               .listeners = 1,
                               .pcap = pcap,
                               .btsnoop = logs,
                               .warn = warn,
                               .wake = wake[0] } };
    warned[0] = '\0';
    assert_int_equal(pthread_create(&thread, NULL, serve, &s), 0);
    assert_int_equal(transport_open("unix:s", &host, message), 0);
    assert_int_equal(send(host.fd, reset, sizeof reset, MSG_NOSIGNAL), sizeof reset);
    struct pollfd p = { host.fd, POLLIN, 0 };
    bool answered = poll(&p, 1, 500) == 1 && read(host.fd, buf, sizeof buf) == 7;
    s.stop = 1;
    assert_int_equal(write(wake[1], "", 1), 1);
    pthread_join(thread, NULL);
    assert_true(answered || s.result < 0);
    transport_close(&host);
    transport_unlisten(&transport);
    close(wake[0]);
    close(wake[1]);
    return s.result;
}

static void a_capture_replaces_a_capture_and_nothing_else(void **state)
{
    (void)state;
    put_file("notes", "what was to be remembered");
    assert_int_equal(an_hour("notes", NULL), -EEXIST);
    assert_int_equal(size_of("notes"), 25);
    assert_int_equal(an_hour("pcap", NULL), 0);
    off_t empty = size_of("pcap");
    int fd = open("pcap", O_WRONLY | O_APPEND);
    assert_int_equal(write(fd, "packets", 7), 7);
    close(fd);
    assert_int_equal(an_hour("pcap", NULL), 0);
    assert_int_equal(size_of("pcap"), empty);
    assert_int_equal(an_hour(".", NULL), -EISDIR);
    assert_int_equal(an_hour("nowhere/pcap", NULL), -ENOENT);
}

static void a_capture_that_can_not_be_written_is_reported(void **state)
{
    (void)state;
    assert_int_equal(an_hour("/dev/full", NULL), -ENOSPC);
    assert_non_null(strstr(warned, "/dev/full: No space"));
}

/* The hub serves hosts even if it can't log, and returns the error at its end. */
static void logs_that_can_not_be_written_are_reported(void **state)
{
    (void)state;
    assert_int_equal(mkdir("logs", 0700), 0);
    assert_int_equal(an_hour(NULL, "logs"), 0);
    assert_int_equal(an_hour(NULL, "logs"), 0);
    off_t size = size_of("logs/1.btsnoop");
    assert_int_equal(size, FILE_HEAD + 2 * (2 * RECORD_HEAD + 4 + 7));
    assert_int_equal(symlink("/dev/full", "logs/full"), 0);
    assert_int_equal(rename("logs/full", "logs/1.btsnoop"), 0);
    assert_int_equal(an_hour(NULL, "logs"), -ENOSPC);
    assert_non_null(strstr(warned, "logs/1.btsnoop: No space"));
    assert_int_equal(an_hour(NULL, "nowhere"), -ENOENT);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, enter, leave)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_log_goes_on),
        CASE(programs_share_a_log),
        CASE(what_is_no_log_stays),
        CASE(keys_are_their_users_alone),
        CASE(keys_are_hidden_in_what_is_there),
        CASE(a_record_that_does_not_fit_is_reported_and_removed),
        CASE(a_pipe_that_nobody_reads),
        CASE(a_port_goes_on_without_its_log),
        CASE(a_capture_replaces_a_capture_and_nothing_else),
        CASE(a_capture_that_can_not_be_written_is_reported),
        CASE(logs_that_can_not_be_written_are_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
