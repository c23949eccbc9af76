"""`python -m app send`: a client of the REST API that holds no file in memory."""

import http.client
import json
import secrets
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from services.errors import ConfigError

PIECE_BYTES = 1 << 20
POLL_S = 0.2


def send_files(url: str, token: str, names: list[str], fields: dict[str, str]) -> int:
    """Upload each file; prints one line per file and answers 0 when every one was stored."""
    failed = 0
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            path = _standard_input(Path(folder)) if name == "-" else Path(name)
            upload = _upload(url, token, path, fields)
            upload = _wait(url, token, upload["id"])
        print(f"{name}: {upload['state']}, {upload['rows']} records, {upload['problems']} with problems")  # noqa: T201
        failed += upload["state"] != "done"
    return 1 if failed else 0


def _standard_input(folder: Path) -> Path:
    path = folder / "stdin.log"
    with path.open("wb") as file:
        shutil.copyfileobj(sys.stdin.buffer, file)
    return path


def _upload(url: str, token: str, path: Path, fields: dict[str, str]) -> Any:
    boundary = secrets.token_hex(16)
    head = "".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    )
    head += f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{path.name}"\r\n\r\n'
    tail = f"\r\n--{boundary}--\r\n"
    try:
        size_bytes = len(head.encode()) + path.stat().st_size + len(tail)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}.") from error
    headers = {"Content-Type": f"multipart/form-data; boundary={boundary}", "Content-Length": str(size_bytes)}
    answer = _request(url, token, "POST", "/api/logs/upload/", _body(head, path, tail), headers)
    return answer["uploads"][0]


def _body(head: str, path: Path, tail: str) -> Iterator[bytes]:
    yield head.encode()
    with path.open("rb") as file:
        while piece := file.read(PIECE_BYTES):
            yield piece
    yield tail.encode()


def _wait(url: str, token: str, upload_id: str) -> Any:
    while True:
        upload = _request(url, token, "GET", f"/api/uploads/{upload_id}/")
        if upload["state"] in ("done", "failed"):
            return upload
        time.sleep(POLL_S)


def _request(url: str, token: str, method: str, path: str, body: Any = None, headers: Any = None) -> Any:
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.netloc, timeout=60)
    try:
        connection.request(method, path, body, {"Authorization": f"Bearer {token}", **(headers or {})})
        response = connection.getresponse()
        answer = json.loads(response.read() or b"{}")
    except (OSError, ValueError) as error:
        raise ConfigError(f"{url} does not answer as ELK Vision does: {error}.") from error
    finally:
        connection.close()
    if response.status >= 400:
        raise ConfigError(f"{url} answered {response.status}: {answer.get('detail', answer)}")
    return answer
