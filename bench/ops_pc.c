/* `ops NAME [CONNECTIONS [ATTRIBUTES]]`: a batch of that operation between two of nothing, for
 * callgrind, which counts what happens in measured().  Without a name: the names, and how many are
 * in a batch. */
#include "ops.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv)
{
    enum { MEM = 1 << 20 };
    for (size_t n = 0; argc < 2 && n < n_ops; n++) {
        printf("%s %u\n", ops[n].name, ops[n].n);
    }
    if (argc < 2) {
        return 0;
    }
    unsigned conns = 1;
    if (argc > 2) {
        conns = (unsigned)atoi(argv[2]);
    }
    unsigned attrs = 20;
    if (argc > 3) {
        attrs = (unsigned)atoi(argv[3]);
    }
    if (!ops_prepare(calloc(1, MEM), MEM, conns, attrs)) {
        return 1;
    }
    for (size_t n = 0; n < n_ops; n++) {
        if (strcmp(argv[1], ops[n].name) == 0) {
            measured(&ops[n]);
            if (!ops_right(&ops[n])) {
                return 2;
            }
            return 0;
        }
    }
    return 1;
}
