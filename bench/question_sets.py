"""Which questions are asked of which records."""

from bench.data import BUSY_ADDRESS, RARE_WORD
from bench.plain import Plain
from bench.questions import (
    AGGREGATE_MS,
    UNIQUE_MS,
    WORD_COUNT_MS,
    WORD_HISTOGRAM_MS,
    Question,
    attribute,
    contains,
    count,
    histogram,
    measure,
    measure_by,
    page,
    paging,
    patterns,
    top,
)
from bench.vocabulary import COMMON, PHRASE, WILD

P95 = "quantile_cont({}, 0.95)"


def of_generated(plain: Plain) -> list[Question]:
    """Questions about generated records; ids and the like are those of a record in the middle of the table."""
    unique, address, trace, customer = _specimens(plain)
    wild = WILD[0][:7]
    duration = attribute("duration_ms")
    return [
        page("all", "", is_central=True),
        page("level", "level:error", "level = 'error'"),
        page("common word", COMMON, contains(COMMON), is_central=True),
        page("rare word", RARE_WORD, contains(RARE_WORD)),
        page("unique id", unique, contains(unique), aim_ms=UNIQUE_MS, is_central=True),
        page("address", address, contains(address), aim_ms=UNIQUE_MS, is_central=True),
        page("busy address", BUSY_ADDRESS, contains(BUSY_ADDRESS)),
        page("trace id", f"trace_id:{trace}", f"trace_id = '{trace}'", is_central=True),
        page("phrase", f'"{PHRASE}"', contains(PHRASE)),
        page("wildcard", f"{wild}*", contains(wild)),
        page("attribute", f"customer:{customer}", f"{attribute('customer')} = '{customer}'", is_promotable=True),
        count("level", "level:error", "level = 'error'"),
        count("common word", COMMON, contains(COMMON), aim_ms=WORD_COUNT_MS, is_central=True),
        count("rare word", RARE_WORD, contains(RARE_WORD)),
        count("unique id", unique, contains(unique), aim_ms=UNIQUE_MS),
        count("address", address, contains(address), aim_ms=UNIQUE_MS),
        count("busy address", BUSY_ADDRESS, contains(BUSY_ADDRESS)),
        count("trace id", f"trace_id:{trace}", f"trace_id = '{trace}'"),
        count("phrase", f'"{PHRASE}"', contains(PHRASE)),
        count("wildcard", f"{wild}*", contains(wild)),
        count("attribute", f"customer:{customer}", f"{attribute('customer')} = '{customer}'", is_promotable=True),
        count("number range", "duration_ms:>4000", f"TRY_CAST({duration} AS DOUBLE) > 4000", is_promotable=True),
        histogram("all", aim_ms=AGGREGATE_MS, is_central=True),
        histogram("common word", COMMON, contains(COMMON), aim_ms=WORD_HISTOGRAM_MS, is_central=True),
        top("service", "service", "service", aim_ms=AGGREGATE_MS, is_central=True),
        top("host", "host", "host", aim_ms=AGGREGATE_MS),
        top("trace id", "trace_id", "trace_id", aim_ms=AGGREGATE_MS),
        top("customer", "customer", attribute("customer"), aim_ms=AGGREGATE_MS, is_promotable=True, is_central=True),
        measure("p95 of duration", "p95", P95, "duration_ms", duration, aim_ms=AGGREGATE_MS, is_promotable=True),
        measure("average duration", "avg", "avg({})", "duration_ms", duration, aim_ms=AGGREGATE_MS, is_promotable=True),
        measure_by("p95 by service", "service", "duration_ms", duration, aim_ms=AGGREGATE_MS, is_promotable=True),
        patterns(),
        paging("all", ""),
        paging("common word", COMMON, contains(COMMON)),
    ]


def _specimens(plain: Plain) -> tuple[str, str, str, str]:
    """An id, an address, a trace id and a customer that occur."""

    def one(expression: str, where: str) -> str:
        middle = "OFFSET (SELECT count(*) // 20 FROM logs)"
        return str(plain.rows(f"SELECT {expression} FROM logs WHERE {where} LIMIT 1 {middle}")[0][0])

    unique = one("regexp_extract(message, 'request ([0-9a-f]{16})', 1)", contains("request "))
    address_sql = r"regexp_extract(message, 'from ((\d+\.){3}\d+)', 1)"
    usual = f"regexp_matches(message, 'from [0-9]+\\.') AND NOT {contains(BUSY_ADDRESS)}"
    return unique, one(address_sql, usual), one("trace_id", "true"), one(attribute("customer"), "true")


def of_events(plain: Plain) -> list[Question]:
    """Questions about the wide Windows events."""
    event, image = attribute("EventID"), attribute("SourceImage")
    service = "C:\\Windows\\System32\\VBoxService.exe"
    asked = f'SourceImage:"{service}"'.replace("\\", "\\\\")
    guid = plain.rows("SELECT regexp_extract(message, '([0-9a-f-]{36})', 1) FROM logs WHERE contains(message, 'GUID: {') LIMIT 1")[0][0]  # fmt: skip
    return [
        page("all", ""),
        page("word", "svchost", contains("svchost")),
        page("process id", f'"{guid}"', contains(guid)),
        page("attribute", "EventID:4688", f"{event} = '4688'", is_promotable=True),
        page("long attribute", asked, f"{image} = '{service}'", is_promotable=True),
        count("word", "svchost", contains("svchost")),
        count("process id", f'"{guid}"', contains(guid)),
        count("attribute", "EventID:10", f"{event} = '10'", is_promotable=True),
        histogram("all"),
        histogram("word", "svchost", contains("svchost")),
        top("service", "service", "service"),
        top("event id", "EventID", event, is_promotable=True),
        top("source image", "SourceImage", image, is_promotable=True),
        measure(
            "p95 of thread id", "p95", P95, "ExecutionProcessID", attribute("ExecutionProcessID"), is_promotable=True
        ),
        patterns(),
        paging("all", ""),
    ]
