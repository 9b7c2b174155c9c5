# One way to declare a target. Every target gets the same language level,
# warnings and sanitizers, and an alias `paddock::<name>`: a misspelt dependency
# is then an error at configure time instead of `-l<typo>` at link time.

set(PADDOCK_SANITIZE "" CACHE STRING "Value for -fsanitize=, e.g. address,undefined")
# Many files at once: a whole build takes a third of the time, one changed file longer.
option(PADDOCK_UNITY "Compile many files of a target at once" $ENV{PADDOCK_UNITY})
option(PADDOCK_FUZZ "Build the libFuzzer targets (clang only)" OFF)

find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()
find_program(MOLD mold)

add_library(paddock_options INTERFACE)
target_compile_features(paddock_options INTERFACE cxx_std_20)
set(warnings -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wnon-virtual-dtor -Werror
  -Wold-style-cast -Woverloaded-virtual -Wimplicit-fallthrough)
if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # Clang means by a shadow also what other files call theirs that are compiled at the same time.
  list(REMOVE_ITEM warnings -Wshadow)
  list(APPEND warnings -Wno-overlength-strings)
endif()
target_compile_options(paddock_options INTERFACE ${warnings})
if(MOLD)
  target_link_options(paddock_options INTERFACE -fuse-ld=mold)
endif()
if(PADDOCK_SANITIZE)
  target_compile_options(paddock_options INTERFACE
    -fsanitize=${PADDOCK_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(paddock_options INTERFACE -fsanitize=${PADDOCK_SANITIZE})
endif()
if(PADDOCK_SANITIZE MATCHES "thread")
  # For the few tests of what it cannot follow. Compilers have names of their own for it.
  target_compile_definitions(paddock_options INTERFACE PADDOCK_UNDER_TSAN)
endif()
if(PADDOCK_SANITIZE MATCHES "undefined" AND PADDOCK_UNITY AND NOT PADDOCK_FUZZ)
  # A third of the time to compile, for what ASan finds as well (a null or a wrong object) or what
  # these machines forgive. Without PADDOCK_UNITY, and of the fuzzers, all is checked.
  target_compile_options(paddock_options INTERFACE -fno-sanitize=null,alignment,object-size,vptr)
endif()
if(PADDOCK_FUZZ)
  target_compile_options(paddock_options INTERFACE -fsanitize=fuzzer-no-link)
  target_link_options(paddock_options INTERFACE -fsanitize=fuzzer-no-link)
endif()
set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O2 -g1 -DNDEBUG" CACHE STRING "" FORCE)
# FORCE: project() has cached an empty one by now. Assertions stay on.
set(CMAKE_CXX_FLAGS_DEV "-O1 -g1" CACHE STRING "" FORCE)
if(PADDOCK_SANITIZE)
  # Optimized, what sanitizers add takes up to three times as long to compile.
  set(CMAKE_CXX_FLAGS_DEV "-O0 -g1" CACHE STRING "" FORCE)
endif()
set(CMAKE_CXX_EXTENSIONS OFF)

# All that needs no daemon and no root, and what is left of all without it. Of the first, where time
# is short, each is under one sanitizer at least: by its labels, below.
add_custom_target(unit_tests)
add_custom_target(asan_unit_tests)
add_custom_target(tsan_unit_tests)
add_custom_target(all_but_unit_tests)
add_custom_target(fuzzers)

# paddock_target(<name> <library|executable|test|fuzzer>
#                SOURCES ... [PUBLIC ...] [PRIVATE ...] [LABELS ...] [TIMEOUT n] [STATIC] [APART])
# PUBLIC: what the headers need. PRIVATE: what only the .cpp files need.
# A test links Boost.Test and the shared main; LABELS select it in ctest. A test
# that cannot run here exits with 77 and is counted as skipped. `one_thread`: nothing in it runs
# beside anything else. `own_values`: it parses nothing that comes from outside.
# APART: its files are compiled one by one also with PADDOCK_UNITY: each has names of its own
# that another one has, too.
# STATIC: a lone file without shared libraries (the guest agent); sanitized
# builds link dynamically, because the sanitizers' runtimes need to.
function(paddock_target name kind)
  cmake_parse_arguments(ARG "STATIC;APART" "TIMEOUT" "SOURCES;PUBLIC;PRIVATE;LABELS" ${ARGN})
  if(ARG_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "paddock_target(${name}): unknown arguments ${ARG_UNPARSED_ARGUMENTS}")
  endif()
  if(kind STREQUAL "fuzzer" AND NOT PADDOCK_FUZZ)
    return()
  endif()
  set(scope PUBLIC)
  if(kind STREQUAL "library")
    if(ARG_SOURCES)
      add_library(${name} STATIC ${ARG_SOURCES})
      target_link_libraries(${name} PRIVATE paddock_options)
    else()
      add_library(${name} INTERFACE)
      set(scope INTERFACE)
    endif()
    add_library(paddock::${name} ALIAS ${name})
  elseif(kind STREQUAL "executable" OR kind STREQUAL "fuzzer")
    add_executable(${name} ${ARG_SOURCES})
    add_dependencies(all_but_unit_tests ${name})
    target_link_libraries(${name} PRIVATE paddock_options)
    if(kind STREQUAL "fuzzer")
      add_dependencies(fuzzers ${name})
      target_link_options(${name} PRIVATE -fsanitize=fuzzer)
    endif()
    if(ARG_STATIC AND NOT PADDOCK_SANITIZE)
      target_link_options(${name} PRIVATE -static)
    endif()
  elseif(kind STREQUAL "test")
    add_executable(${name} ${PROJECT_SOURCE_DIR}/tests/support/main.cpp ${ARG_SOURCES})
    target_compile_definitions(${name} PRIVATE BOOST_TEST_DYN_LINK)
    target_link_libraries(${name} PRIVATE paddock_options Boost::unit_test_framework)
    # For people on stdout, and for the tally of ./run-tests as JUnit.
    file(MAKE_DIRECTORY ${PROJECT_BINARY_DIR}/results)
    add_test(NAME ${name} COMMAND ${name}
      --logger=HRF,test_suite,stdout:JUNIT,message,${PROJECT_BINARY_DIR}/results/${name}.xml)
    if(NOT ARG_TIMEOUT)
      set(ARG_TIMEOUT 120)
      if(PADDOCK_SANITIZE)
        set(ARG_TIMEOUT 600)
      endif()
    endif()
    if("unit" IN_LIST ARG_LABELS)
      add_dependencies(unit_tests ${name})
      if(NOT "own_values" IN_LIST ARG_LABELS)
        add_dependencies(asan_unit_tests ${name})
      endif()
      if(NOT "one_thread" IN_LIST ARG_LABELS)
        add_dependencies(tsan_unit_tests ${name})
      endif()
    else()
      add_dependencies(all_but_unit_tests ${name})
    endif()
    # Of libraries that are not compiled for it ThreadSanitizer sees half of what they do.
    set_tests_properties(${name} PROPERTIES ENVIRONMENT "TSAN_OPTIONS=ignore_noninstrumented_modules=1"
      LABELS "${ARG_LABELS}" TIMEOUT ${ARG_TIMEOUT} SKIP_RETURN_CODE 77)
  else()
    message(FATAL_ERROR "paddock_target(${name}): unknown kind ${kind}")
  endif()
  if(PADDOCK_UNITY AND NOT ARG_APART AND ARG_SOURCES)
    set_target_properties(${name} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 8)
    if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
      # Of fixtures in unnamed namespaces, which are in no main file then.
      target_compile_options(${name} PRIVATE -Wno-subobject-linkage)
    endif()
  endif()
  target_include_directories(${name} ${scope} ${PROJECT_SOURCE_DIR})
  target_compile_features(${name} ${scope} cxx_std_20)
  target_link_libraries(${name} ${scope} ${ARG_PUBLIC})
  if(ARG_PRIVATE)
    target_link_libraries(${name} PRIVATE ${ARG_PRIVATE})
  endif()
endfunction()
