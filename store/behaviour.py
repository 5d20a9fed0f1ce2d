"""What members did around a message: the numbers behind the behaviour layer. Asked for every message that comes in, so
the queries are built once and run outside the ORM."""

from datetime import datetime, timedelta
from typing import Any, NamedTuple

import sqlalchemy as sa

from core.vocabulary import Conversation, MessageType, RiskStatus, SenderRole
from store.communities import CommunityRow
from store.members import MemberIdentityRow, MembershipRow
from store.messages import MessageRow
from store.risks import RiskItemRow
from store.session import ReadSession
from store.users import UserIdentityRow

_AT = MessageRow.sent_at.type
_MOST = 200


class Sender(NamedTuple):
    """`here_since` is the begin of the sender's stay in the community, `by_message` says that this is only when their
    first message came. `offended`: something of theirs was confirmed once, however long ago."""

    member_id: str
    staff: bool
    here_since: datetime | None
    by_message: bool
    offended: bool


def _sender_query() -> sa.Select[*tuple[Any, ...]]:
    staff = sa.select(UserIdentityRow.user_id).where(
        UserIdentityRow.channel == sa.bindparam("channel"), UserIdentityRow.external_hash == sa.bindparam("hashed")
    )
    stay = sa.and_(
        MembershipRow.member_id == MemberIdentityRow.member_id,
        MembershipRow.community_id == sa.bindparam("community_id"),
        MembershipRow.left_at.is_(None),
    )
    offence = sa.select(RiskItemRow.id).where(
        RiskItemRow.member_id == MemberIdentityRow.member_id, RiskItemRow.status == RiskStatus.CONFIRMED.value
    )
    return (
        sa.select(
            MemberIdentityRow.member_id,
            staff.exists(),
            MembershipRow.joined_at,
            MembershipRow.source,
            offence.correlate(MemberIdentityRow).exists(),
        )
        .join_from(MemberIdentityRow, MembershipRow, stay, isouter=True)
        .where(
            MemberIdentityRow.channel == sa.bindparam("channel"),
            MemberIdentityRow.external_hash == sa.bindparam("hashed"),
        )
    )


_SENDER = _sender_query()


def sender(db: ReadSession, channel: str, external_hash: str, community_id: str) -> Sender | None:
    """None for who was never seen."""
    values = {"channel": channel, "hashed": external_hash, "community_id": community_id}
    row = db.connection().execute(_SENDER, values).first()
    return None if row is None else Sender(row[0], bool(row[1]), row[2], row[3] == "message", bool(row[4]))


class Own(NamedTuple):
    """What the sender said shortly before: `same` is how often the same, in any group; `volume` how many texts here."""

    same: int
    volume: int


def _own_query() -> sa.Select[*tuple[Any, ...]]:
    return (
        sa.select(
            MessageRow.fingerprint,
            MessageRow.sent_at,
            MessageRow.community_id,
            MessageRow.type,
            MessageRow.external_id,
            MessageRow.conversation,
        )
        .where(
            MessageRow.member_id == sa.bindparam("member_id"),
            MessageRow.sent_at > sa.bindparam("since", type_=_AT),
            MessageRow.sent_at <= sa.bindparam("until", type_=_AT),
            MessageRow.recalled.is_(False),
        )
        .order_by(MessageRow.sent_at.desc())
        .limit(_MOST)
    )


_OWN = _own_query()


class Moment(NamedTuple):
    """The message that is asked about."""

    community_id: str
    external_id: str
    fingerprint: str | None
    at: datetime


def own(db: ReadSession, member_id: str, this: Moment, same_within: timedelta, volume_within: timedelta) -> Own:
    """Counted by the times at which things were said, the message itself left out."""
    since = this.at - max(same_within, volume_within)
    rows = db.connection().execute(_OWN, {"member_id": member_id, "since": since, "until": this.at})
    same = volume = 0
    for fingerprint, at, community_id, kind, external_id, conversation in rows:
        if external_id == this.external_id and community_id == this.community_id:
            continue
        same += fingerprint is not None and fingerprint == this.fingerprint and at > this.at - same_within
        here = community_id == this.community_id and conversation == Conversation.GROUP
        volume += here and kind == MessageType.TEXT and at > this.at - volume_within
    return Own(same, volume)


def _others_query() -> sa.Select[*tuple[Any, ...]]:
    return (
        sa.select(MessageRow.member_id, MessageRow.sender_role)
        .where(
            MessageRow.community_id == sa.bindparam("community_id"),
            MessageRow.fingerprint == sa.bindparam("fingerprint"),
            MessageRow.sent_at > sa.bindparam("since", type_=_AT),
            MessageRow.sent_at <= sa.bindparam("until", type_=_AT),
            MessageRow.recalled.is_(False),
        )
        .order_by(MessageRow.sent_at.desc())
        .limit(_MOST)
    )


_OTHERS = _others_query()


class Others(NamedTuple):
    """How many other members said the same here, and whether somebody of the staff (or a bot) did."""

    members: int
    staff: bool


def others(db: ReadSession, member_id: str | None, this: Moment, within: timedelta) -> Others:
    values = {"community_id": this.community_id, "fingerprint": this.fingerprint, "until": this.at}
    rows = db.connection().execute(_OTHERS, values | {"since": this.at - within}).all()
    said = {who for who, role in rows if role == SenderRole.MEMBER and who != member_id}
    return Others(len(said), any(role != SenderRole.MEMBER for _, role in rows))


def founded(db: ReadSession, community_id: str) -> datetime | None:
    """Since when the community is known."""
    return db.execute(sa.select(CommunityRow.created_at).where(CommunityRow.id == community_id)).scalar_one_or_none()


def text_of(db: ReadSession, channel: str, community_id: str, external_id: str) -> str | None:
    """The text, masked, of a message that came in before."""
    query = sa.select(MessageRow.text).where(
        MessageRow.channel == channel,
        MessageRow.community_id == community_id,
        MessageRow.external_id == external_id,
    )
    return db.execute(query).scalar_one_or_none()
