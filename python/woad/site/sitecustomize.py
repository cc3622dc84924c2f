"""For PYTHONPATH, where the package is not installed by pip: WOAD_BLEAK works as with it.  The
sitecustomize that this one hides is run, too."""
import importlib.machinery
import importlib.util
import os
import sys

_here = os.path.dirname(os.path.abspath(__file__))
_others = [p for p in sys.path if os.path.abspath(p or ".") != _here]
_spec = importlib.machinery.PathFinder.find_spec("sitecustomize", _others)
if _spec is not None and _spec.loader is not None:
    _spec.loader.exec_module(importlib.util.module_from_spec(_spec))
if os.environ.get("WOAD_BLEAK", "0") not in ("", "0"):
    if importlib.util.find_spec("woad") is None:  # it lies beside this folder's package
        sys.path.append(os.path.dirname(os.path.dirname(_here)))
    import woad_startup  # noqa: F401
    if os.environ.get("WOAD_CLOCK") == "virtual":
        import woad
        woad.use_air_time()  # the program is on the air's clock from here
