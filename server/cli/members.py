"""`qunzhu members`: list, show, reveal, export, import, erase; consents, contacts, the notice."""

import json
import os
from pathlib import Path
from typing import Any, Final

import click

from core.errors import BadInput, Conflict
from server.cli.api import connect
from server.cli.lazy import Group
from server.cli.output import emit, moment, note, table
from server.cli.words import word

_COLUMNS: Final = ("id", "name", "contact", "communities", "active")
_LONG_SECONDS: Final = 600.0
_KINDS: Final = ("data", "marketing", "private_message", "introduction")
_CONTACTS: Final = (
    "real_name",
    "phone",
    "email",
    "wechat",
    "qq",
    "id_card",
    "bank_card",
    "address",
    "birthday",
)
_reason = click.option("--reason", metavar="TEXT", required=True, help="理由，会留存 / reason, is kept")
_id = click.argument("member_id", metavar="ID")


@click.group("members", cls=Group)
def command() -> None:
    """成员与个人信息。Members and their personal data."""


@command.command("list")
@click.option("--community", metavar="ID", help="只要这个社群及其下级的 / this community and those below it")
@click.option("--name", metavar="NAME", help="按名字找（完整）/ look up by the exact name")
@click.option(
    "--contact", metavar="VALUE", help="按手机号、邮箱、渠道 id 等找 / look up by phone, e-mail, channel id …"
)
@click.option("--channel", metavar="CHANNEL", help="--contact 是这个渠道的 id / --contact is an id on this channel")
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True, help="最多几个 / how many at most")
def list_(community: str | None, name: str | None, contact: str | None, channel: str | None, limit: int) -> None:
    """列出或查找成员，已脱敏。Members, masked, the newest first."""
    with connect() as api:
        if name or contact:
            page = api.post("/v1/members/find", {"name": name, "contact": contact, "channel": channel})
        else:
            page = api.get("/v1/members", community=community, limit=limit)
    emit(page, lambda: table([_row(one) for one in page["members"]], _COLUMNS))
    if page["next"]:
        note(word("more"))


def _row(one: dict[str, Any]) -> dict[str, Any]:
    ids = [f"{who['channel']}:{who['id']}" for who in one["identities"]] + [who["value"] for who in one["contacts"]]
    inside = [stay["community_id"] for stay in one["stays"] if stay["left_at"] is None]
    active = moment(one["last_active_at"]) if one["last_active_at"] else ""
    return {"id": one["id"], "name": one["name"], "contact": ids, "communities": inside, "active": active}


@command.command("show")
@_id
def show(member_id: str) -> None:
    """一位成员：群、同意、看过谁看过，已脱敏。One member, masked: stays, consents, who was shown what."""
    with connect() as api:
        case = api.get(f"/v1/members/{member_id}")
    emit(case, lambda: "\n".join(_shown(case)))


def _shown(case: dict[str, Any]) -> list[str]:
    lines = [table([_row(case)], _COLUMNS)]
    for name in ("stays", "consents", "disclosures"):
        if case[name]:
            rows = [{key: _value(value) for key, value in one.items()} for one in case[name]]
            lines += ["", f"{word(f'members_{name}')}:", table(rows, tuple(rows[0]))]
    holds = {name: count for name, count in case["holds"].items() if count}
    lines += ["", f"{word('members_holds')}: " + "  ".join(f"{name} {count}" for name, count in holds.items())]
    return lines


def _value(value: Any) -> Any:
    return "" if value is None else str(value).lower() if isinstance(value, bool) else value


@command.command("reveal")
@click.option(
    "--field", "fields", multiple=True, required=True, metavar="FIELD", help="name、identities、phone……可多次"
)
@_reason
@_id
def reveal(fields: tuple[str, ...], reason: str, member_id: str) -> None:
    """看明文，会记录谁、何时、看了什么。Show fields in clear; who, when and why are kept."""
    with connect() as api:
        done = api.post(f"/v1/members/{member_id}/reveal", {"fields": list(fields), "reason": reason})
    emit(done, lambda: "\n".join(f"{name}: {json.dumps(v, ensure_ascii=False)}" for name, v in done["fields"].items()))


@command.command("export")
@click.option(
    "--format", "form", type=click.Choice(["json", "csv"]), default="json", show_default=True, help="csv: ZIP"
)
@click.option(
    "--out",
    "target",
    metavar="FILE",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="写到哪个新文件 / a new file, mode 0600",
)
@_reason
@_id
def export(form: str, target: Path, reason: str, member_id: str) -> None:
    """导出一位成员的全部信息（明文）。Everything known about a member, in clear, into a file."""
    if target.exists():
        raise Conflict("file_exists", path=target)
    with connect() as api:
        answer = api.bytes(f"/v1/members/{member_id}/export", {"format": form, "reason": reason}, _LONG_SECONDS)
    with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(answer)
    emit({"file": str(target), "bytes": len(answer)}, lambda: word("member_exported", file=target))


@command.command("import")
@click.argument("source", metavar="FILE", type=click.Path(path_type=Path, exists=True, dir_okay=False))
def import_(source: Path) -> None:
    """从导出的文件重建一位成员。Make the member of an exported file anew (JSON, or the ZIP)."""
    with connect() as api:
        done = api.call("POST", "/v1/members/import", json=_document(source), seconds=_LONG_SECONDS)
    emit(done, lambda: word("member_imported", **done))


def _document(source: Path) -> Any:
    import zipfile

    try:
        if zipfile.is_zipfile(source):
            with zipfile.ZipFile(source) as archive:
                return json.loads(archive.read("member.json"))
        return json.loads(source.read_bytes())
    except (ValueError, KeyError, RuntimeError, zipfile.BadZipFile):
        raise BadInput("member_file_invalid", why=source.name) from None


@command.command("erase")
@click.option("--yes", is_flag=True, help="不再询问 / don't ask")
@click.option("--reason", metavar="TEXT", help="理由，不要写名字 / reason, without names")
@_id
def erase(yes: bool, reason: str | None, member_id: str) -> None:
    """删除一位成员的全部个人信息，不能恢复。Delete all personal data of a member; it can't be undone."""
    with connect() as api:
        if not yes:
            case = api.get(f"/v1/members/{member_id}")
            for line in _shown(case):
                note(line)
            click.confirm(word("member_erase_sure"), abort=True, err=True)
        done = api.call("DELETE", f"/v1/members/{member_id}", params={"reason": reason}, seconds=_LONG_SECONDS)
    emit(done, lambda: word("member_erased", **done))


@command.command("consent")
@click.option("--granted/--refused", required=True, help="同意，还是不同意 / agreed to, or opted out of")
@click.option("--kind", type=click.Choice(_KINDS), required=True, help="同意什么 / what")
@click.option("--source", metavar="TEXT", required=True, help="依据 / how it is known, such as a form")
@click.option("--community", metavar="ID", help="只对这个社群 / only for this community")
@_id
def consent(granted: bool, kind: str, source: str, community: str | None, member_id: str) -> None:
    """记下成员同意或拒绝了什么。Note what a member agreed to or opted out of."""
    said = {"kind": kind, "granted": granted, "source": source, "community_id": community}
    with connect() as api:
        done = api.post(f"/v1/members/{member_id}/consents", said)
    emit(done, lambda: word("member_consent", kind=done["kind"], granted=str(done["granted"]).lower()))


@command.command("contacts")
@click.option("--kind", type=click.Choice(_CONTACTS), required=True, help="哪一种 / which kind")
@click.option(
    "--value", "values", multiple=True, metavar="VALUE", help="可多次，不给就是清掉 / may be repeated; none clears"
)
@_id
def contacts(kind: str, values: tuple[str, ...], member_id: str) -> None:
    """设置联系方式（加密存放）。Set a member's contacts of one kind; they are kept sealed."""
    with connect() as api:
        api.put(f"/v1/members/{member_id}/contacts/{kind}", {"values": list(values)})
    emit({"id": member_id, "kind": kind, "count": len(values)}, lambda: word("member_contacts", kind=kind))


@command.command("notice")
@click.option("--community", metavar="ID", help="哪个社群 / of which community")
@click.option("--shown-to", "member_id", metavar="ID", help="记下给这位成员看过了 / note that this member was shown it")
def notice(community: str | None, member_id: str | None) -> None:
    """个人信息告知的文字；或记下给谁看过。The privacy notice, or note who was shown it."""
    with connect() as api:
        if member_id is not None:
            said = {"community_id": community or "", "source": "cli"}
            done = api.post(f"/v1/members/{member_id}/notices", said)
        else:
            done = api.get("/v1/privacy/notice", community=community)
    emit(done, lambda: done["text"] or word("notice_none"))
