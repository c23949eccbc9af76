"""`make run` as a new user's first command: in a fresh clone, with nothing but Python and make."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.running import ROOT, RunningServer


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """The working tree as git would give it to somebody else."""
    target = tmp_path / "elk-vision"
    files = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    ).stdout
    for name in files.decode().split("\0"):
        if name and (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, target / name)
    return target


@pytest.mark.install
def test_make_run_in_a_fresh_clone_installs_and_serves(clone: Path, tmp_path: Path) -> None:
    server = RunningServer(tmp_path / "data", root=clone)
    try:
        server.start(command=("make", "run", f"PYTHON={sys.executable}"), wait_s=300)
        token = server.account()
        assert server.request("POST", "/api/logs/", {"message": "first"}, token=token).status == 201
        assert server.stop() < 6
    finally:
        server.kill()


def test_a_missing_python_is_named_with_the_command_that_installs_it(clone: Path) -> None:
    ran = subprocess.run(["make", "run", "PYTHON=python3.none"], cwd=clone, capture_output=True, text=True)
    assert ran.returncode != 0
    assert "apt-get install python3" in ran.stdout


def test_an_old_python_is_named(clone: Path) -> None:
    old = clone / "python-old"
    old.write_text('#!/bin/sh\n[ "$1" = --version ] && echo "Python 3.8.1"\nexit 1\n')
    old.chmod(0o755)
    ran = subprocess.run(["make", "run", f"PYTHON={old}"], cwd=clone, capture_output=True, text=True, env=os.environ)
    assert "Python 3.11 or newer is needed" in ran.stdout
