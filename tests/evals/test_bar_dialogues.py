"""The bar of conversations: at least nine of ten checks over our own dialogues, in both halves of the file."""

import json
from importlib.resources import as_file, files

import pytest
from click.testing import CliRunner

from evals.cli import main


@pytest.mark.parametrize("part", ["dev", "held"])
def test_nine_of_ten_checks_pass(part: str) -> None:
    with as_file(files("evals.cases").joinpath("dialogues.jsonl")) as data:
        done = CliRunner().invoke(main, ["dialogues", "--data", str(data), "--part", part, "--floor", "passed=0.9"])
    report = json.loads(done.stdout.splitlines()[-1])
    assert done.exit_code == 0, report["failed"]
    assert report["passed"]["n"] >= 200
