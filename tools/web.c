/* --web: parses the option, starts the process that serves the page, and prints its address.
 *
 * Names of other files:
 *   web_missing(): why this build has no page; NULL: it has one
 *   web_place: where the page is served, its token, and its connections to the air: web_server.h
 *   web_serve(): serves the page until the air ends; returns an exit status
 *   WEB_TOKEN_LEN: digits of the token */
#define _GNU_SOURCE
#include "web.h"

#include "../hub/control.h"
#include "web_server.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static struct web_place place = { .address = "127.0.0.1" };
static bool wanted;
static pid_t server; /* 0: none */

/* web_option() was called. */
bool web_is_wanted(void)
{
    return wanted;
}

/* Digits. */
bool web_is_port(const char *word)
{
    return *word && word[strspn(word, "0123456789")] == '\0';
}

/* [ADDRESS:]PORT, or NULL. */
int web_option(const char *command, const char *text)
{
    const char *port = text, *colon = text ? strrchr(text, ':') : NULL;
    struct in_addr in;
    bool good = true;
    wanted = true;
    if (colon) {
        size_t len = (size_t)(colon - text);
        good = len < sizeof place.address;
        snprintf(place.address, sizeof place.address, "%.*s", (int)len, text);
        good = good && inet_pton(AF_INET, place.address, &in) == 1;
        port = colon + 1;
    }
    if (port) {
        place.port = (unsigned)strtoul(port, NULL, 10);
        good = good && web_is_port(port) && strlen(port) < 6 && place.port < 65536;
    }
    if (!good) {
        fprintf(stderr,
                "woad %s: --web takes a port, or an IPv4 address and a port: --web=8080, "
                "--web=192.168.1.5:8080\n",
                command);
        return -1;
    }
    if (web_missing()) {
        fprintf(stderr, "woad %s: %s\n", command, web_missing());
        return -1;
    }
    return 0;
}

/* Prints why there is no page.  1 */
static int failed(const char *command, const char *what)
{
    fprintf(stderr, "woad %s: the page: %s\n", command, what);
    return 1;
}

/* A random token, that cannot be guessed. */
static bool make_token(char token[WEB_TOKEN_LEN + 1])
{
    uint8_t random[WEB_TOKEN_LEN / 2];
    if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random) {
        return false;
    }
    for (size_t k = 0; k < sizeof random; k++) {
        snprintf(token + 2 * k, 3, "%02x", random[k]);
    }
    return true;
}

/* Closes every descriptor but standard error and those of the page: transports, captures, the
 * other ends of its connections. */
static void close_others(void)
{
    struct dirent *entry;
    DIR *all = opendir("/proc/self/fd");
    while (all && (entry = readdir(all)) != NULL) {
        int fd = atoi(entry->d_name);
        if (isdigit((unsigned char)entry->d_name[0]) && fd > 2 && fd != dirfd(all) &&
            fd != place.packets && fd != place.lines && fd != place.report) {
            close(fd);
        }
    }
    if (all) {
        closedir(all);
    }
    int null = open("/dev/null", O_RDWR);
    dup2(null, 0);
    dup2(null, 1);
    close(null);
}

/* The process of the page ends when the air closes its connections, not by Ctrl-C. */
static void serve(void)
{
    sigset_t none;
    sigemptyset(&none);
    signal(SIGINT, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGTERM, SIG_DFL);
    signal(SIGCHLD, SIG_DFL);
    sigprocmask(SIG_SETMASK, &none, NULL);
    close_others();
    _exit(web_serve(&place));
}

/* Reads what the process reports: its port, or why there is none. */
static int read_report(const char *command, int fd)
{
    char text[200], *end;
    size_t len = 0;
    ssize_t n;
    while (len < sizeof text - 1 &&
           ((n = read(fd, text + len, sizeof text - 1 - len)) > 0 || (n < 0 && errno == EINTR))) {
        len += n > 0 ? (size_t)n : 0;
    }
    close(fd);
    text[len] = '\0';
    unsigned long port = strtoul(text, &end, 10);
    if (end == text || *end != '\n') {
        return failed(command, len ? text : "it could not be started");
    }
    fprintf(stderr, "web http://%s:%lu/%s/\n", place.address, port, place.token);
    return 0;
}

/* Two connections to the air's control, and a pipe for the report, go to the new process. */
int web_start(const char *command, struct control *control)
{
    int packets[2], lines[2], report[2];
    if (!make_token(place.token) ||
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, packets) < 0 ||
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, lines) < 0 ||
        pipe2(report, O_CLOEXEC) < 0) {
        return failed(command, strerror(errno)); /* the air ends: descriptors may stay open */
    }
    place.packets = packets[1];
    place.lines = lines[1];
    place.report = report[1];
    server = fork();
    if (server == 0) {
        serve();
    }
    close(packets[1]);
    close(lines[1]);
    close(report[1]);
    if (server < 0) {
        server = 0;
        return failed(command, strerror(errno));
    }
    if (!control_adopt(control, packets[0]) || !control_adopt(control, lines[0])) {
        return failed(command, "no memory");
    }
    return read_report(command, report[0]);
}

/* SIGTERM, then its end is awaited. */
void web_end(void)
{
    if (server) {
        kill(server, SIGTERM);
        while (waitpid(server, NULL, 0) < 0 && errno == EINTR) {
        }
        server = 0;
    }
}
