# MicroPython, Make ports:  make USER_C_MODULES=/path/to/woad/ports
WOAD_DIR := $(abspath $(USERMOD_DIR)/../..)
# With "/./" the objects go to a folder of their own: without, theirs would be called `micropython`
# like the program.
WOAD_MP_DIR := $(WOAD_DIR)/./ports/micropython

SRC_USERMOD_C += $(addprefix $(WOAD_MP_DIR)/, \
    mod_bluetooth.c ble.c ble_event.c ble_gap.c ble_link.c ble_l2cap.c ble_pair.c ble_gattc.c ble_gatts.c ble_uuid.c ble_value.c)
SRC_USERMOD_LIB_C += $(wildcard $(WOAD_DIR)/src/*.c)

# The unix port: a way to a controller, and the simulated radio inside.
ifeq ($(notdir $(CURDIR)),unix)
SRC_USERMOD_C += $(WOAD_MP_DIR)/port_unix.c
# USB where there is libusb.
WOAD_USB := $(shell pkg-config --exists libusb-1.0 && echo usb)
SRC_USERMOD_LIB_C += $(wildcard $(WOAD_DIR)/air/*.c)
SRC_USERMOD_LIB_C += $(filter-out $(WOAD_DIR)/transport/usb$(if $(WOAD_USB),_none,).c, \
    $(wildcard $(WOAD_DIR)/transport/*.c))
SRC_USERMOD_LIB_C += $(WOAD_DIR)/crypto/mbedtls.c
LDFLAGS_USERMOD += -lmbedcrypto $(if $(WOAD_USB),-lusb-1.0) -Wl,--wrap=poll -Wl,--wrap=mp_hal_delay_ms
endif

CFLAGS_USERMOD += -I$(WOAD_DIR)/include -include $(WOAD_MP_DIR)/hooks.h
