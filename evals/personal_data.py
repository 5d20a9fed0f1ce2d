"""Personal data in messages: is every kind found in whatever spelling, and are other numbers left alone?

Sentences are made anew for every run, always the same ones; negatives and disguised values are written by hand.
"""

import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from core.personal_data import Finding, PersonalDataKind, find_personal_data
from evals.corpus import Progress
from evals.figures import Figure, share
from evals.personal_sentences import Case, decoys, positives
from evals.report import Group, Report
from evals.rows import Row, read

COVERS: Final = 0.8
"""How much of a value a finding must cover."""
_HERE = Path(__file__).parent / "cases"
NEGATIVES, OBFUSCATED = _HERE / "personal_negatives.jsonl", _HERE / "personal_obfuscated.jsonl"


class Looked(NamedTuple):
    case: Case
    got: tuple[Finding, ...]
    ms: float

    def missed(self) -> list[Finding]:
        return [value for value in self.case.right if not any(_covers(one, value) for one in self.got)]

    def wrong(self) -> list[Finding]:
        return [one for one in self.got if not any(_covers(one, value) for value in self.case.right)]


def run(cases: int, negatives: Path, obfuscated: Path, progress: Progress) -> Report:
    """Raises `BadFile`."""
    plain = [Case(row.id, row.text(), PersonalDataKind.PHONE, ()) for row in read(negatives)]
    hidden = [_obfuscated(row) for row in read(obfuscated)]
    made = [case for kind in PersonalDataKind for case in (*positives(kind, cases), *decoys(kind, cases))]
    found, left, seen = _looked(made, progress), _looked(plain, progress), _looked(hidden, progress)
    groups = {kind.value: _of_kind(kind, found) for kind in PersonalDataKind}
    return Report(
        suite="personal",
        figures=_overall(found)
        | {
            "negatives_left_alone": share([not one.got for one in left]),
            "obfuscated_recall": share(list(_hits(seen))),
            "obfuscated_precision": share(list(_rights(seen))),
        },
        groups={"per_kind": groups, "obfuscated_per_kind": _obfuscated_groups(seen)},
        facts={"cases_per_kind": cases, "negatives": len(left), "obfuscated": len(seen)},
        rows=[_row(one) for one in (*found, *left, *seen)],
    )


def _obfuscated(row: Row) -> Case:
    kind, start, end = row.text("kind"), _offset(row, "start"), _offset(row, "end")
    if kind not in set(PersonalDataKind):
        raise row.bad("kind", f"is none of {', '.join(PersonalDataKind)}")
    if not start < end <= len(row.text()):
        raise row.bad("end", "must be after start and inside the text")
    return Case(row.id, row.text(), PersonalDataKind(kind), (Finding(PersonalDataKind(kind), start, end),))


def _offset(row: Row, field: str) -> int:
    value = row.values.get(field)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise row.bad(field, "must be a number of code points")
    return value


def _looked(cases: Sequence[Case], progress: Progress) -> list[Looked]:
    found = []
    for number, case in enumerate(cases, start=1):
        begun = time.perf_counter()
        got = tuple(find_personal_data(case.text))
        found.append(Looked(case, got, (time.perf_counter() - begun) * 1000))
        progress("texts", number, len(cases))
    return found


def _covers(got: Finding, value: Finding) -> bool:
    both = min(got.end, value.end) - max(got.start, value.start)
    return got.kind is value.kind and both >= COVERS * (value.end - value.start)


def _hits(found: Iterable[Looked], kind: PersonalDataKind | None = None) -> Iterator[bool]:
    """Per value: was it found?"""
    for one in found:
        missed = one.missed()
        yield from (value not in missed for value in one.case.right if kind in (None, value.kind))


def _rights(found: Iterable[Looked], kind: PersonalDataKind | None = None) -> Iterator[bool]:
    """Per finding: is there such a value?"""
    for one in found:
        wrong = one.wrong()
        yield from (finding not in wrong for finding in one.got if kind in (None, finding.kind))


def _overall(found: Sequence[Looked]) -> dict[str, Figure]:
    return {
        "recall": share(list(_hits(found))),
        "precision": share(list(_rights(found))),
        "decoys_left_alone": share([not one.got for one in found if not one.case.right]),
    }


def _of_kind(kind: PersonalDataKind, found: Sequence[Looked]) -> Group:
    """Findings of the kind count wherever they were made, in sentences of other kinds too."""
    decoys_of = [not one.got for one in found if one.case.kind is kind and not one.case.right]
    return {
        "recall": share(list(_hits(found, kind))),
        "precision": share(list(_rights(found, kind))),
        "decoys_left_alone": share(decoys_of),
    }


def _obfuscated_groups(seen: Sequence[Looked]) -> dict[str, Group]:
    kinds = {one.case.kind for one in seen}
    return {f"obfuscated_{kind.value}": {"recall": share(list(_hits(seen, kind)))} for kind in kinds}


def _row(one: Looked) -> dict[str, Any]:
    return {
        "id": one.case.id,
        "text": one.case.text,
        "label": [_shown(value) for value in one.case.right],
        "got": [_shown(finding) for finding in one.got],
        "right": not one.missed() and not one.wrong(),
        "ms": round(one.ms, 3),
    }


def _shown(finding: Finding) -> dict[str, Any]:
    return {"kind": finding.kind.value, "start": finding.start, "end": finding.end}
