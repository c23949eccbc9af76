"""Reaching an Elasticsearch: what is refused at start, what is waited for, and how its errors read."""

import dataclasses
import logging
from pathlib import Path

import pytest
from elasticsearch import ApiError

from services.errors import (
    BackendTimeout,
    BackendUnavailable,
    Cancelled,
    ConfigError,
    ElkVisionError,
    InvalidQuery,
    QuotaExceeded,
    StorageFull,
)
from services.log_store.elasticsearch.connection import ElasticSettings, check_server, connect, is_exposed, translated
from tests.elastic import Elastic
from tests.elastic_front import OPENSEARCH, Authority, Credentials, answering, front, make_authority
from tests.running import free_port

CREDENTIALS = Credentials()
BASIC = {"user": CREDENTIALS.user, "password": CREDENTIALS.password}


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return make_authority(tmp_path_factory.mktemp("tls") / "ours")


def check(url: str, **settings: object) -> str:
    with connect(dataclasses.replace(ElasticSettings((url,)), **settings)) as es:
        return check_server(es)


# -- encryption and credentials --------------------------------------------------------------------------------------


def test_a_server_whose_certificate_the_ca_file_signs_is_used(elastic: Elastic, authority: Authority) -> None:
    with front(elastic.url, CREDENTIALS, authority.context()) as url:
        assert check(url, ca_file=str(authority.ca), **BASIC).startswith(("8.", "9."))


def test_a_server_that_another_authority_signed_is_refused(
    elastic: Elastic, authority: Authority, tmp_path: Path
) -> None:
    other = make_authority(tmp_path / "other")
    with front(elastic.url, CREDENTIALS, authority.context()) as url:
        for settings in ({}, {"ca_file": str(other.ca)}):
            with pytest.raises(ConfigError, match="does not verify: set ELASTICSEARCH_CA_FILE"):
                check(url, **settings, **BASIC)


def test_a_certificate_of_another_host_is_refused(elastic: Elastic, authority: Authority) -> None:
    with front(elastic.url, CREDENTIALS, authority.context()) as url:
        elsewhere = url.replace("localhost", "127.1")
        with pytest.raises(ConfigError, match=r"does not verify.*(mismatch|not valid)"):
            check(elsewhere, ca_file=str(authority.ca), **BASIC)


def test_only_an_explicit_setting_trusts_whoever_answers(elastic: Elastic, authority: Authority) -> None:
    with front(elastic.url, CREDENTIALS, authority.context()) as url:
        assert check(url, verify_certs=False, **BASIC)


def test_an_api_key_lets_in(elastic: Elastic, authority: Authority) -> None:
    with front(elastic.url, CREDENTIALS, authority.context()) as url:
        assert check(url, ca_file=str(authority.ca), api_key=CREDENTIALS.api_key)


@pytest.mark.parametrize(
    "settings", [{}, {"user": "ada", "password": "no-such-secret"}, {"api_key": "bm8tc3VjaDprZXk="}]
)
def test_refused_credentials_name_their_settings_and_not_the_secret(
    elastic: Elastic, authority: Authority, settings: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with front(elastic.url, CREDENTIALS, authority.context()) as url, pytest.raises(ConfigError) as caught:
        check(url, ca_file=str(authority.ca), **settings)
    assert "ELASTICSEARCH_API_KEY, or ELASTICSEARCH_USER" in str(caught.value)
    shown = str(caught.value) + caplog.text
    assert not [secret for secret in ("no-such-secret", "bm8tc3VjaDprZXk=") if secret in shown]


def test_secrets_are_no_part_of_the_settings_text() -> None:
    settings = ElasticSettings(("https://es:9200",), user="ada", password="pass-1", api_key="key-1")
    assert "pass-1" not in repr(settings)
    assert "key-1" not in repr(settings)


def test_https_to_a_plain_server_says_so(elastic: Elastic) -> None:
    with pytest.raises(ConfigError, match="ELASTICSEARCH_HOSTS says https"):
        check(elastic.url.replace("http://", "https://"))


def test_a_ca_file_without_certificates_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ca.crt").write_text("nothing")
    with pytest.raises(ConfigError, match="ELASTICSEARCH_CA_FILE"):
        connect(ElasticSettings(("https://localhost:9200",), ca_file=str(tmp_path / "ca.crt")))


@pytest.mark.parametrize(
    ("url", "settings", "exposed"),
    [
        ("http://es:9200", BASIC, True),
        ("http://es:9200", {"api_key": "k"}, True),
        ("http://es:9200", {}, False),
        ("http://127.0.0.1:9200", BASIC, False),
        ("http://[::1]:9200", BASIC, False),
        ("https://es:9200", BASIC, False),
        ("https://es:9200", {**BASIC, "verify_certs": False}, True),
    ],
)
def test_credentials_on_an_open_network_are_noticed(url: str, settings: dict[str, object], exposed: bool) -> None:
    assert is_exposed(dataclasses.replace(ElasticSettings((url,)), **settings)) is exposed


# -- what the server is ----------------------------------------------------------------------------------------------


def test_the_version_of_a_fitting_server_is_told(elastic: Elastic) -> None:
    assert check(elastic.url) == elastic.client.info()["version"]["number"]


def test_opensearch_is_refused_by_name() -> None:
    with answering(200, OPENSEARCH) as url, pytest.raises(ConfigError) as caught:
        check(url)
    assert str(caught.value) == (
        "ELASTICSEARCH_HOSTS leads to OpenSearch 2.19.1, which is not supported: name an Elasticsearch 8 or 9,"
        " or leave it empty to keep logs in DuckDB."
    )


def test_a_distribution_that_claims_the_product_header_is_refused_all_the_same() -> None:
    with answering(200, OPENSEARCH, product=True) as url, pytest.raises(ConfigError, match="OpenSearch"):
        check(url)


@pytest.mark.parametrize(("status", "body"), [(200, "<html>hello</html>"), (404, {"error": "nothing here"})])
def test_any_other_server_is_refused(status: int, body: object) -> None:
    with answering(status, body) as url, pytest.raises(ConfigError, match="a server that is not Elasticsearch"):
        check(url)


@pytest.mark.parametrize(
    ("number", "fits"),
    [("7.17.29", False), ("8.12.2", False), ("8.13.0", True), ("8.19.13", True), ("9.2.1", True), ("10.0.0", False)],
)
def test_versions_eight_and_nine_fit(number: str, fits: bool) -> None:
    with answering(200, {"version": {"number": number}}, product=True) as url:
        if fits:
            assert check(url) == number
            return
        with pytest.raises(ConfigError, match=f"leads to Elasticsearch {number}: versions 8"):
            check(url)


def test_a_server_that_is_away_is_waited_for_not_refused() -> None:
    with pytest.raises(BackendUnavailable, match="does not answer"):
        check(f"http://127.0.0.1:{free_port()}")


def test_a_server_that_is_starting_is_waited_for_not_refused() -> None:
    with answering(503, {"error": "not yet"}) as url, pytest.raises(BackendUnavailable, match="503"):
        check(url)


def test_a_user_without_privileges_is_told_which() -> None:
    refused = {"error": {"type": "security_exception", "reason": "unauthorized"}}
    with answering(403, refused, product=True) as url, pytest.raises(ConfigError, match="cluster privileges monitor"):
        check(url)


def test_another_host_is_asked_when_the_first_is_away(elastic: Elastic) -> None:
    with connect(ElasticSettings((f"http://127.0.0.1:{free_port()}", elastic.url))) as es:
        assert [check_server(es) for _ in range(4)]


# -- errors ----------------------------------------------------------------------------------------------------------


def error(status: int, kind: str, reason: str = "because") -> dict[str, object]:
    cause = {"type": kind, "reason": reason}
    return {"error": {"root_cause": [cause], "type": "search_phase_execution_exception", "reason": "all shards failed",
                      "failed_shards": [{"shard": 0, "reason": cause}]}, "status": status}  # fmt: skip


@pytest.mark.parametrize(
    ("status", "kind", "reason", "ours"),
    [
        (429, "es_rejected_execution_exception", "rejected execution", QuotaExceeded),
        (429, "circuit_breaking_exception", "Data too large", BackendUnavailable),
        (400, "too_many_buckets_exception", "Trying to create too many buckets", InvalidQuery),
        (400, "query_shard_exception", "maxClauseCount is set to 1024", InvalidQuery),
        (400, "task_cancelled_exception", "task cancelled", Cancelled),
        (503, "no_shard_available_action_exception", "no shard", BackendUnavailable),
        (504, "receive_timeout_transport_exception", "timed out", BackendTimeout),
        (401, "security_exception", "missing credentials", BackendUnavailable),
        (429, "cluster_block_exception", "disk usage exceeded flood-stage watermark", StorageFull),
    ],
)
def test_errors_of_the_server_become_ours(status: int, kind: str, reason: str, ours: type[ElkVisionError]) -> None:
    with (
        answering(status, error(status, kind, reason), product=True) as url,
        connect(ElasticSettings((url,))) as es,
        pytest.raises(ours) as caught,
        translated(),
    ):
        es.options(max_retries=0).info()
    assert isinstance(caught.value.__cause__, ApiError)


def test_a_server_that_is_away_is_unavailable() -> None:
    with (
        connect(ElasticSettings((f"http://127.0.0.1:{free_port()}",))) as es,
        pytest.raises(BackendUnavailable, match="cannot be reached"),
        translated(),
    ):
        es.info()


def test_a_regular_expression_too_complex_for_the_server_is_the_callers(elastic: Elastic) -> None:
    index = f"{elastic.prefix}-complex"
    elastic.client.indices.create(index=index, mappings={"properties": {"a": {"type": "keyword"}}})
    pattern = "(.*a){30}" + "(a|b|c)*.*" * 40 + ".{500}"
    with pytest.raises(InvalidQuery, match="too complex"), translated():
        elastic.client.search(index=index, query={"regexp": {"a": {"value": pattern}}})
