"""The command line: one function per subcommand; `serve` when none is named."""

import argparse
import code
import getpass
import json
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

from app import __version__, control
from app.config import Config, load_environ
from services.errors import ConfigError, ElkVisionError

Arguments = argparse.Namespace

REBUILD_TIMEOUT_S = 3_600
PREPARE_TIMEOUT_S = 600


def main(arguments: Sequence[str]) -> int:
    """Run one command; the exit code is 0 when it did what it says, 2 for a wrong setting or argument."""
    parsed = _parser().parse_args(arguments)
    os.umask(0o077)  # records, accounts and the local socket are the owner's alone
    try:
        config = Config.from_env(load_environ(Path.cwd(), os.environ))
        result: int = parsed.run(config, parsed)
        return result
    except ElkVisionError as error:
        print(f"elk-vision: {error}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m app", description=f"ELK Vision {__version__}")
    parser.set_defaults(run=serve)
    commands = parser.add_subparsers(title="commands (serve when none is named)")

    def command(name: str, run: Callable[[Config, Arguments], int], text: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=text, description=text)
        sub.set_defaults(run=run)
        return sub

    command("serve", serve, "start the server")
    superuser = command("createsuperuser", create_superuser, "make an account that may do everything")
    superuser.add_argument("--username")
    superuser.add_argument("--email")
    superuser.add_argument("--password-stdin", action="store_true", help="read the password from standard input")
    command("migrate", migrate, "bring the database to this version")
    command("status", status, "what the running server holds and how it is")
    rebuild = command("rebuild-index", rebuild_index, "make the word index of the embedded log store anew")
    rebuild.add_argument("--organisation", default="", help="id of one organisation; all when left out")
    command("create-indices", create_indices, "prepare an Elasticsearch: templates, and the streams of organisations")
    moving = command("move-logs", move_logs, "move logs between DuckDB and Elasticsearch; the server must be stopped")
    for option, meaning in (("--from", "where the logs are"), ("--to", "where they are to be")):
        moving.add_argument(option, dest=option[2:], choices=("embedded", "elasticsearch"), required=True, help=meaning)
    moving.add_argument("--org", default="", help="id of one organisation; all when left out")
    command("shell", shell, "a Python prompt with the services; the server must be stopped")
    _add_send(command("send", send, "send files, or standard input, to a running server"))
    return parser


def _add_send(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", nargs="*", help="files to send; - or nothing: standard input")
    parser.add_argument("--url", default=os.environ.get("ELK_VISION_URL", "http://127.0.0.1:8000"))
    parser.add_argument("--token", default=os.environ.get("ELK_VISION_TOKEN"), help="or ELK_VISION_TOKEN")
    for name in ("source", "service", "environment", "tags", "format", "timezone"):
        parser.add_argument(f"--{name}")


def serve(config: Config, arguments: Arguments) -> int:
    """Start the server and stay until SIGTERM or Ctrl-C."""
    from app.serving import run

    return run(config)


def create_superuser(config: Config, arguments: Arguments) -> int:
    """Make a superadmin, through the running server where there is one."""
    username = arguments.username or input("Username: ")
    email = arguments.email or input("Email: ")
    password = sys.stdin.readline().rstrip("\n") if arguments.password_stdin else _ask_password()
    answer = _here_or_there(config, "createsuperuser", username=username, email=email, password=password)
    print(f"The superadmin {answer['username']} can sign in now.")
    return 0


def _ask_password() -> str:
    password = getpass.getpass("Password: ")
    if getpass.getpass("Password again: ") != password:
        raise ConfigError("The two passwords differ.")
    return password


def migrate(config: Config, arguments: Arguments) -> int:
    """Bring the database to this version; a running server has done so at its start."""
    answer = _here_or_there(config, "migrate")
    print(f"The database is at revision {answer['revision']}.")
    return 0


def status(config: Config, arguments: Arguments) -> int:
    """Print what the running server says of itself, as JSON."""
    print(json.dumps(control.ask(config.DATA_DIR, "status"), indent=2))
    return 0


def rebuild_index(config: Config, arguments: Arguments) -> int:
    """Make the word index anew, in the running server where there is one; it goes on serving meanwhile."""
    answer = _here_or_there(config, "rebuild-index", REBUILD_TIMEOUT_S, organisation_id=arguments.organisation)
    for organisation, blocks in answer.items():
        print(f"{organisation}: {blocks} blocks sealed")
    return 0


def create_indices(config: Config, arguments: Arguments) -> int:
    """Prepare the Elasticsearch of the settings and say what was missing; safe to run again."""
    answer = _here_or_there(config, "create-indices", PREPARE_TIMEOUT_S)
    for line in answer["done"] or ["nothing was missing"]:
        print(line)
    print(f"Elasticsearch {answer['version']} is ready.")
    return 0


def move_logs(config: Config, arguments: Arguments) -> int:
    """Move logs from one store to the other and compare both; goes on where an earlier run ended."""
    from app.moving_logs import run

    names = vars(arguments)  # `from` is a word of the language
    return run(config, names["from"], names["to"], names["org"], partial(print, flush=True))


def shell(config: Config, arguments: Arguments) -> int:
    """A Python prompt with `services`, `db` and `config`; two processes cannot hold the files, so the server must be stopped."""
    from flask import Flask

    from app.wiring import build
    from services.database import bind_flask, db

    with control.hold(config.DATA_DIR), closing(build(config)) as application:
        server = Flask("shell")
        bind_flask(server, application.database)
        with server.app_context():
            names = {"services": application.services, "db": db, "config": config}
            code.interact(banner=", ".join(names), local=names)
    return 0


def _here_or_there(config: Config, command: str, timeout_s: float = 30, **values: Any) -> Any:
    """Run a command in this process when the data folder is free, otherwise in the server that holds it."""
    from app.wiring import build, handlers

    try:
        with control.hold(config.DATA_DIR), closing(build(config)) as application:
            return handlers(application)[command](**values)
    except control.Held:
        return control.ask(config.DATA_DIR, command, timeout_s, **values)


def send(config: Config, arguments: Arguments) -> int:
    """Upload files and wait until their records can be found."""
    from app.sending import send_files

    if not arguments.token:
        raise ConfigError("Give a token with --token or ELK_VISION_TOKEN; Settings in the browser makes one.")
    fields = {
        name: getattr(arguments, name) for name in ("source", "service", "environment", "tags", "format", "timezone")
    }
    return send_files(arguments.url, arguments.token, arguments.files or ["-"], {k: v for k, v in fields.items() if v})
