"""What the environment variable WOAD_BLEAK does, when Python starts: woad.bleak.install(), as soon
as the program imports bleak.  woad-bleak.pth, or woad/site/sitecustomize.py, imports this file.  It
is no part of the package: when Python reads a .pth file, what the package needs may not be in
sys.path yet."""
from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import os
import sys
from types import ModuleType
from typing import Any, Optional, Sequence


class _Loader(importlib.abc.Loader):
    """bleak's own loader, and then the installation."""

    def __init__(self, loader: Any) -> None:
        self._loader = loader

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> Optional[ModuleType]:
        module: Optional[ModuleType] = self._loader.create_module(spec)
        return module

    def exec_module(self, module: ModuleType) -> None:
        self._loader.exec_module(module)
        from woad.bleak import install
        install()


class _Finder(importlib.abc.MetaPathFinder):
    """Finds bleak, once, as the others do."""

    def find_spec(self, name: str, path: Optional[Sequence[str]],
                  target: Optional[ModuleType] = None,
                  ) -> Optional[importlib.machinery.ModuleSpec]:
        if name != "bleak":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader)
        return spec


def start() -> None:
    if os.environ.get("WOAD_BLEAK", "0") in ("", "0"):
        return
    if "bleak" in sys.modules:
        from woad.bleak import install
        install()
    else:
        sys.meta_path.insert(0, _Finder())


start()
