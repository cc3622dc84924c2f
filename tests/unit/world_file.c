#define _GNU_SOURCE
/* World files of `woad air`: the surroundings of its controllers, and their faults. */
#include "cm.h"

#include "hub/world_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct world_file s;
static char message[WORLD_MESSAGE_MAX];

static int load_octets(const char *text, size_t len)
{
    char path[] = "/tmp/woad-script-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, len), len);
    close(fd);
    int err = world_file_load(&s, path, message);
    unlink(path);
    return err;
}

static int load(const char *text)
{
    return load_octets(text, strlen(text));
}

/* Each kind of line sets what the air reads, at its time. */
static void good_lines(void **state)
{
    (void)state;
    assert_int_equal(load("# a flat\n\nnoise -98\nwall 0 0 5.5 0 12 # brick\nwall 1 1 1 2 3\n"
                          "interferer 37-39,0 3 2 10\nat 1.5 interferer 5 0 0 -5 2000 500\n"
                          "place 2 7 8.25 -4\ndrift 2 -20\nat 3 link 1 * 30 100\n"
                          "link * 2 0 0 7\nat 2 hang 1\nat 2 say 1 04 10 1 42\n"),
                     0);
    assert_int_equal(s.around.noise_dbm, -98);
    assert_int_equal(s.around.walls, 2);
    assert_int_equal(s.wall[0].x2_mm, 5500);
    assert_int_equal(s.around.interferers, 1);
    assert_true(s.interferer[0].channels == (7ull << 37 | 1));
    assert_int_equal(s.around.links, 1);
    struct woad_air_controller_config cfg = { .x_mm = 1 };
    world_file_configure(&s, 1, "", &cfg);
    assert_int_equal(cfg.x_mm, 1);
    world_file_configure(&s, 2, "", &cfg);
    assert_int_equal(cfg.x_mm, 7000);
    assert_int_equal(cfg.y_mm, 8250);
    assert_int_equal(cfg.tx_power_dbm, -4);
    assert_int_equal(cfg.drift_ppm, -20);
    assert_int_equal(world_file_next_us(&s), 1500000);
    world_file_run(&s, 1500000);
    assert_int_equal(s.around.interferers, 2);
    assert_int_equal(s.interferer[1].on_us, 500);
    assert_int_equal(world_file_next_us(&s), 2000000);
    world_file_run(&s, 9000000);
    assert_int_equal(s.around.links, 2);
    assert_true(world_file_next_us(&s) == UINT64_MAX);
}

/* Devices by name, also in quotes; of two lines about one device the later counts. */
static void names(void **state)
{
    (void)state;
    assert_int_equal(load("place sensor 1 2\nplace \"b # 2\" 3 4 # c\nplace 1 5 6\n"
                          "link sensor * 3 0\nlink * 2 4 0\ndrop \"b # 2\" sensor data\n"),
                     0);
    static const struct {
        unsigned number;
        const char *name;
        int x_mm;
    } devices[] = { { 2, "sensor", 1000 }, { 7, "b # 2", 3000 }, { 1, "sensor", 5000 },
                    { 1, "", 5000 },       { 3, "other", 9 },    { 65536, "", 9 } };
    for (size_t k = 0; k < sizeof devices / sizeof *devices; k++) {
        struct woad_air_controller_config cfg = { .x_mm = 9 };
        world_file_configure(&s, devices[k].number, devices[k].name, &cfg);
        assert_int_equal(cfg.x_mm, devices[k].x_mm);
    }
    assert_int_equal(s.names, 2);
    assert_int_equal(s.rule[0].sender, WORLD_NAMED + 1);
    assert_int_equal(s.rule[0].receiver, WORLD_NAMED);
    assert_int_equal(load("place aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa 1 2\n"), 0);
    assert_int_equal(load("place aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa 1 2\n"), -1);
    assert_int_equal(load("place \"x 1 2\n"), -1);
    assert_int_equal(load("place \"\" 1 2\n"), -1);
}

/* Each wrong line is refused, with its number and the right form. */
static void wrong_lines(void **state)
{
    static const char *const lines[] = {
        "frobnicate", "at", "at x wall 0 0 1 1 1", "at -1 noise -90", "at 3", "noise", "noise 7",
        "noise -90 1", "wall 1 2 3 4", "wall 1 2 3 4 5 6", "wall 1 2 3 4 256", "wall a b c d e",
        "interferer 40 0 0 0", "interferer 3-1 0 0 0", "interferer x 0 0 0",
        "interferer 1, 0 0 9 9", "interferer 1 0 0 0 100", "interferer 1 0 0", "place 0 1 1",
        "place 1 1", "place 1 1 1 99", "place * 1 1", "link 1 2", "link 1 2 0 1001", "link 1 0 0",
        "link 1 2 0 0 -1", "drift 1 501", "drift 1", "hang", "hang *", "hang 1 2", "say 1",
        "say 1 100", "say 1 zz", "crash 99999", "wall nan 0 0 0 1", "wall 2000001 0 0 0 1",
        "place 1 -9e6 0", "interferer 1 9e6 0 0", "inject 1", "inject 1 64", "inject 1 0x1000 1",
        "inject 1 1.5 12", "inject 1 64 0 1 2 3 4 5 6 7 8 9 a b c d e f 0 1 2 3 4 5 6 7 8 9 a b",
        "drop 1 2", "drop 1 2 some", "drop 1 2 all -1", "drop 1 2 all 1.5", "drop 1 2 all 1 1 1",
        "delay 1 2 all", "delay * * data 1 2 3 4", "repeat 1 0 all 9", "corrupt 1 all",
        /* without effect: there are no controllers yet */
        "hang 1", "resume 1", "crash 1", "say 1 04", "inject 1 64 12", "at 0 hang 1",
        "at 0 crash 1", "at 0 say 1 04", "at 0 inject 1 64 12", "at 1 drift 1 5"
    };
    char text[160];
    (void)state;
    for (size_t k = 0; k < sizeof lines / sizeof *lines; k++) {
        snprintf(text, sizeof text, "noise -90\n%s\n", lines[k]);
        assert_int_equal(load(text), -1);
        assert_non_null(strstr(message, ":2: it should be: "));
    }
    assert_int_equal(world_file_load(&s, "/nowhere/at/all", message), -1);
    assert_non_null(strstr(message, "/nowhere/at/all: "));
    static char many[WORLD_LINES_MAX * 12];
    for (unsigned n = 0; n <= WORLD_LINES_MAX; n++) {
        strcat(many, "noise -90\n");
    }
    assert_int_equal(load(many), -1);
}

/* A file that is not a world file ends with an error message. */
static void what_is_no_world(void **state)
{
    static char endless[11000];
    (void)state;
    assert_int_equal(world_file_load(&s, "/", message), -1);
    assert_non_null(strstr(message, "/: Is a directory"));
    assert_int_equal(world_file_load(&s, "/dev/zero", message), -1);
    assert_non_null(strstr(message, "/dev/zero:1: it should be: a line of text"));
    assert_int_equal(load_octets("noise -90\0 and more", 19), -1);
    assert_non_null(strstr(message, ":1: it should be: a line of text"));
    memset(endless, '\n', sizeof endless - 1);
    assert_int_equal(load(endless), -1);
    assert_non_null(strstr(message, "fewer lines"));
    memset(endless, ' ', 512);
    assert_int_equal(load(endless), -1);
    endless[511] = '\n';
    strcpy(endless + 512, "noise -91");
    assert_int_equal(load(endless), 0);
    assert_int_equal(s.around.noise_dbm, -91);
}

/* --- on an air -------------------------------------------------------------------------------- */

static struct woad_air_controller *the_controller[2];

static struct woad_air_controller *find(void *ctx, unsigned n)
{
    (void)ctx;
    return n <= 2 ? the_controller[n - 1] : NULL;
}

static size_t reports(struct woad_air *air, uint64_t seconds)
{
    uint8_t packet[WOAD_AIR_PACKET];
    size_t n = 0;
    uint64_t end = woad_air_now(air) + seconds * 1000000;
    while (woad_air_now(air) < end) {
        uint64_t next = woad_air_next(air) < end ? woad_air_next(air) : end;
        next = world_file_next_us(&s) < next ? world_file_next_us(&s) : next;
        woad_air_step(air, next);
        world_file_run(&s, next);
        while (woad_air_tx(the_controller[1], packet, sizeof packet)) {
            n += packet[1] == 0x3e && packet[3] == 2;
        }
    }
    return n;
}

static void rx(struct woad_air_controller *c, const char *packet, size_t len)
{
    assert_int_equal(woad_air_rx(c, (const uint8_t *)packet, len), 0);
}

/* The lines take effect on an air: loss, hang, resume, crash. */
static void it_happens(void **state)
{
    void *mem[2], *memory = malloc(woad_air_size());
    (void)state;
    assert_int_equal(load("link 1 2 0 1000\nat 2 link 1 2 0 0\nat 4 hang 1\nat 6 resume 1\n"
                          "at 8 crash 1\n"),
                     0);
    struct woad_air_config cfg = { .seed = 1, .around = &s.around };
    struct woad_air *air = woad_air_init(memory, woad_air_size(), &cfg);
    s.find_controller = find;
    for (unsigned n = 0; n < 2; n++) {
        struct woad_air_controller_config c = { .address = { 1, 2, 3, 4, 5, (uint8_t)n },
                                                .conns = 1,
                                                .acl_count = 1,
                                                .acl_len = 27,
                                                .queue = 60000 };
        world_file_configure(&s, n + 1, "", &c);
        mem[n] = malloc(woad_air_controller_size(&c));
        the_controller[n] = woad_air_attach(air, mem[n], woad_air_controller_size(&c), &c);
        world_file_update_links(&s);
        rx(the_controller[n], "\1\1\x0c\x08\xff\xff\xff\xff\xff\xff\xff\x3f", 12);
    }
    rx(the_controller[0], "\1\x06\x20\x0f\x20\0\x20\0\3\0\0\0\0\0\0\0\0\7\0", 19);
    rx(the_controller[0], "\1\x0a\x20\1\1", 5);
    rx(the_controller[1], "\1\x0b\x20\7\0\x10\0\x10\0\0\0", 11);
    rx(the_controller[1], "\1\x0c\x20\2\1\0", 6);
    assert_int_equal(reports(air, 2), 0); /* every packet is lost */
    assert_true(reports(air, 2) > 40);
    assert_true(reports(air, 2) <= 1); /* hung */
    assert_true(reports(air, 2) > 40);
    assert_true(reports(air, 2) <= 1); /* crashed */
    for (int n = 0; n < 2; n++) {
        woad_air_detach(the_controller[n]);
        free(mem[n]);
    }
    free(memory);
}

/* Rules: every third packet, ten times; not for packets of another kind; off again. */
static void rules(void **state)
{
    struct woad_air_controller *a = (void *)&the_controller[0], *b = (void *)&the_controller[1];
    uint8_t adv[20] = { 0, 18 }, data[9] = { 2, 7 }, control[3] = { 3, 1, 0x12 }, empty[2] = { 1 };
    struct woad_air_packet p[4] = {
        { .access_address = 0x8e89bed6, .pdu = adv, .len = sizeof adv, .from = a },
        { .access_address = 1, .pdu = data, .len = sizeof data, .from = a },
        { .access_address = 1, .pdu = control, .len = sizeof control, .from = a },
        { .access_address = 1, .pdu = empty, .len = sizeof empty, .from = a }
    };
    static const struct {
        const char *line;
        unsigned kinds, dropped, changed, late, again;
    } t[] = {
        { "drop * * all", 15, 30, 0, 0, 0 },
        { "drop * * all 3", 15, 10, 0, 0, 0 },
        { "drop * * data 3 4", 2, 4, 0, 0, 0 },
        { "drop 1 2 control", 4, 30, 0, 0, 0 },
        { "drop 2 1 all", 15, 0, 0, 0, 0 },
        { "drop * 1 all", 15, 0, 0, 0, 0 },
        { "drop 1 * advertising 30", 1, 1, 0, 0, 0 },
        { "corrupt * * all 2", 7, 0, 15, 0, 0 },
        { "delay 1 * data 50 10 2", 2, 0, 0, 100, 0 },
        { "repeat 1 * data 9", 2, 0, 0, 0, 270 },
        { "drop * * all\ndrop * * all 0", 15, 0, 0, 0, 0 },
    };
    (void)state;
    the_controller[0] = a;
    the_controller[1] = b;
    for (size_t k = 0; k < sizeof t / sizeof *t; k++) {
        for (unsigned kind = 0; kind < 4; kind++) {
            unsigned dropped = 0, changed = 0, delay = 0, again = 0;
            assert_int_equal(load(t[k].line), 0);
            s.find_controller = find;
            for (unsigned n = 0; n < 30; n++) {
                struct woad_air_delivery delivery = { 0, 0 };
                uint8_t copy[20];
                memcpy(copy, p[kind].pdu, p[kind].len);
                dropped += !world_file_intercept(&s, &p[kind], b, copy, &delivery);
                changed += memcmp(copy, p[kind].pdu, p[kind].len) != 0;
                delay += delivery.delay_us;
                again += delivery.repeat_us;
            }
            bool is = t[k].kinds >> kind & 1;
            assert_int_equal(dropped, is ? t[k].dropped : 0);
            assert_int_equal(changed, is ? t[k].changed : 0);
            assert_int_equal(delay, is ? t[k].late : 0);
            assert_int_equal(again, is ? t[k].again : 0);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_lines),       cmocka_unit_test(names), cmocka_unit_test(wrong_lines),
        cmocka_unit_test(what_is_no_world), cmocka_unit_test(rules), cmocka_unit_test(it_happens)
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
