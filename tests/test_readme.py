"""The README's commands do what it says: they are run as they stand there, against a real server."""

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.running import ROOT, RunningServer, wait_for

README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```sh\n(.*?)```", README, re.S)


def test_the_first_log_section_works_as_written(tmp_path: Path) -> None:
    commands = "\n".join(block for block in BLOCKS if "curl" in block or "app send" in block)
    with RunningServer(tmp_path / "data") as server:
        script = commands.replace("localhost:8000", f"localhost:{server.port}")
        script = script.replace("python -m app send", f"{sys.executable} -m app send --url {server.url}")
        environ = {**os.environ, "PYTHONPATH": str(ROOT)}
        ran = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script], cwd=tmp_path, env=environ, capture_output=True, text=True
        )
        assert ran.returncode == 0, ran.stderr
        assert '"status":4' not in ran.stdout.replace(" ", "")
        assert "1 records" in ran.stdout
        login = {"username": "ada", "password": "a good long password"}
        token = server.request("POST", "/api/auth/login/", login).json["token"]
        search = "/api/logs/search/?q="
        wait_for(lambda: server.request("GET", search + "Invalid", token=token).json["total"] == 2)
        found = server.request("GET", search + "payment+AND+level:error", token=token).json
        assert [record["service"] for record in found["results"]] == ["checkout"]
        assert server.request("GET", "/api/logs/", token=token).json["total"] == 5


def test_every_make_target_of_the_readme_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    assert set(re.findall(r"^make ([a-z-]+)", README, re.M)) <= targets


def test_every_link_of_the_readme_leads_somewhere() -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", README)
    assert not [link for link in links if not (ROOT / link).exists()]
