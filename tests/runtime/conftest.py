from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An artifact that serves float32 [n, 784] → [n, 10]."""
    from fakes.artifacts import write_digits

    directory = tmp_path_factory.mktemp("digits")
    write_digits(directory)
    return directory
