# A toolchain file: 32-bit RISC-V with GCC.  Debian's has no C library: -DWOAD_LIBC_INCLUDE=…, a folder with a
# string.h that declares memcpy and its like, stands for its headers.
set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_SYSTEM_PROCESSOR riscv32)
set(CMAKE_C_COMPILER riscv64-unknown-elf-gcc)
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
set(CMAKE_TRY_COMPILE_PLATFORM_VARIABLES WOAD_LIBC_INCLUDE)
set(CMAKE_C_FLAGS_INIT "-march=rv32imac -mabi=ilp32 -misa-spec=2.2 -ffreestanding")
if(WOAD_LIBC_INCLUDE)
    string(APPEND CMAKE_C_FLAGS_INIT " -isystem ${WOAD_LIBC_INCLUDE}")
endif()
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
