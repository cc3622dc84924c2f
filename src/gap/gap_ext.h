/* Extended advertising, and the legacy files: those use extended commands where the controller has
 * them, because a host must not mix the two kinds.  Vol 4, Part E, 3.1.1 */
#ifndef WOAD_GAP_EXT_H
#define WOAD_GAP_EXT_H

#include <woad/gap.h>

#include "../core/host.h"
#include "../hci/roles.h"

/* gap_scan.c: a report has been received. */
void scan_emit_report(struct woad *h, enum woad_event_type type, struct woad_event *ev,
                      struct woad_addr *advertiser);
/* gap_adv.c: the controller has ended legacy advertising; status 0: by a connection. */
void adv_ended(struct woad *h, int status);

#endif
