"""Metadata is in pyproject.toml; the extension module is native_build.py's."""
import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py


class BuildWithPth(build_py):
    """Puts woad-bleak.pth beside the package: Python reads such files of site-packages."""

    def run(self):
        super().run()
        shutil.copy(Path(__file__).parent / "woad-bleak.pth", self.build_lib)

    def get_outputs(self, include_bytecode=1):
        return super().get_outputs(include_bytecode) + [str(Path(self.build_lib) / "woad-bleak.pth")]


setup(cffi_modules=["native_build.py:ffibuilder"], cmdclass={"build_py": BuildWithPth})
