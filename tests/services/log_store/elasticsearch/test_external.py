"""Indices of other tools on a real server, read as log records: found, ordered, counted, and never changed."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.errors import BackendUnavailable, Forbidden, InvalidQuery, NotFound
from services.log_store.elasticsearch.connection import ElasticSettings, connect
from services.log_store.elasticsearch.external import ExternalLogStore
from services.log_store.elasticsearch.names import stream_of
from services.log_store.elasticsearch.residual import ResidualEngine
from services.log_store.elasticsearch.templates import ensure_stream
from services.log_store.interface import Aggregation, LogPage, LogQuery, LogStore
from services.model import LOG_SCHEMA
from services.query.language import parse
from tests.elastic import Elastic

START = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
LEVELS = ("INFO", "info", "Warning", "ERROR", "fatal", "who knows")
COUNT = 300


def ecs(number: int) -> dict[str, Any]:
    """As Filebeat writes: nested ECS objects, seven records in each second."""
    at = START + timedelta(seconds=number // 7)
    return {
        "@timestamp": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "message": f"request {number} from 10.0.{number % 5}.1 took {number} ms"
        + (" TIMEOUT" if number % 10 == 0 else ""),
        "log": {"level": LEVELS[number % len(LEVELS)], "file": {"path": f"/var/log/app-{number % 2}.log"}},
        "service": {"name": f"shop-{number % 3}", "environment": "prod"},
        "host": {"name": f"web-{number % 4}", "os": {"family": "debian"}},
        "trace": {"id": f"t{number % 50}"},
        "tags": ["filebeat", "even" if number % 2 == 0 else "odd"],
        "agent": {"version": "8.19.0"},
        "http": {"response": {"status_code": 200 + number % 4}},
    }


def logstash(number: int) -> dict[str, Any]:
    """As Logstash writes: flat names, texts with a keyword beside, a date of milliseconds."""
    at = START + timedelta(milliseconds=number * 1500 + 3)
    return {
        "@timestamp": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "@version": "1",
        "message": f"Failed password for user{number} port {4000 + number}",
        "level": "error" if number % 3 == 0 else "debug",
        "host": f"auth-{number % 2}",
        "fields": {"service": "sshd", "team": "blue"},
        "tags": "ssh",
    }


class Other:
    """An organisation that reads `<prefix>-beat-*` and `<prefix>-stash-*`."""

    def __init__(self, elastic: Elastic):
        self.client, self.prefix = elastic.client, f"{elastic.prefix}-ext"
        self.engine = ResidualEngine()
        self.es = connect(ElasticSettings((elastic.url,)))
        self.patterns = f"{self.prefix}-beat-*,{self.prefix}-stash-*"
        self.store: LogStore = self.reading()

    def reading(self, engine: ResidualEngine | None = None) -> ExternalLogStore:
        patterns = {"acme": self.patterns, "void": f"{self.prefix}-nothing-*", "named": f"{self.prefix}-nowhere"}
        return ExternalLogStore(self.es, engine or self.engine, patterns, f"{self.prefix}-own", timeout_s=30)

    def add(self, index: str, documents: list[dict[str, Any]]) -> None:
        operations = [part for each in documents for part in ({"index": {}}, each)]
        answer = self.client.bulk(index=f"{self.prefix}-{index}", operations=operations, refresh=True)
        assert not answer["errors"], answer["items"][0]

    def search(self, text: str = "", **asked: Any) -> LogPage:
        return self.store.search("acme", LogQuery(parse(text), **asked))


@pytest.fixture(scope="module")
def other(elastic: Elastic) -> Iterator[Other]:
    made = Other(elastic)
    keyword = {"type": "keyword", "ignore_above": 1024}
    objects = {"log": "level", "service": "name", "host": "name", "trace": "id"}
    properties: dict[str, Any] = {name: {"properties": {leaf: keyword}} for name, leaf in objects.items()}
    properties |= {"@timestamp": {"type": "date"}, "message": {"type": "text"}, "tags": keyword}
    settings = {"number_of_shards": 2, "number_of_replicas": 0}
    made.client.indices.create(index=f"{made.prefix}-beat-1", mappings={"properties": properties}, settings=settings)
    made.add("beat-1", [ecs(number) for number in range(200)])
    made.add("beat-2", [ecs(number) for number in range(200, COUNT)])
    made.add("stash-1", [logstash(number) for number in range(60)])
    made.add("own-secret", [ecs(0) | {"message": "of another organisation"}])
    yield made
    made.es.close()
    made.engine.close()


# -- records ---------------------------------------------------------------------------------------------------------


def test_ecs_names_become_columns_and_the_rest_attributes(other: Other) -> None:
    (record,) = other.search('"request 12"').records
    assert {name: record[name] for name in ("level", "source", "service", "environment", "host", "trace_id")} == {
        "level": "info",
        "source": "/var/log/app-0.log",
        "service": "shop-0",
        "environment": "prod",
        "host": "web-0",
        "trace_id": "t12",
    }
    assert record["message"] == "request 12 from 10.0.2.1 took 12 ms"
    assert record["timestamp"] == START + timedelta(seconds=1)
    assert record["tags"] == ["filebeat", "even"]
    assert record["attributes"] == (
        '{"host":{"os":{"family":"debian"}},"agent":{"version":"8.19.0"},"http":{"response":{"status_code":200}}}'
    )
    assert set(record) == {"id", *(name for name in LOG_SCHEMA.names if name != "shape")}


def test_logstash_names_become_columns_too(other: Other) -> None:
    (record,) = other.search("user7").records
    assert (record["level"], record["host"], record["service"]) == ("debug", "auth-1", "sshd")
    assert (record["tags"], record["attributes"]) == (["ssh"], '{"@version":"1","fields":{"team":"blue"}}')


def test_a_level_that_nobody_knows_is_unknown_and_kept_as_it_came(other: Other) -> None:
    (record,) = other.search('"request 5" AND level:unknown').records
    assert '"log":{"level":"who knows"}' in record["attributes"]


# -- questions -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", COUNT + 60),
        ("timeout", 30),
        ("TimeOut AND service:shop-0", 10),
        ('"failed password"', 60),
        ("took AND NOT timeout", 270),
        ("level:error", 50 + 20),
        ("level>=warning", 150 + 20),
        ("level:unknown", 50),
        ("level:trace", 0),
        ("service:shop-1", 100),
        ("service:Shop-1", 0),
        ("service:sshd", 60),
        ("host:web-3 OR host:auth-0", 75 + 30),
        ("tags:odd", 150),
        ("http.response.status_code:201", 75),
        ("http.response.status_code:[201 TO 202]", 150),
        ("http.response.status_code:>=202.5", 75),
        ("fields.team:blue", 60),
        ("agent.version:*", 300),
        ("user*", 60),
        ("/port 40[0-4][0-9]$/", 50),
        ('"10.0.3.1"', 60),
        ("source:/var/log/app-1.log", 150),
        ("NOT (level:error OR service:shop-1)", 360 - (70 + 100 - 0)),
    ],
)
def test_every_query_finds_what_it_means(other: Other, text: str, expected: int) -> None:
    page = other.search(text, limit=1000)
    everything = other.search("", limit=1000).records
    assert page.total == len(page.records)
    assert not page.is_partial
    if text == "NOT (level:error OR service:shop-1)":
        expected = sum(each["level"] != "error" and each["service"] != "shop-1" for each in everything)
    assert page.total == expected


def test_times_are_bounds_to_the_microsecond(other: Other) -> None:
    start, end = START + timedelta(seconds=2), START + timedelta(seconds=3)
    assert other.search("", start=start, end=end).total == 7
    assert other.search("password", start=start, end=end).total == 0
    assert other.search("password", start=start, end=end + timedelta(milliseconds=4)).total == 1
    assert other.search("", start=start + timedelta(microseconds=1), end=end + timedelta(microseconds=1)).total == 7


def test_pages_neither_repeat_nor_skip_records_of_the_same_moment(other: Other) -> None:
    for newest_first in (True, False):
        whole = [each["id"] for each in other.search("", limit=1000, newest_first=newest_first).records]
        assert whole == sorted(whole, reverse=newest_first)
        paged: list[str] = []
        cursor: str | None = None
        while True:
            page = other.search("", limit=11, newest_first=newest_first, cursor=cursor)
            paged += [each["id"] for each in page.records]
            assert page.total == COUNT + 60
            cursor = page.next_cursor
            if cursor is None:
                break
        assert paged == whole


def test_pages_by_number_are_the_same_pages(other: Other) -> None:
    whole = [each["id"] for each in other.search("", limit=1000).records]
    assert [each["id"] for each in other.search("", limit=20, offset=40).records] == whole[40:60]


def test_a_record_is_found_by_its_id(other: Other) -> None:
    for record in other.search("", limit=15).records:
        assert other.store.get("acme", record["id"]) == record
        assert other.search(f"id:{record['id']}").records == [record]
    for wrong in ("nonsense", "0000000000000001-0000000000000001", f"{'f' * 16}-{'f' * 16}"):
        with pytest.raises(NotFound):
            other.store.get("acme", wrong)


def test_neighbours_agree_in_the_columns_asked(other: Other) -> None:
    everything = other.search("", limit=1000, newest_first=False).records
    alike = [each for each in everything if (each["service"], each["host"]) == ("shop-1", "web-2")]
    middle = alike[8]
    found = other.store.context("acme", middle["id"], before=3, after=4, same=["service", "host"])
    assert (found.before, found.record, found.after) == (alike[5:8], middle, alike[9:13])
    assert (found.has_more_before, found.has_more_after) == (True, True)
    first = other.store.context("acme", alike[0]["id"], before=3, after=0, same=["service", "host"])
    assert (first.before, first.has_more_before) == ([], False)


def test_counts_by_time_and_fields(other: Other) -> None:
    by_level = other.store.aggregate("acme", parse(""), Aggregation(by=("level",))).table.to_pydict()
    expected = {"info": 100, "warning": 50, "error": 70, "critical": 50, "unknown": 50, "debug": 40}
    assert dict(zip(by_level["level"], by_level["count"], strict=True)) == expected
    exact = other.store.aggregate("acme", parse(""), Aggregation(by=("time",), interval_s=10)).table
    checked = other.store.aggregate("acme", parse("NOT nothing"), Aggregation(by=("time",), interval_s=10)).table
    assert exact.equals(checked)
    assert exact.schema == checked.schema
    counted, summed = other.store.aggregate_all(
        "acme", parse("timeout"), [Aggregation(), Aggregation(metric="sum", field="http.response.status_code")]
    )
    assert counted.table.to_pydict() == {"count": [30]}
    assert summed.table["value"].to_pylist() == [sum(200 + number % 4 for number in range(0, COUNT, 10))]


def test_an_aggregation_that_is_not_served_is_refused_as_everywhere(other: Other) -> None:
    with pytest.raises(InvalidQuery, match="cannot be grouped"):
        other.store.aggregate("acme", parse(""), Aggregation(by=("message",)))


def test_fields_and_patterns_and_usage(other: Other) -> None:
    fields = {each.name: each.count for each in other.store.fields("acme", parse("")).fields}
    assert (fields["message"], fields["agent.version"], fields["fields.team"]) == (360, 300, 60)
    patterns = other.store.patterns("acme", parse("timeout"))
    assert (patterns.total, [each.id for each in patterns.patterns]) == (30, [None])
    usage = other.store.usage("acme")
    assert (usage.records, usage.oldest) == (360, START)
    assert usage.size_bytes > 1000


# -- bounds ----------------------------------------------------------------------------------------------------------


def test_beyond_the_bound_answers_are_partial_and_say_so(other: Other) -> None:
    engine = ResidualEngine(max_records=50)
    store = other.reading(engine)
    page = store.search("acme", LogQuery(parse("NOT timeout"), limit=10))
    assert page.is_partial
    assert page.total is not None
    assert page.total <= 50
    everything = store.search("acme", LogQuery(parse(""), limit=10))
    assert (everything.total, everything.is_partial) == (360, False)
    assert store.aggregate("acme", parse(""), Aggregation(by=("service",))).is_partial
    engine.close()


def test_paging_comes_through_everything_though_each_page_is_bounded(other: Other) -> None:
    engine = ResidualEngine(max_records=40)
    store = other.reading(engine)
    found: list[str] = []
    cursor: str | None = None
    for _ in range(100):
        page = store.search("acme", LogQuery(parse("NOT timeout"), limit=7, cursor=cursor, with_total=False))
        found += [each["id"] for each in page.records]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert found == [each["id"] for each in other.search("NOT timeout", limit=1000).records]
    engine.close()


def test_what_is_rare_is_found_beyond_the_bound(other: Other) -> None:
    engine = ResidualEngine(max_records=40)
    store = other.reading(engine)
    for text in ("user1", "service:sshd AND level:error AND user3", "trace_id:t3 AND level:error"):
        expected = [each["id"] for each in other.search(text).records]
        page = store.search("acme", LogQuery(parse(text)))
        assert ([each["id"] for each in page.records], page.is_partial) == (expected, False)
        assert expected
    engine.close()


# -- nothing else is reached -----------------------------------------------------------------------------------------


def test_nothing_can_be_written_or_deleted(other: Other) -> None:
    with pytest.raises(Forbidden, match="reads the indices of another tool"):
        other.store.append("acme", LOG_SCHEMA.empty_table())
    with pytest.raises(Forbidden, match="nothing can be stored or deleted"):
        other.store.delete("acme", parse(""))


def test_our_own_streams_are_out_of_reach_whatever_the_pattern(other: Other) -> None:
    patterns = {"acme": f"{other.prefix}-*"}
    store = ExternalLogStore(other.es, ResidualEngine(), patterns, f"{other.prefix}-own")
    assert store.search("acme", LogQuery(parse('"another organisation"'))).total == 0
    assert store.search("acme", LogQuery(parse(""))).total == 360
    store.close()


def test_neither_a_name_that_is_written_out_nor_an_alias_leads_to_another_organisation(
    elastic: Elastic, other: Other
) -> None:
    settings = ElasticSettings((elastic.url,), prefix=f"{other.prefix}-own", replicas=0)
    stream, alias = stream_of(settings.prefix, "victim"), f"{other.prefix}-shared"
    ensure_stream(other.client, settings, "victim")
    document = {"@timestamp": START.isoformat(), "message": "secret", "elkvision": {"organisation": "victim"}}
    other.client.index(index=stream, op_type="create", document=document, refresh=True)
    other.client.indices.update_aliases(actions=[{"add": {"index": stream, "alias": alias}}])
    patterns = {"written": stream, "also": f"{other.prefix}-beat-*,{stream}", "alias": alias}
    store = ExternalLogStore(other.es, ResidualEngine(), patterns, settings.prefix)
    for organisation_id in patterns:
        assert store.search(organisation_id, LogQuery(parse("secret"))).total == 0
    for organisation_id in ("written", "alias"):
        assert store.search(organisation_id, LogQuery(parse(""))).total == 0
        assert store.aggregate(organisation_id, parse(""), Aggregation()).table["count"].to_pylist() == [0]
        assert store.usage(organisation_id).records == 0
    store.close()


def test_an_organisation_that_is_not_named_has_nothing_here(other: Other) -> None:
    with pytest.raises(KeyError):
        other.store.search("rival", LogQuery())


def test_a_pattern_without_indices_is_empty(other: Other) -> None:
    for organisation in ("void", "named"):
        assert other.store.search(organisation, LogQuery()).records == []
        assert other.store.aggregate(organisation, parse("x"), Aggregation()).table.to_pydict() == {"count": [0]}
        assert other.store.usage(organisation).records == 0
    with pytest.raises(BackendUnavailable, match="what organisation void is to read is not there"):
        other.store.check()


def test_a_pattern_with_indices_is_in_order(other: Other) -> None:
    store = ExternalLogStore(other.es, ResidualEngine(), {"acme": other.patterns}, "own")
    store.check()
    store.close()


# -- fields that are not indexed as we would -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "mappings",
    [
        {"dynamic": False, "properties": {"@timestamp": {"type": "date_nanos"}}},
        {"properties": {"@timestamp": {"type": "date"}, "message": {"type": "text", "analyzer": "english"}}},
        {"properties": {"@timestamp": {"type": "date"}, "message": {"type": "keyword", "ignore_above": 5}}},
        {"properties": {"@timestamp": {"type": "date"}, "message": {"type": "text", "index": False}}},
        {"properties": {"@timestamp": {"type": "date"}, "service": {"type": "flattened"}}},
        {"properties": {"@timestamp": {"type": "date"}, "service": {"enabled": False}}},
        {"properties": {"@timestamp": {"type": "date"}, "n": {"type": "integer"}}},
        {"properties": {"@timestamp": {"type": "date"}, "n": {"type": "keyword", "ignore_above": 1}}},
        {"properties": {"@timestamp": {"type": "date"}, "log": {"properties": {"level": {"type": "keyword", "ignore_above": 2}}}}},
        {"properties": {"@timestamp": {"type": "date"}, "service": {"properties": {"name": {"type": "text"}}}}},
    ],
)  # fmt: skip
def test_whatever_the_mapping_every_record_is_found(
    elastic: Elastic, other: Other, mappings: dict[str, Any], request: pytest.FixtureRequest
) -> None:
    index = f"{elastic.prefix}-odd-{abs(hash(request.node.name)) % 10**6}"
    elastic.client.indices.create(index=index, mappings=mappings, settings={"number_of_replicas": 0})
    document = {
        "@timestamp": "2026-05-04T12:00:00.123456789Z",
        "message": "the workers were RUNNING",
        "service": {"name": "shop"},
        "log": {"level": "Error"},
        "n": 10.7,
    }
    elastic.client.index(index=index, document=document, refresh=True)
    store = ExternalLogStore(other.es, ResidualEngine(), {"acme": index}, "own")
    for text in ("running", "the", "service:shop", "level:error", "n:10.7", "n:[10.5 TO 11]", "n:>10", "level>=error"):
        assert store.search("acme", LogQuery(parse(text))).total == 1, text
    for text in ("run", "service:sho", "level:info", "n:10", "n:>10.7"):
        assert store.search("acme", LogQuery(parse(text))).total == 0, text
    store.close()


def test_odd_values_are_kept_and_break_nothing(elastic: Elastic, other: Other) -> None:
    index = f"{elastic.prefix}-odd-values"
    mappings = {"dynamic": False, "properties": {"@timestamp": {"type": "date"}}}
    elastic.client.indices.create(index=index, mappings=mappings, settings={"number_of_replicas": 0})
    documents = [
        {
            "@timestamp": "2026-05-04T12:00:00Z",
            "message": "nul \0 sub \x1a",
            "level": 3,
            "tags": [1, "a"],
            "host": ["x"],
        },
        {"@timestamp": "2026-05-04T12:00:01Z", "log.level": "warn", "service.name": "dotted", "big": 2**63 + 1},
        {"@timestamp": "1950-01-01T00:00:00Z", "message": "too early"},
        {"message": "no time at all"},
    ]
    for document in documents:
        elastic.client.index(index=index, document=document, refresh=True)
    store = ExternalLogStore(other.es, ResidualEngine(), {"acme": index}, "own")
    later, first = store.search("acme", LogQuery()).records
    assert (first["message"], first["level"], first["tags"], first["host"]) == (
        "nul \ufffd sub \ufffd",
        "unknown",
        [],
        None,
    )
    assert first["attributes"] == '{"level":3,"tags":[1,"a"],"host":["x"]}'
    assert (later["level"], later["service"], later["attributes"]) == ("warning", "dotted", f'{{"big":{2**63 + 1}}}')
    store.close()
