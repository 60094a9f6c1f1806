"""Operators of TensorFlow that a server of TensorFlow Serving 2.19.0 knows, with the attributes that a graph may set.

Names and attributes are of TensorFlow's own list of its raw operators, tensorflow/tools/api/golden/v2/
tensorflow.raw_ops.pbtxt at commit 149cadc2234e1c03789b6ccf3d3db2fb8c5897a2, and `debug_name` of VarHandleOp, which that
list has not yet, of https://www.tensorflow.org/versions/r2.15/api_docs/python/tf/raw_ops/VarHandleOp: so it is of a
version before 2.15, and what it has is in 2.19 too, since no version 2 takes an operator or an attribute away
(https://www.tensorflow.org/guide/versions, "Compatibility of SavedModels, graphs and checkpoints"). Only operators that
graphs of this repository have, or are likely to, are kept here. Attributes that follow from an operator's inputs, such
as their type, are not listed there.
"""

OLDEST = "2.15"  # version that has all of these

_LISTED = """
Abs
AddN
AddV2
All: keep_dims
Any: keep_dims
ArgMax: output_type
ArgMin: output_type
AsString: precision scientific shortest width fill
Assert: summarize
AssignVariableOp
AvgPool: ksize strides padding data_format
AvgPool3D: ksize strides padding data_format
BiasAdd: data_format
Bitcast: type
BitwiseAnd
BitwiseOr
BitwiseXor
BroadcastTo
Case: Tout branches output_shapes
Cast: DstT Truncate
Ceil
ClipByValue
ConcatV2
Const: value dtype
Conv2D: strides padding use_cudnn_on_gpu explicit_paddings data_format dilations
Conv2DBackpropInput: strides padding use_cudnn_on_gpu explicit_paddings data_format dilations
Conv3D: strides padding data_format dilations
Conv3DBackpropInputV2: strides padding data_format dilations
Cumsum: exclusive reverse
DecodeBmp: channels
DecodeGif
DecodeImage: channels dtype expand_animations
DecodeJpeg: channels ratio fancy_upscaling try_recover_truncated acceptable_fraction dct_method
DecodePaddedRaw: out_type little_endian
DecodePng: channels dtype
DecodeRaw: out_type little_endian
DepthwiseConv2dNative: strides padding explicit_paddings data_format dilations
DisableCopyOnRead
DivNoNan
Einsum: equation
Elu
EmptyTensorList: element_dtype
EnsureShape: shape
Equal: incompatible_shape_error
Erf
Exp
ExpandDims
ExtractJpegShape: output_type
Fill
Floor
FloorDiv
FloorMod
FusedBatchNormV3: epsilon exponential_avg_factor data_format is_training
GatherNd
GatherV2: batch_dims
Greater
GreaterEqual
HashTableV2: key_dtype value_dtype container shared_name use_node_name_sharing
Identity
IdentityN
ImageProjectiveTransformV3: interpolation fill_mode
If: Tout then_branch else_branch output_shapes
IsFinite
LeakyRelu: alpha
LeftShift
Less
LessEqual
LinSpace
Log
LogSoftmax
LogicalAnd
LogicalNot
LogicalOr
LookupTableFindV2
LookupTableImportV2
MatMul: transpose_a transpose_b
Max: keep_dims
MaxPool: ksize strides padding explicit_paddings data_format
MaxPool3D: ksize strides padding data_format
Maximum
Mean: keep_dims
MergeV2Checkpoints: delete_old_dirs allow_missing_files
Min: keep_dims
Minimum
Mul
Neg
NoOp
NonMaxSuppressionV4: pad_to_max_output_size
NonMaxSuppressionV5: pad_to_max_output_size
NotEqual: incompatible_shape_error
OneHot: axis
OnesLike
Pack: axis
Pad
PadV2
PartitionedCall: Tout f config config_proto executor_type
Placeholder: dtype shape
Pow
Prod: keep_dims
Range
Rank
ReadVariableOp: dtype
RealDiv
Reciprocal
ReduceJoin: keep_dims separator
RegexReplace: replace_global
Relu
Relu6
Reshape
ResizeArea: align_corners
ResizeBicubic: align_corners half_pixel_centers
ResizeBilinear: align_corners half_pixel_centers
ResizeNearestNeighbor: align_corners half_pixel_centers
RestoreV2: dtypes
ReverseV2
RightShift
Round
Rsqrt
SaveV2
ScatterNd
Select
SelectV2
Selu
Shape: out_type
ShardedFilename
Sigmoid
Sign
Size: out_type
Slice
Softmax
Softplus
Split: num_split
SplitV: num_split
Sqrt
Square
SquaredDifference
Squeeze: squeeze_dims
StatefulPartitionedCall: Tout f config config_proto executor_type
StatelessCase: Tout branches output_shapes
StatelessIf: Tout then_branch else_branch output_shapes
StatelessWhile: cond body output_shapes parallel_iterations
StaticRegexFullMatch: pattern
StaticRegexReplace: pattern rewrite replace_global
StopGradient
StridedSlice: begin_mask end_mask ellipsis_mask new_axis_mask shrink_axis_mask
StringJoin: separator
StringLength: unit
StringSplitV2: maxsplit
Sub
Substr: unit
Sum: keep_dims
Tanh
TensorListFromTensor
TensorListGetItem: element_dtype
TensorListLength
TensorListPopBack: element_dtype
TensorListPushBack
TensorListReserve: element_dtype
TensorListSetItem: resize_if_index_out_of_bounds
TensorListStack: element_dtype num_elements
TensorScatterAdd
TensorScatterMax
TensorScatterUpdate
Tile
TopKV2: sorted index_type
Transpose
UnicodeTranscode: input_encoding output_encoding errors replacement_char replace_control_characters
Unique: out_idx
UniqueV2: out_idx
Unpack: num axis
UnsortedSegmentMax
UnsortedSegmentSum
VarHandleOp: dtype shape container shared_name allowed_devices debug_name
VarIsInitializedOp
Where
While: cond body output_shapes parallel_iterations
ZerosLike
"""

# operator -> its attributes
KNOWN = {name: set(attributes.split()) for name, _, attributes in (r.partition(":") for r in _LISTED.split("\n") if r)}
