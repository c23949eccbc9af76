"""Names that reach Elasticsearch: one stream per organisation, and nothing that leads elsewhere."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.log_store.elasticsearch.names import (
    checked_pattern,
    checked_prefix,
    external_expression,
    organisation_of,
    stream_of,
)

ORGANISATIONS = st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True)


@given(ORGANISATIONS, ORGANISATIONS)
def test_two_organisations_never_share_a_stream(one: str, other: str) -> None:
    assert (stream_of("logs-x", one) == stream_of("logs-x", other)) == (one == other)


@given(ORGANISATIONS)
def test_a_stream_tells_its_organisation_and_is_a_name_that_elasticsearch_takes(organisation: str) -> None:
    stream = stream_of("logs-x", organisation)
    assert organisation_of("logs-x", stream) == organisation
    assert stream == stream.lower()
    assert len(stream) < 255


def test_capitals_are_told_apart() -> None:
    assert [stream_of("p", each) for each in ("ab", "Ab", "aB")] == ["p-ab", "p-ab.1", "p-ab.2"]


@pytest.mark.parametrize(
    "organisation", ["", "a" * 65, "a,b", "a*", "*", "../x", "a/b", "ä", "a b", "-x,-y", "a\n", "%2A"]
)
def test_what_is_no_id_never_becomes_a_name(organisation: str) -> None:
    with pytest.raises(ValueError, match="an organisation id has 1 to 64"):
        stream_of("logs-x", organisation)


@pytest.mark.parametrize(
    "stream", ["logs-y-a", "logs-x", "logs-x-a.zz", "logs-x-a.0", "logs-x-a.f", "logs-x-A", "logs-x-"]
)
def test_streams_of_others_have_no_organisation(stream: str) -> None:
    assert organisation_of("logs-x", stream) is None


@pytest.mark.parametrize("prefix", ["", "Logs", "*", "a,b", ".ds", "-a", "_all", "a" * 101])
def test_a_prefix_that_elasticsearch_would_not_take_is_refused(prefix: str) -> None:
    with pytest.raises(ValueError, match="a stream prefix"):
        checked_prefix(prefix)


def test_a_pattern_never_reaches_our_own_streams() -> None:
    assert external_expression("logs-*,app", "logs-elkvision") == "logs-*,app,-logs-elkvision-*,-.ds-logs-elkvision-*"


@pytest.mark.parametrize("pattern", ["", "*", "_all", "-a", ".x", "a*b", "A-*", "a,,b", "a;b", "<a-{now}>", "a,*"])
def test_a_pattern_of_everything_or_of_hidden_names_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="an index pattern"):
        checked_pattern(pattern)
