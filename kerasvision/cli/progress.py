"""A bar with the time left, for verbs that work through many images."""

import contextlib
import sys


@contextlib.contextmanager
def progress_bar():
    """A bar on stderr with the time left. Yields a function of (task, done, total)."""
    from rich import progress as bars
    from rich.console import Console

    columns = (bars.TextColumn("{task.description}"), bars.BarColumn(), bars.MofNCompleteColumn())
    left = (bars.TextColumn("left"), bars.TimeRemainingColumn())
    with bars.Progress(*columns, *left, console=Console(file=sys.stderr), transient=True) as shown:
        tasks = {}

        def report(task, done, total):
            if task not in tasks:
                tasks[task] = shown.add_task(task, total=total)
            shown.update(tasks[task], completed=done)

        yield report
