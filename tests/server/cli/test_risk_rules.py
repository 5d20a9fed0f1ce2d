"""Rules of a community and the test of a text from the command line."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from server.cli import checks

Cli = Callable[..., Any]
Say = Callable[[str], Any]
_WORD = "小蓝鲸"


def test_rules_are_tried_changed_shown_and_taken_back(qunzhu: Cli, say: Say) -> None:
    # scope: 28
    where = ("--community", "hemiao-mama")
    say(f"{_WORD}今天几点开门")
    tried = qunzhu("risk", "rules", "change", *where, "--word", f"gambling={_WORD}:0.9", "--dry-run", "--json")
    assert tried.code == 0, tried.err
    assert tried.document["changed"] == 1 and _WORD in tried.document["examples"][0]["text"]
    told = qunzhu("risk", "rules", "change", *where, "--word", f"gambling={_WORD}:0.9", "--dry-run")
    assert "gambling" in told.out and _WORD in told.out

    changed = qunzhu("risk", "rules", "change", *where, "--word", f"gambling={_WORD}:0.9", "--allow", "上车", "--json")
    assert changed.document["own"]["words"] == [{"word": _WORD, "label": "gambling", "weight": 0.9}]
    assert f"gambling={_WORD}:0.9" in qunzhu("risk", "rules", "show", *where).out
    assert "gambling" in qunzhu("risk", "test", f"{_WORD}今天几点开门", *where).out
    back = qunzhu("risk", "rules", "change", *where, "--without-word", _WORD, "--disallow", "上车", "--json")
    assert (back.document["own"]["words"], back.document["own"]["allowed"]) == ([], [])


def test_labels_off_and_thresholds(qunzhu: Cli) -> None:
    where = ("--community", "hemiao-vip", "--json")
    off = qunzhu("risk", "rules", "change", *where, "--off", "flooding", "--threshold", "abuse=0.8").document["own"]
    assert (off["off"], off["thresholds"]) == (["flooding"], {"abuse": 0.8})
    on = qunzhu("risk", "rules", "change", *where, "--on", "flooding", "--threshold", "abuse=").document["own"]
    assert (on["off"], on["thresholds"]) == ([], {})
    assert qunzhu("risk", "rules", "change", *where, "--off-as-above").document["own"]["off"] is None
    refused = qunzhu("risk", "rules", "change", *where, "--off", "self_harm")
    assert (refused.code, refused.document["code"]) == (2, "risk_rules_self_harm")
    for option, wrong, told in [
        ("--word", "no-label", "词:分量"),
        ("--word", "nothing=词", "self_harm"),
        ("--word", "abuse=词:much", "词:分量"),
        ("--threshold", "abuse", "类别=分数"),
        ("--threshold", "nothing=0.6", "self_harm"),
        ("--off", "nothing", "self_harm"),
    ]:
        ran = qunzhu("risk", "rules", "change", option, wrong)
        assert (ran.code, told in ran.err) == (2, True), ran.err


def test_text_with_everything_behind_its_verdict(qunzhu: Cli) -> None:
    said = qunzhu("risk", "test", "加薇❤ abc123，日赚300").out
    assert all(part in said for part in ("ad_spam", "加微信", "谐音", "lexicon"))


def test_doctor_tells_of_a_broken_classifier(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUNZHU_DATA_DIR", str(tmp_path))

    def told() -> tuple[str, str]:
        [found] = [check for check in checks.all_of_them() if check.name == "own_classifier"]
        return found.result, found.text

    assert told()[0] == "ok"
    (tmp_path / "risk.npz").write_bytes(b"no archive")
    assert told()[0] == "warn" and "risk.npz" in told()[1]
