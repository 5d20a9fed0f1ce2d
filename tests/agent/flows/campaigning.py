"""A club of members in known standings, with scripts, for tests of segments and campaigns."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from agent.flows import campaigns, events, people
from agent.flows import knowledge as knowledge_flow
from agent.flows.campaigns import Changes, Ruling, Verdict
from agent.flows.incoming import EventMember, IncomingEvent
from core.caller import Caller
from core.ids import new_id
from core.vocabulary import ConsentKind, EventType
from store import members
from store.campaigns import CampaignMemberRow, CampaignRow
from store.deliveries import DeliveryRow
from store.members import ConsentRow
from tests.house import House
from tools.campaigns import Proposal

SCRIPTS = """
- id: wake-old
  kind: script
  scene: wake_up
  title: 好久不见的问候
  phrasings: [唤醒老朋友, 沉睡成员问候]
  answer: "{member_name}，好久没见您冒泡了。群里多了不少辅食做法，您常看的也在。不想收到这类消息，回复TD就好。"
- id: wake-slots
  kind: script
  scene: wake_up
  title: 唤醒沉睡3个月老客发券
  phrasings: [唤醒沉睡3个月的老客]
  answer: "{member_name}，{nobody_knows}等着您。"
- id: day-notice
  kind: script
  scene: event_notice
  title: 会员日通知
  phrasings: [会员日预告]
  answer: 会员日到啦，领券中心当天加发一批券，数量在页面上能看到。
"""
BRIEF = "唤醒沉睡3个月的老客，送一张满99减15券，下周五晚上发"


@dataclass(frozen=True, slots=True)
class Club:
    """`house` with members joined by event; a member's name is their id."""

    house: House

    def learn(self, scripts: str = SCRIPTS) -> None:
        data = scripts.encode()
        done = knowledge_flow.import_file(self.house.services, self.house.owner, data, "yaml", dry_run=False)
        assert done.errors == []
        self.house.services.knowledge.refresh()

    def join(self, name: str, days_ago: float, community: str = "mama", channel: str = "wecom") -> str:
        """A member who joined then and has done nothing since; their id."""
        self.event(name, EventType.JOIN, days_ago, community, channel)
        keyring = self.house.services.keyring
        with self.house.services.database.read() as db:
            found = members.find(db, channel, people.external_hash(keyring, channel, name))
        assert found is not None
        return found

    def event(
        self, name: str, type_: EventType, days_ago: float, community: str = "mama", channel: str = "wecom"
    ) -> None:
        at = self.house.clock.now() - timedelta(days=days_ago)
        event = IncomingEvent(
            channel=channel,
            community_id=community,
            event_id=new_id("e"),
            type=type_,
            member=EventMember(id=name, name=f"{name}妈妈"),
            at=at,
        )
        events.receive(self.house.services, self.house.bot, [event])

    def sleepers(self, number: int, days_ago: float = 120) -> list[str]:
        return [self.join(f"s{n}", days_ago) for n in range(number)]

    def consent(
        self, member_id: str, *, granted: bool, community: str | None = None, kind: ConsentKind | None = None
    ) -> None:
        with self.house.services.database.write() as db:
            db.add(
                ConsentRow(
                    id=new_id("con"),
                    member_id=member_id,
                    kind=kind or ConsentKind.MARKETING,
                    community_id=community,
                    granted=granted,
                    source="test",
                    at=db.now,
                )
            )
        self.house.clock.advance(seconds=1)

    def propose(self, brief: str = BRIEF, caller: Caller | None = None, community: str | None = None) -> CampaignRow:
        return campaigns.propose(self.house.services, caller or self.house.owner, brief, community)

    def decide(
        self,
        campaign_id: str,
        decision: Verdict = Verdict.APPROVE,
        *,
        version: int = 1,
        caller: Caller | None = None,
        override: bool = False,
        **changes: object,
    ) -> CampaignRow:
        wanted = Changes.model_validate(changes) if changes else None
        ruling = Ruling(decision, version, wanted, "核对过了" if override else None, override)
        return campaigns.decide(self.house.services, caller or self.house.owner, campaign_id, ruling)

    def members_of(self, campaign_id: str) -> list[CampaignMemberRow]:
        with self.house.services.database.read() as db:
            query = sa.select(CampaignMemberRow).where(CampaignMemberRow.campaign_id == campaign_id)
            return list(db.execute(query.order_by(CampaignMemberRow.member_id)).scalars())

    def deliveries(self) -> list[DeliveryRow]:
        return [row for row in self.house.deliveries() if row.kind == "campaign"]

    def at(self, moment: datetime) -> None:
        self.house.clock.set(moment)


def proposal_of(row: CampaignRow) -> Proposal:
    return Proposal.model_validate(row.proposal)
