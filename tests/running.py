"""A real server process in a folder of its own, for tests and benchmarks that need one."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from tests.stores import store_settings

ROOT = Path(__file__).resolve().parent.parent
START_S = 60
SERVE = (sys.executable, "-m", "app")


class Answer:
    """One HTTP answer: `status`, `headers`, `body` and, where it is JSON, `json`."""

    def __init__(self, status: int, headers: Any, body: bytes):
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class RunningServer:
    """`python -m app` on a free port over `data_dir`; settings are the environment of the process."""

    def __init__(self, data_dir: Path, *, root: Path = ROOT, **settings: str):
        self.data_dir = data_dir
        self.root = root
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.settings = {**store_settings(data_dir), **settings}
        self.lines: list[str] = []
        self.process: subprocess.Popen[str] | None = None
        self._ready = threading.Event()

    def start(self, *, command: tuple[str, ...] = SERVE, wait_s: float = START_S) -> "RunningServer":
        """Start and wait for the line that says it is ready."""
        self._ready.clear()
        environ = {
            **{name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG", "TMPDIR")},
            "PORT": str(self.port),
            "DATA_DIR": str(self.data_dir),
            **self.settings,
        }
        self.process = subprocess.Popen(
            command, cwd=self.root, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        threading.Thread(target=self._read, args=(self.process,), daemon=True).start()
        if not self._ready.wait(wait_s):
            self.kill()
            raise RuntimeError("the server did not become ready:\n" + "\n".join(self.lines[-40:]))
        return self

    def _read(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdout is not None
        for line in process.stdout:
            self.lines.append(line.rstrip("\n"))
            if " is ready: " in line:
                self._ready.set()
        self._ready.set()

    def stop(self, timeout_s: float = 10) -> float:
        """SIGTERM; gives the seconds it took to end."""
        assert self.process is not None
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout_s)
        return time.monotonic() - began

    def kill(self) -> None:
        """kill -9."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)

    def __enter__(self) -> "RunningServer":
        return self.start()

    def __exit__(self, *error: object) -> None:
        self.kill()

    def request(
        self, method: str, path: str, body: Any = None, *, token: str = "", timeout_s: float = 60, **headers: str
    ) -> Answer:
        """One request; a dict or list goes as JSON. Header names are written with `_` for `-`."""
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if data is not None:
            sent.setdefault("Content-Type", "application/json")
        if token:
            sent["Authorization"] = f"Bearer {token}"
        request = urllib.request.Request(self.url + path, data, sent, method=method)
        try:
            with urllib.request.urlopen(request, timeout=timeout_s) as response:
                return Answer(response.status, response.headers, response.read())
        except urllib.error.HTTPError as error:
            return Answer(error.code, error.headers, error.read())

    def account(self, username: str = "alice") -> str:
        """Register and sign in; gives the token."""
        password = "correct horse battery"
        fields = {"username": username, "email": f"{username}@example.org", "password": password}
        assert self.request("POST", "/api/auth/register/", fields).status == 201
        answer = self.request("POST", "/api/auth/login/", {"username": username, "password": password})
        token: str = answer.json["token"]
        return token

    def upload(self, token: str, path: Path, wait_s: float = 120, **fields: str) -> Any:
        """Upload a file through curl (streamed) and wait until it is done or failed; gives the upload."""
        options = [part for name, value in fields.items() for part in ("-F", f"{name}={value}")]
        command = ["curl", "-sS", "-H", f"Authorization: Bearer {token}", "-F", f"file=@{path}", *options]
        output = subprocess.run([*command, f"{self.url}/api/logs/upload/"], capture_output=True, check=True).stdout
        upload = json.loads(output)["uploads"][0]
        return wait_for(lambda: self._ended(token, upload["id"]), wait_s)

    def _ended(self, token: str, upload_id: str) -> Any:
        upload = self.request("GET", f"/api/uploads/{upload_id}/", token=token).json
        return upload if upload["state"] in ("done", "failed") else None


def wait_for(condition: Any, timeout_s: float = 30, pause_s: float = 0.02) -> Any:
    """The first truthy value of `condition()`; fails after `timeout_s`."""
    until = time.monotonic() + timeout_s
    while time.monotonic() < until:
        if found := condition():
            return found
        time.sleep(pause_s)
    raise AssertionError(f"did not happen within {timeout_s} s")


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
