"""`qunzhu`: names the commands. Nothing heavy may be imported here: `qunzhu --help` takes less than half a second."""

import sys
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

import click

from server.cli.lazy import Lazy, LazyGroup

_COMMANDS = {
    "serve": Lazy("server.cli.serve", "启动服务 / run the service"),
    "worker": Lazy("server.cli.worker", "单独的工作进程 / run a worker process of its own"),
    "migrate": Lazy("server.cli.migrate", "升级数据库结构 / bring the database to the newest schema"),
    "demo": Lazy("server.cli.demo", "铺设演示社群 / lay down the demo community"),
    "say": Lazy(
        "server.cli.say", "以成员身份发一条消息，看结果 / send one message as a member and see what becomes of it"
    ),
    "drafts": Lazy("server.cli.drafts", "草稿审批 / list drafts and decide on them"),
    "complaints": Lazy("server.cli.complaints", "客诉工单 / complaint cases"),
    "clocks": Lazy("server.cli.clocks", "响应时钟 / who still waits for an answer"),
    "duty": Lazy("server.cli.duty", "值班表 / who is called when a clock runs out"),
    "campaigns": Lazy("server.cli.campaigns", "运营活动 / propose campaigns and decide on them"),
    "deliveries": Lazy("server.cli.deliveries", "发送情况 / see and settle deliveries"),
    "webhooks": Lazy("server.cli.webhooks", "推送地址 / where deliveries are pushed"),
    "search": Lazy("server.cli.search", "知识库命中测试 / what the knowledge base finds, with scores"),
    "ask": Lazy("server.cli.ask", "问数据 / ask about the communities in plain words"),
    "risk": Lazy("server.cli.risk", "风险识别 / screen a text"),
    "incidents": Lazy("server.cli.incidents", "群体性事件 / group incidents"),
    "suggestions": Lazy("server.cli.suggestions", "成员的建议 / what members suggest"),
    "report": Lazy("server.cli.report", "报表 / reports"),
    "copy": Lazy("server.cli.copy_check", "自查文案 / check a text of our own"),
    "knowledge": Lazy("server.cli.knowledge", "知识库导入导出 / import and export the knowledge base"),
    "scripts": Lazy("server.cli.scripts", "话术推荐与填好 / scripts for a message or a scene"),
    "communities": Lazy("server.cli.communities", "社群 / communities"),
    "users": Lazy("server.cli.users", "人员 / people of the staff"),
    "keys": Lazy("server.cli.keys", "机器人密钥 / API keys of bots"),
    "settings": Lazy("server.cli.settings", "运行设置 / settings that can change while it runs"),
    "audit": Lazy("server.cli.audit", "操作记录 / who did what"),
    "members": Lazy("server.cli.members", "成员与个人信息 / members and their personal data"),
    "ingest": Lazy("server.cli.ingest", "导入历史消息 / import old messages"),
    "reindex": Lazy("server.cli.reindex", "重建向量索引 / build the vector index anew"),
    "messages": Lazy("server.cli.messages", "失败的消息 / messages that could not be handled"),
    "backup": Lazy("server.cli.backup", "备份数据库 / write the database to a file"),
    "restore": Lazy("server.cli.restore", "从备份恢复 / fill an empty database from a backup"),
    "doctor": Lazy("server.cli.doctor", "体检 / check this installation"),
}


@click.group(cls=LazyGroup, lazy=_COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(version("qunzhu"), prog_name="qunzhu")
def cli() -> None:
    """群助：社群运营助手。机器起草，人来决定。

    Qunzhu: it drafts, a person decides. Exit codes: 0 done, 1 said no, 2 bad input, 3 needs something that isn't there.
    """


def main(args: Sequence[str] | None = None) -> int:
    """Run a command; its exit code. Errors that people can mend become two lines on stderr (with `--json` a problem
    document on stdout), never a traceback."""
    given = list(sys.argv[1:] if args is None else args)
    try:
        result: Any = cli.main(args=given, prog_name="qunzhu", standalone_mode=False)
    except (Exception, KeyboardInterrupt) as error:
        from server.cli.failure import report

        options = given[: given.index("--")] if "--" in given else given
        return report(error, as_json="--json" in options)
    # Outside click's standalone mode `ctx.exit(code)` comes back as the result.
    return result if isinstance(result, int) else 0
