"""Files in and out of the knowledge base: read as last time, told what they repeat, nothing lost on the way round."""

from typing import Any

import pytest
import sqlalchemy as sa

from agent.flows import communities, knowledge_files
from agent.flows import knowledge as flow
from agent.flows.knowledge_files import Reading
from core.caller import Caller
from core.errors import Forbidden
from core.vocabulary import CommunityType
from knowledge.entry_in import EntryIn
from knowledge.exporting import written
from knowledge.importing import FORMATS, Format
from store import knowledge
from store.audit import AuditRow
from tests.house import KNOWLEDGE, House, row_counts
from tests.knowledge.entries_made import entries

TABLE = "甲列,乙列,丙列\n怎么退款,在订单页申请,售后\n多久发货,48小时内,物流\n"
COLUMNS = {"甲列": "title", "乙列": "answer", "丙列": "tags"}
DOCUMENT = "# 手册\n\n## 群规\n\n不发广告。\n\n## 活动\n\n每周五。\n"


def take(house: House, text: str | bytes, format_: Format = "csv", *, caller: Caller | None = None, **more: Any) -> Any:
    reading = {name: more.pop(name) for name in ("name", "columns", "clean", "community") if name in more}
    data = text.encode() if isinstance(text, str) else text
    dry_run = more.pop("dry_run", False)
    return flow.import_file(
        house.services, caller or house.owner, data, format_, dry_run=dry_run, how=Reading(**reading), **more
    )


def all_entries(house: House) -> dict[str, EntryIn]:
    with house.services.database.read() as db:
        return {row.id: flow.written(row) for row in knowledge.page(db, communities=None, limit=2_000)}


@pytest.mark.parametrize("format_", FORMATS)
def test_a_thousand_entries_go_round_unchanged(house: House, format_: Format) -> None:
    made = {one.id: one for one in entries(1_000)}
    data = b"".join(written((one.model_dump(mode="json") for one in made.values()), "jsonl"))
    assert take(house, data, "jsonl").added == 1_000
    out = b"".join(knowledge_files.export(house.services, house.owner, format_).pieces)
    again = take(house, out, format_)
    assert (again.errors, again.added, again.changed, again.unchanged) == ([], 0, 0, 1_000)
    assert all_entries(house) == made


def test_columns_are_remembered_once_they_were_stored(house: House) -> None:
    assert take(house, TABLE, dry_run=True).errors[0].code == "column_needed"
    assert take(house, TABLE, columns=COLUMNS, dry_run=True).added == 2
    assert take(house, TABLE, dry_run=True).errors[0].code == "column_needed"
    assert take(house, TABLE, columns=COLUMNS).added == 2
    again = take(house, "乙列,甲列,丙列\n七天内,买错了能退吗,售后\n")
    assert (again.errors, again.added) == ([], 1)
    assert {column.how for column in again.table.columns} == {"remembered"}


def test_a_second_import_of_a_table_changes_nothing(house: House) -> None:
    take(house, TABLE, columns=COLUMNS)
    before = row_counts(house.services.database)
    assert take(house, TABLE).unchanged == 2
    assert row_counts(house.services.database) == before


def test_what_is_remembered_is_audited(house: House) -> None:
    take(house, TABLE, columns=COLUMNS)
    with house.services.database.read() as db:
        actions = db.execute(sa.select(AuditRow.action)).scalars().all()
    assert actions.count("knowledge.columns_remembered") == 1


def test_one_bad_row_stores_nothing_and_remembers_nothing(house: House) -> None:
    before = row_counts(house.services.database)
    done = take(house, TABLE + ",只有答案,\n", columns=COLUMNS)
    assert {one.code for one in done.errors} == {"missing"}
    assert row_counts(house.services.database) == before
    assert take(house, TABLE + ",只有答案,\n", columns=COLUMNS, partial=True).added == 2


def test_rows_of_unknown_communities_are_named_where_they_stand(house: House) -> None:
    text = "问题,答案,所属社群\n,缺问题,\n甲,一,nowhere\n乙,二,mama\n"
    done = take(house, text, partial=True)
    (unknown,) = [one for one in done.errors if one.code == "community_unknown"]
    assert (unknown.row, unknown.line, done.added) == (2, 3, 1)


def test_duplicates_and_conflicts_are_told_and_block_only_when_asked(house: House) -> None:
    house.learn()
    answer = "七天内在「我的订单」里点退款，选择“拍错了”，审核通过后三个工作日原路退回。"
    text = f"问题,答案\n买错了怎么退款？,{answer}\n什么时候发货,一周\n"
    done = take(house, text, dry_run=True)
    assert [(one.likeness, one.row, one.other_id) for one in done.matches] == [
        ("duplicate", 1, "refund-wrong"),
        ("conflict", 2, "shipping-time"),
    ]
    strict = take(house, text, strict=True)
    assert [(one.code, one.row) for one in strict.errors] == [("duplicate_question", 1), ("conflicting_answer", 2)]
    assert strict.added == 0
    assert take(house, text).added == 2


def test_who_may_not_read_an_entry_is_not_told_of_it(house: House) -> None:
    # scope: 36
    flow.save(
        house.services,
        house.owner,
        EntryIn.model_validate(
            {"id": "root-only", "kind": "faq", "title": "怎么退款", "phrasings": ["怎么退款"], "answer": "内部"}
            | {"community": "mama"}
        ),
        version=None,
    )
    communities.create(
        house.services,
        house.owner,
        community_id="papa",
        name="爸爸群",
        type=CommunityType.INTEREST,
        channel="wecom",
        parent_id="root",
    )
    editor = house.user("content", "papa")
    done = take(house, "问题,答案\n怎么退款,别的\n", caller=editor, community="papa", dry_run=True)
    assert (done.added, done.matches) == (1, [])


def test_rows_without_a_community_go_where_it_is_said(house: House) -> None:
    editor = house.user("content", "mama")
    with pytest.raises(Forbidden, match="scope_missing"):
        take(house, TABLE, columns=COLUMNS, caller=editor)
    assert take(house, TABLE, columns=COLUMNS, caller=editor, community="mama").added == 2
    assert {one.community for one in all_entries(house).values()} == {"mama"}


def test_a_document_comes_again_with_a_part_changed_and_a_part_gone(house: House) -> None:
    assert take(house, DOCUMENT, "markdown", name="手册.md").added == 2
    shorter = "# 手册\n\n## 群规\n\n不发广告，不骂人。\n"
    told = take(house, shorter, "markdown", name="手册.md", dry_run=True)
    assert (told.changed, told.added, len(told.gone), told.retired) == (1, 0, 1, 0)
    done = take(house, shorter, "markdown", name="手册.md", retire_gone=True)
    assert (done.changed, done.retired) == (1, 1)
    statuses = {one.title: one.status for one in all_entries(house).values()}
    assert statuses == {"手册 › 手册 › 群规": "approved", "手册 › 手册 › 活动": "retired"}
    assert take(house, shorter, "markdown", name="手册.md", retire_gone=True).retired == 0


def test_another_document_takes_nothing_away(house: House) -> None:
    take(house, DOCUMENT, "markdown", name="手册.md")
    assert take(house, DOCUMENT, "markdown", name="手册2.md", dry_run=True).gone == []


def test_an_export_holds_what_the_caller_may_read(house: House) -> None:
    # scope: 36
    take(house, TABLE, columns=COLUMNS, community="mama")
    house.learn(KNOWLEDGE)
    reader = house.user("answerer", "mama")
    out = knowledge_files.export(house.services, reader, "jsonl")
    assert (out.entries, b"".join(out.pieces).count(b"\n")) == (6, 6)
    own = knowledge_files.export(house.services, reader, "jsonl", community="mama")
    assert (own.entries, b"".join(own.pieces).count(b"\n")) == (2, 2)
