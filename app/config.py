"""Every setting of the product: name, default, unit and meaning, once.

`Config.from_env(environ)` alone reads the environment; it refuses a misspelt or weak value with the name of the
variable and what to set. `.env.example` and the README's table are tested against `SETTINGS`.
"""

import difflib
import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote, urlsplit

from app import config_elasticsearch as elasticsearch
from services.errors import ConfigError

KB, MB, GB = 1 << 10, 1 << 20, 1 << 30
DATA_DIR = Path("./data")
_UNITS = {"": 1, "b": 1, "kb": KB, "mb": MB, "gb": GB}


def _text(name: str, text: str) -> str:
    return text


def _number(name: str, text: str) -> int:
    if not re.fullmatch(r"\d{1,12}", text):
        raise ConfigError(f"{name} is {text!r}: write a whole number.")
    return int(text)


def _port(name: str, text: str) -> int:
    port = _number(name, text)
    if port > 65535:
        raise ConfigError(f"{name} is {port}: a port lies between 0 and 65535.")
    return port


def _size(name: str, text: str) -> int:
    match = re.fullmatch(r"(\d{1,12})\s*([kmg]?b?)", text.strip().lower())
    if not match:
        raise ConfigError(f"{name} is {text!r}: write a size such as 512MB or 2GB.")
    unit = match[2] if match[2] in _UNITS else match[2] + "b"
    return int(match[1]) * _UNITS[unit]


def _flag(name: str, text: str) -> bool:
    words = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
    if text.lower() not in words:
        raise ConfigError(f"{name} is {text!r}: write true or false.")
    return words[text.lower()]


def _list(name: str, text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _path(name: str, text: str) -> Path:
    return Path(text)


def _registration(name: str, text: str) -> str:
    if text not in ("open", "invite", "closed"):
        raise ConfigError(f"{name} is {text!r}: write open, invite or closed.")
    return text


def _url(name: str, text: str) -> str:
    if text and not (urlsplit(text).scheme and (urlsplit(text).netloc or urlsplit(text).path)):
        raise ConfigError(f"{name} is {text!r}: write a whole address, such as scheme://host:port.")
    return text


def _secret(name: str, text: str) -> str:
    if text and len(text) < 32:
        raise ConfigError(
            f"{name} is too short ({len(text)} characters): use at least 32, for example the output of"
            " python -c 'import secrets; print(secrets.token_hex(32))', or leave it out: one is made and kept in DATA_DIR."
        )
    return text


def _setting(default: Any, read: Any, meaning: str, *, server: bool = False, secret: bool = False) -> Any:
    metadata = {"read": read, "meaning": meaning, "server": server}
    if isinstance(default, dict):
        return field(default_factory=dict, metadata=metadata)
    return field(default=default, metadata=metadata, repr=not secret)


@dataclass(frozen=True)
class Config:
    """The settings of one process. Sizes are bytes, times seconds."""

    # The web server.
    HOST: str = _setting("127.0.0.1", _text, "address to listen on")
    PORT: int = _setting(8000, _port, "port to listen on")
    ALLOWED_HOSTS: tuple[str, ...] = _setting(
        ("localhost", "127.0.0.1", "[::1]"), _list, "host names that requests may name; * allows every one"
    )
    DEBUG: bool = _setting(False, _flag, "more logging; never shows stack traces to clients")
    SECRET_KEY: str = _setting(
        "", _secret, "signs session cookies; made once and kept in DATA_DIR when empty", secret=True
    )
    WEB_CONCURRENCY: int = _setting(1, _number, "web processes; more than 1 needs the server stores")
    REGISTRATION: str = _setting("open", _registration, "who may register: open, invite or closed")
    DATA_DIR: Path = _setting(DATA_DIR, _path, "folder of everything that is kept")

    # Limits.
    UPLOAD_MAX_FILES: int = _setting(10, _number, "files in one upload request")
    UPLOAD_MAX_BYTES: int = _setting(2 * GB, _size, "size of one upload request")
    BULK_MAX_BYTES: int = _setting(32 * MB, _size, "size of one bulk request, as sent and unpacked")
    BULK_MAX_RECORDS: int = _setting(100_000, _number, "records of one bulk request")
    RECORD_MAX_BYTES: int = _setting(16 * MB, _size, "size of one record; what is longer is cut and marked")
    UNPACK_MAX_BYTES: int = _setting(20 * GB, _size, "unpacked size of one uploaded file")
    UNPACK_MAX_RATIO: int = _setting(1000, _number, "unpacked bytes per packed byte of an uploaded file")
    UNPACK_MAX_ENTRIES: int = _setting(1000, _number, "files in one uploaded archive")
    BODY_IDLE_TIMEOUT_S: int = _setting(20, _number, "seconds that a request body may make no progress")
    SEARCH_TIMEOUT_S: int = _setting(30, _number, "seconds after which a search is interrupted")
    HEAVY_SEARCHES: int = _setting(2, _number, "searches that may scan at the same time")
    STORE_MEMORY: int = _setting(GB, _size, "memory of the embedded log store")
    VERIFY_INDEX: bool = _setting(False, _flag, "compare each search of the embedded store with a full scan; slow")

    # Servers. Empty means: embedded.
    DATABASE_URL: str = _setting("", _url, "PostgreSQL for accounts and documents; SQLite when empty", server=True)
    ELASTICSEARCH_HOSTS: tuple[str, ...] = _setting(
        (), elasticsearch.hosts, "Elasticsearch for logs, one address or several; DuckDB when empty", server=True
    )
    ELASTICSEARCH_USER: str = _setting("", _text, "user of Elasticsearch", server=True)
    ELASTICSEARCH_PASSWORD: str = _setting("", _text, "password of Elasticsearch", server=True, secret=True)
    ELASTICSEARCH_API_KEY: str = _setting(
        "", _text, "key of Elasticsearch as it encodes one, instead of user and password", server=True, secret=True
    )
    ELASTICSEARCH_CA_FILE: str = _setting(
        "",
        _text,
        "file (PEM) with the certificate that signs that of Elasticsearch; the system's when empty",
        server=True,
    )
    ELASTICSEARCH_VERIFY_CERTS: bool = _setting(
        True, _flag, "verify the certificate of Elasticsearch; false trusts whoever answers", server=True
    )
    ELASTICSEARCH_STREAM_PREFIX: str = _setting(
        "logs-elkvision", elasticsearch.prefix, "what the names of the data streams begin with", server=True
    )
    ELASTICSEARCH_SHARDS: int = _setting(1, _number, "primary shards of each index", server=True)
    ELASTICSEARCH_REPLICAS: int | Literal["auto"] = _setting(
        "auto", elasticsearch.replicas, "copies of each shard; auto is one wherever there is a second node", server=True
    )
    ELASTICSEARCH_CODEC: str = _setting(
        "best_compression",
        elasticsearch.codec,
        "how indices are packed: best_compression or default (larger, faster)",
        server=True,
    )
    ELASTICSEARCH_REFRESH_INTERVAL_S: int = _setting(
        1, _number, "seconds after which Elasticsearch shows new records to everyone", server=True
    )
    ELASTICSEARCH_FIELD_LIMIT: int = _setting(2000, _number, "fields of one index", server=True)
    ELASTICSEARCH_NUMBER_FIELDS: int = _setting(
        500, _number, "attributes at most that get a numeric field of their own", server=True
    )
    ELASTICSEARCH_IP_FIELDS: int = _setting(
        100, _number, "attributes at most that get an address field of their own", server=True
    )
    ELASTICSEARCH_ROLLOVER_SIZE: int = _setting(
        30 * GB, _size, "size of one primary shard after which a new index begins", server=True
    )
    ELASTICSEARCH_ROLLOVER_AGE_DAYS: int = _setting(
        30, _number, "days after which a new index begins; 0 is never", server=True
    )
    ELASTICSEARCH_RETENTION_DAYS: int = _setting(
        0, _number, "days that records are kept at least, then deleted with their index; 0 keeps all", server=True
    )
    ELASTICSEARCH_READ_INDICES: Mapping[str, str] = _setting(
        {},
        elasticsearch.read_indices,
        "organisations that read indices of other tools: id=filebeat-*,logstash-*;id=...",
        server=True,
    )
    SPOOL_MAX_BYTES: int = _setting(
        4 * GB,
        _size,
        "size of what may wait on the disk for Elasticsearch; beyond, writers are told to wait",
        server=True,
    )
    FRESH_WAIT_S: int = _setting(
        2, _number, "seconds at most that a search waits to see what was just accepted, with Elasticsearch", server=True
    )
    MONGO_URL: str = _setting("", _url, "MongoDB for documents; the database when empty", server=True)
    MONGO_HOST: str = _setting("", _text, "host of MongoDB, instead of MONGO_URL", server=True)
    MONGO_PORT: int = _setting(27017, _port, "port of MongoDB", server=True)
    MONGO_USER: str = _setting("", _text, "user of MongoDB", server=True)
    MONGO_PASSWORD: str = _setting("", _text, "password of MongoDB", server=True, secret=True)
    MONGO_DB_NAME: str = _setting("elkvision", _text, "database name in MongoDB", server=True)
    REDIS_URL: str = _setting("", _url, "Redis for events; in process when empty", server=True)
    REDIS_HOST: str = _setting("", _text, "host of Redis, instead of REDIS_URL", server=True)
    REDIS_PORT: int = _setting(6379, _port, "port of Redis", server=True)
    REDIS_PASSWORD: str = _setting("", _text, "password of Redis", server=True, secret=True)
    CELERY_BROKER_URL: str = _setting("", _url, "broker of the task workers; in process when empty", server=True)
    CELERY_RESULT_BACKEND: str = _setting("", _url, "results of the task workers", server=True)
    KIBANA_URL: str = _setting("", _url, "address of a Kibana to link to", server=True)
    KIBANA_DASHBOARD_ID: str = _setting("", _text, "dashboard to open there", server=True)

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "Config":
        """The settings of `environ`. Raises `ConfigError` naming the variable and what to set."""
        _refuse_misspelt(environ)
        values = {
            each.name: each.metadata["read"](each.name, environ[each.name])
            for each in fields(cls)
            if environ.get(each.name, "") != ""
        }
        config = cls(**values)
        _refuse_unfit(config)
        return config

    @property
    def mongo_url(self) -> str:
        """MONGO_URL, or the same made of the single MONGO_* settings; empty when neither is set."""
        if self.MONGO_URL or not self.MONGO_HOST:
            return self.MONGO_URL
        user = f"{quote(self.MONGO_USER, '')}:{quote(self.MONGO_PASSWORD, '')}@" if self.MONGO_USER else ""
        return f"mongodb://{user}{self.MONGO_HOST}:{self.MONGO_PORT}/{self.MONGO_DB_NAME}"

    @property
    def redis_url(self) -> str:
        """REDIS_URL, or the same made of the single REDIS_* settings; empty when neither is set."""
        if self.REDIS_URL or not self.REDIS_HOST:
            return self.REDIS_URL
        password = f":{quote(self.REDIS_PASSWORD, '')}@" if self.REDIS_PASSWORD else ""
        return f"redis://{password}{self.REDIS_HOST}:{self.REDIS_PORT}/0"


SETTINGS = {each.name: each for each in fields(Config)}


def _refuse_misspelt(environ: Mapping[str, str]) -> None:
    """A variable that nearly is a setting of ours is a mistake that would be silent otherwise."""
    prefixes = (
        "ELASTICSEARCH_",
        "SPOOL_",
        "FRESH_",
        "UPLOAD_MAX_",
        "BULK_MAX_",
        "UNPACK_",
        "ALLOWED_HOST",
        "REGISTRATION",
    )
    for name in environ:
        if name not in SETTINGS and name.startswith(prefixes):
            close = difflib.get_close_matches(name, SETTINGS, n=1)
            if close:
                raise ConfigError(f"{name} is no setting. Did you mean {close[0]}?")


def _refuse_unfit(config: Config) -> None:
    """What cannot run is said at start, with what is missing."""
    needs = {"ELASTICSEARCH_HOSTS": config.ELASTICSEARCH_HOSTS, "DATABASE_URL": config.DATABASE_URL}
    needs |= {"REDIS_URL": config.redis_url}
    absent = [name for name, value in needs.items() if not value]
    if config.WEB_CONCURRENCY > 1 and absent:
        raise ConfigError(
            f"WEB_CONCURRENCY is {config.WEB_CONCURRENCY}, but the embedded stores belong to one process."
            f" Set it to 1, or set {', '.join(absent)}."
        )
    if config.WEB_CONCURRENCY < 1:
        raise ConfigError("WEB_CONCURRENCY is 0: at least 1 process serves.")
    for name in ("BULK_MAX_RECORDS", "HEAVY_SEARCHES", "UPLOAD_MAX_FILES", "SEARCH_TIMEOUT_S", "BODY_IDLE_TIMEOUT_S"):
        if getattr(config, name) < 1:
            raise ConfigError(f"{name} is 0: write at least 1.")
    if config.ELASTICSEARCH_HOSTS:
        elasticsearch.refuse_unfit(config)


def load_environ(folder: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """`environ` over the `.env` file in `folder`, where there is one: the environment wins."""
    from dotenv import dotenv_values

    file = folder / ".env"
    values = dotenv_values(file, interpolate=False) if file.is_file() else {}
    return {name: value for name, value in values.items() if value is not None} | dict(environ)


def secret_key(config: Config) -> str:
    """SECRET_KEY, or the one kept in the data folder; it is made, readable by the owner only, when there is none."""
    if config.SECRET_KEY:
        return config.SECRET_KEY
    file = config.DATA_DIR / "secret_key"
    if not file.exists():
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as stream:
            stream.write(secrets.token_hex(32))
            stream.flush()
            os.fsync(stream.fileno())
    return file.read_text().strip()
