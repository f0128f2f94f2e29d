"""`coop story`: plays the whole chain on a throwaway instance with real processes and leaves its artefacts."""

import json
import shutil
import sys
import tempfile
import time
from pathlib import Path

import click
from rich.console import Console

from coop.story.browser import StoryFailed
from coop.story.instance import Instance
from coop.story.play import CHAPTERS, Story


@click.command()
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), required=True, help="Folder for the artefacts."
)
@click.option("--keep", is_flag=True, help="Keep the throwaway instance's folder, to look at its logs.")
@click.option("--database-url", default="", help="Play on this empty PostgreSQL database instead of SQLite.")
def story(out: Path, keep: bool, database_url: str) -> None:
    """Play the chain from joining to payout and print what each step proved."""
    out.mkdir(parents=True, exist_ok=True)
    console = Console(soft_wrap=True, highlight=False)
    folder = Path(tempfile.mkdtemp(prefix="coop-story-"))
    instance = Instance(folder / "home", database_url=database_url)
    played = Story(instance=instance, out=out.resolve(), machines=folder)
    steps: list[dict[str, object]] = []
    try:
        for name, chapter in CHAPTERS:
            started = time.monotonic()
            proved = chapter(played)
            seconds = round(time.monotonic() - started, 2)
            steps.append({"name": name, "seconds": seconds, "proved": proved})
            console.print(f"[bold]{len(steps):2}. {name}[/bold]  {seconds:.1f} s\n    {proved}")
    except StoryFailed as error:
        keep = True
        console.print(
            f"[bold red]{CHAPTERS[len(steps)][0]}: failed[/]\n    {error}\n    Logs are in {instance.home / 'run'}.",
            markup=True,
        )
        sys.exit(1)
    finally:
        played.end()
        (out / "story.json").write_text(json.dumps({"steps": steps}, indent=2) + "\n")
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)
    console.print(f"The chain holds. Artefacts are in {out}")
