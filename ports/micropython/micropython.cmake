# MicroPython, CMake ports:  -DUSER_C_MODULES=/path/to/woad/ports/micropython/micropython.cmake
# rp2 and esp32 have no other stack then: rp2 by rp2.cmake, esp32 with CONFIG_BT_CONTROLLER_ONLY.
# docs/boards.md tells the rest.
get_filename_component(WOAD_DIR ${CMAKE_CURRENT_LIST_DIR}/../.. ABSOLUTE)
set(WOAD_MP_DIR ${CMAKE_CURRENT_LIST_DIR})

add_library(usermod_woad INTERFACE)
file(GLOB WOAD_HOST CONFIGURE_DEPENDS ${WOAD_DIR}/src/*/*.c)
target_sources(usermod_woad INTERFACE
    ${WOAD_MP_DIR}/mod_bluetooth.c
    ${WOAD_MP_DIR}/ble.c
    ${WOAD_MP_DIR}/ble_call.c
    ${WOAD_MP_DIR}/ble_config.c
    ${WOAD_MP_DIR}/ble_connect.c
    ${WOAD_MP_DIR}/ble_error.c
    ${WOAD_MP_DIR}/ble_event.c
    ${WOAD_MP_DIR}/ble_ext.c
    ${WOAD_MP_DIR}/ble_gap.c
    ${WOAD_MP_DIR}/ble_gattc.c
    ${WOAD_MP_DIR}/ble_gatts.c
    ${WOAD_MP_DIR}/ble_irq.c
    ${WOAD_MP_DIR}/ble_l2cap.c
    ${WOAD_MP_DIR}/ble_life.c
    ${WOAD_MP_DIR}/ble_link.c
    ${WOAD_MP_DIR}/ble_pair.c
    ${WOAD_MP_DIR}/ble_queue.c
    ${WOAD_MP_DIR}/ble_run.c
    ${WOAD_MP_DIR}/ble_secret.c
    ${WOAD_MP_DIR}/ble_uuid.c
    ${WOAD_MP_DIR}/ble_value.c
    ${WOAD_MP_DIR}/port_mcu.c
    ${WOAD_DIR}/transport/h4.c
    ${WOAD_HOST})
get_filename_component(WOAD_PORT "${CMAKE_SOURCE_DIR}" NAME)
if(WOAD_PORT STREQUAL "esp32")
    target_sources(usermod_woad INTERFACE ${WOAD_MP_DIR}/hci_vhci.c)
else()
    include(${WOAD_MP_DIR}/rp2.cmake)
endif()
target_include_directories(usermod_woad INTERFACE ${WOAD_DIR}/include ${WOAD_DIR})
target_compile_options(usermod_woad INTERFACE -include ${WOAD_MP_DIR}/hooks.h)
target_link_libraries(usermod INTERFACE usermod_woad)
