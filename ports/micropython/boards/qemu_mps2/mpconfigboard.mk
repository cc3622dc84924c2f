# MicroPython's qemu port on the MPS2 with a Cortex-M3, with a clock, input by interrupt, and the
# bluetooth module over the board's second UART:
#   make -C ports/qemu BOARD=WOAD_MPS2 BOARD_DIR=…/boards/qemu_mps2 USER_C_MODULES=…/woad/ports
QEMU_ARCH = arm
QEMU_MACHINE = mps2-an385

CFLAGS += -mthumb -mcpu=cortex-m3 -mfloat-abi=soft
CFLAGS += -DQEMU_SOC_MPS2
CFLAGS += -DMICROPY_HW_MCU_NAME='"Cortex-M3"'
CFLAGS += -DMP_CONFIGFILE='"mpconfig_mps2.h"' -DMICROPY_MPHALPORT_H='"mphal_mps2.h"' -I$(BOARD_DIR)
LDFLAGS += -Wl,--wrap=mp_hal_stdin_rx_chr -Wl,--wrap=mp_hal_stdio_poll

LDSCRIPT = mcu/arm/mps2.ld
SRC_BOARD_O = shared/runtime/gchelper_native.o shared/runtime/gchelper_thumb2.o
MPY_CROSS_FLAGS += -march=armv7m
MICROPY_HEAP_SIZE = 262144
