"""What a check of our own outgoing text says (`copy` of drafts and campaigns)."""

from pydantic import BaseModel, ConfigDict, Field

from core.vocabulary import CopyLabel


class CopyHit(BaseModel):
    """`span` is half-open, in code points of the text as it stands; `advice` says what to write instead, `rule` names
    the kind of wording (`price`, `service`, …) and is empty where the label says it all."""

    model_config = ConfigDict(frozen=True)

    label: CopyLabel
    span: tuple[int, int]
    advice: str
    rule: str = Field("", exclude_if=lambda value: not value)
