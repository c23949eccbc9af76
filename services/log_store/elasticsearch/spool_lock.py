"""A folder is one process's: the lock, and the identity that the folder keeps."""

import fcntl
import os
import re
import secrets
from pathlib import Path

from services.errors import BackendUnavailable
from services.log_store.elasticsearch.segment import sync_folder

_IDENTITY = re.compile(rb"[0-9a-f]{32}")


class FolderLock:
    """Holds `lock` in the folder until `release`, or until the process ends.

    identity  32 hex digits, the same for every process that has the folder
    """

    def __init__(self, folder: Path):
        """Raises `BackendUnavailable` where another process, or another part of this one, has the folder."""
        self._file = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.identity = self._read_or_make(folder)
        except BlockingIOError:
            self.release()
            raise BackendUnavailable(
                f"The log spool in {folder} is held by another process. Stop it, or give this one a folder of its own."
            ) from None
        except OSError:
            self.release()
            raise

    def release(self) -> None:
        """Let others have the folder."""
        os.close(self._file)

    def _read_or_make(self, folder: Path) -> str:
        found = os.pread(self._file, 33, 0)
        if _IDENTITY.fullmatch(found):
            return found.decode()
        identity = secrets.token_hex(16)
        os.pwrite(self._file, identity.encode(), 0)
        os.ftruncate(self._file, len(identity))
        os.fsync(self._file)
        sync_folder(folder)
        return identity
