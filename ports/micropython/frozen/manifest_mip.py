"""The same and mip, which is micropython-lib's: of a checkout with its submodules (MICROPYTHON=/path)."""

include("manifest.py")
add_library("unix-ffi", "$(MPY_LIB_DIR)/unix-ffi")
require("mip-cmdline")
require("ssl")
