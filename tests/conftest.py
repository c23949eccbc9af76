"""What every test may use. A missing server, browser or data folder skips visibly, and fails where `CI=true`."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def missing(what: str) -> None:
    """Skip for something that this machine lacks; in CI that is a failure."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{what} is missing, and CI must have it")
    pytest.skip(f"{what} is missing")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real logs and hostile inputs that stands beside a checkout."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        missing("the folder ../shared/data")
    return folder
