# What `cmake --install` installs: the libraries of WOAD_PARTS, the headers, the program, and files by which CMake and
# pkg-config find them, wherever the folder is moved.
include(CMakePackageConfigHelpers)
set(to ${CMAKE_INSTALL_LIBDIR}/cmake/woad)
foreach(part ${WOAD_PARTS})
    install(TARGETS woad-${part} EXPORT woad-${part}
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
    install(EXPORT woad-${part} NAMESPACE woad:: FILE woad-${part}.cmake DESTINATION ${to})
endforeach()
install(DIRECTORY include/woad DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
if(WOAD_SIZES)
    install(FILES ${WOAD_SIZES}/woad/sizes.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/woad)
endif()
if(TARGET woad-program)
    install(TARGETS woad-program RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
    install(FILES ${PROJECT_SOURCE_DIR}/packaging/woad.bash
        DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME woad)
    install(DIRECTORY ${PROJECT_SOURCE_DIR}/packaging/man/ DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
endif()

list(TRANSFORM WOAD_POSIX_NEEDS PREPEND -l OUTPUT_VARIABLE needs)
list(JOIN needs " " needs)
# A shared library knows what it needs.
if(WOAD_SHARED)
    set(WOAD_POSIX_NEEDS)
endif()
configure_file(packaging/cmake/woad-config.cmake.in woad-config.cmake @ONLY)
write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/woad-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/woad-config.cmake ${CMAKE_CURRENT_BINARY_DIR}/woad-config-version.cmake
    DESTINATION ${to})

# woad.pc: all that a program on this machine needs; woad-host.pc: the host alone; woad-testing.pc: tests in virtual time.
file(RELATIVE_PATH WOAD_PC_PREFIX ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
file(RELATIVE_PATH WOAD_PC_INCLUDE ${CMAKE_INSTALL_PREFIX} ${CMAKE_INSTALL_FULL_INCLUDEDIR})
function(woad_pc name part text libraries private)
    if(NOT part IN_LIST WOAD_PARTS)
        return()
    endif()
    set(WOAD_PC_NAME ${name})
    set(WOAD_PC_TEXT ${text})
    set(WOAD_PC_LIBS ${libraries})
    set(WOAD_PC_PRIVATE "")
    if(WOAD_SHARED)
        set(WOAD_PC_PRIVATE ${private})
    elseif(private)
        string(APPEND WOAD_PC_LIBS " ${private}")
    endif()
    configure_file(packaging/cmake/woad.pc.in ${name}.pc @ONLY)
    install(FILES ${CMAKE_CURRENT_BINARY_DIR}/${name}.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endfunction()
woad_pc(woad posix "${PROJECT_DESCRIPTION}" "-lwoad-posix -lwoad-air -lwoad" "${needs}")
woad_pc(woad-host host "A Bluetooth LE host stack" "-lwoad" "")
woad_pc(woad-testing testing "Tests of Bluetooth LE programs in virtual time" "-lwoad-testing -lwoad-air -lwoad" "")
