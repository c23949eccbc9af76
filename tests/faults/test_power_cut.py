"""A power cut takes what was never synced: records that somebody deleted must not come back by it."""

import os
from pathlib import Path

import pytest

from services.query.language import parse
from tests.elastic import Elastic, elastic
from tests.faults.numbered import ORGANISATION, numbered, opened

__all__ = ["elastic"]


def test_deleted_records_do_not_come_back_after_a_power_cut(
    elastic: Elastic, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prefix, synced, fsync = f"{elastic.prefix}-cut", set[str](), os.fsync

    def noted(file: int) -> None:
        synced.add(str(Path(f"/proc/self/fd/{file}").readlink()))
        fsync(file)

    with opened(elastic.url, prefix, tmp_path) as store:
        store.append(ORGANISATION, numbered("secret", 0, 10))
        assert store.settle(ORGANISATION, 20)
        monkeypatch.setattr(os, "fsync", noted)
        assert store.delete(ORGANISATION, parse("")) == 10
        monkeypatch.undo()
    for done in (tmp_path / "spool").glob("*.done"):
        if str(done) not in synced:
            done.unlink()
    with opened(elastic.url, prefix, tmp_path) as store:
        assert store.settle(ORGANISATION, 20)
        assert store.usage(ORGANISATION).records == 0
