"""How large batches and the queue may become: by flags, and by TensorFlow Serving's batching.config."""

import dataclasses
import functools
import math
import pathlib

from kerasvision.core.errors import UsageError

# of session_bundle_config.proto, which tensorflow-serving-api leaves out: field -> (its number, its type)
_FIELDS = {
    "max_batch_size": (1, "Int64Value"),
    "batch_timeout_micros": (2, "Int64Value"),
    "max_enqueued_batches": (3, "Int64Value"),
    "num_batch_threads": (4, "Int64Value"),
    "thread_pool_name": (5, "StringValue"),
    "allowed_batch_sizes": (6, "int64"),
    "pad_variable_length_inputs": (7, "bool"),
}
_LEAST = {"max_batch_size": 1, "batch_timeout_micros": 0, "max_enqueued_batches": 1, "num_batch_threads": 1}
_MOST = {"num_batch_threads": 1024}  # each is one of this process; nothing else costs anything by itself
_DEFAULTS = {"max_batch_size": 32, "batch_timeout_micros": 0, "max_enqueued_batches": 8, "num_batch_threads": 2}
DEADLINE = 30.0


@dataclasses.dataclass(frozen=True)
class Limits:
    """largest: examples of one batch. bound: examples that may wait; a request that would exceed it is refused at once.
    workers: threads, each of which computes a batch at a time. deadline: seconds from a request to its outputs. wait:
    seconds that a request may wait for others to join its batch. sizes: that batches are filled up to, rising; () for
    none.
    """

    largest: int = 32
    bound: int = 256
    workers: int = 2
    deadline: float = DEADLINE
    wait: float = 0.0
    sizes: tuple[int, ...] = ()

    def parameters(self):
        """Name of a parameter, TensorFlow Serving's where it has one -> its value, for /metrics."""
        return {
            "max_batch_size": self.largest,
            "batch_timeout_micros": round(1e6 * self.wait),
            "max_enqueued_batches": self.bound / self.largest,
            "num_batch_threads": self.workers,
            "deadline_seconds": self.deadline,
        }


def limits_of(flags, path=None, deadline=None):
    """`Limits` of flags and of a batching.config; a flag counts where both say something.

    flags: field of the file -> value, None where the flag was left out. path: of the file, or None. deadline: seconds,
    None for `DEADLINE`. Raises UsageError of what cannot be.
    """
    deadline = DEADLINE if deadline is None else deadline
    told = {name: (value, f"--{name.replace('_', '-')} {_shown(value)}") for name, value in flags.items()}
    read = {name: (value, f"{path}: {name} {_shown(value)}") for name, value in (_read(path) if path else {}).items()}
    given = read | {name: row for name, row in told.items() if row[0] is not None}
    held = dict(_DEFAULTS)
    for name, least in _LEAST.items():
        if name in given:
            held[name], seen = given[name]
            if not least <= held[name] <= _MOST.get(name, held[name]):
                upto = f"to {_MOST[name]}" if name in _MOST else "and above"
                why = "; none could wait, and every request would be refused" if name == "max_enqueued_batches" else ""
                raise UsageError(f"{seen}: allowed: {least} {upto}{why}")
    if given.get("pad_variable_length_inputs", (False, ""))[0]:
        seen = given["pad_variable_length_inputs"][1]
        raise UsageError(f"{seen}: allowed: false; the embedded server joins inputs of one shape alone")
    largest, wait = held["max_batch_size"], held["batch_timeout_micros"] / 1e6
    sizes = _sizes(given, largest)
    if not (deadline > 0 and math.isfinite(deadline)):
        raise UsageError(f"--deadline {deadline:g}: allowed: seconds, more than 0")
    if deadline <= wait:
        raise UsageError(
            f"--deadline {deadline:g}: allowed: more than the {wait:g} seconds that a request may wait for its batch "
            f"(batch_timeout_micros {held['batch_timeout_micros']})"
        )
    return Limits(largest, held["max_enqueued_batches"] * largest, held["num_batch_threads"], deadline, wait, sizes)


def _sizes(given, largest):
    sizes, seen = given.get("allowed_batch_sizes", ((), ""))
    if sizes and not (sizes[0] >= 1 and all(a < b for a, b in zip(sizes, sizes[1:], strict=False))):
        raise UsageError(f"{seen}: allowed: rising numbers from 1 on")
    if sizes and sizes[-1] != largest:
        raise UsageError(f"{seen}: the last one must be max_batch_size, which is {largest}")
    return tuple(sizes)


def _shown(value):
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _read(path):
    """Field -> value of what a batching.config says."""
    from google.protobuf import text_format

    path = pathlib.Path(path)
    try:
        parsed = text_format.Parse(path.read_text(encoding="utf-8"), _message()())
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is no batching.config: byte {error.start} is not UTF-8") from None
    except text_format.ParseError as error:
        fields = ", ".join(_FIELDS)
        raise UsageError(f"{path} is no batching.config: {str(error).rstrip('.')}; allowed: {fields}") from None
    found = {field.name: getattr(parsed, field.name) for field, _ in parsed.ListFields()}
    wrapped = {k for k, (_, kind) in _FIELDS.items() if kind.endswith("Value")}
    found = {k: v.value if k in wrapped else v for k, v in found.items()}
    return {k: tuple(v) if k == "allowed_batch_sizes" else v for k, v in found.items()}


@functools.cache
def _message():
    """The class of TensorFlow Serving's message BatchingParameters."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, wrappers_pb2

    of = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="batching.proto", package="tensorflow.serving", syntax="proto3")
    file.dependency.append("google/protobuf/wrappers.proto")
    message = file.message_type.add(name="BatchingParameters")
    for name, (number, kind) in _FIELDS.items():
        label = of.LABEL_REPEATED if name == "allowed_batch_sizes" else of.LABEL_OPTIONAL
        field = message.field.add(name=name, number=number, label=label)
        if kind.endswith("Value"):
            field.type, field.type_name = of.TYPE_MESSAGE, f".google.protobuf.{kind}"
        else:
            field.type = of.TYPE_INT64 if kind == "int64" else of.TYPE_BOOL
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(wrappers_pb2.DESCRIPTOR.serialized_pb)
    pool.AddSerializedFile(file.SerializeToString())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("tensorflow.serving.BatchingParameters"))
