"""Background work as Celery tasks; embedded, their workers are threads of this process over an in-memory broker.

`memory://` forgets its tasks when the process ends: what must survive is found again in the database at start
(`Uploads.resume_all`).
"""

import contextlib
import threading
from collections.abc import Callable

from celery import Celery
from celery.worker import WorkController

UPLOADS = "uploads"
PROCESS_UPLOAD = "elkvision.process_upload"
UPLOAD_WORKERS = 2


class Tasks:
    """The Celery application and, once `start` was called, its workers in this process."""

    def __init__(self) -> None:
        self.celery = Celery("elkvision", broker="memory://localhost/", set_as_current=False)
        self.celery.conf.update(
            task_ignore_result=True,
            task_default_queue=UPLOADS,
            worker_redirect_stdouts=False,
            worker_hijack_root_logger=False,
            worker_prefetch_multiplier=1,
            broker_transport_options={"polling_interval": 0.05},  # kombu's default is a second
        )
        self._worker: WorkController | None = None
        self._thread: threading.Thread | None = None

    def start_upload(self, organisation_id: str, upload_id: str) -> None:
        """Queue the work on one upload."""
        self.celery.send_task(PROCESS_UPLOAD, (organisation_id, upload_id), queue=UPLOADS)

    def work_on_uploads(self, process: Callable[[str, str], None]) -> None:
        """Name what does the work: `process(organisation_id, upload_id)`. Before `start`."""

        def process_upload(organisation_id: str, upload_id: str) -> None:
            process(organisation_id, upload_id)

        self.celery.task(name=PROCESS_UPLOAD)(process_upload)

    def start(self) -> None:
        """Start the workers; returns at once."""
        self._worker = WorkController(
            app=self.celery,
            pool_cls="threads",
            concurrency=UPLOAD_WORKERS,
            queues=[UPLOADS],
            hostname="uploads@embedded",
            without_heartbeat=True,
            without_mingle=True,
            without_gossip=True,
            loglevel="WARNING",
        )
        self._thread = threading.Thread(target=self._worker.start, name="celery", daemon=True)
        self._thread.start()

    def stop(self, timeout_s: float = 2.5) -> None:
        """Take no more tasks. One that is running ends by itself or with the process, and is resumed at next start."""
        if self._worker is None or self._thread is None:
            return
        stopper = threading.Thread(target=_stop_quietly, args=(self._worker,), name="celery-stop", daemon=True)
        stopper.start()
        stopper.join(timeout_s)


def _stop_quietly(worker: WorkController) -> None:
    with contextlib.suppress(SystemExit):
        worker.stop()
