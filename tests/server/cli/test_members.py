"""Members and their personal data on the command line."""

import json
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

Cli = Callable[..., Any]


def test_from_the_list_to_the_erasure(qunzhu: Cli, tmp_path: Path) -> None:  # scope: 37
    said = qunzhu("say", "--community", "hemiao-mama", "--as", "wx-privacy-1", "我的电话13912345678", "--json")
    assert said.code == 0, said.err
    looked = qunzhu("members", "list", "--contact", "wx-privacy-1", "--channel", "cli", "--json")
    (found,) = looked.document["members"]
    member = found["id"]
    assert member in qunzhu("members", "list", "--limit", "200").out
    assert "wx-privacy-1" not in qunzhu("members", "show", member).out
    assert "wx-privacy-1" in qunzhu("members", "reveal", "--field", "identities", "--reason", "核对", member).out
    assert qunzhu("members", "contacts", "--kind", "phone", "--value", "13912345678", member).code == 0
    told = qunzhu("members", "consent", "--refused", "--kind", "marketing", "--source", "电话", member)
    assert "marketing false" in told.out

    target = tmp_path / "member.json"
    assert qunzhu("members", "export", "--reason", "本人要求", "--out", str(target), member).code == 0
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert "13912345678" in json.loads(target.read_text("utf-8"))["messages"][0]["text"]
    again = qunzhu("members", "export", "--reason", "本人要求", "--out", str(target), member, "--json")
    assert (again.code, again.document["code"]) == (1, "file_exists")
    taken = qunzhu("members", "import", str(target), "--json")
    assert (taken.code, taken.document["code"]) == (1, "member_exists")
    broken = tmp_path / "broken.json"
    broken.write_text("{", "utf-8")
    assert qunzhu("members", "import", str(broken), "--json").document["code"] == "member_file_invalid"
    with zipfile.ZipFile(broken, "w") as archive:
        archive.writestr("member.json", target.read_bytes())
    # The archive's list of files is whole, and the file in it isn't.
    broken.write_bytes(broken.read_bytes().replace(b"13912345678", b"00000000000", 1))
    assert qunzhu("members", "import", str(broken), "--json").document["code"] == "member_file_invalid"

    done = qunzhu("members", "erase", "--yes", "--reason", "本人要求", member, "--json")
    assert done.document["already"] is False
    assert member not in qunzhu("members", "list", "--limit", "200").out
