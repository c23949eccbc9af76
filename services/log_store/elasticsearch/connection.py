"""The edge to Elasticsearch: how this process reaches it, whether it is one that we can use, and its errors as ours.

Nothing outside this folder imports the client. Settings that are known to be wrong (another product, an old version,
refused credentials, a certificate that does not verify) end the start; a server that is merely away does not: records
wait on the spool until it is back.
"""

import ipaddress
import ssl
import time
from base64 import b64encode
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlsplit

import orjson
from elastic_transport import ApiResponse, ConnectionTimeout, SerializationError, TlsError
from elastic_transport import ConnectionError as NoConnection
from elasticsearch import ApiError, AuthenticationException, Elasticsearch, UnsupportedProductError
from elasticsearch.serializer import JsonSerializer

from services.errors import BackendUnavailable, ConfigError
from services.log_store.elasticsearch.client_errors import reason_of, translated

__all__ = ["ElasticSettings", "check_server", "connect", "is_exposed", "translated"]

OLDEST = (8, 13)
"""The first version whose `_bulk` takes `require_data_stream`."""

NEWEST_MAJOR = 9

CONNECTIONS = 32
"""Open connections to one host: more than searches and bulks of one process at the same time."""

CHECK_TIMEOUT_S = 5.0
REFUSED_AGAIN_S = (0.2, 0.8)
"""Pauses before refused credentials are tried again."""


@dataclass(frozen=True)
class ElasticSettings:
    """How to reach and shape an Elasticsearch. Secrets stay out of its text.

    hosts           whole addresses, all http or all https
    ca_file         certificates that sign the server's, in PEM; those of the system when empty
    prefix          streams are `<prefix>-<organisation>`
    replicas        "auto" is one wherever there is a second node
    field_limit     fields of one index; number_fields and ip_fields: how many attributes at most get one
    refresh_interval  how often the server makes new records findable by itself, as it writes times ("1s")
    rollover_bytes  size of one primary shard; rollover_age_days: 0 is never; retention_days: 0 keeps everything
    external        organisation id -> index pattern of other tools' documents that it reads instead
    """

    hosts: tuple[str, ...]
    user: str = ""
    password: str = field(default="", repr=False)
    api_key: str = field(default="", repr=False)
    ca_file: str = ""
    verify_certs: bool = True
    prefix: str = "logs-elkvision"
    shards: int = 1
    replicas: int | Literal["auto"] = "auto"
    codec: str = "best_compression"
    field_limit: int = 2000
    number_fields: int = 500
    ip_fields: int = 100
    refresh_interval: str = "1s"
    rollover_bytes: int = 30 << 30
    rollover_age_days: int = 30
    retention_days: int = 0
    timeout_s: float = 30.0
    external: Mapping[str, str] = field(default_factory=dict)


class _FastReading(JsonSerializer):
    """Reads answers, which may be tens of MB, four times as fast as the standard library."""

    def json_loads(self, data: bytes) -> Any:
        return orjson.loads(data)


def connect(settings: ElasticSettings) -> Elasticsearch:
    """A client, safe to use from any thread. Nothing is asked of a server yet.

    A connection that fails is tried once more, on another host where there is one; an answer is never asked for again:
    what to do about 429 and 503 is the caller's business. Raises `ConfigError` for a CA file that cannot be read.
    """
    options: dict[str, Any] = {
        "request_timeout": settings.timeout_s,
        "connections_per_node": CONNECTIONS,
        "http_compress": not all(is_loopback(host) for host in settings.hosts),
        "max_retries": max(1, len(settings.hosts) - 1),
        "retry_on_status": (),
        "retry_on_timeout": False,
        "max_dead_node_backoff": 5,
        "serializer": _FastReading(),
    }
    return Elasticsearch(list(settings.hosts), **options, **_credentials(settings), **_encryption(settings))


def _credentials(settings: ElasticSettings) -> dict[str, Any]:
    if settings.api_key:
        return {"api_key": settings.api_key}
    if not settings.user:
        return {}
    pair = f"{settings.user}:{settings.password}".encode()  # the client knows ASCII only
    return {"headers": {"authorization": f"Basic {b64encode(pair).decode()}"}}


def _encryption(settings: ElasticSettings) -> dict[str, Any]:
    if not settings.hosts[0].startswith("https:"):
        return {}
    if not settings.verify_certs:
        return {"verify_certs": False, "ssl_show_warn": False}  # the start says it once; the client, per connection
    try:
        context = ssl.create_default_context(cafile=settings.ca_file or None)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(
            f"ELASTICSEARCH_CA_FILE {settings.ca_file!r} cannot be used ({error}): name a file with certificates in PEM."
        ) from error
    return {"ssl_context": context}


def is_loopback(host: str) -> bool:
    """Whether an address leads to this machine alone: there is no cable to spare by compressing."""
    name = urlsplit(host).hostname or ""
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"


def is_exposed(settings: ElasticSettings) -> bool:
    """Whether credentials go over a network unencrypted, or to a server that nobody verified."""
    has_secret = bool(settings.api_key or settings.user)
    is_safe = settings.hosts[0].startswith("https:") and settings.verify_certs
    return has_secret and not is_safe and not all(is_loopback(host) for host in settings.hosts)


def check_server(es: Elasticsearch) -> str:
    """The version of the server, which is one that this product works with.

    Raises `ConfigError`, naming the setting, for what waiting will not mend: another product, a version that is not
    supported, refused credentials, a certificate that does not verify; `BackendUnavailable` where no server answers now.
    """
    try:
        answer = _greeted(es.options(request_timeout=CHECK_TIMEOUT_S))
    except UnsupportedProductError as error:
        raise ConfigError(_other_product(error.body)) from error
    except ApiError as error:
        raise _refusal(error) from error
    except TlsError as error:
        raise ConfigError(_untrusted(error)) from error
    except SerializationError as error:
        raise ConfigError(_other_product(None)) from error
    except (NoConnection, ConnectionTimeout) as error:
        raise BackendUnavailable(f"Elasticsearch does not answer ({_innermost(error)}).") from error
    return _supported(answer.body)


def _greeted(client: Elasticsearch) -> ApiResponse[Any]:
    """The answer to `GET /`. A cluster that is starting refuses good credentials for a moment, until it can read them."""
    for pause_s in REFUSED_AGAIN_S:
        with suppress(AuthenticationException):
            return client.perform_request("GET", "/", headers={"accept": "application/json"})
        time.sleep(pause_s)
    return client.perform_request("GET", "/", headers={"accept": "application/json"})


def _innermost(error: Exception) -> str:
    """The words of what failed first: the client wraps it in its own, twice."""
    while errors := getattr(error, "errors", ()):
        error = errors[0]
    return str(error)[:300]


def _supported(info: Any) -> str:
    version = info.get("version", {}) if isinstance(info, dict) else {}
    number = str(version.get("number", ""))
    if version.get("distribution"):
        raise ConfigError(_other_product(info))
    parts = number.split(".")
    if len(parts) < 2 or not all(part.isdecimal() for part in parts[:2]):
        raise ConfigError(_other_product(info))
    major, minor = int(parts[0]), int(parts[1])
    if (major, minor) < OLDEST or major > NEWEST_MAJOR:
        raise ConfigError(
            f"ELASTICSEARCH_HOSTS leads to Elasticsearch {number}: versions 8 (from 8.{OLDEST[1]} on) and 9 are supported."
        )
    return number


def _other_product(info: Any) -> str:
    version = info.get("version", {}) if isinstance(info, dict) else {}
    name = str(version.get("distribution") or "") if isinstance(version, dict) else ""
    shown = "OpenSearch" if name.lower() == "opensearch" else name[:40]
    what = f"{shown} {str(version.get('number', ''))[:20]}".strip() if shown else "a server that is not Elasticsearch"
    return (
        f"ELASTICSEARCH_HOSTS leads to {what}, which is not supported: name an Elasticsearch 8 or 9,"
        " or leave it empty to keep logs in DuckDB."
    )


def _refusal(error: ApiError) -> ConfigError | BackendUnavailable:
    """What an answer other than 200 to `GET /` means."""
    status = error.status_code
    if status == 401:
        return ConfigError(
            "Elasticsearch refuses the credentials (401): check ELASTICSEARCH_API_KEY, or ELASTICSEARCH_USER and"
            " ELASTICSEARCH_PASSWORD."
        )
    if status == 403:
        return ConfigError(
            "Elasticsearch knows the user or key but gives no access (403): the role behind ELASTICSEARCH_USER or"
            " ELASTICSEARCH_API_KEY needs the cluster privileges monitor and manage_index_templates."
        )
    if error.meta.headers.get("x-elastic-product") == "Elasticsearch" or status in (408, 429) or status >= 500:
        return BackendUnavailable(f"Elasticsearch answers {status} ({reason_of(error)}).")
    return ConfigError(_other_product(error.body))


def _untrusted(error: TlsError) -> str:
    text = str(error)
    if "WRONG_VERSION_NUMBER" in text or "record layer" in text.lower():
        return "ELASTICSEARCH_HOSTS says https, but the server speaks plain HTTP there: write http://, or encrypt the server."
    if "CERTIFICATE_VERIFY_FAILED" in text:
        return (
            "The certificate of Elasticsearch does not verify: set ELASTICSEARCH_CA_FILE to the certificate that signs it"
            f" and use the host name that it bears in ELASTICSEARCH_HOSTS ({_verdict(text)})."
        )
    return f"No encrypted connection to Elasticsearch comes about; check ELASTICSEARCH_HOSTS ({text[:200]})."


def _verdict(text: str) -> str:
    _, _, rest = text.partition("certificate verify failed: ")
    return (rest or text).split(" (_ssl", 1)[0][:200]
