"""Reads a PyTorch state dict in the format of before 1.6 (a row of pickles and raw storages), without PyTorch.

A pickle can run any code, so this unpickler knows four names: `OrderedDict`, the tensor constructor and the storage
types. Any other name is an error before anything is called. Format: `torch.serialization._legacy_save`.
"""

import collections
import dataclasses
import pathlib
import pickle
import struct

import numpy as np

from kerasvision.core.errors import KerasVisionError

_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001
_STORAGES = {
    "HalfStorage": np.dtype("<f2"),
    "FloatStorage": np.dtype("<f4"),
    "DoubleStorage": np.dtype("<f8"),
    "IntStorage": np.dtype("<i4"),
    "LongStorage": np.dtype("<i8"),
}


def read_state_dict(path):
    """Parameter name -> numpy array, in the file's order."""
    try:
        with pathlib.Path(path).open("rb") as file:
            return _read(file)
    except (pickle.UnpicklingError, EOFError, struct.error, ValueError, TypeError, AttributeError) as error:
        raise KerasVisionError(f"{path} is not a PyTorch state dict of the old format: {error}") from None


def _read(file):
    storages = {}
    if _load(file, storages) != _MAGIC or _load(file, storages) != _PROTOCOL:
        raise pickle.UnpicklingError("wrong magic number")
    if not _load(file, storages)["little_endian"]:
        raise pickle.UnpicklingError("big-endian storages")
    state = _load(file, storages)
    for key in _load(file, storages):
        storages[key].read(file)
    return {name: tensor.array() for name, tensor in state.items()}


def _load(file, storages):
    return _Unpickler(file, storages).load()


@dataclasses.dataclass
class _Storage:
    dtype: np.dtype
    size: int
    data: np.ndarray | None = None

    def read(self, file):
        (size,) = struct.unpack("<q", file.read(8))
        content = file.read(size * self.dtype.itemsize)
        if size != self.size or len(content) != size * self.dtype.itemsize:
            raise EOFError(f"a storage of {self.size} numbers is cut short")
        self.data = np.frombuffer(content, self.dtype)


@dataclasses.dataclass(frozen=True)
class _Tensor:
    storage: _Storage
    offset: int
    size: tuple
    stride: tuple

    def array(self):
        last = self.offset + sum((n - 1) * s for n, s in zip(self.size, self.stride, strict=True))
        if self.offset < 0 or min(self.stride, default=0) < 0 or last >= self.storage.size:
            raise ValueError("a tensor reaches beyond its storage")
        strides = [s * self.storage.dtype.itemsize for s in self.stride]
        return np.lib.stride_tricks.as_strided(self.storage.data[self.offset :], self.size, strides).copy()


def _rebuild_tensor(storage, offset, size, stride, requires_grad, hooks):
    return _Tensor(storage, offset, tuple(size), tuple(stride))


class _Unpickler(pickle.Unpickler):
    def __init__(self, file, storages):
        super().__init__(file)
        self.storages = storages

    def find_class(self, module, name):
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _rebuild_tensor
        if module == "torch" and name in _STORAGES:
            return _STORAGES[name]
        raise pickle.UnpicklingError(f"{module}.{name} has no place among tensors; refusing to load it")

    def persistent_load(self, saved):
        what, dtype, key, _, size, view = saved
        if what != "storage" or view is not None:
            raise pickle.UnpicklingError(f"unknown persistent object {what!r}")
        return self.storages.setdefault(key, _Storage(dtype, size))
