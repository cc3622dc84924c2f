# MicroPython, Make ports:  make USER_C_MODULES=/path/to/woad/ports
WOAD_DIR := $(abspath $(USERMOD_DIR)/../..)
# With "/./" the objects go to a folder of their own: without, theirs would be called `micropython`
# like the program.
WOAD_MP_DIR := $(WOAD_DIR)/./ports/micropython

SRC_USERMOD_C += $(addprefix $(WOAD_MP_DIR)/, \
    mod_bluetooth.c ble.c ble_call.c ble_config.c ble_connect.c ble_error.c ble_event.c ble_ext.c ble_gap.c ble_gattc.c ble_gatts.c \
    ble_irq.c ble_l2cap.c ble_life.c ble_link.c ble_pair.c ble_queue.c ble_run.c ble_secret.c ble_uuid.c ble_value.c)
SRC_USERMOD_LIB_C += $(wildcard $(WOAD_DIR)/src/*/*.c)

# Boards.  Their own HCI driver is MicroPython's; where that comes with another stack it is built for
# this one alone: BOARD's MICROPY_PY_BLUETOOTH=0 MICROPY_BLUETOOTH_NIMBLE=0 MICROPY_BLUETOOTH_BTSTACK=0.
ifneq ($(notdir $(CURDIR)),unix)
SRC_USERMOD_C += $(WOAD_MP_DIR)/port_mcu.c $(WOAD_MP_DIR)/hci_mpbthci.c
SRC_USERMOD_LIB_C += $(WOAD_DIR)/transport/h4.c
CFLAGS_USERMOD += -I$(WOAD_DIR)
# Keys by Mbed TLS, where the port has it, in the place of the controller.
ifeq ($(WOAD_CRYPTO),mbedtls)
SRC_USERMOD_LIB_C += $(WOAD_DIR)/crypto/mbedtls.c
CFLAGS_USERMOD += -DWOAD_MBEDTLS
endif
ifeq ($(notdir $(CURDIR)),qemu)
SRC_USERMOD_C += $(WOAD_MP_DIR)/boards/qemu_mps2/mps2.c
else
SRC_C += mpbthciport.c
WOAD_HCI_O := $(BUILD)/mpbthciport.o $(BUILD)/rfcore.o $(BUILD)/drivers/cyw43/cywbt.o
$(WOAD_HCI_O): CFLAGS += -DMICROPY_PY_BLUETOOTH=1 -DMICROPY_PY_BLUETOOTH_USE_SYNC_EVENTS=1
# An STM32WB's rfcore.c compiles with NimBLE alone, of which it needs one function: hci_mpbthci.c has it.
$(BUILD)/rfcore.o: CFLAGS += -DMICROPY_BLUETOOTH_NIMBLE=1 -I$(WOAD_MP_DIR)/boards/stm32wb
endif
endif

# The unix port: transports and the simulated radio.
ifeq ($(notdir $(CURDIR)),unix)
SRC_USERMOD_C += $(WOAD_MP_DIR)/port_unix.c $(WOAD_MP_DIR)/unix_calls.c $(WOAD_MP_DIR)/unix_help.c
$(BUILD)/extmod/modselect.o: CFLAGS += -include $(WOAD_MP_DIR)/unix_select.h
WOAD_COMMA := ,
WOAD_WRAPPED := mp_hal_set_interrupt_char mp_hal_delay_ms usleep select read recv recvfrom accept write send sendto connect \
    clock_gettime gettimeofday time getrandom sched_yield system mp_builtin_help_obj
# USB where there is libusb.
WOAD_USB := $(shell pkg-config --exists libusb-1.0 && echo usb)
SRC_USERMOD_LIB_C += $(wildcard $(WOAD_DIR)/air/*/*.c)
SRC_USERMOD_LIB_C += $(filter-out $(WOAD_DIR)/transport/usb$(if $(WOAD_USB),_none,).c, \
    $(foreach d,transport hub store ports/posix,$(wildcard $(WOAD_DIR)/$(d)/*.c)))
SRC_USERMOD_LIB_C += $(WOAD_DIR)/crypto/mbedtls.c
CFLAGS_USERMOD += -DWOAD_LOG
LDFLAGS_USERMOD += -lmbedcrypto $(if $(WOAD_USB),-lusb-1.0) $(addprefix -Wl$(WOAD_COMMA)--wrap=,$(WOAD_WRAPPED))
endif

CFLAGS_USERMOD += -I$(WOAD_DIR)/include -include $(WOAD_MP_DIR)/hooks.h
