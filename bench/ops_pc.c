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
    unsigned conns = argc > 2 ? (unsigned)atoi(argv[2]) : 1;
    unsigned attrs = argc > 3 ? (unsigned)atoi(argv[3]) : 20;
    if (!ops_prepare(calloc(1, MEM), MEM, conns, attrs)) {
        return 1;
    }
    for (size_t n = 0; n < n_ops; n++) {
        if (strcmp(argv[1], ops[n].name) == 0) {
            measured(&ops[n]);
            return ops_right(&ops[n]) ? 0 : 2;
        }
    }
    return 1;
}
