"""What a user names -> the inputs of one example, for any architecture."""

from kerasvision.core.errors import KerasVisionError
from kerasvision.data.kinds.base import groups, kind_of

STATE = "state"  # a kind that need not be given: it begins with zeros


def given_keys(arch):
    """Keys that a user gives, in order: of each file or value one."""
    inputs = arch.serving_inputs()
    return [key for key in groups(inputs) if inputs[key].kind != STATE]


def read_example(arch, given):
    """(inputs of one example, without batch axis; what it was read from).

    given: of an architecture with one input what its kind takes, such as a path, encoded bytes or an array of a
    picture, or the path of a volume; of one with several a dict {key: that}. The second is uint8 [H, W, 3], a
    `data.volumes.Volume` or None, and {key: one of them} of several inputs. Raises KerasVisionError, one line.
    """
    inputs, wanted = arch.serving_inputs(), given_keys(arch)
    if not isinstance(given, dict):
        if len(wanted) != 1:
            raise KerasVisionError(
                f"{arch.registered_name} takes {', '.join(wanted)}; give all: "
                + " ".join(f"{key}={_instead(inputs[key])}" for key in wanted)
            )
        given = {wanted[0]: given}
    missing = [key for key in wanted if key not in given]
    unknown = [key for key in given if key not in groups(inputs)]
    if missing or unknown:
        wrong = f"{', '.join(missing)} is missing" if missing else f"{', '.join(unknown)} is none of them"
        raise KerasVisionError(f"{arch.registered_name} takes {', '.join(wanted)}; {wrong}")
    read, shown = {}, {}
    for key, group in groups(inputs).items():
        values, shown[key] = kind_of(inputs[key]).read(given.get(key), group)
        read |= values
    return {key: read[key] for key in inputs}, shown[wanted[0]] if len(wanted) == 1 else shown


def _instead(held):
    """What stands for a value in a message: a file's name, or the kind's."""
    suffixes = kind_of(held).suffixes
    return f"FILE{suffixes[0]}" if suffixes else held.kind.upper()
