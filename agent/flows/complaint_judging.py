"""The llm engine's half of detecting complaints: only what the classifier is unsure of is put to the model. It fails to
the embedded verdict, marked degraded."""

import time
from typing import Final

from agent.flows.improving import Limited
from agent.services import Services
from agent.steps import complaint_judge
from agent.steps.asking import ModelUnavailable
from agent.steps.complaint import Complaint
from agent.steps.complaint_judge import Judged
from core import log

_log = log.get(__name__)
BROKE: Final = "broke"


def judge(services: Services, text: str, complaint: Complaint, object_id: str | None = None) -> Judged:
    """The verdict on a masked text. Holds no transaction, never raises; without a model, or where the classifier is
    sure, the verdict as it came."""
    if services.model is None or not complaint.uncertain:
        return Judged(complaint)
    limited = Limited(services.model, time.monotonic() + services.env.llm_timeout)
    try:
        return complaint_judge.judge(limited, text, complaint, object_id)
    except ModelUnavailable as unavailable:
        reason = unavailable.reason
    except Exception as error:
        reason = BROKE
        _log.exception("complaint_judging_broke", message=object_id, error=type(error).__name__)
    _log.info("complaint_not_judged", message=object_id, reason=reason)
    return Judged(complaint, degraded=True, reason=reason)
