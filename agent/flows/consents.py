"""What members agree to and opt out of (同意与退订), which notice (告知) they were shown, and whether a private message
may go out.

An opt-out in the member's own words counts at once: it is their decision, and no person's to confirm. It is noted for
`marketing`; staff may note it for private messages too.
"""

import hashlib
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from agent.flows import member_access
from agent.services import Services
from core import tunables
from core.caller import Caller, system_caller
from core.errors import BadInput, Forbidden, NotFound
from core.masking import mask
from core.scopes import Scope
from core.text import normalize
from core.vocabulary import ConsentKind, Conversation, DeliveryKind, SenderRole
from store import changes, communities, member_list, messages, privacy, settings
from store.audit import Deed
from store.drafts import DraftRow
from store.members import ConsentRow
from store.session import ReadSession, WriteSession

MEMBER: Final = system_caller("consent")
_SHORT: Final = 30
"""Characters up to which an opt-out may stand in a message: what is longer tells a story (我想退订那本杂志……)."""
_POLITE: Final = r"[,，。.!！~]*(?:谢谢(?:你|您|了)?)?[。.!！~]*"
_BARE: Final = re.compile(rf"(?:回复?)?(?:td|t|退订|取消订阅|unsubscribe|stop){_POLITE}")
_SAID: Final = re.compile(
    r"(?:别|不要|勿|莫|甭|别给我|不许)(?:再)?(?:给|跟|向)?(?:我|俺)?(?:再)?(?:发|推|推送|群发|骚扰)"
    r"(?:了|我|消息|广告|信息|私信|活动|推销|营销|短信|东西)"
    rf"|退订(?:了|吧|一下)?{_POLITE}$"
    r"|(?:取消|关闭|关掉|停止)(?:我的)?(?:推送|订阅|营销消息|活动通知|广告)"
    r"|(?:不想|不愿意|不愿)(?:再)?(?:收到|收|看到)(?:你们的?)?(?:消息|广告|推送|活动|营销|私信|信息|推销)"
)
_QUOTES: Final = re.compile(r"[“\"「『]|怎么|如何|吗|嘛|[?？]|订单|快递|包裹")


def opts_out(text: str) -> bool:
    """Whether a member's private message takes back their consent to marketing: 退订, TD, 别再给我发广告了. Questions
    about unsubscribing and talk of orders are none."""
    plain = "".join(normalize(text).text.lower().split())
    if not plain or len(plain) > _SHORT:
        return False
    if _BARE.fullmatch(plain):
        return True
    return _SAID.search(plain) is not None and _QUOTES.search(plain) is None


def note_incoming(db: WriteSession, said: Mapping[str, Any]) -> bool:
    """Note an opt-out that a member wrote privately, in the transaction that stores the message (its columns are
    `said`); whether it was one."""
    private = said["conversation"] == Conversation.PRIVATE and said["sender_role"] == SenderRole.MEMBER
    if not private or said["history"] or said["recalled"] or not opts_out(said["text"]):
        return False
    source = f"message:{said['id']}"
    _keep(db, MEMBER, said["member_id"], ConsentKind.MARKETING, None, granted=False, source=source, at=db.now)
    return True


def note(
    services: Services,
    caller: Caller,
    member_id: str,
    kind: ConsentKind,
    *,
    granted: bool,
    source: str,
    community_id: str | None = None,
    at: datetime | None = None,
) -> ConsentRow:
    """Note what a member agreed to or took back, as `source` says; for one community or (None) everywhere.

    To agree for everywhere takes back what was said anywhere, so the scope is needed in all of the member's
    communities; to opt out, in one.

    Raises `NotFound` (`member_not_found`, `community_not_found`), `Forbidden`, `BadInput` (`at_in_future`,
    `source_missing`), `Conflict` `member_erased`.
    """
    if not source.strip():
        raise BadInput("source_missing", extra={"field": "source"})
    with services.database.write() as db:
        member_access.kept(db, caller, Scope.MEMBERS_EDIT, member_id)
        if community_id is not None:
            caller.require(Scope.MEMBERS_EDIT, community_id)
            if communities.get(db, community_id) is None:
                raise NotFound("community_not_found", extra={"community_id": community_id})
        elif granted:
            member_access.whole(db, caller, Scope.MEMBERS_EDIT, member_id)
        if at is not None and at > db.now:
            raise BadInput("at_in_future", extra={"field": "at"})
        said, moment = mask(source.strip()).text[:64], at or db.now
        _keep(db, caller, member_id, kind, community_id, granted=granted, source=said, at=moment)
        all_said = member_list.consents(db, member_id)
        return next(one for one in all_said if (one.kind, one.community_id, one.at) == (kind, community_id, moment))


def _keep(
    db: WriteSession,
    caller: Caller,
    member_id: str,
    kind: ConsentKind,
    community_id: str | None,
    *,
    granted: bool,
    source: str,
    at: datetime,
) -> None:
    values = {"member_id": member_id, "kind": kind, "community_id": community_id, "granted": granted}
    if not member_list.consent(db, **values, source=source, at=at):
        return
    taken_back = 0
    if not granted and kind in (ConsentKind.MARKETING, ConsentKind.DATA, ConsentKind.PRIVATE_MESSAGE):
        taken_back = member_list.cancel_marketing(db, member_id, kind, community_id, at)
        if taken_back:
            changes.note(db, changes.DELIVERIES)
    details = {"kind": kind, "granted": granted, "taken_back": taken_back}
    db.audit(Deed(caller, "member.consent", "member", member_id, community_id, details))


def private_refused(db: ReadSession, member_id: str, community_id: str) -> bool:
    """Whether the member does not want to be written to privately in this community."""
    said = [
        one
        for one in member_list.consents(db, member_id)
        if one.kind == ConsentKind.PRIVATE_MESSAGE and one.community_id in (None, community_id)
    ]
    return bool(said) and not said[0].granted


def require_private(db: ReadSession, draft: DraftRow) -> None:
    """Raises `Forbidden` `member_opted_out` for a private draft to a member who wants none, unless it answers their own
    private message or complaint: who asks is answered."""
    if draft.kind != DeliveryKind.PRIVATE or draft.member_id is None or draft.case_id is not None:
        return
    if not private_refused(db, draft.member_id, draft.community_id) or _answers_them(db, draft):
        return
    raise Forbidden("member_opted_out", extra={"kind": ConsentKind.PRIVATE_MESSAGE.value})


def _answers_them(db: ReadSession, draft: DraftRow) -> bool:
    if draft.reply_to is None:
        return False
    asked = messages.by_key(db, draft.channel, draft.community_id, draft.reply_to)
    return asked is not None and asked.conversation == Conversation.PRIVATE and asked.member_id == draft.member_id


def notice(db: ReadSession, community_id: str | None) -> str:
    """The privacy notice of a community (the deployment's where it has none of its own)."""
    lineage = communities.lineage(db, community_id) if community_id is not None else ()
    return settings.value(db, tunables.PRIVACY_NOTICE, lineage)


def notice_hash(text: str) -> str:
    """By what it is known which wording a member was shown."""
    return hashlib.sha256(text.encode()).hexdigest()


def note_shown(services: Services, caller: Caller, member_id: str, community_id: str, source: str) -> str:
    """Note that a member was shown the notice as it is now; the hash of its wording.

    Raises `NotFound`, `Forbidden`, `BadInput` `notice_missing` where no notice is set, `Conflict` `member_erased`.
    """
    with services.database.write() as db:
        member_access.kept(db, caller, Scope.MEMBERS_EDIT, member_id)
        caller.require(Scope.MEMBERS_EDIT, community_id)
        if communities.get(db, community_id) is None:
            raise NotFound("community_not_found", extra={"community_id": community_id})
        text = notice(db, community_id)
        if not text:
            raise BadInput("notice_missing")
        hashed = notice_hash(text)
        values = {"member_id": member_id, "community_id": community_id, "notice_hash": hashed, "by": caller.id}
        privacy.note_shown(db, **values, source=source[:16])
        db.audit(Deed(caller, "member.notice_shown", "member", member_id, community_id, {"notice": hashed}))
    return hashed
