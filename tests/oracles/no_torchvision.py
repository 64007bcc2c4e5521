"""Imported first, stands in for torchvision.

torch-fidelity and clean-fid import it for data sets and networks that are not compared here, and a
build of it fits one build of torch only.
"""

from __future__ import annotations

import sys
from types import ModuleType


class _Anything(type):
    """A class whose attributes are such classes."""

    def __getattr__(cls, name: str) -> _Anything:
        if name.startswith("__"):
            raise AttributeError(name)
        return _Anything(name, (), {})


_ABSENT = _Anything("Absent", (), {})
for _name in ("", ".datasets", ".transforms", ".transforms.functional"):
    _module = ModuleType("torchvision" + _name)
    _module.__path__ = []
    _module.__getattr__ = lambda name: getattr(_ABSENT, name)  # type: ignore[method-assign]
    sys.modules["torchvision" + _name] = _module
