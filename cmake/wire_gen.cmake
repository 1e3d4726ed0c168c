# The protocol's C, generated at build time from src/wire/schema by src/wire/schema/generate.py:
# structs and tables of each schema file, and the lists over all of them.
set(WIRE_GENERATED_DIR "${CMAKE_BINARY_DIR}/gen")
set(WIRE_GENERATED "")
file(GLOB WIRE_SCHEMAS CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/src/wire/schema/*.schema")
set(WIRE_GENERATOR "${CMAKE_SOURCE_DIR}/src/wire/schema/generate.py")
if(WIRE_SCHEMAS)
    set(WIRE_GENERATED "${WIRE_GENERATED_DIR}/wire/messages.h" "${WIRE_GENERATED_DIR}/wire/api_keys.h"
        "${WIRE_GENERATED_DIR}/messages.c")
    foreach(schema IN LISTS WIRE_SCHEMAS)
        get_filename_component(name "${schema}" NAME_WE)
        list(APPEND WIRE_GENERATED "${WIRE_GENERATED_DIR}/wire/messages_${name}.h"
             "${WIRE_GENERATED_DIR}/messages_${name}.c")
    endforeach()
    add_custom_command(
        OUTPUT ${WIRE_GENERATED}
        COMMAND ${Python3_EXECUTABLE} "${WIRE_GENERATOR}" --output "${WIRE_GENERATED_DIR}" ${WIRE_SCHEMAS}
        DEPENDS ${WIRE_SCHEMAS} "${WIRE_GENERATOR}"
        COMMENT "Generating the protocol's messages")
endif()
add_custom_target(wire_generated DEPENDS ${WIRE_GENERATED})
