# Finds plotly.js in PyPI's `plotly` wheel (scripts/deps puts it into .deps/plotly) and packs it, to be embedded in the program.
set(LOCKSTEP_TESTED_PLOTLY "4.1.1")  # of plotly.js; the wheel's version is in scripts/deps

set(plotly_js "${LOCKSTEP_DEPS_DIR}/plotly/plotly/package_data/plotly.min.js")
file(GLOB LOCKSTEP_PLOTLY_LICENSE "${LOCKSTEP_DEPS_DIR}/plotly/plotly-*.dist-info/licenses/LICENSE.txt")
if(NOT EXISTS "${plotly_js}" OR NOT LOCKSTEP_PLOTLY_LICENSE)
  message(FATAL_ERROR "No plotly.js in '${plotly_js}'. Run scripts/deps, which fetches PyPI's plotly.")
endif()
file(READ "${plotly_js}" plotly_head LIMIT 200)
if(NOT plotly_head MATCHES "plotly.js v${LOCKSTEP_TESTED_PLOTLY}\n")
  message(WARNING "The plotly.js in '${plotly_js}' is not ${LOCKSTEP_TESTED_PLOTLY}, which the report is tested with.")
endif()
set(LOCKSTEP_PLOTLY_GZ "${CMAKE_BINARY_DIR}/plotly.js.gz")
if(NOT EXISTS "${LOCKSTEP_PLOTLY_GZ}" OR "${plotly_js}" IS_NEWER_THAN "${LOCKSTEP_PLOTLY_GZ}")
  file(ARCHIVE_CREATE OUTPUT "${LOCKSTEP_PLOTLY_GZ}" PATHS "${plotly_js}" FORMAT raw COMPRESSION GZip COMPRESSION_LEVEL 9)
endif()
message(STATUS "plotly.js ${LOCKSTEP_TESTED_PLOTLY}: ${plotly_js}")
