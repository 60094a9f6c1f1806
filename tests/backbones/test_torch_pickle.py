"""The reader of PyTorch state dicts: right arrays, and nothing but arrays."""

import collections
import io
import os
import pickle
import struct
import sys
import types

import numpy as np
import pytest

from kerasvision.backbones._torch_pickle import read_state_dict
from kerasvision.core.errors import KerasVisionError


class Storage:
    def __init__(self, key, array):
        self.key, self.array = key, array


class Tensor:
    def __init__(self, storage, offset, size, stride):
        self.parts = (storage, offset, size, stride, False, collections.OrderedDict())

    def __reduce__(self):
        return sys.modules["torch._utils"]._rebuild_tensor_v2, self.parts


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Writes the old format as PyTorch did: magic, protocol, system info, state, storage keys, storages."""
    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
    torch.FloatStorage = type("FloatStorage", (), {"__module__": "torch"})
    torch.LongStorage = type("LongStorage", (), {"__module__": "torch"})

    def _rebuild_tensor_v2(*parts):
        raise AssertionError("the reader must use its own")

    _rebuild_tensor_v2.__module__, _rebuild_tensor_v2.__qualname__ = "torch._utils", "_rebuild_tensor_v2"
    utils._rebuild_tensor_v2 = _rebuild_tensor_v2
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setitem(sys.modules, "torch._utils", utils)

    class Pickler(pickle.Pickler):
        def persistent_id(self, value):
            if not isinstance(value, Storage):
                return None
            kind = torch.FloatStorage if value.array.dtype == np.float32 else torch.LongStorage
            return ("storage", kind, value.key, "cpu", value.array.size, None)

    def write(state, storages, cut=None):
        file = io.BytesIO()
        for head in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}):
            pickle.dump(head, file, 2)
        Pickler(file, 2).dump(state)
        pickle.dump([s.key for s in storages], file, 2)
        for s in storages:
            file.write(struct.pack("<q", s.array.size) + s.array.tobytes())
        path = tmp_path / "state.pth"
        path.write_bytes(file.getvalue()[:cut])
        return path

    return write


def test_arrays_offsets_and_strides(write):
    a = Storage("7", np.arange(12, dtype=np.float32))
    b = Storage("8", np.array([42], np.int64))
    state = collections.OrderedDict(
        plain=Tensor(a, 0, (3, 4), (4, 1)),
        transposed=Tensor(a, 0, (4, 3), (1, 4)),
        tail=Tensor(a, 10, (2,), (1,)),
        count=Tensor(b, 0, (), ()),
    )
    seen = read_state_dict(write(state, [a, b]))
    assert list(seen) == ["plain", "transposed", "tail", "count"]
    np.testing.assert_array_equal(seen["plain"], np.arange(12).reshape(3, 4))
    np.testing.assert_array_equal(seen["transposed"], np.arange(12).reshape(3, 4).T)
    np.testing.assert_array_equal(seen["tail"], [10, 11])
    assert seen["count"] == 42 and seen["count"].dtype == np.int64


def test_code_is_never_run(write, tmp_path):
    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "owned"),)

    with pytest.raises(KerasVisionError, match="mkdir has no place among tensors"):
        read_state_dict(write({"weight": Evil()}, []))
    assert not (tmp_path / "owned").exists()


def test_a_tensor_beyond_its_storage_is_refused(write):
    a = Storage("7", np.arange(4, dtype=np.float32))
    for tensor in (Tensor(a, 0, (5,), (1,)), Tensor(a, 3, (2,), (1,)), Tensor(a, 3, (2,), (-1,))):
        with pytest.raises(KerasVisionError, match="reaches beyond its storage"):
            read_state_dict(write({"weight": tensor}, [a]))


def test_a_file_cut_short_is_refused(write):
    a = Storage("7", np.arange(4, dtype=np.float32))
    state = {"weight": Tensor(a, 0, (4,), (1,))}
    for cut in (-1, -20, 40, 3, 0):
        with pytest.raises(KerasVisionError, match="is not a PyTorch state dict"):
            read_state_dict(write(state, [a], cut))
