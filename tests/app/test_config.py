"""Settings: read once, refused with the variable's name, and documented where people look."""

import re
from pathlib import Path

import pytest

from app.config import GB, MB, SETTINGS, Config, load_environ, secret_key
from services.errors import ConfigError

ROOT = Path(__file__).resolve().parents[2]


def test_an_empty_environment_gives_the_embedded_defaults() -> None:
    config = Config.from_env({})
    assert (config.HOST, config.PORT, config.REGISTRATION) == ("127.0.0.1", 8000, "open")
    assert config.DATABASE_URL == config.redis_url == config.mongo_url == ""
    assert config.UPLOAD_MAX_FILES == 10


def test_sizes_take_units() -> None:
    assert Config.from_env({"BULK_MAX_BYTES": "64MB"}).BULK_MAX_BYTES == 64 * MB
    assert Config.from_env({"UPLOAD_MAX_BYTES": "3 gb"}).UPLOAD_MAX_BYTES == 3 * GB


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "eighty"),
        ("PORT", "70000"),
        ("REGISTRATION", "maybe"),
        ("DEBUG", "perhaps"),
        ("SECRET_KEY", "short"),
        ("UPLOAD_MAX_BYTES", "many"),
        ("DATABASE_URL", "nonsense"),
        ("HEAVY_SEARCHES", "0"),
        ("ELASTICSEARCH_HOST", "http://localhost:9200"),
    ],
)
def test_a_wrong_value_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(ConfigError, match=name):
        Config.from_env({name: value})


def test_more_than_one_process_on_embedded_stores_says_what_is_missing() -> None:
    with pytest.raises(ConfigError, match="ELASTICSEARCH_HOSTS, DATABASE_URL, REDIS_URL"):
        Config.from_env({"WEB_CONCURRENCY": "2"})


def test_the_environment_wins_over_the_env_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("PORT=9000\nHOST=0.0.0.0\n")
    environ = load_environ(tmp_path, {"PORT": "9001"})
    assert (environ["PORT"], environ["HOST"]) == ("9001", "0.0.0.0")


def test_single_settings_make_an_address_with_quoted_secrets() -> None:
    config = Config.from_env({"MONGO_HOST": "db", "MONGO_USER": "u", "MONGO_PASSWORD": "p@ss/word"})
    assert config.mongo_url == "mongodb://u:p%40ss%2Fword@db:27017/elkvision"


def test_the_secret_is_made_once_and_only_for_the_owner(tmp_path: Path) -> None:
    config = Config.from_env({"DATA_DIR": str(tmp_path)})
    assert secret_key(config) == secret_key(config)
    assert len(secret_key(config)) == 64
    assert (tmp_path / "secret_key").stat().st_mode & 0o777 == 0o600


def test_env_example_names_every_setting_and_stays_embedded() -> None:
    text = (ROOT / ".env.example").read_text()
    assert set(re.findall(r"^#? ?([A-Z][A-Z0-9_]+)=", text, re.M)) == set(SETTINGS)
    config = Config.from_env(dict(re.findall(r"^([A-Z0-9_]+)=(.*)$", text, re.M)))
    assert config == Config.from_env({})


def test_the_readme_names_every_setting() -> None:
    text = (ROOT / "README.md").read_text()
    assert not [name for name in SETTINGS if f"`{name}`" not in text]
