# MicroPython, CMake ports:  -DUSER_C_MODULES=/path/to/woad/ports/micropython/micropython.cmake
# The port supplies ble_port_open() and the others that ble.h lists under "port".
get_filename_component(WOAD_DIR ${CMAKE_CURRENT_LIST_DIR}/../.. ABSOLUTE)
set(WOAD_MP_DIR ${CMAKE_CURRENT_LIST_DIR})

add_library(usermod_woad INTERFACE)
file(GLOB WOAD_HOST CONFIGURE_DEPENDS ${WOAD_DIR}/src/*.c)
target_sources(usermod_woad INTERFACE
    ${WOAD_MP_DIR}/mod_bluetooth.c
    ${WOAD_MP_DIR}/ble.c
    ${WOAD_MP_DIR}/ble_event.c
    ${WOAD_MP_DIR}/ble_gap.c
    ${WOAD_MP_DIR}/ble_gattc.c
    ${WOAD_MP_DIR}/ble_link.c
    ${WOAD_MP_DIR}/ble_l2cap.c
    ${WOAD_MP_DIR}/ble_pair.c
    ${WOAD_MP_DIR}/ble_gatts.c
    ${WOAD_MP_DIR}/ble_uuid.c
    ${WOAD_MP_DIR}/ble_value.c
    ${WOAD_HOST})
target_include_directories(usermod_woad INTERFACE ${WOAD_DIR}/include)
target_compile_options(usermod_woad INTERFACE -include ${WOAD_MP_DIR}/hooks.h)
target_link_libraries(usermod INTERFACE usermod_woad)
