# The rp2 port's controller, for micropython.cmake: the CYW43 of the board, or one on a UART.
#
# The port's CMakeLists.txt reads this file after the board's mpconfigboard.cmake, which sets these to
# ON, and before it uses them: so MicroPython's own stack is off whatever the command line says.
if(NOT WOAD_HCI AND MICROPY_PY_BLUETOOTH_CYW43)
    set(WOAD_HCI cyw43)
elseif(NOT WOAD_HCI)
    set(WOAD_HCI mpbthci)
endif()
foreach(stack MICROPY_PY_BLUETOOTH MICROPY_PY_BLUETOOTH_CYW43 MICROPY_BLUETOOTH_BTSTACK MICROPY_BLUETOOTH_NIMBLE)
    set(${stack} OFF)
endforeach()

if(WOAD_HCI STREQUAL "cyw43")
    if(NOT MICROPY_PY_NETWORK_CYW43)
        message(FATAL_ERROR "WOAD_HCI=cyw43: ${MICROPY_BOARD} has no CYW43 (MICROPY_PY_NETWORK_CYW43 is not ON in its "
            "mpconfigboard.cmake).  Say WOAD_HCI=mpbthci for a controller on a UART.")
    endif()
    target_sources(usermod_woad INTERFACE ${WOAD_MP_DIR}/hci_cyw43.c)
    # CYW43_ENABLE_BLUETOOTH, and the headers that the shared bus's driver includes.
    target_link_libraries(usermod_woad INTERFACE pico_btstack_hci_transport_cyw43_headers)
elseif(WOAD_HCI STREQUAL "mpbthci")
    target_sources(usermod_woad INTERFACE ${WOAD_MP_DIR}/hci_mpbthci.c)
    foreach(setting MICROPY_HW_BLE_UART_ID MICROPY_HW_BLE_UART_BAUDRATE)
        if(DEFINED ${setting})
            target_compile_definitions(usermod_woad INTERFACE ${setting}=${${setting}})
        endif()
    endforeach()
else()
    message(FATAL_ERROR "WOAD_HCI=${WOAD_HCI}: it is cyw43 or mpbthci.")
endif()

# The port's driver, which schedules the host.
target_sources(usermod_woad INTERFACE ${CMAKE_SOURCE_DIR}/mpbthciport.c)
set_source_files_properties(${CMAKE_SOURCE_DIR}/mpbthciport.c PROPERTIES COMPILE_DEFINITIONS
    "MICROPY_PY_BLUETOOTH=1;MICROPY_PY_BLUETOOTH_USE_SYNC_EVENTS=1")
