"""The server is told to end, as a service manager or a terminal does it, while uploads are read: none of them is lost."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.running import SERVE, RunningServer, wait_for

RECORDS = 900_000
GROUP_OF_ITS_OWN = ("setsid", *SERVE)

pytestmark = pytest.mark.faults


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RunningServer]:
    running = RunningServer(tmp_path / "data")
    running.start(command=GROUP_OF_ITS_OWN)
    yield running
    running.kill()


def readers(server: RunningServer) -> list[int]:
    """The processes that the server started."""
    assert server.process is not None
    found = []
    for tasks in Path(f"/proc/{server.process.pid}/task").glob("*/children"):
        found += [int(each) for each in tasks.read_text().split()]
    return found


def sent(server: RunningServer, token: str, folder: Path) -> str:
    """An upload that takes a while, some of which is stored."""
    lines = (f'{{"message":"number {n} of the lines of a file","level":"info"}}\n' for n in range(RECORDS))
    body = '--b\r\nContent-Disposition: form-data; name="file"; filename="a.ndjson"\r\n\r\n' + "".join(lines)
    kind = "multipart/form-data; boundary=b"
    answer = server.request(
        "POST", "/api/logs/upload/", (body + "\r\n--b--\r\n").encode(), token=token, Content_Type=kind
    )
    assert answer.status == 202, answer.body
    upload_id: str = answer.json["uploads"][0]["id"]
    return upload_id


def ended(server: RunningServer, token: str, upload_id: str) -> dict[str, object] | None:
    upload: dict[str, object] = server.request("GET", f"/api/uploads/{upload_id}/", token=token).json
    return upload if upload["state"] in ("done", "failed") else None


def is_begun(server: RunningServer, token: str, upload_id: str) -> bool:
    upload = server.request("GET", f"/api/uploads/{upload_id}/", token=token).json
    assert upload["state"] in ("queued", "running")
    return 0 < upload["rows"] < RECORDS


def check(server: RunningServer, token: str, upload_id: str) -> None:
    """Everything is stored, once."""
    upload = wait_for(lambda: ended(server, token, upload_id), 120)
    assert (upload["state"], upload["rows"], upload["error"]) == ("done", RECORDS, None)
    assert server.request("GET", "/api/logs/?page_size=1", token=token).json["total"] == RECORDS
    wait_for(lambda: not any(each.is_file() for each in (server.data_dir / "spool").iterdir()))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_to_every_process_leaves_the_upload_for_the_next_start(
    server: RunningServer, tmp_path: Path, number: signal.Signals
) -> None:
    token = server.account()
    upload_id = sent(server, token, tmp_path)
    wait_for(lambda: is_begun(server, token, upload_id))
    assert server.process is not None
    for reader in readers(server):
        os.kill(reader, number)
    os.killpg(server.process.pid, number)
    server.process.wait(10)
    server.start(command=GROUP_OF_ITS_OWN)
    check(server, token, upload_id)


def test_a_reader_that_is_killed_is_replaced_by_the_same_server(server: RunningServer, tmp_path: Path) -> None:
    token = server.account()
    upload_id = sent(server, token, tmp_path)
    wait_for(lambda: is_begun(server, token, upload_id))
    for reader in readers(server):
        os.kill(reader, signal.SIGKILL)
    check(server, token, upload_id)
