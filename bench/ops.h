/* What a host does for one operation, to be counted in instructions: the same on a PC and on a
 * microcontroller.  The controller is a few lines that say yes. */
#ifndef WOAD_BENCH_OPS_H
#define WOAD_BENCH_OPS_H

#include <stddef.h>

struct op {
    const char *name;
    unsigned n; /* so many in one batch, which the controller has room for */
    void (*once)(void);
    unsigned events, packets; /* that each leads to: to the application; data, to the controller */
};
extern const struct op ops[];
extern const size_t n_ops;

/* A host with so many connections and attributes; the oldest connection, and the last attribute,
 * are what the operations are about.  `mem` of `size` octets: false if they don't do. */
_Bool ops_prepare(void *mem, size_t size, unsigned conns, unsigned attrs);
/* Has everything as before a batch. */
void ops_between(void);
/* A batch: what is counted. */
void measured(const struct op *op);
/* Whether the batch before has had as many events, packets and octets as it should. */
_Bool ops_right(const struct op *op);

#endif
