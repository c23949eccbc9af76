"""`python -m app move-logs`: there and back, never beside a running server."""

import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from app import control, moving_logs
from app.commands import main
from app.config import Config
from app.wiring import elastic_logs, embedded_logs
from services.clock import SystemClock
from services.database import Database
from services.errors import ConfigError
from services.log_store.interface import LogQuery
from services.query.language import parse
from tests.elastic import Elastic, elastic
from tests.records import batch, messages, record
from tests.services.moved_records import hostile
from tests.services.test_moving import everything

__all__ = ["elastic"]


def config_of(folder: Path, **settings: str) -> Config:
    return Config.from_env({"DATA_DIR": str(folder), **settings})


@pytest.fixture
def config(elastic: Elastic, tmp_path: Path, request: pytest.FixtureRequest) -> Config:
    number = re.sub(r"\W", "", request.node.name)[-20:].lower().strip("_")
    return config_of(
        tmp_path,
        ELASTICSEARCH_HOSTS=elastic.url,
        ELASTICSEARCH_STREAM_PREFIX=f"{elastic.prefix}-{number}",
        ELASTICSEARCH_REPLICAS="0",
    )


@pytest.fixture
def database(config: Config) -> Iterator[Database]:
    with closing(Database.at("", config.DATA_DIR)) as found:
        found.upgrade()
        yield found


def moved(config: Config, source: str, target: str, organisation_id: str = "") -> tuple[int, list[str]]:
    lines: list[str] = []
    return moving_logs.run(config, source, target, organisation_id, lines.append), lines


def test_a_server_must_be_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="ELASTICSEARCH_HOSTS"):
        moved(config_of(tmp_path), "embedded", "elasticsearch")


def test_logs_do_not_move_to_where_they_are(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="from one store to the other"):
        moved(config_of(tmp_path, ELASTICSEARCH_HOSTS="http://127.0.0.1:9"), "embedded", "embedded")


def test_logs_do_not_move_while_a_server_runs(tmp_path: Path) -> None:
    config = config_of(tmp_path, ELASTICSEARCH_HOSTS="http://127.0.0.1:9")
    with control.hold(config.DATA_DIR), pytest.raises(ConfigError, match=r"running server .* Stop it first"):
        moved(config, "embedded", "elasticsearch")


def test_logs_move_there_and_back(config: Config) -> None:
    with closing(embedded_logs(config, SystemClock(), maintain=False)) as store:
        store.append("acme", hostile())
        store.append("rival", messages(9))
        before = everything(store)
    code, lines = moved(config, "embedded", "elasticsearch")
    assert (code, lines[-1]) == (0, "rival: equal")
    (told,) = [line for line in lines if line.startswith("rival:") and "in the source" in line]
    checksum = re.fullmatch(r"rival: 9 records with checksum ([0-9a-f]{16}) in the source", told)
    assert checksum
    assert f"rival: 9 of them with checksum {checksum[1]} in the target, 9 new" in lines
    (config.DATA_DIR / "logs").rename(config.DATA_DIR / "logs.before")
    assert moved(config, "elasticsearch", "embedded", "acme")[0] == 0
    with closing(embedded_logs(config, SystemClock(), maintain=False)) as store:
        assert store.organisations() == ["acme"]
        assert [each["id"] for each in everything(store)] == [each["id"] for each in before]
        assert [each["message"] for each in everything(store)] == [each["message"] for each in before]


def test_permalinks_hold_and_searches_find_the_same_after_a_move(config: Config, database: Database) -> None:
    rows = [record(f"user {'abcd'[n % 4]} did {n}", at=n, source="web", attributes=f'{{"n": {n}}}') for n in range(500)]
    with closing(embedded_logs(config, SystemClock(), maintain=False)) as store:
        store.append("acme", batch(*rows))
        before = everything(store)
    assert moved(config, "embedded", "elasticsearch")[0] == 0
    with closing(elastic_logs(config, SystemClock(), database)) as store:
        assert store.get("acme", before[77]["id"]) == before[77]
        assert everything(store) == before
        for text, total in (("user a", 125), ("n:[10 TO 19]", 10), ('"did 7"', 1), ("NOT source:web", 0)):
            assert store.search("acme", LogQuery(query=parse(text))).total == total, text
        assert sum(each.count for each in store.patterns("acme", parse("")).patterns) == 500


def test_what_waits_on_the_spool_is_delivered_before_logs_leave(config: Config, database: Database) -> None:
    with closing(elastic_logs(config, SystemClock(), database)) as store:  # never started: nothing is delivered
        ids = list(store.append("acme", messages(30)).ids)
    code, lines = moved(config, "elasticsearch", "embedded")
    assert (code, lines[-1]) == (0, "acme: equal")
    with closing(embedded_logs(config, SystemClock(), maintain=False)) as embedded:
        assert [each["id"] for each in everything(embedded)] == ids


def test_the_command_says_what_it_lacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "data"))
    monkeypatch.delenv("ELASTICSEARCH_HOSTS", raising=False)
    assert main(["move-logs", "--from", "embedded", "--to", "elasticsearch"]) == 2
    assert "Set ELASTICSEARCH_HOSTS" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["move-logs", "--from", "somewhere", "--to", "embedded"])


def test_what_differs_is_told_with_ids(config: Config) -> None:
    from services.moving import Moved
    from services.moving_comparison import Comparison

    found = Comparison(records=5, found=3, missing=2, different=1, others=4, examples=["a-1", "b-2"])
    lines = moving_logs.summary(Moved("acme", 0, found))
    assert lines[-2:] == ["acme: 4 more records in the target", "acme: 2 are missing and 1 differ, such as a-1, b-2"]
