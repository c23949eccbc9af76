"""How the settings of Elasticsearch are read, and which of them do not go together."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from services.errors import ConfigError
from services.log_store.elasticsearch.names import checked_pattern, checked_prefix

if TYPE_CHECKING:
    from app.config import Config
    from services.log_store.elasticsearch.connection import ElasticSettings

OTHER_FIELDS = 100
"""Fields that every index has besides those of attributes, with room for those of later versions."""

_HOST = re.compile(r"https?://(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):\d{1,5}(?:/[A-Za-z0-9._/-]*)?")
_CODECS = ("best_compression", "default")


def hosts(name: str, text: str) -> tuple[str, ...]:
    """Whole addresses. Credentials have settings of their own, and are not repeated where an address holds them."""
    found = tuple(part.strip().rstrip("/") for part in text.split(",") if part.strip())
    for place, host in enumerate(found, 1):
        if "@" in host:
            raise ConfigError(
                f"Address {place} of {name} holds credentials: write them in ELASTICSEARCH_USER and"
                " ELASTICSEARCH_PASSWORD, or use ELASTICSEARCH_API_KEY."
            )
        if not _HOST.fullmatch(host):
            raise ConfigError(f"{name} holds {host!r}: write whole addresses, such as https://host:9200, with commas.")
    if len({urlsplit(host).scheme for host in found}) > 1:
        raise ConfigError(f"{name} mixes http and https: write all addresses with one of them.")
    return found


def replicas(name: str, text: str) -> int | Literal["auto"]:
    """A number, or "auto"."""
    if text == "auto":
        return "auto"
    if not re.fullmatch(r"\d", text):
        raise ConfigError(f"{name} is {text!r}: write auto, or a number from 0 to 9.")
    return int(text)


def codec(name: str, text: str) -> str:
    """One of the two that every Elasticsearch has."""
    if text not in _CODECS:
        raise ConfigError(f"{name} is {text!r}: write {' or '.join(_CODECS)}.")
    return text


def prefix(name: str, text: str) -> str:
    """What can begin the name of a data stream."""
    try:
        return checked_prefix(text)
    except ValueError as error:
        raise ConfigError(f"{name} is {text!r}: {error}.") from error


def read_indices(name: str, text: str) -> dict[str, str]:
    """`<organisation id>=<pattern>,<pattern>;<organisation id>=...` by organisation id.

    Names of organisations will not do: whoever may rename one could read what is another's.
    """
    found: dict[str, str] = {}
    for part in (part.strip() for part in text.split(";") if part.strip()):
        organisation, _, patterns = (piece.strip() for piece in part.partition("="))
        if organisation in found or not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", organisation):
            raise ConfigError(f"{name} holds {part!r}: write each organisation's id once, then = and index patterns.")
        try:
            found[organisation] = checked_pattern(patterns)
        except ValueError as error:
            raise ConfigError(f"{name} holds {part!r}: {error}.") from error
    return found


def refuse_unfit(config: "Config") -> None:
    """Raise `ConfigError` where settings contradict each other or cannot work together."""
    _refuse_unfit_credentials(config)
    _refuse_unfit_encryption(config)
    _refuse_unfit_indices(config)


def _refuse_unfit_credentials(config: "Config") -> None:
    user, password, key = config.ELASTICSEARCH_USER, config.ELASTICSEARCH_PASSWORD, config.ELASTICSEARCH_API_KEY
    if key and (user or password):
        raise ConfigError(
            "ELASTICSEARCH_API_KEY and ELASTICSEARCH_USER or _PASSWORD are set: leave one of the two ways empty."
        )
    if password and not user:
        raise ConfigError("ELASTICSEARCH_PASSWORD is set without ELASTICSEARCH_USER: name the user.")
    if user and not password:
        raise ConfigError("ELASTICSEARCH_USER is set without ELASTICSEARCH_PASSWORD: set the password.")


def _refuse_unfit_encryption(config: "Config") -> None:
    file = config.ELASTICSEARCH_CA_FILE
    if not file:
        return
    if not config.ELASTICSEARCH_HOSTS[0].startswith("https:"):
        raise ConfigError("ELASTICSEARCH_CA_FILE is set, but ELASTICSEARCH_HOSTS is not encrypted: write https://.")
    if not config.ELASTICSEARCH_VERIFY_CERTS:
        raise ConfigError("ELASTICSEARCH_CA_FILE is set, but ELASTICSEARCH_VERIFY_CERTS is false: leave it true.")
    if not Path(file).is_file():
        raise ConfigError(f"ELASTICSEARCH_CA_FILE is {file!r}: there is no such file.")


def _refuse_unfit_indices(config: "Config") -> None:
    least = {"SHARDS": 1, "REFRESH_INTERVAL_S": 1, "ROLLOVER_SIZE": 1}
    for name, value in least.items():
        if getattr(config, f"ELASTICSEARCH_{name}") < value:
            raise ConfigError(f"ELASTICSEARCH_{name} is 0: write at least 1.")
    if config.ELASTICSEARCH_SHARDS > 1024:
        raise ConfigError("ELASTICSEARCH_SHARDS is too large: an index has at most 1024.")
    promoted = config.ELASTICSEARCH_NUMBER_FIELDS + config.ELASTICSEARCH_IP_FIELDS
    if promoted + OTHER_FIELDS > config.ELASTICSEARCH_FIELD_LIMIT:
        raise ConfigError(
            f"ELASTICSEARCH_FIELD_LIMIT is {config.ELASTICSEARCH_FIELD_LIMIT}: ELASTICSEARCH_NUMBER_FIELDS and"
            f" ELASTICSEARCH_IP_FIELDS need at least {promoted + OTHER_FIELDS}."
        )
    if config.SPOOL_MAX_BYTES < config.BULK_MAX_BYTES:
        raise ConfigError("SPOOL_MAX_BYTES is less than BULK_MAX_BYTES: one request would not fit on the spool.")


def elastic_settings(config: "Config") -> "ElasticSettings":
    """What the log store needs to know of `config`."""
    from services.log_store.elasticsearch.connection import ElasticSettings

    return ElasticSettings(
        hosts=config.ELASTICSEARCH_HOSTS,
        user=config.ELASTICSEARCH_USER,
        password=config.ELASTICSEARCH_PASSWORD,
        api_key=config.ELASTICSEARCH_API_KEY,
        ca_file=config.ELASTICSEARCH_CA_FILE,
        verify_certs=config.ELASTICSEARCH_VERIFY_CERTS,
        prefix=config.ELASTICSEARCH_STREAM_PREFIX,
        shards=config.ELASTICSEARCH_SHARDS,
        replicas=config.ELASTICSEARCH_REPLICAS,
        codec=config.ELASTICSEARCH_CODEC,
        field_limit=config.ELASTICSEARCH_FIELD_LIMIT,
        number_fields=config.ELASTICSEARCH_NUMBER_FIELDS,
        ip_fields=config.ELASTICSEARCH_IP_FIELDS,
        refresh_interval=f"{config.ELASTICSEARCH_REFRESH_INTERVAL_S}s",
        rollover_bytes=config.ELASTICSEARCH_ROLLOVER_SIZE,
        rollover_age_days=config.ELASTICSEARCH_ROLLOVER_AGE_DAYS,
        retention_days=config.ELASTICSEARCH_RETENTION_DAYS,
        external=config.ELASTICSEARCH_READ_INDICES,
    )
