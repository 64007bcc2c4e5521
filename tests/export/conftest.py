"""One browser for all tests."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from tests.export.browser import Browser


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Without a window."""
    command = shutil.which("chromium") or shutil.which("google-chrome")
    if not command:
        pytest.skip("no Chromium (Debian: apt-get install chromium)")
    running = Browser(command, str(tmp_path_factory.mktemp("chromium")))
    yield running
    running.close()
