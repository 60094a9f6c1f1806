"""Groups of examples by a column of a CSV, such as a site, a camera or an age: what figures are wanted for each of."""

import pathlib

from kerasvision.core.errors import KerasVisionError, UsageError
from kerasvision.data.sources._table import placed, read_table, same_file

_SHOWN = 3


def group_column(path, column, file_column="file"):
    """{file: text of a column} of a CSV; files are as `same_file` spells them. path: of the CSV, to which its file
    names are relative. Raises UsageError, one line with the columns there are, where one of both is missing,
    KerasVisionError of a file that is no CSV or names a file twice with two groups.
    """
    path = pathlib.Path(path).expanduser()
    table = read_table(path, str(path), (file_column, column), f"write a header {file_column},{column}")
    for name in (column, file_column):
        if name not in table.columns:
            raise UsageError(f"{path}: no column {name!r}; it has {', '.join(table.columns)}")
    found = {}
    for line, row in table.rows:
        file = same_file(placed(path.parent, row[file_column])[0])
        if found.setdefault(file, row[column]) != row[column]:
            raise KerasVisionError(
                f"{path}: line {line}: {row[file_column]} is in {row[column]!r} and in {found[file]!r}; keep one row"
            )
    return found


def groups_of(names, found, where):
    """[The group of each example]. names: of the examples, paths. found: of `group_column`; where: its CSV.

    Raises KerasVisionError where an example has no row.
    """
    files = [same_file(name) for name in names]
    lost = [name for name, file in zip(names, files, strict=True) if file not in found]
    if lost:
        more = f" and {len(lost) - _SHOWN} more" if len(lost) > _SHOWN else ""
        raise KerasVisionError(
            f"{where}: no row for {len(lost)} of {len(names)} examples: {', '.join(lost[:_SHOWN])}{more}; give each "
            "file of the split a row"
        )
    return [found[file] for file in files]
