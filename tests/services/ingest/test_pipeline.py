"""Whole contents: formats found, chunks, positions, problems, hostile inputs."""

import io
import json
import time
import zipfile
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.errors import InvalidInput, TooLarge
from services.ingest.decode import NOT_UTF8
from services.ingest.options import Defaults, IngestLimits
from services.ingest.pipeline import Reading, read_file
from tests.services.ingest.reading import CON, NOW, chunks, messages, reading, rows

NDJSON = b"".join(b'{"message":"line %d","level":"info","n":%d}\n' % (number, number) for number in range(100))


def format_of(content: bytes, name: str = "") -> str:
    return chunks(content, reading(name))[0].format


@pytest.mark.parametrize(
    ("content", "name", "found"),
    [
        (NDJSON, "", "ndjson"),
        (b'\n\n{"a":1}\n', "", "ndjson"),
        (b'{"a":1}', "", "ndjson"),
        (b'[{"a":1},{"a":2}]', "", "json"),
        (b'[\n  {"a":1},\n  {"a":2}\n]\n', "", "json"),
        (b'{\n  "a": 1\n}\n{\n  "a": 2\n}\n', "", "json"),
        (b'{"a":1}\nnot json\n{"a":2}\n', "", "ndjson"),
        (b"broken\n", "x.ndjson", "ndjson"),
        (b"[1, 2", "x.json", "json"),
    ],
)
def test_the_form_of_json_is_found(content: bytes, name: str, found: str) -> None:
    assert format_of(content, name) == found


@pytest.mark.parametrize(
    "content",
    [b"[2026-01-01 12:00:00] INFO started\n" * 3, b"{not} json at all\n" * 3, b"plain words\n" * 3, b"[INFO] x\n" * 3],
)
def test_text_that_begins_like_json_is_text(content: bytes) -> None:
    assert format_of(content) not in ("json", "ndjson")


ITEMS = [{"message": f"line {number}", "data": {"x": [number, {"y": "},{"}]}} for number in range(300)]


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("wrap", ["array", "values"])
def test_documents_are_taken_apart_whatever_their_layout(indent: int | None, wrap: str) -> None:
    texts = [json.dumps(item, indent=indent) for item in ITEMS]
    content = "[" + ",".join(texts) + "]" if wrap == "array" else "\n".join(texts)
    found = rows(content.encode(), "x.json")
    assert [row["message"] for row in found] == [item["message"] for item in ITEMS]
    assert json.loads(found[7]["attributes"]) == {"data": ITEMS[7]["data"]}


def test_a_bad_place_in_an_array_is_one_record_and_the_rest_is_read() -> None:
    found = chunks(b'[{"message":"a"},\n{"message":broken},\n{"message":"b"}]', reading("x.json"))[0]
    assert found.batch["message"].to_pylist() == ["a", '{"message":broken}', "b"]
    assert [(each.line, each.sample) for each in found.problems] == [(2, '{"message":broken}')]


def test_an_array_that_is_cut_off_keeps_what_is_whole() -> None:
    found = chunks(b'[{"message":"a"},{"message":"b"},{"mess', reading("x.json"))[0]
    assert found.batch["message"].to_pylist() == ["a", "b", '{"mess']
    assert found.problem_count == 1


def test_a_document_that_is_no_list_of_records_is_one_record() -> None:
    assert messages(b"[1, 2,\n 3]", "x.json") == ["[1, 2,\n 3]"]
    assert messages(b'"text"', "x.json") == ["text"]


@pytest.mark.parametrize("name", ["x.ndjson", "x.log", "x.json", "x.csv"])
def test_nothing_gives_nothing(name: str) -> None:
    for content in (b"", b"\n", b" \r\n\n\t\n", b"\xef\xbb\xbf"):
        assert rows(content, name) == []


def test_every_line_of_ndjson_is_a_record_with_its_true_number() -> None:
    content = b'{"message":"a"}\n\n{bad\n17\n\xff\n{"message":"b"}'
    chunk = chunks(content, reading("x.ndjson"))[0]
    assert chunk.batch["message"].to_pylist() == ["a", "{bad", "17", "ÿ", "b"]
    assert [each.line for each in chunk.problems] == [3, 5]
    assert NOT_UTF8 in chunk.problems[1].reason
    assert sum(chunk.reasons.values()) == chunk.problem_count == 2


CONTENTS = {
    "x.ndjson": NDJSON + b"{bad\n" + NDJSON,
    "x.json": json.dumps(ITEMS).encode(),
    "y.json": json.dumps(ITEMS, indent=1).encode(),
    "x.log": b"".join(
        b"2026-01-02 03:04:05,123 ERROR [main] a.b.C: broke %d\njava.lang.X: y\n\tat a.b(C.java:1)\n" % n
        for n in range(90)
    ),
    "x.zip": b"",
}


def content_of(name: str) -> bytes:
    if name != "x.zip":
        return CONTENTS[name]
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for inner in ("x.ndjson", "y.json", "x.log"):
            archive.writestr(inner, CONTENTS[inner])
        archive.writestr("picture.png", b"\x89PNG\r\n\x1a\n" + bytes(100))
    return target.getvalue()


def shown(found: list[Any]) -> list[dict[str, Any]]:
    return [row for chunk in found for row in chunk.batch.to_pylist()]


@pytest.mark.parametrize("name", CONTENTS)
def test_reading_resumes_behind_any_chunk_without_loss_or_repetition(name: str) -> None:
    content, how = content_of(name), reading(name, chunk_rows=61)
    found = chunks(content, how)
    assert len(found) > 3
    assert shown(found) == shown(chunks(content, reading(name)))
    for index in (0, len(found) // 2, len(found) - 1):
        later = chunks(content, how, found[index].position)
        assert shown(later) == shown(found[index + 1 :])


def test_a_record_over_several_lines_is_not_broken_by_a_chunk() -> None:
    found = shown(chunks(content_of("x.log"), reading("x.log", chunk_rows=100)))
    assert len(found) == 90
    assert all(row["message"].endswith("at a.b(C.java:1)") for row in found)


def test_binary_files_are_refused_and_left_out_of_archives() -> None:
    with pytest.raises(InvalidInput, match="not a log file"):
        rows(b"\x7fELF" + bytes(500))
    last = chunks(content_of("x.zip"), reading("x.zip"))[-1]
    assert last.problems[0].reason == "picture.png: it holds binary data; it was left out"


def test_a_bomb_is_refused() -> None:
    import gzip

    how = Reading("x.gz", reading().options, Defaults(), NOW, IngestLimits(unpack_bytes=1 << 20))
    with pytest.raises(TooLarge):
        list(read_file(CON, io.BytesIO(gzip.compress(b"a line\n" * 400_000)), how))


@settings(max_examples=60, deadline=None)
@given(
    st.binary(max_size=80) | st.text('{}[]",:\n\r \\u0d81e-.ntx', max_size=60).map(str.encode),
    st.sampled_from(["x.json", "x.ndjson", "x.csv", "x.log", ""]),
)
def test_any_bytes_are_read_or_refused(content: bytes, name: str) -> None:
    try:
        found = chunks(content, reading(name))
    except InvalidInput:
        return
    for chunk in found:
        assert len(chunk.batch) >= chunk.problem_count


def test_the_whole_json_test_suite_goes_in(shared_data: Path) -> None:
    for path in sorted((shared_data / "json-test-suite" / "test_parsing").iterdir()):
        content = path.read_bytes()
        try:
            found = shown(chunks(content, reading(path.name)))
        except InvalidInput:
            assert b"\0" in content or not content.isascii()
            continue
        assert found or not content.strip(b" \n\t\r\xef\xbb\xbf\0"), path.name
        if path.name.startswith("y_"):
            assert all(row["problem"] is None or "surrogate" in row["problem"] for row in found), path.name
        if path.name.startswith("n_") and found:
            assert any(row["problem"] for row in found), path.name


def test_every_naughty_string_is_found_again_with_its_text(shared_data: Path) -> None:
    strings = json.loads((shared_data / "naughty-strings.json").read_text())
    for ascii_only in (True, False):
        content = "\n".join(json.dumps({"message": each}, ensure_ascii=ascii_only) for each in strings).encode()
        expected = [each.replace("\0", " ").replace("\x1a", " ") for each in strings]
        assert messages(content, "x.ndjson") == expected


def test_windows_events_land_with_their_own_time_and_host(shared_data: Path) -> None:
    for path in sorted((shared_data / "otrf").glob("*.zip")):
        found = rows(path.read_bytes(), path.name)
        with zipfile.ZipFile(path) as archive:
            name = next(each for each in archive.namelist() if not each.startswith("__"))
            events = [json.loads(line) for line in archive.read(name).splitlines()]
        assert len(found) == len(events)
        for row, event in zip(found, events, strict=True):
            assert row["timestamp"] == datetime.fromisoformat(event["@timestamp"])
            assert row["host"] == event["Hostname"]
            assert row["message"] == event["Message"]
            assert row["problem"] is None


def test_a_hundred_thousand_keys_and_a_thousand_levels_do_not_stop_it() -> None:
    wide = json.dumps({f"k{number}": number for number in range(100_000)})
    deep = '{"a":' * 1000 + "1" + "}" * 1000
    began = time.monotonic()
    found = rows(f"{wide}\n{deep}\n{'[' * 100_000}\n".encode(), "x.ndjson")
    assert len(found) == 3
    assert time.monotonic() - began < 10
