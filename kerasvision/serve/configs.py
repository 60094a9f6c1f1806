"""Lists of models in TensorFlow Serving's form, from a models.config or from a request; what is wrong is one line."""

import pathlib

from kerasvision.core.errors import UsageError
from kerasvision.serve.models import ModelConfig

_PLATFORM = "tensorflow"


def read_config(path):
    """[`models.ModelConfig`] of a models.config in TensorFlow Serving's text form; relative paths count from the file.

    Raises UsageError of a file that cannot be read or is none.
    """
    from google.protobuf import text_format
    from tensorflow_serving.config import model_server_config_pb2

    path = pathlib.Path(path)
    try:
        parsed = text_format.Parse(path.read_text(encoding="utf-8"), model_server_config_pb2.ModelServerConfig())
        return configs_of(parsed, path.parent)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is no models.config: byte {error.start} is not UTF-8") from None
    except (text_format.ParseError, UsageError) as error:
        raise UsageError(f"{path} is no models.config: {error}") from None


def configs_of(message, base):
    """[`models.ModelConfig`] of TensorFlow Serving's `ModelServerConfig`. base: the folder where relative paths count
    from. Raises UsageError of a list that cannot be served.
    """
    if message.WhichOneof("config") != "model_config_list":
        raise UsageError("it holds no model_config_list { config { name: ... base_path: ... } }")
    return [_config_of(row, base) for row in message.model_config_list.config]


def _config_of(row, base):
    if not row.name:
        raise UsageError(f'a config without a name: name: "..." belongs beside base_path: "{row.base_path}"')
    if not row.base_path or "\0" in row.base_path or "://" in row.base_path:
        raise UsageError(f"{row.name!r}: base_path: got {row.base_path!r}; allowed: a folder of this machine")
    if row.model_platform not in ("", _PLATFORM):
        raise UsageError(f"{row.name!r}: model_platform: got {row.model_platform!r}; allowed: {_PLATFORM!r}")
    path = pathlib.Path(row.base_path)
    place = path if path.is_absolute() else base / path
    labels = dict(row.version_labels)
    if "" in labels:
        raise UsageError(f"{row.name!r}: a version label without a name")
    return ModelConfig(row.name, str(place), *_versions(row), labels)


def _versions(row):
    """(versions, latest) of a `ModelConfig`."""
    policy = row.model_version_policy
    kind = policy.WhichOneof("policy_choice")
    if kind == "all":
        return "all", 1
    if kind == "specific":
        if not policy.specific.versions:
            raise UsageError(f"{row.name!r}: model_version_policy: specific names no version; add versions: 1")
        return tuple(policy.specific.versions), 1
    return "latest", policy.latest.num_versions or 1
