# Install rules: headers, library, program and the package files for find_package(tendon) and pkg-config. The tree may be moved.
include(CMakePackageConfigHelpers)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/tendon)

file(RELATIVE_PATH library_from_program ${CMAKE_INSTALL_FULL_BINDIR} ${CMAKE_INSTALL_FULL_LIBDIR})
set_target_properties(tendon_cli PROPERTIES INSTALL_RPATH "$ORIGIN/${library_from_program}")

install(TARGETS tendon EXPORT tendon-targets)
install(TARGETS tendon_cli)
install(DIRECTORY include/tendon DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT tendon-targets NAMESPACE tendon:: DESTINATION ${package_dir})

configure_package_config_file(cmake/tendon-config.cmake.in ${PROJECT_BINARY_DIR}/tendon-config.cmake
                              INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/tendon-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/tendon-config.cmake ${PROJECT_BINARY_DIR}/tendon-config-version.cmake
        DESTINATION ${package_dir})

file(RELATIVE_PATH prefix_from_pc ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
configure_file(cmake/tendon.pc.in ${PROJECT_BINARY_DIR}/tendon.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/tendon.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
