# How everything is compiled. Asserts stay on in every build (base/assert.h does not look at NDEBUG).
set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

set(OTTLA_SANITIZE "" CACHE STRING "Sanitizers to build with: address,undefined or thread")
option(OTTLA_LIBFUZZER "Build tests/fuzz as libFuzzer targets (needs clang)" OFF)

set(CMAKE_C_FLAGS_RELEASE "-O2 -g")
set(CMAKE_C_FLAGS_DEBUG "-O1 -g3")
add_compile_options(-Wall -Wextra -Wshadow -Wconversion -Wvla -Wstrict-prototypes -Wmissing-prototypes
                    -Wwrite-strings -Wundef -Werror -fno-strict-aliasing -fno-omit-frame-pointer
                    -fvisibility=hidden)
# Clang asks for every field of a row that names some by their place; gcc, and we, take the rest as zero.
add_compile_options($<$<C_COMPILER_ID:Clang>:-Wno-missing-field-initializers>)
if(OTTLA_SANITIZE)
    add_compile_options(-fsanitize=${OTTLA_SANITIZE} -fno-sanitize-recover=all)
    add_link_options(-fsanitize=${OTTLA_SANITIZE})
else()
    # _FORTIFY_SOURCE and the sanitizers get in each other's way.
    add_compile_definitions($<$<CONFIG:Release>:_FORTIFY_SOURCE=2>)
    add_compile_options(-fstack-protector-strong)
endif()
if(OTTLA_LIBFUZZER)
    add_compile_options(-fsanitize=fuzzer-no-link)
endif()
