"""Packs and scripts as a person types them."""

from pathlib import Path
from typing import Any

from server.cli.main import main


# scope: 4, 10
def test_a_pack_becomes_a_markdown_file(qunzhu: Any, tmp_path: Path) -> None:
    file = tmp_path / "pack.md"
    ran = qunzhu(
        "knowledge", "pack", "母婴", "--community", "hemiao-mama", "--set", "member_name=新朋友", "--out", str(file)
    )
    assert ran.code == 0, ran.err
    text = file.read_text("utf-8")
    assert text.startswith("# 冷启动话术包 · 兴趣交流群（母婴）\n")
    for heading in (
        "## 群规",
        "- **处罚**：",
        "## 常见问题",
        "## 首周安排",
        "### 第 7 天 20:30",
        "## 欢迎语（群公告）",
    ):
        assert heading in text
    assert "待填" not in text and "{" not in text
    kit = qunzhu("knowledge", "pack", "service", "--kit").out
    assert "# 新人工具包 · 客户服务群" in kit and "（需负责人批准）" in kit and "- [ ] 每天 9:00：" in kit
    assert "> 待填：" in kit and "「待填：负责人」" in kit


def test_wrong_words_of_a_pack(qunzhu: Any) -> None:
    assert qunzhu("knowledge", "pack", "intrest").code == 2
    assert qunzhu("knowledge", "pack", "fans", "--set", "group_manager").code == 2
    ran = qunzhu("knowledge", "pack", "fans", "--theme", "钓鱼", "--json")
    assert ran.code == 0 and ran.document["notes"] == ["theme_unknown"]


# scope: 3, 5
def test_scripts_are_suggested_and_rendered(qunzhu: Any) -> None:
    ran = qunzhu("scripts", "suggest", "--community", "hemiao-mama", "客服态度太差了，气死我了")
    assert ran.code == 0, ran.err
    assert ran.out.count("[script-") == 3 and "缺少: 成员称呼" in ran.out
    made = qunzhu("scripts", "render", "welcome", "--community", "hemiao-vip", "--member", "果果妈")
    assert made.code == 0 and "欢迎 果果妈 加入禾苗会员福利群" in made.out
    lacking = qunzhu("scripts", "render", "crisis", "--community", "hemiao-vip")
    assert lacking.code == 2 and "issue_name" in lacking.err


def test_every_scene_can_be_named() -> None:
    from core.vocabulary import Scene
    from server.cli.scripts import _SCENES

    assert set(_SCENES) == set(Scene)
    assert main(["scripts", "--help"]) == 0
