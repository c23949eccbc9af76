"""The server that the tests of this folder talk to, and real records, read once a run."""

from pathlib import Path

import pyarrow as pa
import pytest

from tests.elastic import elastic
from tests.parity.real_records import COUNT, real_records

__all__ = ["elastic"]


@pytest.fixture(scope="session")
def some_real_records(shared_data: Path) -> pa.Table:
    """Every fourth of 50,000 records of many systems, as uploads would store them."""
    return real_records(shared_data).take(list(range(0, COUNT, 4)))
