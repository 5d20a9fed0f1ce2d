"""What the screening layers read and give back: the message's values in, signs out."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from core.text import Normalized
from core.vocabulary import MessageType, RiskLabel, SenderRole


class AttachmentInfo(BaseModel):
    """What is known of an attachment without opening it."""

    model_config = ConfigDict(frozen=True)

    kind: str = Field(description="image, file, voice … as the channel named it")
    name: str = Field("", description="file name, screened like text")
    mime: str = ""


class Sign(NamedTuple):
    """One piece of evidence: `weight` 0–1, `start`/`end` half-open in the original text, `key` names the rule.

    Signs with the same layer and key count once, however often they occur.
    """

    label: RiskLabel
    weight: float
    start: int
    end: int
    layer: str
    key: str


class ScreenInput(BaseModel):
    """One message as values: no ids, no clock. `signs` are those of who knows more than the text, such as the store."""

    model_config = ConfigDict(frozen=True)

    text: str
    type: MessageType = MessageType.TEXT
    sender_role: SenderRole = SenderRole.MEMBER
    attachments: tuple[AttachmentInfo, ...] = ()
    signs: tuple[Sign, ...] = ()


Layer = Callable[[Normalized, ScreenInput], Sequence[Sign]]
"""A way of looking: behaviour, classifiers and a model join as further layers."""
