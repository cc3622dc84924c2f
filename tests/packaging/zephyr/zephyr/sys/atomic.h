#include <stdbool.h>
typedef long atomic_t;
typedef long atomic_val_t;
bool atomic_cas(atomic_t *target, atomic_val_t old_value, atomic_val_t new_value);
atomic_val_t atomic_clear(atomic_t *target);
