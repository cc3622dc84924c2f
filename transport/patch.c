/* A patch of Broadcom's from a file: commands one behind the other, opcode u16, length u8,
 * parameters. */
#include "open.h"
#include "patch.h"

#include <errno.h>
#include <stdio.h>

static int patch_next(void *ctx, bool first, uint8_t *record, size_t room)
{
    struct patch *p = ctx;
    if (first && fseek(p->file, 0, SEEK_SET) < 0) {
        return -errno;
    }
    size_t n = fread(record, 1, 3, p->file);
    if (n == 0 && feof(p->file)) {
        return 0;
    }
    if (n < 3 || room < 3u + record[2] || fread(record + 3, 1, record[2], p->file) != record[2]) {
        return ferror(p->file) ? -EIO : -EBADMSG;
    }
    return 3 + record[2];
}

static void patch_speed(void *ctx, uint32_t baud)
{
    const struct patch *p = ctx;
    serial_speed(p->fd, baud);
}

int patch_open(struct patch *p, const struct hci_transport *way, char why[WOAD_PORT_MESSAGE_MAX])
{
    p->file = fopen(way->patch, "rb");
    if (!p->file) {
        return open_fail(why, errno, "bcm=%.90s: can't be read", way->patch);
    }
    p->fd = way->fd;
    p->setup = (struct woad_vendor_init){ .patch = patch_next, .speed = patch_speed, .ctx = p };
    woad_vendor_init_broadcom(&p->setup, &p->steps, way->baud_initial, way->baud);
    return 0;
}

void patch_close(struct patch *p)
{
    if (p->file) {
        fclose(p->file);
    }
}
