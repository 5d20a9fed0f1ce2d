"""Entries with everything in them that a format could trip over."""

import random
from datetime import date, timedelta
from typing import Any

from core.vocabulary import Audience, CommunityType, EntryKind, EntryStatus, Scene, Tone
from knowledge.entry_in import EntryIn

NASTY = (
    "=1+1",
    "+86 400",
    "-5℃ 以下",
    "@所有人",
    "＝全角",
    "'=引号开头",
    "'单引号",
    "''两个",
    '"引号" 和 “引号”',
    "一,二；三;四|五、六",
    "反斜杠\\ 和 \\n 和 \\| 末尾\\",
    "第一行\n第二行\n\n  缩进",
    "# 像标题\n## 也像\n\\# 转义过",
    "```yaml\nid: x\n```",
    "---",
    "- 列表\n- 列表",
    "<b>粗</b> &nbsp; &amp; <script>",
    "👨‍👩‍👧 ❤️ 🇨🇳",
    "null",
    "true",
    "2026-01-01",
    "007",
    "1e5",
    "_x000A_ 和 _x0041_",
    "\ufeff开头",
    "零\u200b宽",
    "行\u2028隔",
    "\ufffe非字符",
    "制表\t符",
    "版权所有 © 2026",
    "鎬庝箞",
    "{}",
    "&锚 *别名 !标签",
    "%指令",
    "<!-- 注释 -->",
    "长期",
    "[1, 2]",
)


def entry(number: int, rng: random.Random) -> EntryIn:
    """The entry of this number, the same for the same seed."""

    def text(most: int = 3) -> str:
        return " ".join(rng.choices(NASTY, k=rng.randint(1, most)))

    def some(most: int) -> list[str]:
        return [text(1) for _ in range(rng.randint(0, most))]

    kind = list(EntryKind)[number % 4]
    since = date(2026, 1, 1) + timedelta(days=number % 300)
    fields: dict[str, Any] = {
        "id": f"made-{number:05}",
        "kind": kind,
        "title": f"{text(2)} {number}",
        "phrasings": some(4) or ([text()] if kind == EntryKind.FAQ else []),
        "answer": f"{text(4)}\n{{member_name}} 第 {number} 条" if number % 3 else f"{text()} {number}",
        "scene": rng.choice(list(Scene)) if kind == EntryKind.SCRIPT else None,
        "audience": rng.choice(list(Audience)),
        "tone": rng.choice([None, *Tone]),
        "tags": [tag[:50].strip() for tag in some(3)],
        "owner": rng.choice([None, text(1)]),
        "valid_from": rng.choice([None, since]),
        "valid_until": rng.choice([None, since + timedelta(days=30)]),
        "community": None,
        "group_types": rng.sample(list(CommunityType), rng.randint(0, 3)),
        "source": text(1) if kind == EntryKind.CASE else rng.choice([None, text(1)]),
        "status": rng.choice(list(EntryStatus)),
    }
    if kind == EntryKind.SCRIPT:
        # What looks like a slot and is none may not stand in a script.
        fields["answer"] = fields["answer"].replace("{}", "（）")
    return EntryIn.model_validate(fields)


def entries(count: int, seed: int = 4) -> list[EntryIn]:
    rng = random.Random(seed)
    return [entry(number, rng) for number in range(count)]
