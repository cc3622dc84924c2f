#define _GNU_SOURCE
/* A capture through a pipe: its reader pauses, is missing, or closes the pipe.  The program
 * never blocks. */
#include "folder.h"

#include "hub/capture.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <time.h>

enum { RECORD = 100, PIPE_ROOM = 4096 };
static const uint8_t header[8] = "captured";

static void piped(struct capture *c)
{
    assert_int_equal(mkfifo("pipe", 0600), 0);
    assert_int_equal(capture_open(c, "pipe", header, sizeof header, false), 0);
}

static int reader(void)
{
    int fd = open("pipe", O_RDONLY | O_NONBLOCK);
    assert_true(fd >= 0);
    assert_true(fcntl(fd, F_SETPIPE_SZ, PIPE_ROOM) >= 0);
    return fd;
}

/* Writes a record that contains its number in each octet. */
static void put(struct capture *c, unsigned number)
{
    uint8_t record[RECORD];
    memset(record, (int)(number & 0xff), sizeof record);
    capture_put(c, record, sizeof record);
    assert_int_equal(capture_flush(c), 0);
}

static size_t drain(struct capture *c, int fd, uint8_t *to, size_t room)
{
    size_t len = 0;
    ssize_t n;
    while ((n = read(fd, to + len, room - len)) > 0) {
        len += (size_t)n;
        assert_int_equal(capture_flush(c), 0);
    }
    return len;
}

static void a_reader_that_pauses_finds_whole_records(void **state)
{
    static uint8_t got[1 << 20];
    struct capture c;
    unsigned n = 0, records = 0;
    (void)state;
    piped(&c);
    int fd = reader();
    while (!c.record_lost) {
        put(&c, n++);
        assert_true(n < 10000);
    }
    for (unsigned more = 0; more < 100; more++) {
        put(&c, n++);
    }
    assert_true(capture_waits(&c));
    size_t len = drain(&c, fd, got, sizeof got);
    assert_false(capture_waits(&c));
    put(&c, 0xfe);
    len += drain(&c, fd, got + len, sizeof got - len);
    assert_memory_equal(got, header, sizeof header);
    assert_int_equal((len - sizeof header) % RECORD, 0);
    for (size_t at = sizeof header; at < len; at += RECORD, records++) {
        uint8_t number = at + RECORD == len ? 0xfe : (uint8_t)records;
        for (size_t k = 0; k < RECORD; k++) {
            assert_int_equal(got[at + k], number);
        }
    }
    assert_true(records > 1000 && records < n);
    assert_int_equal(capture_close(&c), 0);
    close(fd);
}

/* Records that are written before a reader opens the pipe are kept for it. */
static void nobody_reads_yet(void **state)
{
    uint8_t got[1000];
    struct capture c;
    (void)state;
    piped(&c);
    put(&c, 1);
    int fd = reader();
    assert_int_equal(read(fd, got, sizeof got), sizeof header + RECORD);
    assert_int_equal(capture_close(&c), 0);
    close(fd);
}

/* capture_close() gives up after a few seconds when the reader does not read. */
static void a_reader_that_never_comes_back(void **state)
{
    struct timespec from, to;
    struct capture c;
    (void)state;
    piped(&c);
    int fd = reader();
    for (unsigned n = 0; n < 100; n++) {
        put(&c, n);
    }
    clock_gettime(CLOCK_MONOTONIC, &from);
    assert_int_equal(capture_close(&c), -EAGAIN);
    clock_gettime(CLOCK_MONOTONIC, &to);
    assert_in_range(to.tv_sec - from.tv_sec, 0, 5);
    close(fd);
}

static void a_reader_that_has_closed_is_reported(void **state)
{
    struct capture c;
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    assert_int_equal(mkfifo("pipe", 0600), 0);
    int fd = reader();
    assert_int_equal(capture_open(&c, "pipe", header, sizeof header, false), 0);
    put(&c, 1);
    close(fd);
    capture_put(&c, header, sizeof header);
    assert_int_equal(capture_flush(&c), -EPIPE);
    assert_int_equal(c.fd, -1);
    capture_put(&c, header, sizeof header);
    assert_int_equal(capture_close(&c), 0);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, enter, leave)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_reader_that_pauses_finds_whole_records),
        CASE(nobody_reads_yet),
        CASE(a_reader_that_never_comes_back),
        CASE(a_reader_that_has_closed_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
