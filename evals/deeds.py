"""What a person does with a case in a dialogue, by the same flow as over HTTP."""

from agent.flows import cases
from agent.flows.cases import Act
from agent.services import Services
from core.caller import Caller
from core.errors import Conflict
from evals.dialogue_rows import Deed
from store.cases import CaseRow


def do(services: Services, caller: Caller, row: CaseRow, deed: Deed) -> None:
    """What the case's state forbids is not done: the checks that wait for it fail. Raises `BadInput` for what the
    action doesn't take or lacks."""
    act = Act(action=deed.action, version=row.version, text=deed.note, answer=deed.answer)
    try:
        cases.act(services, caller, row.id, act)
    except Conflict:
        return
