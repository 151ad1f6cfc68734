# cmake -DVALGRIND=... -DPROGRAM=... -DTABLE=... -P instructions.cmake: counts the instructions that fills execute
# for an element, and fails where they are more than the table says, or less than half: then the fill was not made.
# A count does not depend on the machine or on what else runs there; it does on the compiler, so the table holds for
# the one that it names.
# TABLE has lines `instruction set, fill, instructions of 1000 elements`.
set(elements 262144)

function(collected isa fill result)
  execute_process(
    COMMAND ${VALGRIND} --tool=callgrind --callgrind-out-file=/dev/null ${PROGRAM} ${isa} ${fill}
    RESULT_VARIABLE status OUTPUT_VARIABLE out ERROR_VARIABLE said)
  if(NOT status EQUAL 0 OR NOT said MATCHES "Collected : ([0-9]+)")
    message(FATAL_ERROR "callgrind did not count ${fill} on ${isa}:\n${out}${said}")
  endif()
  set(${result} ${CMAKE_MATCH_1} PARENT_SCOPE)
endfunction()

file(STRINGS ${TABLE} lines REGEX "^[^#]")
set(more "")
set(counted "")
foreach(line IN LISTS lines)
  if(NOT line MATCHES "^([a-z0-9]+), ([a-z0-9_]+), ([0-9]+)$")
    message(FATAL_ERROR "${TABLE} needs lines `instruction set, fill, number`; got: ${line}")
  endif()
  set(isa ${CMAKE_MATCH_1})
  set(fill ${CMAKE_MATCH_2})
  set(most ${CMAKE_MATCH_3})
  if(NOT DEFINED none_${isa})
    collected(${isa} none none_${isa})
  endif()
  collected(${isa} ${fill} all)
  math(EXPR each "(${all} - ${none_${isa}}) * 1000 / ${elements}")
  string(APPEND counted "\n${isa}, ${fill}, ${each}")
  # One part in fifty is left for a compiler's update.
  math(EXPR room "${most} * 51 / 50")
  if(each GREATER room)
    string(APPEND more "\n${fill} on ${isa}: ${each} instructions of 1000 elements, where ${most} were enough")
  endif()
  math(EXPR twice "${each} * 2")
  if(twice LESS most)
    string(APPEND more "\n${fill} on ${isa}: ${each} instructions of 1000 elements, less than half of ${most}")
  endif()
endforeach()
message(STATUS "instructions of 1000 elements:${counted}")
if(more)
  message(FATAL_ERROR "fills execute other numbers of instructions than they did:${more}\nWhere that has to be, write the new counts into ${TABLE}.")
endif()
