"""The one message format of all channels (`POST /v1/messages`), and the one event format."""

from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)
from pydantic_core import PydanticCustomError

from core.vocabulary import Conversation, EventType, MessageType, SenderRole

MOST_TEXT = 8_000
MOST_ATTACHMENTS = 20
_MOST_DATA = 4_000
_MOST_DEPTH = 20
_YEARS = range(1990, 9000)

Word = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)]
Name = Annotated[str, StringConstraints(max_length=120)]
Channel = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{1,31}$")]


def _plausible(moment: datetime) -> datetime:
    # The ends of the calendar overflow when they are turned into UTC.
    if moment.year not in _YEARS:
        raise PydanticCustomError("moment_out_of_range", "a year from 1990 on")
    return moment


Moment = Annotated[AwareDatetime, AfterValidator(_plausible)]


def _storable(value: object, depth: int = 0) -> bool:
    """Whether both databases can keep it: no NUL character, no half of a surrogate pair, not nested without end."""
    if isinstance(value, str):
        return "\0" not in value and not any("\ud800" <= char <= "\udfff" for char in value)
    if depth >= _MOST_DEPTH:
        return not isinstance(value, dict | list)
    if isinstance(value, dict):
        return all(_storable(one, depth + 1) for pair in value.items() for one in pair)
    return not isinstance(value, list) or all(_storable(one, depth + 1) for one in value)


class Strict(BaseModel):
    """Unknown fields are refused, so that a misspelt one is not silently lost."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _can_be_stored(cls, value: Any) -> Any:
        if not _storable(value):
            raise PydanticCustomError("value_not_storable", "a NUL, half a surrogate pair, or nested too deep")
        return value


class Sender(Strict):
    id: Word = Field(description="成员在该渠道的 id", examples=["wx-xiaoman"])
    name: Name | None = Field(None, description="昵称", examples=["小满妈妈"])
    role: SenderRole = SenderRole.MEMBER


class Attachment(Strict):
    kind: Annotated[str, StringConstraints(max_length=32)] = Field(examples=["image"])
    name: Annotated[str, StringConstraints(max_length=255)] = Field("", examples=["破损.jpg"])
    mime: Annotated[str, StringConstraints(max_length=100)] = Field("", examples=["image/jpeg"])
    size: int = Field(0, ge=0, description="字节数")
    url: Annotated[str, StringConstraints(max_length=2000, pattern=r"^https?://")] | None = None


class IncomingMessage(Strict):
    """One message of one conversation. `(channel, community_id, message_id, revision)` is its natural key."""

    channel: Channel = Field(examples=["wecom"])
    community_id: Word = Field(examples=["hemiao-mama"])
    message_id: Word = Field(examples=["m-1001"])
    type: MessageType = MessageType.TEXT
    revision: int = Field(0, ge=0, le=10_000)
    recalled: bool = False
    conversation: Conversation = Conversation.GROUP
    sender: Sender
    text: str = Field("", examples=["请问买错了怎么退款呀？"])
    sent_at: Moment = Field(examples=["2026-11-18T10:00:00+08:00"])
    reply_to: Word | None = None
    mentions: tuple[Word, ...] = Field((), max_length=200)
    attachments: tuple[Attachment, ...] = ()

    @model_validator(mode="after")
    def _within_limits(self) -> Self:
        if len(self.text) > MOST_TEXT:
            raise PydanticCustomError("text_too_long", "text has {length} characters", {"length": len(self.text)})
        if len(self.attachments) > MOST_ATTACHMENTS:
            raise PydanticCustomError("too_many_attachments", "more than {most}", {"most": MOST_ATTACHMENTS})
        if not self.text.strip() and not self.attachments and not self.recalled:
            raise PydanticCustomError("text_empty", "neither text nor attachment")
        return self


class EventMember(Strict):
    id: Word
    name: Name | None = None


class IncomingEvent(Strict):
    """`(channel, community_id, event_id)` is the natural key."""

    channel: Channel = Field(examples=["wecom"])
    community_id: Word = Field(examples=["hemiao-mama"])
    event_id: Word = Field(examples=["e-1"])
    type: EventType = Field(examples=["join"])
    member: EventMember | None = None
    at: Moment
    data: dict[str, Any] = Field(default_factory=dict, examples=[{"source": "门店扫码"}])

    @model_validator(mode="after")
    def _small(self) -> Self:
        if len(repr(self.data)) > _MOST_DATA:
            raise PydanticCustomError("data_too_large", "data has more than {most} characters", {"most": _MOST_DATA})
        return self
