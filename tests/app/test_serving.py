"""The process as its operator meets it: start, stop, a second one, stalled clients, the command line."""

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.running import ROOT, RunningServer, free_port, wait_for


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RunningServer]:
    with RunningServer(tmp_path / "data") as running:
        yield running


def command(server: RunningServer, *arguments: str, text: str = "") -> "subprocess.CompletedProcess[str]":
    environ = {**os.environ, "DATA_DIR": str(server.data_dir), "PORT": str(server.port)}
    return subprocess.run(
        [sys.executable, "-m", "app", *arguments], cwd=ROOT, env=environ, input=text, capture_output=True, text=True
    )


def test_the_start_says_where_it_is_and_how_to_sign_in(server: RunningServer) -> None:
    text = "\n".join(server.lines)
    assert f"http://127.0.0.1:{server.port}" in text
    assert str(server.data_dir) in text
    assert "/register" in text
    assert "setup code" in text


def test_sigterm_ends_within_five_seconds_and_loses_nothing(server: RunningServer) -> None:
    token = server.account()
    ids = [server.request("POST", "/api/logs/", {"message": f"line {n}"}, token=token).json["id"] for n in range(20)]
    assert server.stop() < 5
    server.start()
    found = server.request("GET", "/api/logs/?page_size=100", token=token).json
    assert {record["id"] for record in found["results"]} == set(ids)


def test_sigterm_closes_what_was_open_and_ends_without_a_complaint(server: RunningServer) -> None:
    server.account()
    server.stop()
    assert server.process is not None
    assert server.process.returncode == 0
    left = {each.name for each in server.data_dir.iterdir()}
    assert not left & {"control.sock", "elkvision.db-wal", "elkvision.db-shm"}
    assert "leaked" not in "\n".join(server.lines)


def test_a_second_start_over_the_same_folder_is_ready_within_five_seconds(server: RunningServer) -> None:
    server.stop()
    began = time.monotonic()
    server.start()
    assert time.monotonic() - began < 5


def test_a_second_process_is_refused_with_a_sentence(server: RunningServer) -> None:
    second = command(server, "serve")
    assert second.returncode == 2
    assert "held by a running server" in second.stderr


def test_status_says_that_no_server_runs(server: RunningServer) -> None:
    server.stop()
    asked = command(server, "status")
    assert asked.returncode == 2
    assert "No server answers in" in asked.stderr


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        environ = {**os.environ, "DATA_DIR": str(tmp_path), "PORT": str(taken.getsockname()[1])}
        ended = subprocess.run([sys.executable, "-m", "app"], cwd=ROOT, env=environ, capture_output=True, text=True)
    assert ended.returncode == 2
    assert "PORT" in ended.stderr


def test_createsuperuser_goes_through_the_running_server(server: RunningServer) -> None:
    made = command(
        server, "createsuperuser", "--username", "root", "--email", "root@example.org", "--password-stdin",
        text="a good long password\n",
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    credentials = {"username": "root", "password": "a good long password"}
    assert server.request("POST", "/api/auth/login/", credentials).status == 200


def test_shell_says_that_the_server_must_be_stopped(server: RunningServer) -> None:
    refused = command(server, "shell")
    assert refused.returncode == 2
    assert "held by a running server" in refused.stderr


def test_shell_has_services_and_the_database(server: RunningServer) -> None:
    server.account("grace")
    server.stop()
    text = "from services.accounts.models import User\nprint(db.session.query(User).one().username)\n"
    assert "grace" in command(server, "shell", text=text).stdout


def test_send_uploads_standard_input(server: RunningServer) -> None:
    token = server.account()
    sent = command(server, "send", "--url", server.url, "--token", token, "--service", "cli", text="one\ntwo\n")
    assert sent.returncode == 0, sent.stderr
    assert "2 records" in sent.stdout
    assert server.request("GET", "/api/logs/search/?service=cli", token=token).json["total"] == 2


def test_sixteen_stalled_uploads_do_not_hold_anybody_else(server: RunningServer) -> None:
    token = server.account()
    head = (
        f"POST /api/logs/upload/ HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n"
        "Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 100000\r\n\r\n"
        '--x\r\nContent-Disposition: form-data; name="file"; filename="a.log"\r\n\r\nhalf'
    )
    stalled = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(16)]
    bulk = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(16)]
    try:
        for connection in stalled:
            connection.sendall(head.encode())
        for connection in bulk:
            connection.sendall(head.replace("upload", "bulk").encode())
        for path in ("/api/health/ready", "/api/logs/search/?q=anything"):
            assert server.request("GET", path, token=token, timeout_s=5).status == 200
    finally:
        for connection in stalled + bulk:
            connection.close()
    incoming = server.data_dir / "spool" / "incoming"
    wait_for(lambda: not list(incoming.glob("*")))


def test_a_body_that_stalls_is_answered_with_408(tmp_path: Path) -> None:
    with RunningServer(tmp_path, BODY_IDLE_TIMEOUT_S="1") as server:
        connection = socket.create_connection(("127.0.0.1", server.port))
        connection.sendall(b"POST /api/auth/login/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{")
        connection.settimeout(10)
        assert b" 408 " in connection.recv(4096)


@pytest.mark.parametrize("host", ["evil.example", "localhost:evil", "localhost:80@evil.example", ""])
def test_an_unknown_host_name_is_refused(server: RunningServer, host: str) -> None:
    assert server.request("GET", "/", Host=host).status == 400


def test_a_trickle_of_bytes_is_no_progress(tmp_path: Path) -> None:
    with RunningServer(tmp_path, BODY_IDLE_TIMEOUT_S="1") as server:
        connection = socket.create_connection(("127.0.0.1", server.port))
        connection.sendall(b"POST /api/auth/login/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 60000\r\n\r\n")
        connection.settimeout(0.1)
        answer, until = b"", time.monotonic() + 10
        while not answer and time.monotonic() < until:
            connection.sendall(b" ")
            with contextlib.suppress(TimeoutError):
                answer = connection.recv(4096)
        assert b" 408 " in answer


def test_a_visitors_large_body_is_refused_before_it_is_read(server: RunningServer) -> None:
    for path in ("/api/logs/bulk/", "/api/auth/login/"):
        connection = socket.create_connection(("127.0.0.1", server.port))
        head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n"
        connection.sendall(head.encode())
        connection.settimeout(10)
        assert b" 401 " in connection.recv(4096)


def test_metrics_are_for_this_machine_or_an_admins_token(server: RunningServer) -> None:
    token = server.account()
    assert b"http_requests_total" in server.request("GET", "/metrics").body
    assert server.request("GET", "/metrics", X_Real_IP="192.0.2.1").status == 401
    assert server.request("GET", "/metrics", token=token, X_Real_IP="192.0.2.1").status == 200
    ingest_only = server.request("POST", "/api/auth/tokens/", {"name": "shipper", "scopes": ["ingest"]}, token=token)
    refused = server.request("GET", "/metrics", token=ingest_only.json["token"], X_Real_IP="192.0.2.1")
    assert refused.status == 403


def test_what_is_kept_is_for_its_owner_only(server: RunningServer) -> None:
    server.request("POST", "/api/logs/", {"message": "secret"}, token=server.account())
    assert not [path for path in server.data_dir.rglob("*") if path.stat().st_mode & 0o077]


@pytest.mark.parametrize("name", ["metadata", "file"])
def test_an_upload_form_is_bounded(server: RunningServer, name: str) -> None:
    part = f'--x\r\nContent-Disposition: form-data; name="{name}"; filename="a.log"\r\n\r\nline\r\n'
    many = "".join(f'--x\r\nContent-Disposition: form-data; name="n{n}"\r\n\r\n\r\n' for n in range(101))
    body = (part if name != "file" else many) + "--x--\r\n"
    kind = "multipart/form-data; boundary=x"
    answer = server.request("POST", "/api/logs/upload/", body.encode(), token=server.account(), Content_Type=kind)
    assert answer.status == (422 if name != "file" else 413)


def test_an_upload_without_a_credential_is_refused_before_its_body(server: RunningServer) -> None:
    connection = socket.create_connection(("127.0.0.1", server.port))
    connection.sendall(
        b"POST /api/logs/upload/ HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=x\r\n"
        b"Content-Length: 1000000000\r\n\r\n"
    )
    connection.settimeout(10)
    assert b" 401 " in connection.recv(4096)


def test_a_client_that_sends_a_too_large_body_reads_why_it_is_refused(server: RunningServer) -> None:
    token = server.account()
    body = b'{"message":"' + b"x" * (40 << 20) + b'"}'
    answer = server.request("POST", "/api/logs/", body, token=token)
    assert answer.status == 413
    assert "BULK_MAX_BYTES" in answer.json["limit"]


def test_a_setting_that_this_version_cannot_serve_is_refused(tmp_path: Path) -> None:
    environ = {**os.environ, "DATA_DIR": str(tmp_path), "PORT": str(free_port()), "REDIS_URL": "redis://localhost/0"}
    ended = subprocess.run([sys.executable, "-m", "app"], cwd=ROOT, env=environ, capture_output=True, text=True)
    assert ended.returncode == 2
    assert "REDIS_URL" in ended.stderr
