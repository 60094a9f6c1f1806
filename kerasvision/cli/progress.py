"""A bar with the time left, for verbs that work through many images."""

import contextlib
import sys


@contextlib.contextmanager
def progress_bar(unit=""):
    """A bar on stderr with the time left. Yields a function of (task, done, total); total: None where it is not known.
    unit: of what is done, whose number in a second is told; "": it is not.
    """
    from rich import progress as bars
    from rich.console import Console

    columns = (bars.TextColumn("{task.description}"), bars.BarColumn(), bars.MofNCompleteColumn())
    columns += (bars.TextColumn("{task.fields[speed]}"),) if unit else ()
    left = (bars.TextColumn("left"), bars.TimeRemainingColumn())
    console = Console(file=sys.stderr)
    with bars.Progress(*columns, *left, console=console, transient=True, disable=not console.is_terminal) as shown:
        tasks = {}

        def report(task, done, total):
            if task not in tasks:
                tasks[task] = shown.add_task(task, total=total, speed="")
            shown.update(tasks[task], completed=done)
            if unit and (held := shown.tasks[tasks[task]].speed):
                shown.update(tasks[task], speed=f"{held:.1f} {unit}/s")

        yield report
