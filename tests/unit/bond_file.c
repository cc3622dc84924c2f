#define _GNU_SOURCE
/* The bond file: what it overwrites and keeps, locking between programs, a full disk. */
#include "folder.h"

#include <woad/port.h>
#include <woad/woad.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static struct woad_bond_file *opened(const char *path)
{
    int error = -1;
    struct woad_bond_file *f = woad_bond_file_open(path, &error);
    assert_int_equal(error, 0);
    assert_non_null(f);
    return f;
}

static int refused(const char *path)
{
    int error = 0;
    assert_null(woad_bond_file_open(path, &error));
    assert_true(error < 0);
    return -error;
}

/* Stores a bond with a key that the test can find in the file.  Returns the file's error. */
static int bonded(struct woad_bond_file *f, uint8_t peer)
{
    struct woad_bond b = { .peer = { 1, { peer, 0, 0, 0, 0, 0xc0 } },
                           .key_size = 16,
                           .has_own_ltk = true };
    memset(b.own_ltk, 0xa5, sizeof b.own_ltk);
    struct woad_event ev = { .type = WOAD_EV_BOND };
    ev.u.bond.bond = &b;
    ev.u.bond.change = WOAD_BOND_NEW;
    woad_bond_file_event(f, NULL, &ev);
    return woad_bond_file_error(f);
}

static void put_file(const char *path, const char *text, mode_t mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, mode);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
}

static bool holds(const char *path, const char *text)
{
    char got[100] = "";
    int fd = open(path, O_RDONLY);
    ssize_t n = fd < 0 ? -1 : read(fd, got, sizeof got - 1);
    close(fd);
    return n == (ssize_t)strlen(text) && strcmp(got, text) == 0;
}

static struct stat about(const char *path)
{
    struct stat st;
    assert_int_equal(lstat(path, &st), 0);
    return st;
}

/* Counts the bonds in a file, by removing them. */
static size_t bonds_in(const char *path)
{
    struct woad_bond_file *f = opened(path);
    size_t n = 0;
    for (int peer = 0; peer < 256; peer++) {
        const struct woad_addr a = { 1, { (uint8_t)peer, 0, 0, 0, 0, 0xc0 } };
        n += woad_bond_file_remove(f, &a) == 0;
    }
    woad_bond_file_close(f);
    return n;
}

static void a_file_of_keys_is_made_at_once_and_for_its_user_alone(void **state)
{
    (void)state;
    mode_t mask = umask(0);
    struct woad_bond_file *f = opened("bonds");
    assert_int_equal(about("bonds").st_mode, S_IFREG | 0600);
    assert_int_equal(bonded(f, 1), 0);
    assert_int_equal(about("bonds").st_mode, S_IFREG | 0600);
    woad_bond_file_close(f);
    assert_int_equal(chmod("bonds", 0666), 0);
    f = opened("bonds");
    assert_int_equal(about("bonds").st_mode, S_IFREG | 0600);
    woad_bond_file_close(f);
    umask(mask);
    assert_int_equal(bonds_in("bonds"), 1);
}

/* The name of the temporary file is taken by a file of the user: it stays, and no key is written to
 * it. */
static void a_file_beside_that_is_anothers_stays_and_gets_no_key(void **state)
{
    (void)state;
    put_file("bonds.new", "notes", 0666);
    struct woad_bond_file *f = opened("bonds");
    assert_int_equal(bonded(f, 1), 0);
    assert_true(holds("bonds.new", "notes"));
    assert_int_equal(about("bonds").st_mode, S_IFREG | 0600);
    woad_bond_file_close(f);
    assert_int_equal(bonds_in("bonds"), 1);
}

static void a_link_beside_is_not_followed(void **state)
{
    (void)state;
    put_file("victim", "precious", 0644);
    assert_int_equal(symlink("victim", "bonds.new"), 0);
    assert_int_equal(symlink("nothing", "bonds.new1"), 0);
    struct woad_bond_file *f = opened("bonds");
    assert_int_equal(bonded(f, 1), 0);
    woad_bond_file_close(f);
    assert_true(holds("victim", "precious"));
    assert_int_equal(access("nothing", F_OK), -1);
    assert_true(S_ISREG(about("bonds").st_mode));
    assert_int_equal(bonds_in("bonds"), 1);
}

/* The temporary file of a run that was killed is removed. */
static void what_an_earlier_run_left_beside_is_taken_away(void **state)
{
    (void)state;
    put_file("bonds.new", "WOADBOND\2 and half of it", 0600);
    struct woad_bond_file *f = opened("bonds");
    assert_int_equal(bonded(f, 1), 0);
    woad_bond_file_close(f);
    assert_int_equal(access("bonds.new", F_OK), -1);
    assert_int_equal(access("bonds.new1", F_OK), -1);
}

static void a_second_program_is_refused_until_the_first_has_closed(void **state)
{
    (void)state;
    struct woad_bond_file *f = opened("bonds");
    assert_int_equal(refused("bonds"), EBUSY);
    assert_int_equal(bonded(f, 1), 0); /* the lock moves to the new file */
    assert_int_equal(refused("bonds"), EBUSY);
    assert_int_equal(symlink("bonds", "other"), 0);
    assert_int_equal(refused("other"), EBUSY);
    assert_true(woad_bond_file_is(f, "other"));
    assert_false(woad_bond_file_is(f, "nothing"));
    pid_t child = fork();
    if (!child) {
        int error;
        _exit(woad_bond_file_open("bonds", &error) ? 0 : -error);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(WEXITSTATUS(status), EBUSY);
    assert_int_equal(bonded(f, 2), 0);
    woad_bond_file_close(f);
    assert_int_equal(bonds_in("bonds"), 2);
}

/* Processes that each open the file, store a bond and close it: no bond is lost. */
static void many_programs_one_after_the_other(void **state)
{
    enum { PROGRAMS = 4, BONDS_EACH = 10 };
    pid_t child[PROGRAMS];
    (void)state;
    for (int p = 0; p < PROGRAMS; p++) {
        child[p] = fork();
        for (int n = 0; !child[p] && n < BONDS_EACH;) {
            int error;
            struct woad_bond_file *f = woad_bond_file_open("bonds", &error);
            if (f) {
                if (bonded(f, (uint8_t)(p * BONDS_EACH + n++))) {
                    _exit(1);
                }
                woad_bond_file_close(f);
            } else if (error != -EBUSY) {
                _exit(2);
            }
            usleep(1000);
        }
        if (!child[p]) {
            _exit(0);
        }
    }
    for (int p = 0; p < PROGRAMS; p++) {
        int status;
        assert_int_equal(waitpid(child[p], &status, 0), child[p]);
        assert_int_equal(status, 0);
    }
    assert_int_equal(bonds_in("bonds"), PROGRAMS * BONDS_EACH);
}

/* Another program looks whether a temporary file is of a dead one, at the moment in which it is
 * made: no empty file is left, of which ten would end all storing. */
static void a_temporary_file_that_another_looks_at(void **state)
{
    (void)state;
    woad_bond_file_close(opened("bonds"));
    pid_t looks = fork();
    while (!looks) {
        int fd = open("bonds.new", O_RDONLY);
        if (fd >= 0) {
            flock(fd, LOCK_EX | LOCK_NB);
            close(fd);
        }
    }
    for (int n = 0; n < 2000; n++) {
        int error;
        woad_bond_file_close(woad_bond_file_open("bonds", &error));
        assert_int_equal(error, 0);
    }
    kill(looks, SIGKILL);
    assert_int_equal(waitpid(looks, NULL, 0), looks);
    assert_int_equal(access("bonds.new", F_OK), -1);
    assert_int_equal(access("bonds.new1", F_OK), -1);
}

/* The path is a symbolic link: its target is written, the link stays.  A dangling link is
 * refused. */
static void a_symbolic_link_stays_one(void **state)
{
    (void)state;
    assert_int_equal(mkdir("store", 0700), 0);
    woad_bond_file_close(opened("store/real"));
    assert_int_equal(symlink("store/real", "bonds"), 0);
    struct woad_bond_file *f = opened("bonds");
    assert_int_equal(bonded(f, 1), 0);
    woad_bond_file_close(f);
    assert_true(S_ISLNK(about("bonds").st_mode));
    assert_int_equal(bonds_in("store/real"), 1);
    assert_int_equal(symlink("store/none", "dangling"), 0);
    assert_int_equal(refused("dangling"), ENOENT);
}

static void a_relative_path_stays_where_it_was(void **state)
{
    (void)state;
    assert_int_equal(mkdir("other", 0700), 0);
    struct woad_bond_file *f = opened("bonds");
    assert_int_equal(chdir("other"), 0);
    assert_int_equal(bonded(f, 1), 0);
    woad_bond_file_close(f);
    assert_int_equal(access("bonds", F_OK), -1);
    assert_int_equal(chdir(".."), 0);
    assert_int_equal(bonds_in("bonds"), 1);
}

/* Another file has taken the path: writing fails with -ESTALE. Once that file is removed, all bonds
 * are written again. */
static void another_file_put_in_its_place_stays(void **state)
{
    (void)state;
    struct woad_bond_file *f = opened("bonds");
    assert_int_equal(bonded(f, 1), 0);
    put_file("backup", "from the backup", 0600);
    assert_int_equal(rename("backup", "bonds"), 0);
    assert_int_equal(bonded(f, 2), -ESTALE);
    assert_true(holds("bonds", "from the backup"));
    assert_int_equal(unlink("bonds"), 0);
    assert_int_equal(bonded(f, 3), 0); /* the whole file is written again */
    woad_bond_file_close(f);
    assert_int_equal(bonds_in("bonds"), 3);
}

/* A limit of the file size stands for a full disk. */
static void a_full_disk_is_reported_and_the_old_file_stays(void **state)
{
    struct rlimit all, few;
    (void)state;
    struct woad_bond_file *f = opened("bonds");
    assert_int_equal(bonded(f, 1), 0);
    getrlimit(RLIMIT_FSIZE, &all);
    few = all;
    few.rlim_cur = 200;
    void (*was)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &few), 0);
    int full = bonded(f, 2);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &all), 0);
    signal(SIGXFSZ, was);
    assert_int_equal(full, -EFBIG);
    assert_int_equal(access("bonds.new", F_OK), -1);
    assert_int_equal(refused("bonds"), EBUSY);
    assert_int_equal(bonded(f, 3), 0);
    woad_bond_file_close(f);
    assert_int_equal(bonds_in("bonds"), 3);
}

/* Paths that can't be written, and files that are not bond files, are refused when the file is
 * opened. */
static void a_name_that_can_not_be_written_is_refused_at_once(void **state)
{
    char longest[256];
    (void)state;
    memset(longest, 'x', 253);
    longest[253] = '\0';
    static const struct {
        const char *path;
        int error;
    } wrong[] = {
        { "", ENOENT },           { "nowhere/bonds", ENOENT },
        { "folder/", EISDIR },    { "new/", ENOENT },
        { "fifo", EBADMSG },      { "/dev/null", EBADMSG },
        { "/dev/full", EBADMSG }, { "empty", EBADMSG },
        { "text", EBADMSG },      { "text/bonds", ENOTDIR },
    };
    assert_int_equal(mkdir("folder", 0700), 0);
    assert_int_equal(mkfifo("fifo", 0600), 0);
    put_file("empty", "", 0600);
    put_file("text", "text", 0600);
    for (size_t n = 0; n < sizeof wrong / sizeof *wrong; n++) {
        assert_int_equal(refused(wrong[n].path), wrong[n].error);
    }
    assert_int_equal(refused(longest), ENAMETOOLONG);
    assert_true(holds("text", "text"));
    if (geteuid() == 0) { /* file permissions don't stop a superuser */
        woad_bond_file_close(opened("anothers"));
        assert_int_equal(chown("anothers", 65534, 65534), 0);
        assert_int_equal(refused("anothers"), EACCES);
    }
}

/* Descriptors 0, 1 and 2 are closed: the program's output does not go into the file. */
static void what_is_printed_does_not_go_into_the_file(void **state)
{
    (void)state;
    pid_t child = fork();
    if (!child) {
        int error;
        close(0), close(1), close(2);
        struct woad_bond_file *f = woad_bond_file_open("bonds", &error);
        bool free_still = fcntl(0, F_GETFD) < 0 && fcntl(1, F_GETFD) < 0 && fcntl(2, F_GETFD) < 0;
        _exit(f && bonded(f, 1) == 0 && free_still && fcntl(0, F_GETFD) < 0 ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(bonds_in("bonds"), 1);
}

/* An empty file may be the user's: it stays, also when bonds are stored. */
static void an_empty_file_beside_stays(void **state)
{
    (void)state;
    put_file("bonds.new", "", 0644);
    struct woad_bond_file *f = opened("bonds");
    assert_int_equal(bonded(f, 1), 0);
    woad_bond_file_close(f);
    assert_int_equal(about("bonds.new").st_mode, S_IFREG | 0644);
    assert_int_equal(bonds_in("bonds"), 1);
}

/* Descriptor 0 is free, and none above 2: the open fails and leaves no file. */
static void without_a_descriptor_no_file_is_left(void **state)
{
    (void)state;
    pid_t child = fork();
    if (child == 0) {
        int error = 0;
        while (dup(1) >= 0) {
        }
        close(0);
        bool none = !woad_bond_file_open("bonds", &error) && error == -EMFILE;
        _exit(none && access("bonds", F_OK) < 0 && access("bonds.new", F_OK) < 0 ? 0 : 1);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

/* While the folder has another name, a removal reports -ESTALE, not a missing bond; a later
 * removal succeeds. */
static void a_bond_that_is_still_in_the_file_is_reported(void **state)
{
    const struct woad_addr one = { 1, { 1, 0, 0, 0, 0, 0xc0 } };
    (void)state;
    assert_int_equal(mkdir("here", 0700), 0);
    struct woad_bond_file *f = opened("here/bonds");
    assert_int_equal(bonded(f, 1), 0);
    assert_int_equal(rename("here", "there"), 0);
    assert_int_equal(woad_bond_file_remove(f, &one), -ESTALE);
    assert_int_equal(woad_bond_file_remove(f, &one), -ESTALE);
    assert_int_equal(rename("there", "here"), 0);
    assert_int_equal(woad_bond_file_remove(f, &one), 0);
    assert_int_equal(woad_bond_file_remove(f, &one), WOAD_ENOENT);
    woad_bond_file_close(f);
    assert_int_equal(bonds_in("here/bonds"), 0);
}

/* Stores a change of the bond, as a client's writes cause it.  Returns the inode of the file
 * afterwards. */
static ino_t changed(struct woad_bond_file *f, uint16_t cccd, uint32_t signs)
{
    struct woad_cccd one = { 7, cccd };
    struct woad_bond b = { .peer = { 1, { 1, 0, 0, 0, 0, 0xc0 } },
                           .key_size = 16,
                           .signs = signs,
                           .cccds = 1,
                           .cccd = &one };
    struct woad_event ev = { .type = WOAD_EV_BOND };
    ev.u.bond.bond = &b;
    ev.u.bond.change = WOAD_BOND_CHANGED;
    woad_bond_file_event(f, NULL, &ev);
    return about("bonds").st_ino;
}

/* A client changes its subscription a thousand times: the file is written less often, but each
 * time for a signature counter, and in the end the last change is stored. */
static void a_client_that_writes_without_a_pause(void **state)
{
    unsigned written = 0;
    (void)state;
    struct woad_bond_file *f = opened("bonds");
    assert_int_equal(bonded(f, 1), 0);
    ino_t last = about("bonds").st_ino;
    uint32_t start = woad_port_now_ms();
    for (unsigned n = 0; n < 1000; n++) {
        ino_t now = changed(f, (uint16_t)(n & 3), 0);
        written += now != last;
        last = now;
    }
    assert_in_range(written, 0, (woad_port_now_ms() - start) / 1000 + 1);
    assert_in_range(woad_bond_file_poll(f, false), 1, 1000);
    for (unsigned n = 1; n < 5; n++) {
        ino_t now = changed(f, 1, n);
        assert_true(now != last);
        last = now;
    }
    assert_int_equal(woad_bond_file_poll(f, false), WOAD_FOREVER);
    assert_true(changed(f, 2, 4) == last);
    assert_int_equal(woad_bond_file_poll(f, true), WOAD_FOREVER);
    assert_true(about("bonds").st_ino != last);
    last = about("bonds").st_ino;
    assert_true(changed(f, 3, 4) == last);
    woad_bond_file_close(f);
    assert_true(about("bonds").st_ino != last);
}

/* Returns whether the file stores such a bond of the same peer. */
static bool takes(struct woad_bond_file *f, unsigned flags, unsigned key_size)
{
    const struct woad_bond b = { .peer = { 1, { 1, 0, 0, 0, 0, 0xc0 } },
                                 .flags = flags & 3,
                                 .key_size = key_size & 31,
                                 .has_own_ltk = true };
    ino_t was = about("bonds").st_ino;
    woad_bond_file_take(f, &b);
    assert_int_equal(woad_bond_file_error(f), 0);
    return about("bonds").st_ino != was;
}

static void a_bond_gives_way_only_to_one_as_strong(void **state)
{
    enum { BOTH = WOAD_BOND_AUTHENTICATED | WOAD_BOND_SECURE };
    (void)state;
    struct woad_bond_file *f = opened("bonds");
    assert_true(takes(f, 0, 7));
    assert_true(takes(f, 0, 16));
    assert_true(takes(f, WOAD_BOND_SECURE, 16));
    assert_false(takes(f, WOAD_BOND_SECURE, 15));
    assert_false(takes(f, 0, 16));
    assert_false(takes(f, WOAD_BOND_AUTHENTICATED, 16));
    assert_true(takes(f, BOTH, 16));
    assert_true(takes(f, BOTH, 16));
    assert_false(takes(f, WOAD_BOND_SECURE, 16));
    woad_bond_file_close(f);
    assert_int_equal(bonds_in("bonds"), 1);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, enter, leave)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_file_of_keys_is_made_at_once_and_for_its_user_alone),
        CASE(a_file_beside_that_is_anothers_stays_and_gets_no_key),
        CASE(a_link_beside_is_not_followed),
        CASE(what_an_earlier_run_left_beside_is_taken_away),
        CASE(a_second_program_is_refused_until_the_first_has_closed),
        CASE(many_programs_one_after_the_other),
        CASE(a_temporary_file_that_another_looks_at),
        CASE(a_symbolic_link_stays_one),
        CASE(a_relative_path_stays_where_it_was),
        CASE(another_file_put_in_its_place_stays),
        CASE(a_full_disk_is_reported_and_the_old_file_stays),
        CASE(a_name_that_can_not_be_written_is_refused_at_once),
        CASE(what_is_printed_does_not_go_into_the_file),
        CASE(a_client_that_writes_without_a_pause),
        CASE(an_empty_file_beside_stays),
        CASE(without_a_descriptor_no_file_is_left),
        CASE(a_bond_that_is_still_in_the_file_is_reported),
        CASE(a_bond_gives_way_only_to_one_as_strong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
