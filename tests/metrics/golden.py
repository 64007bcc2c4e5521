"""Numbers of other implementations, made by `tests.oracles.metrics`."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

# `make test-parity` makes them afresh and says where.
_PATH = os.environ.get("TGAN_TF_GOLDEN") or Path(__file__).with_name("golden.json")


def golden(group: str) -> Any:
    """The numbers of one package or part."""
    return json.loads(Path(_PATH).read_text(encoding="utf-8"))[group]
