"""Real logs of many systems: as many records as they have, with the true level, time and message.

The truth is the structured table that comes with each file of Loghub (https://github.com/logpai/loghub). None of the eight
files has continuation lines: each row of a table is one line of its file.
"""

import csv
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime

import duckdb
import pyarrow as pa
import pytest

from services.ingest.detect_text import detect_text
from services.ingest.levels import CANONICAL
from services.ingest.options import ParseOptions

NOW = datetime(2026, 11, 1, tzinfo=UTC)


def read(path):
    """The records of a file, and the format that was found."""
    lines = [line.rstrip("\r") for line in path.read_bytes().decode().split("\n")]
    table = pa.table({"line_no": pa.array(range(1, len(lines) + 1), pa.int64()), "line": pa.array(lines, pa.string())})
    with duckdb.connect() as con:
        form = detect_text(con, table.slice(0, 2000), ParseOptions())
        return form.parse(con, table, ParseOptions(), NOW).to_pylist()


def strptime(format_: str, *columns: str) -> Callable[[dict[str, str]], datetime]:
    return lambda row: datetime.strptime(" ".join(row[each] for each in columns), format_)


def this_year(*columns: str) -> Callable[[dict[str, str]], datetime]:
    """RFC 3164 has no year: the latest that does not lie ahead."""

    def read(row):
        found = datetime.strptime("2026 " + " ".join(row[each] for each in columns), "%Y %b %d %H:%M:%S")
        return found if found <= NOW.replace(tzinfo=None) else found.replace(year=2025)

    return read


TRUE_TIMES = {
    "Apache": strptime("%a %b %d %H:%M:%S %Y", "Time"),
    "HDFS": strptime("%y%m%d %H%M%S", "Date", "Time"),
    "Hadoop": strptime("%Y-%m-%d %H:%M:%S,%f", "Date", "Time"),
    "Linux": this_year("Month", "Date", "Time"),
    "OpenSSH": this_year("Date", "Day", "Time"),
    "OpenStack": strptime("%Y-%m-%d %H:%M:%S.%f", "Date", "Time"),
    "Spark": strptime("%y/%m/%d %H:%M:%S", "Date", "Time"),
    "Zookeeper": strptime("%Y-%m-%d %H:%M:%S,%f", "Date", "Time"),
}
WITHOUT_LEVELS = {"Linux", "OpenSSH"}
"""The column Level of Linux holds the host; OpenSSH has none."""


def rows_and_records(folder, name):
    with (folder / f"{name}_2k.log_structured.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return rows, read(folder / f"{name}_2k.log")


@pytest.fixture(scope="module", params=TRUE_TIMES)
def system(request, shared_data):
    """(name, rows of the truth, records)"""
    return request.param, *rows_and_records(shared_data / "loghub", request.param)


def share(pairs):
    pairs = list(pairs)
    return sum(found == true for found, true in pairs) / len(pairs)


def test_there_are_as_many_records_as_the_truth_has_rows(system):
    _, rows, records = system
    assert len(records) == len(rows)
    assert [each["problem"] for each in records if each["problem"]] == []


def test_levels_are_the_true_ones(system):
    name, rows, records = system
    if name in WITHOUT_LEVELS:
        assert {each["level"] for each in records} == {None}
    else:
        true = (CANONICAL[row["Level"].lower()] for row in rows)
        assert share(zip((each["level"] for each in records), true, strict=True)) >= 0.99


def test_times_are_the_true_ones(system):
    name, rows, records = system
    true = map(TRUE_TIMES[name], rows)
    assert share(zip((each["timestamp"] for each in records), true, strict=True)) >= 0.99


def test_messages_are_the_text_behind_the_header(system):
    _, rows, records = system
    true = (row["Content"].strip() for row in rows)
    assert share(zip((each["message"] for each in records), true, strict=True)) >= 0.99


@pytest.mark.parametrize("name", sorted(WITHOUT_LEVELS))
def test_hosts_and_process_ids_of_system_logs_are_kept(name, shared_data):
    rows, records = rows_and_records(shared_data / "loghub", name)
    found = [json.loads(each["attributes"] or "{}").get("process", {}).get("pid") for each in records]
    true = [int(float(pid)) if (pid := row.get("PID") or row.get("Pid")) else None for row in rows]
    assert share(zip(found, true, strict=True)) >= 0.99
    assert all(each["host"] for each in records)


def test_access_log_has_client_request_and_status(shared_data):
    records = read(shared_data / "elastic-examples" / "apache_access.log")
    assert len(records) == 10_000
    attributes = [json.loads(each["attributes"]) for each in records]
    complete = [
        each["client"]["ip"] and each["http"]["request"]["method"] and each["url"]["path"]
        and isinstance(each["http"]["response"]["status_code"], int)
        for each in attributes
    ]  # fmt: skip
    assert all(complete)
    assert all(each["timestamp"] and each["level"] and not each["problem"] for each in records)
    assert {each["level"] for each in records} == {"info", "warning", "error"}


def test_access_log_fields_are_those_of_the_line(shared_data):
    path = shared_data / "elastic-examples" / "apache_access.log"
    lines = path.read_text(encoding="utf-8").splitlines()
    pattern = re.compile(r'(\S+) \S+ \S+ \[[^]]*] "(\S+) ([^ ?"]+)\S*(?: \S+)?" (\d+) ')
    for line, record in zip(lines, read(path), strict=True):
        attributes = json.loads(record["attributes"])
        http = attributes["http"]
        found = (
            attributes["client"]["ip"],
            http["request"]["method"],
            attributes["url"]["path"],
            str(http["response"]["status_code"]),
        )
        assert found == pattern.match(line).groups(), line


def test_authentication_log_has_program_and_process_id(shared_data):
    records = read(shared_data / "elastic-examples" / "auth.log")
    assert len(records) == 7_121
    assert all(each["service"] and each["timestamp"] and each["host"] for each in records)
    lines = (shared_data / "elastic-examples" / "auth.log").read_text(encoding="utf-8").splitlines()
    written = [re.match(r"\w+ +\d+ [\d:]+ \S+ ([^\s\[:]+)(?:\[(\d+)\])?:", line).groups() for line in lines]
    found = [(each["service"], json.loads(each["attributes"])["process"].get("pid")) for each in records]
    assert found == [(program, int(pid) if pid else None) for program, pid in written]
    strangers = [json.loads(each["attributes"]) for each in records if each["message"].startswith("Invalid user")]
    assert strangers
    assert all(each["source"]["ip"] for each in strangers)
