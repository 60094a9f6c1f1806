"""TFLite Metadata: what MediaPipe Tasks reads in a .tflite file to know its tensors, with the labels packed behind it.

The metadata are a FlatBuffer of metadata_schema.fbs (in the mediapipe package: tasks/metadata; file identifier M001),
held as the model's buffer TFLITE_METADATA; files that they name are a zip archive that begins where the model ends.
They are written here with `flatbuffers`, which comes with TensorFlow, so that an export needs no mediapipe.

A table is a dict: number of a field -> its value. numpy's dtype says how a number or a vector of numbers is written; a
str, a dict and a list of either are what they are.
"""

import io
import zipfile

import flatbuffers
import numpy as np

from kerasvision.ops.internals import lite_schema

# Numbers of the fields of metadata_schema.fbs: each table counts its own, in the order in which the schema declares
# them; a union takes two, its type and then its value.
MODEL_NAME, MODEL_DESCRIPTION, MODEL_SUBGRAPHS, MODEL_PARSER_VERSION = 0, 1, 3, 7
SUBGRAPH_INPUTS, SUBGRAPH_OUTPUTS, SUBGRAPH_OUTPUT_GROUPS, SUBGRAPH_CUSTOM = 2, 3, 8, 9
TENSOR_NAME, TENSOR_DESCRIPTION, TENSOR_CONTENT, TENSOR_UNITS, TENSOR_STATS, TENSOR_FILES = 0, 1, 3, 4, 5, 6
CONTENT_TYPE, CONTENT, CONTENT_RANGE = 0, 1, 2
IMAGE_COLOR_SPACE = 0
AUDIO_RATE, AUDIO_CHANNELS = 0, 1
UNIT_TYPE, UNIT = 0, 1
CALIBRATION_TRANSFORM, CALIBRATION_DEFAULT, THRESHOLD = 0, 1, 0
REGEX_PATTERN, REGEX_VOCABULARY = 0, 1
BOX_INDEX, BOX_TYPE, BOX_COORDINATES = 0, 1, 2
RANGE_MIN, RANGE_MAX = 0, 1
STATS_MAX, STATS_MIN = 0, 1
FILE_NAME, FILE_DESCRIPTION, FILE_TYPE = 0, 1, 2
GROUP_NAME, GROUP_TENSORS = 0, 1
CUSTOM_NAME, CUSTOM_DATA = 0, 1
ACTIVATION, SEGMENTER_PARSER_VERSION = 0, 1  # of image_segmenter_metadata_schema.fbs, beside metadata_schema.fbs

# Values of its enumerations.
# union ContentProperties
FEATURE_PROPERTIES, IMAGE_PROPERTIES, BOX_PROPERTIES, AUDIO_PROPERTIES = map(np.uint8, (1, 2, 3, 4))
CALIBRATION, THRESHOLDING, REGEX_TOKENIZER = map(np.uint8, (2, 3, 6))  # union ProcessUnitOptions
INVERSE_LOGISTIC = np.int8(2)
COLOR_RGB, COLOR_GRAYSCALE = np.int8(1), np.int8(2)
BOX_BOUNDARIES, COORDINATES_RATIO = np.int8(1), np.int8(0)
ACTIVATION_NONE = np.int8(0)
AXIS_LABELS, VALUE_LABELS = np.int8(2), np.int8(3)  # a name for each index of the last axis; for each value
AXIS_CALIBRATION, VOCABULARY = np.int8(4), np.int8(5)

LABELS_FILE, CALIBRATION_FILE, VOCABULARY_FILE = "labels.txt", "score_calibration.txt", "vocab.txt"
LEAST_SCORE = np.finfo(np.float32).tiny  # above 0, which a class that is off is given
_BUFFER = "TFLITE_METADATA"
_PARSER_VERSION = "1.2.0"  # of the schema, since which it has groups of output tensors
_REGEX_PARSER_VERSION = "1.2.1"  # since which it has tokenizers by regular expressions
_AUDIO_PARSER_VERSION = "1.3.0"  # since which it has sounds
_CUSTOM_PARSER_VERSION = "1.5.0"  # since which it has custom metadata
_ALIGNMENT = 16  # `force_align` of bytes, in TensorFlow's schema.fbs and in metadata_schema.fbs
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time a zip archive knows: equal models are equal files


def image_input(description):
    """The table of an input tensor that is an RGB image of uint8. (MediaPipe asks for a mean and a deviation where the
    input is float32, and only there.)
    """
    return {
        TENSOR_NAME: "image",
        TENSOR_DESCRIPTION: description,
        TENSOR_CONTENT: {CONTENT_TYPE: IMAGE_PROPERTIES, CONTENT: {IMAGE_COLOR_SPACE: COLOR_RGB}},
        TENSOR_STATS: {STATS_MAX: np.float32([255]), STATS_MIN: np.float32([0])},
    }


def audio_input(description, rate):
    """The table of an input tensor of float32 samples of one channel, in -1..1. rate: samples a second."""
    properties = {AUDIO_RATE: np.uint32(rate), AUDIO_CHANNELS: np.uint32(1)}
    return {
        TENSOR_NAME: "audio",
        TENSOR_DESCRIPTION: description,
        TENSOR_CONTENT: {CONTENT_TYPE: AUDIO_PROPERTIES, CONTENT: properties},
    }


def text_input(description, pattern):
    """The table of an input tensor of ids int32 [1, N], of the pieces that a text falls into where it is cut at a
    regular expression, by the numbers that VOCABULARY_FILE gives them.
    """
    said = "A piece and its number a line."
    files = [{FILE_NAME: VOCABULARY_FILE, FILE_DESCRIPTION: said, FILE_TYPE: VOCABULARY}]
    return {
        TENSOR_NAME: "input_text",
        TENSOR_DESCRIPTION: description,
        TENSOR_CONTENT: {CONTENT_TYPE: FEATURE_PROPERTIES, CONTENT: {}},
        TENSOR_UNITS: [{UNIT_TYPE: REGEX_TOKENIZER, UNIT: {REGEX_PATTERN: pattern, REGEX_VOCABULARY: files}}],
    }


def numbers_output(name, description, labels=None):
    """The table of an output tensor of numbers. labels: what the names in labels.txt belong to, AXIS_LABELS (places of
    the last axis) or VALUE_LABELS (values); None: nothing.
    """
    table = {
        TENSOR_NAME: name,
        TENSOR_DESCRIPTION: description,
        TENSOR_CONTENT: {CONTENT_TYPE: FEATURE_PROPERTIES, CONTENT: {}},
    }
    if labels is not None:
        table[TENSOR_FILES] = [{FILE_NAME: LABELS_FILE, FILE_DESCRIPTION: "One class a line.", FILE_TYPE: labels}]
    return table


def probabilities_output():
    """The table of the probabilities [1, K] of a classifier."""
    table = numbers_output("probability", "The probability of each class, 0..1.", AXIS_LABELS)
    return table | {TENSOR_STATS: {STATS_MAX: np.float32([1]), STATS_MIN: np.float32([0])}}


def labels_output():
    """`probabilities_output` of any number of classes an image, of which `calibration_lines` say when they are on: what
    is off gets the score 0, and scores of 0 are left out.
    """
    table = probabilities_output()
    calibration = {CALIBRATION_TRANSFORM: INVERSE_LOGISTIC, CALIBRATION_DEFAULT: np.float32(0)}
    table[TENSOR_UNITS] = [
        {UNIT_TYPE: CALIBRATION, UNIT: calibration},
        {UNIT_TYPE: THRESHOLDING, UNIT: {THRESHOLD: np.float32(LEAST_SCORE)}},
    ]
    said = "Of each class its threshold, behind a calibration that changes nothing."
    table[TENSOR_FILES].append({FILE_NAME: CALIBRATION_FILE, FILE_DESCRIPTION: said, FILE_TYPE: AXIS_CALIBRATION})
    return table


def calibration_lines(thresholds):
    """The text of CALIBRATION_FILE: scale, slope and offset of 1 / (1 + exp(-(log(p) - log(1 - p)))), which is p again,
    and the least p of each class. Nine digits are a float32, whole; an empty line behind would be one class more.
    """
    return "\n".join(f"1,1,0,{np.float32(least):.9g}" for least in thresholds)


def detection_outputs():
    """The tables of TFLite_Detection_PostProcess' four outputs, in its order; MediaPipe knows them by these names."""
    location = numbers_output("location", "Boxes: top, left, bottom, right, in parts of the image's sides.")
    location[TENSOR_CONTENT] = {
        CONTENT_TYPE: BOX_PROPERTIES,
        CONTENT: {
            BOX_INDEX: np.uint32([1, 0, 3, 2]),  # the places of left, top, right and bottom
            BOX_TYPE: BOX_BOUNDARIES,
            BOX_COORDINATES: COORDINATES_RATIO,
        },
    }
    category = numbers_output("category", "The class of each box.", VALUE_LABELS)
    score = numbers_output("score", "The score of each box, 0..1.")
    for table in (location, category, score):  # whatever stands at an index of both axes, image and box, is one thing
        table[TENSOR_CONTENT][CONTENT_RANGE] = {RANGE_MIN: np.int32(2), RANGE_MAX: np.int32(2)}
    return [location, category, score, numbers_output("number of detections", "How many of the boxes are real.")]


def detection_groups():
    """Fields of a detector's subgraph: which outputs belong together, by their names, as a box and its score do."""
    group = {GROUP_NAME: "detection_result", GROUP_TENSORS: ["location", "category", "score"]}
    return {SUBGRAPH_OUTPUT_GROUPS: [group]}


def masks_output():
    """The table of the probabilities of each class at each pixel [1, h, w, K] of a segmenter."""
    table = probabilities_output()
    return table | {
        TENSOR_NAME: "segmentation_masks",
        TENSOR_DESCRIPTION: "The probability of each class at each pixel, 0..1.",
        TENSOR_CONTENT: {
            CONTENT_TYPE: IMAGE_PROPERTIES,
            CONTENT: {IMAGE_COLOR_SPACE: COLOR_GRAYSCALE},
            CONTENT_RANGE: {RANGE_MIN: np.int32(1), RANGE_MAX: np.int32(2)},  # axes 1 and 2 are an image's
        },
    }


def segmenter_options():
    """Fields of a segmenter's subgraph: MediaPipe puts no activation on masks that are probabilities already."""
    options = _finished({ACTIVATION: ACTIVATION_NONE, SEGMENTER_PARSER_VERSION: "1.0.0"}, b"V001")
    return {SUBGRAPH_CUSTOM: [{CUSTOM_NAME: "SEGMENTER_METADATA", CUSTOM_DATA: np.frombuffer(options, np.uint8)}]}


def pack(content, about, taken, outputs, more, files):
    """A .tflite of one input with its metadata and the files that they name.

    content: bytes of a .tflite with one signature. about: its `name` and `description`. taken: the input's table.
    outputs: the signature's key of an output -> its table, in the order that the file gets. more: other fields of the
    subgraph, such as `detection_groups`. files: {name: text}, {} where no output has any.
    """
    subgraph = {SUBGRAPH_INPUTS: [taken], SUBGRAPH_OUTPUTS: list(outputs.values())} | more
    is_audio = taken[TENSOR_CONTENT][CONTENT_TYPE] == AUDIO_PROPERTIES
    version = _REGEX_PARSER_VERSION if TENSOR_UNITS in taken else _PARSER_VERSION
    version = _AUDIO_PARSER_VERSION if is_audio else version
    table = {
        MODEL_NAME: about["name"],
        MODEL_DESCRIPTION: about["description"],
        MODEL_SUBGRAPHS: [subgraph],
        MODEL_PARSER_VERSION: _CUSTOM_PARSER_VERSION if SUBGRAPH_CUSTOM in more else version,
    }
    held = io.BytesIO(_model(content, list(outputs), _finished(table, b"M001")))
    if not files:
        return held.getvalue()
    with zipfile.ZipFile(held, "a") as archive:  # appended, so that its offsets count from the beginning of the file
        for name, text in files.items():
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), text)
    return held.getvalue()


def _finished(table, identifier):
    """A FlatBuffer of a table."""
    builder = _Aligned()
    builder.Finish(_written(builder, table), file_identifier=identifier)
    return bytes(builder.Output())


def _written(builder, value):
    """Writes what a field refers to and returns where it stands."""
    if isinstance(value, str):
        return builder.CreateString(value)
    if isinstance(value, np.ndarray):
        return builder.CreateNumpyVector(value)
    if isinstance(value, dict):
        return _written_table(builder, value)
    places = [_written(builder, v) for v in value]
    builder.StartVector(4, len(places), 4)
    for place in reversed(places):  # a FlatBuffer is written from its end
        builder.PrependUOffsetTRelative(place)
    return builder.EndVector()


def _written_table(builder, table):
    places = {slot: _written(builder, v) for slot, v in table.items() if not isinstance(v, np.generic)}
    builder.StartObject(max(table, default=-1) + 1)
    for slot, v in table.items():
        if isinstance(v, np.uint8):
            builder.PrependUint8Slot(slot, int(v), 0)
        elif isinstance(v, np.int8):
            builder.PrependInt8Slot(slot, int(v), 0)
        elif isinstance(v, np.int32):
            builder.PrependInt32Slot(slot, int(v), 0)
        elif isinstance(v, np.uint32):
            builder.PrependUint32Slot(slot, int(v), 0)
        elif isinstance(v, np.float32):
            builder.PrependFloat32Slot(slot, float(v), 0.0)
        else:
            builder.PrependUOffsetTRelativeSlot(slot, places[slot], 0)
    return builder.EndObject()


class _Aligned(flatbuffers.Builder):
    """Aligns bytes (the data of a model's buffers, and of custom metadata) as the schemas demand; the code that flatc
    makes for Python leaves them at multiples of 4.
    """

    def StartVector(self, elemSize, numElems, alignment):
        return super().StartVector(elemSize, numElems, _ALIGNMENT if elemSize == 1 else alignment)


def _model(content, keys, metadata):
    """The model with its outputs in the order of `keys` and the metadata among its buffers."""
    schema = lite_schema()
    model = schema.ModelT.InitFromPackedBuf(content)
    (signature,) = model.signatureDefs
    index = {row.name.decode(): row.tensorIndex for row in signature.outputs}
    model.subgraphs[signature.subgraphIndex].outputs = np.int32([index[key] for key in keys])
    model.buffers.append(schema.BufferT(data=np.frombuffer(metadata, np.uint8)))
    model.metadata = [*(model.metadata or []), schema.MetadataT(name=_BUFFER, buffer=len(model.buffers) - 1)]
    builder = _Aligned(len(content))
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())
