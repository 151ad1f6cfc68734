# Clang, the C++ library and the linker of the package ziglang for another system, which its target names:
# pip install ziglang; cmake -DCMAKE_TOOLCHAIN_FILE=cmake/zig.cmake -DPYINIT_ZIG_TARGET=aarch64-macos ...
set(PYINIT_ZIG_TARGET "" CACHE STRING "aarch64-macos, x86_64-macos, x86_64-windows-gnu, x86_64-linux-musl, ...")
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES PYINIT_ZIG_TARGET)
if(NOT PYINIT_ZIG_TARGET MATCHES "^([a-z0-9_]+)-(linux|macos|windows)")
  message(FATAL_ERROR "PYINIT_ZIG_TARGET must be ARCHITECTURE-SYSTEM, as aarch64-macos; got '${PYINIT_ZIG_TARGET}'")
endif()
set(CMAKE_SYSTEM_PROCESSOR ${CMAKE_MATCH_1})
if(CMAKE_MATCH_2 STREQUAL "linux")
  set(CMAKE_SYSTEM_NAME Linux)
elseif(CMAKE_MATCH_2 STREQUAL "macos")
  set(CMAKE_SYSTEM_NAME Darwin)
else()
  set(CMAKE_SYSTEM_NAME Windows)
endif()

find_program(PYINIT_PYTHON_OF_ZIG NAMES python python3 REQUIRED)
execute_process(COMMAND ${PYINIT_PYTHON_OF_ZIG} -c "import os, ziglang; print(os.path.join(ziglang.__path__[0], 'zig'))"
  OUTPUT_VARIABLE zig OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)

# Nothing of this machine's is for the target.
get_filename_component(zig_root ${zig} DIRECTORY)
set(CMAKE_FIND_ROOT_PATH ${zig_root})
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)

# CMake takes a program without arguments where zig has one for each tool.
function(pyinit_zig_tool variable name)
  set(path ${CMAKE_BINARY_DIR}/zig-tools/${name})
  list(JOIN ARGN " " arguments)
  file(WRITE ${path} "#!/bin/sh\nexec '${zig}' ${arguments} \"$@\"\n")
  file(CHMOD ${path} PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE)
  set(${variable} ${path} CACHE FILEPATH "" FORCE)
endfunction()
pyinit_zig_tool(CMAKE_C_COMPILER cc cc -target ${PYINIT_ZIG_TARGET})
pyinit_zig_tool(CMAKE_CXX_COMPILER c++ c++ -target ${PYINIT_ZIG_TARGET})
pyinit_zig_tool(CMAKE_AR ar ar)
pyinit_zig_tool(CMAKE_RANLIB ranlib ranlib)

# Debian: apt-get install wine64
if(CMAKE_SYSTEM_NAME STREQUAL "Windows")
  find_program(PYINIT_WINE NAMES wine64 wine PATHS /usr/lib/wine)
  if(PYINIT_WINE)
    set(CMAKE_CROSSCOMPILING_EMULATOR ${PYINIT_WINE})
  endif()
endif()
