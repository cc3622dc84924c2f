"""Builds woad._native: the host, the air and native/pump.c, by cffi in API mode.

What Python sees of C is the public headers themselves, preprocessed: no declaration is written
twice, and the C compiler checks what cffi has read of them.
"""
import os
import re
import subprocess
import tempfile
from pathlib import Path

from cffi import FFI

here = Path(__file__).resolve().parent
root = here.parent
if not (root / "include/woad/woad.h").exists():
    raise SystemExit("python/ is built in Woad's tree: pip install ./python, from a checkout")


def declarations() -> str:
    """The public headers and pump.h as cffi reads them: preprocessed, without system headers."""
    with tempfile.TemporaryDirectory() as empty:
        for name in ("stdbool.h", "stddef.h", "stdint.h"):
            (Path(empty) / name).write_text("")
        source = '#include "woad/woad.h"\n#include "woad/air.h"\n#include "pump.h"\n'
        text = subprocess.run(
            [*os.environ.get("CC", "cc").split(), "-E", "-P", "-nostdinc", "-I", empty,
             "-I", str(root / "include"), "-I", str(here / "native"), "-"],
            input=source, stdout=subprocess.PIPE, check=True, text=True).stdout
    # Tables of functions, which only C needs; pump.c names the features.
    return re.sub(r"extern const struct \w+ [^;]+;", "", text)


ffibuilder = FFI()
ffibuilder.cdef(declarations())
sources = [p for folder in ("src", "air") for p in sorted((root / folder).glob("*/*.c"))]
sources += [p for folder in ("transport", "hub", "store", "ports/posix", "crypto")
            for p in sorted((root / folder).glob("*.c"))]
# `usb:` needs libusb; without it usb_none.c says so.
usb = subprocess.run(["pkg-config", "--exists", "libusb-1.0"], check=False).returncode == 0
sources.remove(root / ("transport/usb_none.c" if usb else "transport/usb.c"))
# pump.h comes first for the declarations that cffi's own C refers to; all of it is static.
ffibuilder.set_source(
    "woad._native",
    '#include <woad/woad.h>\n#include <woad/air.h>\n#include <woad/crypto.h>\n'
    '#include <woad/port.h>\n#include <woad/vendor.h>\n'
    + re.sub(r"^(?=(?:const )?(?:struct \w+|void|bool|int|uint32_t|uint64_t) \*?pump_\w+\()", "static ",
             (here / "native/pump.h").read_text(), flags=re.M)
    + (here / "native/pump.c").read_text(),
    # Relative, as setuptools wants them: its objects are in build/src and so on.
    sources=[os.path.relpath(p, here) for p in sources],
    include_dirs=[str(root / "include"), str(here / "native")],
    depends=[os.path.relpath(p, here) for folder in ("src", "air", "include", "transport", "hub", "store", "ports/posix")
             for p in root.glob(folder + "/**/*.h")],
    libraries=["mbedcrypto"] + ["usb-1.0"] * usb,
    extra_compile_args=["-std=gnu99", "-O2", "-ffunction-sections", "-fdata-sections"],
    extra_link_args=["-Wl,--gc-sections"])

if __name__ == "__main__":
    print(declarations())
