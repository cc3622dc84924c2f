"""python3 -m woad.bleak program.py [ARGUMENT…]: runs a program for bleak on Woad's hosts."""
import os
import runpy
import sys

from . import install

if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("usage: python3 -m woad.bleak PROGRAM [ARGUMENT…]\n\n"
                 "Runs a program for bleak, unmodified, on the controller that WOAD_HCI names.")
    del sys.argv[0]
    sys.path[0] = os.path.dirname(os.path.abspath(sys.argv[0]))
    install()
    runpy.run_path(sys.argv[0], run_name="__main__")
