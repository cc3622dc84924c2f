/* Included before every file of a MicroPython build with this module: its hooks into the life of
 * the interpreter, which MicroPython offers as macros. */
#ifndef WOAD_MP_HOOKS_H
#define WOAD_MP_HOOKS_H
#ifndef __ASSEMBLER__

void woad_mp_begin(void);
void woad_mp_end(void);

#define MICROPY_PORT_INIT_FUNC woad_mp_begin()
#define MICROPY_PORT_DEINIT_FUNC woad_mp_end()
#define MICROPY_SCHEDULER_STATIC_NODES (1)

#ifdef UNIX
void woad_mp_scheduled(void); /* wakes a blocking call: unix_calls.c */
#define MICROPY_SCHED_HOOK_SCHEDULED woad_mp_scheduled()
#endif

#endif
#endif
