"""Python's logging in the styles that its frameworks set up."""

from services.ingest.formats.line_format import LineFormat
from services.ingest.levels import LEVEL_WORD

_LEVEL = rf"(?P<level>{LEVEL_WORD}|SUCCESS)"

DASHES = LineFormat(
    "Python logging",
    rf"(?P<time>TIME) - (?:(?P<pid>\d+) - )?(?P<logger>[\w.\-]+) - (?:(?P<thread>[\w.\-]+) - )?{_LEVEL} - ",
)
"""`%(asctime)s - %(name)s - %(levelname)s - %(message)s`"""

BASIC = LineFormat("Python logging without times", rf"{_LEVEL}:(?P<logger>[\w.\-]+):")
"""`logging.basicConfig()`"""

CELERY = LineFormat("Celery", rf"\[(?P<time>TIME): {_LEVEL}/(?P<thread>[^\]]+)\] ")
GUNICORN = LineFormat("Gunicorn", rf"\[(?P<time>TIME)\] \[(?P<pid>\d+)\] \[{_LEVEL}\] ")
LOGURU = LineFormat(
    "Loguru", rf"(?P<time>TIME) \| {_LEVEL} +\| (?P<logger>[\w.<>\-]+):(?P<function>[\w<>]+):(?P<lineno>\d+) - "
)
UVICORN = LineFormat("Uvicorn", rf"{_LEVEL}: {{4,}}")

FORMATS = (DASHES, CELERY, GUNICORN, LOGURU, BASIC, UVICORN)
