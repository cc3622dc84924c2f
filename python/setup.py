"""Metadata is in pyproject.toml; the extension module is native_build.py's."""
from setuptools import setup

setup(cffi_modules=["native_build.py:ffibuilder"])
