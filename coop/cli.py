"""The command `coop`. Commands are loaded by name when they are called, so that the base install needs no Flask or SQL."""

import importlib
import sys

import click

from coop.core import logs
from coop.core.errors import CoopError, Invalid

# command -> module:attribute and its one-line help. governance and orchestrator are named, never imported by coop.
COMMANDS = {
    "up": ("coop.commands.up:up", "Start this co-op and keep it running."),
    "demo": ("coop.commands.demo:demo", "Fill an empty instance with a believable co-op."),
    "story": ("coop.commands.story:story", "Play the whole chain, from joining to payout, with real processes."),
    "status": ("coop.commands.status:status", "Say what runs and how it is."),
    "doctor": ("coop.commands.status:doctor", "Look for problems and say how to mend them."),
    "run": ("coop.commands.run:run", "Run one process alone."),
    "member": ("coop.commands.read:member", "Read the register of members."),
    "ledger": ("coop.commands.read:ledger", "Read and verify the ledger."),
    "payout": ("coop.commands.read:payout", "Read payout runs."),
    "verify": ("coop.commands.verify:verify", "Verify a policy bundle, receipts or a log head, offline."),
    "proposal": ("governance.cli:proposal", "Read proposals and ballots."),
    "policy": ("governance.cli:policy", "Read policies and their bundles."),
    "node": ("orchestrator.cli:node", "Enrol this machine, or list the co-op's machines."),
    "agent": ("orchestrator.cli:agent", "Run this machine's agent."),
    "key": ("orchestrator.cli:key", "Read API keys."),
}


class LazyGroup(click.Group):
    """A group whose commands are imported only when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names, as in the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command. A missing extra says which install would bring it."""
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        try:
            command: click.Command = getattr(importlib.import_module(module), attribute)
        except ModuleNotFoundError as error:
            raise click.ClickException(
                f"`coop {cmd_name}` needs {error.name}, which is not installed here. Run: pip install 'allmende[portal]'"
            ) from error
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing any of them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="allmende", prog_name="coop")
def coop() -> None:
    """Own and govern a co-operative's share of the world's AI infrastructure.

    Exit codes: 0 ok, 1 failed, 2 usage, 3 found problems.
    """


def main() -> None:
    """Run the command line; an error of ours becomes a sentence and exit code 1 or 2."""
    logs.configure()
    try:
        coop(standalone_mode=True)
    except CoopError as error:
        from coop.core.sentences import sentence

        click.echo(f"Error: {sentence(error.code, error.values)}", err=True)
        sys.exit(2 if isinstance(error, Invalid) else 1)


if __name__ == "__main__":
    main()
