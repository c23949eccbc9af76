"""What only shows over a real connection: streamed forms, raw addresses, compressed and chunked bodies."""

import gzip
import http.client
import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from tests.running import RunningServer, wait_for


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    settings = {"UPLOAD_MAX_FILES": "3", "UPLOAD_MAX_BYTES": "2MB", "BULK_MAX_BYTES": "1MB"}
    with RunningServer(tmp_path_factory.mktemp("http") / "data", **settings) as server:
        yield server


@pytest.fixture(scope="module")
def token(running: RunningServer) -> str:
    body = {"username": "http", "email": "http@example.org", "password": "a long and dull password"}
    return running.request("POST", "/api/auth/register/", body).json["token"]


def form(*parts: tuple[str, str | None, bytes]) -> tuple[bytes, str]:
    """A multipart body of (name, file name, content), and its content type."""
    body = b""
    for name, file_name, content in parts:
        file = f'; filename="{file_name}"' if file_name is not None else ""
        body += f'--edge\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'.encode() + content + b"\r\n"
    return body + b"--edge--\r\n", "multipart/form-data; boundary=edge"


def upload(running: RunningServer, token: str, *parts: tuple[str, str | None, bytes]) -> Any:
    body, kind = form(*parts)
    return running.request("POST", "/api/logs/upload/", body, token=token, Content_Type=kind)


def test_several_files_stream_in_and_are_found(running: RunningServer, token: str) -> None:
    files = [("file", f"{number}.log", b'{"message":"streamed"}\n' * 100) for number in range(3)]
    answer = upload(running, token, ("service", None, b"streaming"), ("tags", None, b"a"), ("tags", None, b"b"), *files)
    assert answer.status == 202
    assert [each["name"] for each in answer.json["uploads"]] == ["0.log", "1.log", "2.log"]
    search = "/api/logs/search/?q=streamed&service=streaming"
    wait_for(lambda: running.request("GET", search, token=token).json["total"] == 300)
    assert running.request("GET", search, token=token).json["results"][0]["tags"] == ["a", "b"]


def test_limits_of_an_upload_are_413_and_named(running: RunningServer, token: str) -> None:
    many = upload(running, token, *[("file", f"{number}.log", b"x\n") for number in range(4)])
    assert (many.status, many.json["limit"]) == (413, "UPLOAD_MAX_FILES=3")
    large = upload(running, token, ("file", "large.log", b"x" * (3 << 20)))
    assert (large.status, large.json["limit"]) == (413, f"UPLOAD_MAX_BYTES={2 << 20}")
    assert large.headers["Content-Type"] == "application/problem+json"


def test_wrong_forms_are_4xx(running: RunningServer, token: str) -> None:
    assert upload(running, token, ("service", None, b"x")).status == 422
    assert upload(running, token, ("file", "a.log", b"x\n"), ("colour", None, b"red")).status == 422
    assert running.request("POST", "/api/logs/upload/", {"a": 1}, token=token).status == 415
    cut, kind = form(("file", "a.log", b"x\n"))
    assert running.request("POST", "/api/logs/upload/", cut[:-8], token=token, Content_Type=kind).status == 400
    assert running.request("POST", "/api/logs/upload/", b"no form at all", token=token, Content_Type=kind).status == 400
    kind = "multipart/form-data"
    assert running.request("POST", "/api/logs/upload/", cut, token=token, Content_Type=kind).status in (400, 415)


def test_a_preview_comes_through_the_front(running: RunningServer, token: str) -> None:
    body, kind = form(("file", "a.log", b'{"level":"warn","message":"first"}\n'))
    answer = running.request("POST", "/api/logs/upload/preview/", body, token=token, Content_Type=kind)
    assert (answer.status, answer.json["rows"][0]["level"]) == (200, "warning")


@pytest.mark.parametrize("chunked", [False, True], ids=["whole", "chunked"])
def test_bulk_takes_gzip_and_chunked_bodies(running: RunningServer, token: str, chunked: bool) -> None:
    body = gzip.compress(b'{"message":"a"}\n{"message":"b"}\n')
    headers = {
        "Authorization": f"Token {token}",
        "Content-Type": "application/x-ndjson",
        "Content-Encoding": "gzip",
    }
    connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=30)
    sent: Any = iter([body[:10], body[10:]]) if chunked else body
    connection.request("POST", "/api/logs/bulk", sent, headers, encode_chunked=chunked)
    answer = connection.getresponse()
    assert (answer.status, json.loads(answer.read())["count"]) == (200, 2)


def test_too_large_a_bulk_body_is_413_and_named(running: RunningServer, token: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=30)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json", "Content-Length": str(2 << 20)}
    connection.request("POST", "/api/logs/bulk/", None, headers)  # what the length says is enough to refuse
    answer = connection.getresponse()
    assert (answer.status, json.loads(answer.read())["limit"]) == (413, f"BULK_MAX_BYTES={1 << 20}")
    packed = gzip.compress(b" " * (2 << 20))
    unpacked = running.request("POST", "/api/logs/bulk/", packed, token=token, Content_Encoding="gzip")
    assert unpacked.status == 413
    assert unpacked.json["limit"]


@pytest.mark.parametrize(
    "target",
    [
        b"/api/logs/search/?q=\xff\xfe",
        b"/api/logs/search/?q=%ff%fe",
        b"/api/logs/search/?q=%00",
        b"/api/logs/%00/",
        b"/api/logs/\xff/",
        b"/api//logs/",
        b"/api/../api/nothing",
        b"/api/logs/search/?" + b"&" * 5000,
        b"/api/logs/search/?" + b"level=error&" * 4000,
    ],
)
def test_raw_addresses_are_never_a_5xx(running: RunningServer, token: str, target: bytes) -> None:
    with socket.create_connection(("127.0.0.1", running.port), timeout=30) as connection:
        head = b"GET " + target + b" HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer " + token.encode()
        connection.sendall(head + b"\r\nConnection: close\r\n\r\n")
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    status = int(answer.split(b" ", 2)[1])
    assert status < 500
    assert b"Traceback" not in answer


def test_nothing_that_went_wrong_left_a_file_behind(running: RunningServer, token: str) -> None:
    uploads = "/api/uploads/?page_size=100"
    wait_for(
        lambda: {each["state"] for each in running.request("GET", uploads, token=token).json["results"]} <= {"done"}
    )  # none at all where the tests before this one ran in another process
    assert not [path for path in (running.data_dir / "spool").rglob("*") if path.is_file()]
