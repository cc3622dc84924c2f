/* The filter accept list.  Vol 6, Part B, 4.3; Vol 4, Part E, 7.8.14 to 7.8.17
 *
 * A command's function reads its parameters from `in` and writes the return parameters that
 * follow the status to `ret`.  It returns the status.
 *
 * Names of other files:
 *   c: the controller
 *   ACCEPT_LIST: entries that the accept list has room for
 *   controller_version(): its version, as HCI numbers them
 *   n_accept_list: entries of the accept list
 *   sets: the advertising sets, n_sets of them; legacy advertising is the first
 *   VERSION_5_0: VERSION_…: versions of the specification, as HCI counts them */
#include "host.h"

enum { ANONYMOUS = 0xff }; /* entry for advertisers without an address, whatever the octets */

/* Whether two addresses are the same; RESOLVED makes no difference. */
bool address_equal(const struct address *a, const struct address *b)
{
    return (a->type & 1) == (b->type & 1) && memcmp(a->octet, b->octet, 6) == 0;
}

/* The index of an entry; n_accept_list: there is none. An anonymous entry equals only another. */
static uint8_t accept_find(const controller *c, const struct address *a)
{
    uint8_t n = 0;
    bool named = a->type != ANONYMOUS;
    while (n < c->ll->n_accept_list && (named ? c->ll->accept_list[n].type == ANONYMOUS ||
                                                    !address_equal(&c->ll->accept_list[n], a)
                                              : c->ll->accept_list[n].type != ANONYMOUS)) {
        n++;
    }
    return n;
}

/* An entry for advertisers without an address is in the list. */
bool accept_has_anonymous(const controller *c)
{
    return accept_find(c, &(struct address){ .type = ANONYMOUS }) < c->ll->n_accept_list;
}

/* Type 0xff, for advertisers without an address, exists from 5.0 on. */
static bool accept_type_good(const controller *c, uint8_t type)
{
    return type <= 1 || (type == ANONYMOUS && controller_version(c) >= VERSION_5_0);
}

/* The list has this address. */
bool accept_has(const controller *c, const struct address *a)
{
    return accept_find(c, a) < c->ll->n_accept_list;
}

/* Whether the list is in use: it must not change then. */
static bool accept_in_use(const controller *c)
{
    for (uint8_t n = 0; n < c->n_sets; n++) {
        if (c->sets[n].on && c->sets[n].filter) {
            return true;
        }
    }
    return (c->scan->on || c->scan->connecting) && c->scan->use_accept_list;
}

/* LE Read Filter Accept List Size: returns u8. */
static int cmd_accept_size(controller *c, struct rd *in, struct wr *ret)
{
    (void)c;
    (void)in;
    wr_u8(ret, ACCEPT_LIST);
    return 0;
}

/* LE Clear Filter Accept List: disallowed while the list is in use. */
static int cmd_accept_clear(controller *c, struct rd *in, struct wr *ret)
{
    (void)in;
    (void)ret;
    if (accept_in_use(c)) {
        return WOAD_HCI_COMMAND_DISALLOWED;
    }
    c->ll->n_accept_list = 0;
    return 0;
}

/* LE Add Device To Filter Accept List: address type u8, address 6. */
static int cmd_accept_add(controller *c, struct rd *in, struct wr *ret)
{
    struct address a = { rd_u8(in), { 0 } };
    (void)ret;
    rd_copy(in, a.octet, 6);
    if (accept_in_use(c)) {
        return WOAD_HCI_COMMAND_DISALLOWED;
    }
    if (!accept_type_good(c, a.type)) {
        return WOAD_HCI_INVALID_PARAMETERS;
    }
    if (accept_has(c, &a)) {
        return 0;
    }
    if (c->ll->n_accept_list == ACCEPT_LIST) {
        return WOAD_HCI_MEMORY_EXCEEDED;
    }
    c->ll->accept_list[c->ll->n_accept_list++] = a;
    return 0;
}

/* LE Remove Device From Filter Accept List: address type u8, address 6. */
static int cmd_accept_remove(controller *c, struct rd *in, struct wr *ret)
{
    struct address a = { rd_u8(in), { 0 } };
    (void)ret;
    rd_copy(in, a.octet, 6);
    if (accept_in_use(c)) {
        return WOAD_HCI_COMMAND_DISALLOWED;
    }
    uint8_t at = accept_find(c, &a);
    if (at == c->ll->n_accept_list) {
        return WOAD_HCI_INVALID_PARAMETERS;
    }
    c->ll->accept_list[at] = c->ll->accept_list[--c->ll->n_accept_list];
    return 0;
}

/* Opcode, octet and bit of Supported_Commands, octets of parameters, function, feature, flags
 * (CMD_…; 0: none), first version (0: 4.0): struct command in host.h. */
const struct command air_accept_commands[] = {
    { OP_LE_READ_ACCEPT_LIST_SIZE, 26, 6, 0, cmd_accept_size, 0, 0, 0 },
    { OP_LE_CLEAR_ACCEPT_LIST, 26, 7, 0, cmd_accept_clear, 0, 0, 0 },
    { OP_LE_ADD_ACCEPT_LIST, 27, 0, 7, cmd_accept_add, 0, 0, 0 },
    { OP_LE_REMOVE_ACCEPT_LIST, 27, 1, 7, cmd_accept_remove, 0, 0, 0 },
    { 0, 0, 0, 0, NULL, 0, 0, 0 },
};
