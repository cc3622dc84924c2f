/* For the sub-commands of `woad` that use a radio: options, a host, waiting, errors. */
#ifndef WOAD_TOOL_HOST_H
#define WOAD_TOOL_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <woad/port.h>
#include <woad/woad.h>

/* --- options: one table gives the parser and the help */

enum tool_option_kind { TOOL_FLAG, TOOL_TEXT, TOOL_NUMBER }; /* none, any text, a number */

struct tool_option {
    const char *name;  /* "--hci"; NULL ends the table */
    const char *value; /* what the help calls its value; NULL: a flag */
    const char *help;
    enum tool_option_kind kind;
    void *to;      /* bool, const char * or long */
    long min, max; /* of a number */
};

struct tool_help {
    const char *command;  /* "gatt" */
    const char *usage;    /* "PEER read UUID"; a line for each form */
    const char *about;    /* paragraphs, with line ends */
    const char *examples; /* lines */
    const struct tool_option *options;
};

enum { TOOL_EXIT_FAILED = 1, TOOL_EXIT_USAGE = 2 }; /* exit statuses */

/* Parses argv[1] and on: options go where the table says, the other words are moved to argv[0] and
 * on, *argc of them.  False: the command ends with *status, and all has been printed. */
bool tool_parse(const struct tool_help *help, int *argc, char **argv, int *status);
/* "woad gatt: …; woad gatt --help says more" on standard error.  Returns TOOL_EXIT_USAGE. */
int tool_usage(const struct tool_help *help, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* --- the host */

struct tool {
    const char *command; /* in messages: "gatt" */
    const char *hci;     /* the controller; NULL: WOAD_HCI, or this user's simulated radio */
    const char *program; /* name on a simulated radio, which gives the address; NULL: "woad" */
    const char *bonds;   /* path of the bond file; NULL: none is used */
    long key_size_min;   /* octets: of a pairing, and of a bond that is used; 0: 16 */
    void (*event)(struct tool *t, const struct woad_event *ev); /* may be NULL */
    void *ctx;                                                  /* of the sub-command */
    struct woad *h;
    struct woad_port *port;
    struct woad_bond_file *bond_file;
    bool up, down;  /* the host has started; the controller has failed, or the host has stopped */
    int down_error; /* of `down` */
    uint16_t conn;  /* the connection; WOAD_NO_CONN: none */
    bool ended;     /* `conn` was there, and has ended */
    uint8_t ended_reason;   /* HCI */
    bool output_closed;     /* standard output can't be written to any more */
    struct woad_config cfg; /* set by tool_open() where it is 0 */
};

/* Ends of a wait. */
enum tool_end {
    TOOL_DONE,    /* what was waited for is there */
    TOOL_TIME,    /* the time limit */
    TOOL_STOPPED, /* Ctrl-C, SIGTERM, or standard output is closed */
    TOOL_DOWN,    /* the controller has failed */
    TOOL_GONE     /* the connection has ended */
};

/* Opens the controller, and brings the host up with every feature.  0; or the exit status, and the
 * reason is on standard error. */
int tool_open(struct tool *t);
/* Stops the host, which ends its connections, and frees all. */
void tool_close(struct tool *t);

/* Runs until *done, which an event sets, or something else ends it.  `ms`: WOAD_FOREVER for no
 * limit.  TOOL_GONE only if a connection has ended since `t->ended` was last false. */
enum tool_end tool_wait(struct tool *t, const bool *done, uint32_t ms);
/* One turn of at most `ms`; `fd`: a descriptor that ends it when it can be read, or -1.  False: the
 * command is to end: tool_why(). */
bool tool_step(struct tool *t, int fd, uint32_t ms);
/* TOOL_STOPPED, TOOL_DOWN or TOOL_GONE, or TOOL_DONE: nothing has happened. */
enum tool_end tool_why(const struct tool *t);
/* Waits for a port without a host. */
void tool_port_wait(struct woad_port *port, int fd, uint32_t ms);

/* Ctrl-C and SIGTERM set a flag; a second one ends the program at once.  SIGPIPE is ignored. */
void tool_signals(void);
bool tool_interrupted(void); /* the flag */

/* "woad gatt: …" on standard error.  Returns TOOL_EXIT_FAILED. */
int tool_fail(const struct tool *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A sentence for the end of a wait that is not TOOL_DONE; `doing`: "connecting to X". */
int tool_ended(const struct tool *t, enum tool_end end, const char *doing);
/* Flushes standard output.  False: it is closed, and t->output_closed is set. */
bool tool_flush(struct tool *t);
/* The exit status of a command that is done: 1 if the output could not be written. */
int tool_status(struct tool *t, int status);

/* The bond file that a command uses by default, made with its folder; the caller frees it.  NULL:
 * neither XDG_DATA_HOME nor HOME is set. */
char *tool_bonds_path(const char *name);

#endif
