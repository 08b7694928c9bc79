"""What the applications of a process share."""

from __future__ import annotations

from dataclasses import dataclass

from bonafide.scoring.service.admission import Admission
from bonafide.scoring.service.metrics import Metrics
from bonafide.scoring.service.models import ModelStore
from bonafide.scoring.service.settings import Limits
from bonafide.scoring.service.work import Desk


@dataclass(frozen=True, eq=False)
class Site:
    """What page and API share.

    Attributes:
        store: The model in service.
        desk: Threads and batches.
        admission: Room for requests.
        metrics: Where everything is counted.
        limits: What a request may cost.
    """

    store: ModelStore
    desk: Desk
    admission: Admission
    metrics: Metrics
    limits: Limits
