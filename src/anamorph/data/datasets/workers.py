"""What a worker process of a DataLoader does first."""

from __future__ import annotations

import cv2


def worker_init(worker: int = 0) -> None:
    """Keep OpenCV to one thread and its complaints about broken files quiet.

    Give it to torch's ``DataLoader`` as ``worker_init_fn``. Without it each worker would start as
    many threads as the machine has cores, and they would only get in each other's way. Broken files
    are told by errors that name them.

    Args:
        worker: number of the worker, which makes no difference.
    """
    del worker
    cv2.setNumThreads(1)
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
