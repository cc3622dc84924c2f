# Woad as a component of ESP-IDF: the host, what it can use without an operating system, and the chip's own controller
# (woad/vhci.h) with CONFIG_BT_CONTROLLER_ONLY.  The root CMakeLists.txt includes this; ESP-IDF also runs it as a script,
# to learn what the component requires.
get_filename_component(WOAD_DIR ${CMAKE_CURRENT_LIST_DIR} DIRECTORY)
file(GLOB WOAD_SOURCES ${WOAD_DIR}/src/*/*.c)
list(APPEND WOAD_SOURCES ${WOAD_DIR}/transport/h4.c ${WOAD_DIR}/transport/btsnoop_record.c ${WOAD_DIR}/store/flash_bonds.c)
set(WOAD_INCLUDE ${WOAD_DIR}/include)
set(WOAD_REQUIRES)
idf_build_get_property(target IDF_TARGET)
if(NOT target STREQUAL "linux")
    list(APPEND WOAD_INCLUDE ${WOAD_DIR}/packaging/esp-idf/include)
    list(APPEND WOAD_REQUIRES bt esp_timer)
endif()
if(CONFIG_BT_CONTROLLER_ONLY)
    list(APPEND WOAD_SOURCES ${WOAD_DIR}/packaging/esp-idf/vhci.c)
endif()
idf_component_register(SRCS ${WOAD_SOURCES} INCLUDE_DIRS ${WOAD_INCLUDE} PRIV_REQUIRES ${WOAD_REQUIRES})
