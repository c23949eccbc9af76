"""Settings of Elasticsearch: what is read from them, what is refused and with which words."""

from pathlib import Path

import pytest

from app.config import GB, Config
from app.config_elasticsearch import elastic_settings
from services.errors import ConfigError

HOSTS = {"ELASTICSEARCH_HOSTS": "https://es:9200"}


def settings(**given: str) -> Config:
    return Config.from_env(HOSTS | {f"ELASTICSEARCH_{name}": value for name, value in given.items()})


def test_defaults_are_those_of_the_guide() -> None:
    found = elastic_settings(settings())
    assert (found.prefix, found.shards, found.replicas, found.codec) == (
        "logs-elkvision",
        1,
        "auto",
        "best_compression",
    )
    assert (found.rollover_bytes, found.rollover_age_days, found.retention_days) == (30 * GB, 30, 0)
    assert (found.verify_certs, found.refresh_interval, found.field_limit) == (True, "1s", 2000)


def test_every_setting_reaches_the_store() -> None:
    found = elastic_settings(
        settings(
            HOSTS="http://a:9200, http://b:9201/",
            API_KEY="a2V5",
            STREAM_PREFIX="logs-acme",
            SHARDS="3",
            REPLICAS="2",
            CODEC="default",
            REFRESH_INTERVAL_S="5",
            FIELD_LIMIT="900",
            NUMBER_FIELDS="400",
            IP_FIELDS="50",
            ROLLOVER_SIZE="10GB",
            ROLLOVER_AGE_DAYS="7",
            RETENTION_DAYS="90",
            READ_INDICES="abc=filebeat-*,logstash-*; def=app-logs",
        )
    )
    assert found.hosts == ("http://a:9200", "http://b:9201")
    assert (found.api_key, found.prefix, found.shards, found.replicas) == ("a2V5", "logs-acme", 3, 2)
    assert (found.codec, found.refresh_interval, found.field_limit) == ("default", "5s", 900)
    assert (found.number_fields, found.ip_fields, found.rollover_bytes) == (400, 50, 10 * GB)
    assert (found.rollover_age_days, found.retention_days) == (7, 90)
    assert found.external == {"abc": "filebeat-*,logstash-*", "def": "app-logs"}


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("HOSTS", "localhost:9200", "whole addresses"),
        ("HOSTS", "http://localhost", "whole addresses"),
        ("HOSTS", "ftp://localhost:9200", "whole addresses"),
        ("HOSTS", "http://a:9200,https://b:9200", "mixes http and https"),
        ("VERIFY_CERTS", "maybe", "true or false"),
        ("STREAM_PREFIX", "Logs", "small letters"),
        ("STREAM_PREFIX", "-x", "begins with a letter"),
        ("STREAM_PREFIX", "a*", "small letters"),
        ("SHARDS", "0", "at least 1"),
        ("SHARDS", "2000", "at most 1024"),
        ("REPLICAS", "many", "auto, or a number"),
        ("CODEC", "zip", "best_compression or default"),
        ("REFRESH_INTERVAL_S", "0", "at least 1"),
        ("ROLLOVER_SIZE", "0", "at least 1"),
        ("FIELD_LIMIT", "500", "need at least 700"),
        ("READ_INDICES", "abc", "index pattern"),
        ("READ_INDICES", "a/b=x-*", "organisation's id once"),
        ("READ_INDICES", "a=x-*;a=y-*", "organisation's id once"),
        ("READ_INDICES", "a=*", "name in small letters"),
        ("READ_INDICES", "a=_all", "name in small letters"),
        ("READ_INDICES", "a=.security", "name in small letters"),
        ("READ_INDICES", "a=x-*,-x-1", "name in small letters"),
        ("READ_INDICES", "a=x*y*", "name in small letters"),
    ],
)
def test_a_wrong_value_is_refused_by_name(name: str, value: str, words: str) -> None:
    with pytest.raises(ConfigError, match=f"ELASTICSEARCH_{name}.*{words}"):
        settings(**{name: value})


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"PASSWORD": "p"}, "ELASTICSEARCH_PASSWORD is set without ELASTICSEARCH_USER"),
        ({"USER": "u"}, "ELASTICSEARCH_USER is set without ELASTICSEARCH_PASSWORD"),
        ({"USER": "u", "PASSWORD": "p", "API_KEY": "k"}, "leave one of the two ways empty"),
        ({"CA_FILE": "/nowhere/ca.crt"}, "there is no such file"),
        ({"CA_FILE": "/etc/hostname", "VERIFY_CERTS": "false"}, "VERIFY_CERTS is false"),
        ({"CA_FILE": "/etc/hostname", "HOSTS": "http://es:9200"}, "write https"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(given: dict[str, str], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        settings(**given)


def test_credentials_in_an_address_are_refused_without_being_repeated() -> None:
    with pytest.raises(ConfigError, match="holds credentials") as caught:
        settings(HOSTS="https://es:9200,https://ada:very-secret@es:9200")
    assert "very-secret" not in str(caught.value)
    assert "Address 2" in str(caught.value)


def test_one_variable_switches_back_whatever_else_is_set() -> None:
    config = Config.from_env({"ELASTICSEARCH_PASSWORD": "p", "ELASTICSEARCH_CA_FILE": "/nowhere"})
    assert config.ELASTICSEARCH_HOSTS == ()


def test_secrets_are_no_part_of_the_text_of_the_settings() -> None:
    secret = "0123456789abcdef0123456789abcdef"
    names = ("SECRET_KEY", "ELASTICSEARCH_PASSWORD", "ELASTICSEARCH_API_KEY", "MONGO_PASSWORD", "REDIS_PASSWORD")
    for name in names:
        assert secret not in repr(Config.from_env({name: secret}))


@pytest.mark.parametrize("name", ["ELASTICSEARCH_APIKEY", "ELASTICSEARCH_VERIFY_CERT", "SPOOL_MAX_BYTE"])
def test_a_misspelt_setting_is_refused_with_the_right_name(name: str) -> None:
    with pytest.raises(ConfigError, match="Did you mean"):
        Config.from_env({name: "x"})


def test_a_spool_that_one_request_fills_is_refused() -> None:
    with pytest.raises(ConfigError, match="SPOOL_MAX_BYTES is less than BULK_MAX_BYTES"):
        Config.from_env(HOSTS | {"SPOOL_MAX_BYTES": "1MB"})


def test_a_ca_file_that_is_there_is_taken(tmp_path: Path) -> None:
    file = tmp_path / "ca.crt"
    file.write_text("...")
    found = elastic_settings(settings(CA_FILE=str(file)))
    assert found.ca_file == str(file)
