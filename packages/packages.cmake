# The Debian packages' own words. The version is the project's; tools/build-packages may add to it.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_COMPONENTS_ALL coordinator hostd guest cli simulator)
set(CPACK_COMPONENTS_GROUPING IGNORE)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_PACKAGE_VENDOR Paddock)
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY ${PROJECT_DESCRIPTION})
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)
set(CPACK_DEBIAN_PACKAGE_SECTION admin)
set(CPACK_DEBIAN_PACKAGE_MAINTAINER "The Paddock authors <root@localhost>") # tools/build-packages says whose.
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
    OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)

# paddock_package(COMPONENT PACKAGE SYNOPSIS DESCRIPTION): what is not in shared libraries it DEPENDS on.
macro(paddock_package component package synopsis description)
  cmake_parse_arguments(ARG "" "DEPENDS;RECOMMENDS;SUGGESTS" "" ${ARGN})
  string(TOUPPER ${component} upper)
  set(CPACK_DEBIAN_${upper}_PACKAGE_NAME ${package})
  set(CPACK_DEBIAN_${upper}_DESCRIPTION "${synopsis}\n${description}")
  set(CPACK_DEBIAN_${upper}_PACKAGE_DEPENDS "${ARG_DEPENDS}")
  set(CPACK_DEBIAN_${upper}_PACKAGE_RECOMMENDS "${ARG_RECOMMENDS}")
  set(CPACK_DEBIAN_${upper}_PACKAGE_SUGGESTS "${ARG_SUGGESTS}")
  file(GLOB control CONFIGURE_DEPENDS
       ${CMAKE_CURRENT_SOURCE_DIR}/${component}/p*inst ${CMAKE_CURRENT_SOURCE_DIR}/${component}/p*rm
       ${CMAKE_CURRENT_SOURCE_DIR}/${component}/conffiles)
  set(CPACK_DEBIAN_${upper}_PACKAGE_CONTROL_EXTRA "${control}")
endmacro()

paddock_package(coordinator paddock-coordinator "coordinator of Paddock's sandboxes for AI agents"
  "Places sandboxes, which are KVM virtual machines, on a fleet of hypervisors,
serves the HTTP API, and keeps state and an append-only audit in PostgreSQL.
Several on one database stand in for each other."
  DEPENDS "systemd"
  RECOMMENDS "postgresql, postgresql-client"
  SUGGESTS "paddock")
paddock_package(hostd paddock-hostd "host daemon of Paddock's sandboxes for AI agents"
  "Runs sandboxes as virtual machines of this host through libvirt, for a
coordinator that it connects to. They outlive its restarts and upgrades."
  DEPENDS "systemd, libvirt-daemon-system, libvirt-clients, libvirt-daemon-driver-qemu, qemu-system-x86, qemu-utils, dnsmasq-base, nftables, iproute2, iptables, seabios"
  RECOMMENDS "ovmf")
paddock_package(guest paddock-guest "agent inside Paddock's sandboxes"
  "Runs what the host asks for over a virtio-serial port: commands, terminals,
files. For images of virtual machines; of no use elsewhere."
  DEPENDS "systemd"
  RECOMMENDS "tmux")
paddock_package(cli paddock "command line of Paddock's sandboxes for AI agents"
  "Creates, runs, checkpoints, forks and destroys sandboxes, and shows the
fleet, through the coordinator's HTTP API."
  SUGGESTS "bash-completion, curl, qemu-utils, guestfish")
paddock_package(simulator paddock-simulator "simulated hypervisors for Paddock's coordinator"
  "Many hosts in one process, over the real protocol: to size a fleet and try
placement, drains and failures before there is hardware.")
# A lone file: it has no shared libraries.
set(CPACK_DEBIAN_GUEST_PACKAGE_SHLIBDEPS OFF)
include(CPack)
