"""Console of a local run: a line per component, progress, and the result at the end."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import TextIO

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bonafide.metrics.results import Figure
from bonafide.text import percent
from pipeline.figures import Result
from pipeline.local import Finished


class RunConsole:
    """Shows a run line by line, on terminals and in CI logs.

    Args:
        stream: Output stream.
        components: Ids of the components that will run, in order.
        describe: Returns the key figures of a finished component as a short text.
    """

    def __init__(
        self,
        stream: TextIO,
        components: Sequence[str],
        describe: Callable[[Finished], str],
    ) -> None:
        self.console = Console(file=stream, highlight=False, soft_wrap=True)
        self._numbers = {name: index for index, name in enumerate(components, start=1)}
        self._width = max(len(name) for name in components)
        self._describe = describe
        self.results: dict[str, Finished] = {}
        self.running: str | None = None

    def started(self, component: str) -> None:
        """See `Listener`."""
        self.running = component
        self.console.print(f"{self._position(component)} [dim]started[/dim]")

    def finished(self, result: Finished) -> None:
        """See `Listener`."""
        self.results[result.component] = result
        state = "[cyan]cached[/cyan]" if result.cached else "[green]done[/green]  "
        figures = escape(self._describe(result))
        position = self._position(result.component)
        self.console.print(f"{position} {state} {result.seconds:7.1f} s  {figures}".rstrip())
        self.running = None

    def message(self, level: int, text: str) -> None:
        """Prints a line from inside a component, such as the progress of a training."""
        style = "yellow" if level >= logging.WARNING else "dim"
        self.console.print(f"          [{style}]{escape(text)}[/{style}]")

    def _position(self, component: str) -> str:
        total = len(self._numbers)
        number = f"[{self._numbers[component]:>{len(str(total))}}/{total}]"
        return f"{escape(number)} [bold]{component:<{self._width}}[/bold]"


def _difference(figure: Figure | None) -> str:
    if figure is None:
        return ""
    points = f"; difference of the new model: {100 * figure.value:+.2f} percentage points"
    if figure.ci95 is None:
        return points
    low, high = (100 * end for end in figure.ci95)
    return f"{points} (95 %: {low:+.2f} to {high:+.2f})"


def show_result(
    console: Console, result: Result, places: Mapping[str, str], *, removed: bool = False
) -> None:
    """Prints the table of error rates, the verdict, and the locations of results.

    Args:
        console: Output console.
        result: Result of the run.
        places: Name -> path or command.
        removed: Whether the version that an identical earlier run pushed was removed since.
    """
    table = Table(title="Equal error rate on eval")
    table.add_column("attack")
    table.add_column("EER", justify="right")
    evaluation = result.evaluation
    for attack, eer in evaluation.per_attack.items():
        table.add_row(escape(attack), percent(eer))
    table.add_section()
    table.add_row("[bold]all[/bold]", f"[bold]{percent(evaluation.eer.value)}[/bold]")
    console.print()
    console.print(table)
    if evaluation.champion_eer is not None:
        console.print(
            f"Champion on the same utterances: {percent(evaluation.champion_eer)}"
            + _difference(evaluation.difference)
        )
    for warning in evaluation.warnings:
        console.print(f"[yellow]{escape(warning)}[/yellow]")
    for failure in evaluation.failures:
        console.print(f"[red]Gate: {escape(failure)}[/red]")
    if result.forced_reason:
        console.print(
            f"[yellow]Forced blessing against the gate: {escape(result.forced_reason)}[/yellow]"
        )
    if removed:
        console.print(
            f"[red bold]Missing[/red bold]: {escape(result.pushed_to)} was pushed by an earlier "
            "run with the same data, code and settings, and was removed since. Restore it, or use "
            "another --output."
        )
    elif result.pushed_to:
        console.print(f"[green bold]Pushed[/green bold] to {escape(result.pushed_to)}")
    else:
        console.print("[red bold]Not pushed[/red bold]: the gate refused the model.")
    width = max(len(name) for name in places)
    for name, place in places.items():
        console.print(f"  {name:<{width}}  {escape(place)}")
