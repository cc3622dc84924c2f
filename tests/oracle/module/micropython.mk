# MicroPython's own front end of `bluetooth` over a backend that does nothing: what it makes of
# arguments is what our module must make of them.
SRC_USERMOD_C += $(USERMOD_DIR)/stub.c
CFLAGS_USERMOD += -DMICROPY_PY_BLUETOOTH=1 -DMICROPY_PY_BLUETOOTH_ENABLE_CENTRAL_MODE=1 \
    -DMICROPY_PY_BLUETOOTH_USE_SYNC_EVENTS=1
