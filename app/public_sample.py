"""The picture beside the sign-in form: invented lines and bars, the same for everybody, never real data."""

SAMPLE = (
    ("14:32:09", ".881", "info", "INFO", "gateway", "GET /cart 200 in 41 ms bytes=1822 client=192.0.2.19"),
    ("14:32:09", ".640", "info", "INFO", "checkout", "Order 8F2M07 confirmed after 1 retry total=84.20"),
    ("14:32:09", ".212", "warning", "WARN", "payments", "Latency 2841 ms above the soft limit of 2500 ms"),
    ("14:32:08", ".977", "error", "ERROR", "payments", "Charge failed: deadline exceeded (timeout 10 s) attempt=2"),
    ("14:32:08", ".903", "info", "INFO", "gateway", "POST /checkout 504 in 10004 ms upstream=payments"),
    ("14:32:08", ".377", "warning", "WARN", "checkout", "Payment call timed out, retry 2 of 3 in 400 ms"),
    ("14:32:07", ".995", "debug", "DEBUG", "payments", "Pool idle=0 active=64 waiting=31"),
    ("14:32:07", ".418", "error", "ERROR", "payments", "POST /charges timed out after 10000 ms attempt=3"),
    ("14:32:07", ".402", "critical", "CRIT", "payments", "Pool exhausted: 64 of 64 in use, 31 waiting"),
    ("14:32:07", ".118", "info", "INFO", "gateway", "GET /products 200 in 58 ms bytes=20417"),
    ("14:32:06", ".803", "info", "INFO", "checkout", "Reservation extended cart=19ff2e ttl=900 s"),
)

_FILLS = (("info", "info"), ("debug", "debug"), ("warning", "warn"), ("error", "error"), ("critical", "fatal"))


def sample_rows() -> list[tuple[str, ...]]:
    """(time, fraction, level, tag, service, message), newest first."""
    return list(SAMPLE)


def sample_bars() -> list[tuple[float, float, float, str]]:
    """(x, y, height, token of the fill) of stacked bars in a field of 960 by 160."""
    bars = []
    for index in range(76):
        top = 160.0
        for level, fill in _FILLS:
            height = _height(level, index)
            if height >= 0.5:
                top -= height
                bars.append((round(index * 12.6, 1), round(top, 1), round(height, 1), fill))
    return bars


def _height(level: str, index: int) -> float:
    """Invented volume: a steady stream, and an incident at the right third."""
    ripple = (index * index * 7919 % 101) / 101
    incident = 1.0 if 46 <= index <= 58 else 0.0
    return {
        "info": 92 + 16 * ripple,
        "debug": 9 + 3 * ripple,
        "warning": 2 + 3 * ripple + 22 * incident * (0.6 + ripple / 2),
        "error": 0.8 + 1.2 * ripple + 17 * incident * (0.4 + ripple / 2),
        "critical": 2.4 * incident * ripple,
    }[level]
