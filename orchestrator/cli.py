"""Commands of the grid: node, agent, key. Those a machine needs import no SQL; those that read the books do it inside."""

import asyncio
import json
import sys
from pathlib import Path

import click

from coop.core.errors import CoopError
from coop.core.ids import new_id
from coop.core.sentences import sentence
from coop.core.settings import Settings

HOME_OPTION = click.option(
    "--home", type=click.Path(file_okay=False, path_type=Path), help="Folder of the agent; default COOP_HOME/agent."
)


@click.group()
def node() -> None:
    """Enrol this machine, or list the co-op's machines."""


@node.command("enrol")
@click.argument("code")
@click.option("--portal", help="Address of the co-op's portal; default COOP_PUBLIC_URL or this machine's.")
@HOME_OPTION
def node_enrol(code: str, portal: str | None, home: Path | None) -> None:
    """Put this machine into the co-op's waiting room with the one-time CODE of the sysadmin."""
    from orchestrator.agent.enrol import enrol

    settings = Settings()
    enrolled = enrol(home or settings.agent_home, portal or settings.portal_url, code)
    click.echo(f"{enrolled.name} is in the waiting room of {enrolled.portal_url}.")
    click.echo("Ask a sysadmin to approve it under Machines. Then it works as soon as `coop agent` runs here.")


@node.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def node_list(as_json: bool) -> None:
    """List the co-op's machines: those that need somebody first."""
    from coop.commands.read import reading, show
    from orchestrator.services import nodes

    with reading() as session:
        rows: list[dict[str, object]] = [
            {
                "name": found.name,
                "state": found.state,
                "seen at": found.seen_at.isoformat() if found.seen_at else "never",
                "obeys": f"{found.policy_epoch}.{found.policy_version}",
                "models": ", ".join(found.models),
            }
            for found in nodes.list_all(session)
        ]
    show("Machines", rows, as_json=as_json)


@node.command("ask")
@click.argument("name")
@click.option("--model", required=True, help="Model to ask for.")
@click.option("--text", default="A question sent straight to the machine.", help="Text to embed.")
@click.option(
    "--price-micro", type=int, required=True, help="Price the work is offered at, micro-units per million tokens."
)
@click.option("--gateway", default="gateway-1", help="Whose credentials to use.")
def node_ask(name: str, model: str, text: str, price_micro: int, gateway: str) -> None:
    """Send one job straight to a machine, past the gateway's admission, to see whether the machine obeys by itself."""
    from orchestrator.control.keys import credentials_path
    from orchestrator.messages import JobResult, JobRun

    settings = Settings()
    job = JobRun(
        id=new_id(),
        model=model,
        inputs=[text],
        member_id="0" * 32,
        key_id="0" * 32,
        lease_id="0" * 32,
        gateway=gateway,
        price_micro=price_micro,
    )

    async def ask() -> JobResult:
        from orchestrator.bus import Bus
        from orchestrator.control.nats_server import url
        from orchestrator.subjects import Subjects

        bus = await Bus.connect(
            url=url(settings), credentials=credentials_path(settings, gateway), name=gateway, timeout_s=5
        )
        try:
            return await bus.request(Subjects(settings.instance).job_run(name), job, JobResult, 10)
        finally:
            await bus.close()

    try:
        result = asyncio.run(ask())
    except CoopError as error:
        click.echo(
            json.dumps(
                {"ok": False, "code": error.code, "values": error.values, "message": sentence(error.code, error.values)}
            )
        )
        sys.exit(1)
    click.echo(json.dumps({"ok": True, "tokens": result.tokens, "dimensions": result.dimensions}))


@click.command()
@HOME_OPTION
def agent(home: Path | None) -> None:
    """Run this machine's agent until SIGTERM."""
    from orchestrator.agent.main import run

    sys.exit(run(home or Settings().agent_home))


@click.group()
def key() -> None:
    """Read API keys."""


@key.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def key_list(as_json: bool) -> None:
    """List keys by their prefix; a secret is shown once, when it is made."""
    from sqlmodel import col, select

    from coop.commands.read import reading, show
    from coop.models.members import Member
    from orchestrator.models.keys import ApiKey

    with reading() as session:
        rows: list[dict[str, object]] = [
            {
                "prefix": found.prefix,
                "name": found.name,
                "member": owner.name,
                "state": "revoked" if found.revoked_at else "in use",
                "used at": found.used_at.isoformat() if found.used_at else "never",
            }
            for found, owner in session.exec(select(ApiKey, Member).join(Member, col(Member.id) == ApiKey.member_id))
        ]
    show("API keys", rows, as_json=as_json)
