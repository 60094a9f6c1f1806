"""Names for versions of a served model, such as "stable" and "canary": TensorFlow Serving's version labels.

`labels.json` beside the models keeps what each label has named, the present version last; `models.config` is written
from it, for TensorFlow Serving to read again while it runs.
"""

import json
import pathlib

from kerasvision.core.errors import KerasVisionError
from kerasvision.core.files import write_text

FILE, CONFIG, LOCAL = "labels.json", "models.config", ".models.local.config"
MOUNTED = "/models"  # where compose.yaml mounts the folder


def history(folder):
    """{model: {label: (versions it has named, the present one last)}}."""
    path = pathlib.Path(folder, FILE)
    if not path.exists():
        return {}
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
        return {name: {k: tuple(map(int, v)) for k, v in labels.items() if v} for name, labels in held.items()}
    except (ValueError, AttributeError, TypeError) as error:
        raise KerasVisionError(f"{path} is damaged ({error}); mend it or delete it, and promote again") from None


def present(folder, name):
    """{label: version} of a model."""
    return {label: versions[-1] for label, versions in history(folder).get(name, {}).items()}


def write(folder, held):
    """Write a `history` as labels.json, and models.config from it; each file replaces the old one in one step."""
    folder = pathlib.Path(folder)
    if held:
        write_text(folder / FILE, json.dumps(held, indent=2) + "\n")
    write_text(folder / CONFIG, config_text([(n, f"{MOUNTED}/{n}", present(folder, n)) for n in names_below(folder)]))
    if (folder / LOCAL).exists():
        write_local(folder)


def write_local(folder):
    """models.config with absolute paths, for a TensorFlow Serving on this machine; its path."""
    folder = pathlib.Path(folder)
    rows = [(n, str((folder / n).resolve()), present(folder, n)) for n in names_below(folder)]
    write_text(folder / LOCAL, config_text(rows))
    return folder / LOCAL


def names_below(folder):
    """Models below a folder: those of its folders that hold a numbered one."""
    return sorted(p.name for p in folder.iterdir() if p.is_dir() and any(v.name.isdigit() for v in p.iterdir()))


def config_text(rows):
    """tensorflow.serving.ModelServerConfig as text. rows: (name, base path, {label: version}).

    A model with labels serves the versions that have one, and no other: a new version waits for its promotion.
    """
    return "model_config_list {\n" + "".join(_row(*row) for row in rows) + "}\n"


def _row(name, base_path, labels):
    lines = [f'name: "{name}"', f'base_path: "{base_path}"', 'model_platform: "tensorflow"']
    if labels:
        versions = " ".join(f"versions: {v}" for v in sorted(set(labels.values())))
        lines.append(f"model_version_policy {{ specific {{ {versions} }} }}")
        lines += [f'version_labels {{ key: "{label}" value: {v} }}' for label, v in sorted(labels.items())]
    return "  config {\n" + "".join(f"    {line}\n" for line in lines) + "  }\n"
