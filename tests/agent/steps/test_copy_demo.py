"""The knowledge that we ship passes our own check."""

from importlib.resources import files

import pytest
import yaml

from agent.steps.copy_check import check, check_entry


@pytest.mark.parametrize("name", ["faq.yaml", "scripts.yaml"])
def test_the_demo_knowledge_passes_its_own_check(name: str) -> None:
    # scope: 42
    rows = yaml.safe_load(files("knowledge").joinpath("demo", name).read_text("utf-8"))
    assert [(row["id"], hit) for row in rows for hit in check_entry(row["answer"])] == []
    # What is drafted from an entry passes against that entry too.
    assert [(row["id"], hit) for row in rows for hit in check(row["answer"], [row["answer"]])] == []
    assert [row["id"] for row in rows if not row.get("source") or not row.get("owner")] == []
