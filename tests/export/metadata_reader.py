"""Reads TFLite Metadata back by the numbers of their fields, with `flatbuffers` alone."""

from flatbuffers import number_types
from flatbuffers.table import Table
from tensorflow.lite.python import schema_py_generated as schema

from kerasvision.export import metadata as md


class Fields:
    """A table of a FlatBuffer, by the numbers of its fields."""

    def __init__(self, content, position):
        self.table = Table(content, position)

    @classmethod
    def root(cls, content):
        return cls(content, Table(content, 0).Get(number_types.UOffsetTFlags, 0))

    def text(self, slot):
        place = self.table.Offset(4 + 2 * slot)
        return self.table.String(self.table.Pos + place).decode() if place else None

    def number(self, slot, kind):
        return self.table.GetSlot(4 + 2 * slot, 0, kind)

    def inside(self, slot):
        return Fields(self.table.Bytes, self.table.Indirect(self.table.Pos + self.table.Offset(4 + 2 * slot)))

    def rows(self, slot):
        place = self.table.Offset(4 + 2 * slot)
        start, count = (self.table.Vector(place), self.table.VectorLen(place)) if place else (0, 0)
        return [Fields(self.table.Bytes, self.table.Indirect(start + 4 * i)) for i in range(count)]


def metadata_of(path):
    """(the model, what it says of its one subgraph) of a .tflite."""
    model = schema.ModelT.InitFromPackedBuf(path.read_bytes())
    (held,) = (model.buffers[m.buffer].data.tobytes() for m in model.metadata if m.name == b"TFLITE_METADATA")
    assert held[4:8] == b"M001"
    root = Fields.root(held)
    assert root.text(md.MODEL_NAME) and root.text(md.MODEL_DESCRIPTION)
    (subgraph,) = root.rows(md.MODEL_SUBGRAPHS)
    return model, subgraph
