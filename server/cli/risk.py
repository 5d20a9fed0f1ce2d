"""`qunzhu risk`: names the commands about risks."""

import click

from server.cli.lazy import Group
from server.cli.risk_review import COMMANDS
from server.cli.risk_rules import command as rules
from server.cli.risk_trial import test


@click.group("risk", cls=Group)
def command() -> None:
    """风险识别。Risk screening."""


command.add_command(test)
command.add_command(rules)
for one in COMMANDS:
    command.add_command(one)
