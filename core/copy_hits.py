"""What a check of our own outgoing text says (`copy` of drafts and campaigns)."""

from pydantic import BaseModel, ConfigDict

from core.vocabulary import CopyLabel


class CopyHit(BaseModel):
    """`span` is half-open, in code points of the text as it stands; `advice` says what to write instead."""

    model_config = ConfigDict(frozen=True)

    label: CopyLabel
    span: tuple[int, int]
    advice: str
