// Arrays of golden.json and of a file: little-endian numbers, as bytes and as doubles. And sha256, to know a file by.
package io.kerasvision.edge

import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.security.MessageDigest
import java.util.Base64
import kotlin.math.max
import kotlin.math.min
import kotlin.math.round

/** Numbers of a shape, or every n-th position of it, a position being all but the last axis. Exact to 2^53. */
class Tensor(val dtype: String, val shape: IntArray, val values: DoubleArray, val every: Int = 1) {
    val last get() = if (shape.isEmpty()) 1 else shape.last()

    /** Every n-th position alone. */
    fun thinned(by: Int): Tensor {
        if (by == 1) return this
        val positions = (values.size / last + by - 1) / by
        return Tensor(dtype, shape, DoubleArray(positions * last) { values[it / last * last * by + it % last] }, by)
    }

    /** The only number of a tensor that has one. */
    val single get() = values.firstOrNull() ?: throw EdgeError("a tensor of the file is empty; $AGAIN")
}

/** Bytes of one number. Throws EdgeError of a dtype that this client does not know. */
fun widthOf(dtype: String) = when (dtype) {
    "uint8", "int8", "bool" -> 1
    "int16" -> 2
    "float32", "int32" -> 4
    "float64", "int64" -> 8
    else -> throw EdgeError("this client knows no numbers of $dtype")
}

/** Little-endian bytes of a tensor, a row {"dtype", "shape"} of contract.json or of golden.json. */
fun fromBytes(dtype: String, shape: IntArray, bytes: ByteArray, every: Int = 1): Tensor {
    val held = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN)
    val width = widthOf(dtype)
    val read: (Int) -> Double = when (dtype) {
        "uint8", "bool" -> { at -> (bytes[at].toInt() and 255).toDouble() }
        "int8" -> { at -> bytes[at].toDouble() }
        "int16" -> { at -> held.getShort(at).toDouble() }
        "int32" -> { at -> held.getInt(at).toDouble() }
        "int64" -> { at -> held.getLong(at).toDouble() }
        "float32" -> { at -> held.getFloat(at).toDouble() }
        else -> { at -> held.getDouble(at) }
    }
    return Tensor(dtype, shape, DoubleArray(bytes.size / width) { read(it * width) }, every)
}

/** Little-endian bytes of numbers. */
fun toBytes(dtype: String, values: DoubleArray): ByteArray {
    val width = widthOf(dtype)
    val held = ByteBuffer.allocate(values.size * width).order(ByteOrder.LITTLE_ENDIAN)
    for (value in values) when (dtype) {
        "uint8", "bool" -> held.put(value.toInt().toByte())
        "int8" -> held.put(value.toInt().toByte())
        "int16" -> held.putShort(value.toInt().toShort())
        "int32" -> held.putInt(value.toInt())
        "int64" -> held.putLong(value.toLong())
        "float32" -> held.putFloat(value.toFloat())
        else -> held.putDouble(value)
    }
    return held.array()
}

/** A tensor of golden.json: {"dtype", "shape", "data": base64}, and "every". */
fun unpacked(row: Json): Tensor {
    val bytes = try {
        Base64.getDecoder().decode(row["data"].text)
    } catch (_: IllegalArgumentException) {
        throw EdgeError("a tensor of golden.json is damaged: it is no base64; $AGAIN")
    }
    return fromBytes(row["dtype"].text, row["shape"].integers, bytes, row.find("every")?.number?.toInt() ?: 1)
}

/** A number of a file as the real one that it stands for. row: the tensor's, of contract.json. */
fun real(value: Double, row: Json): Double {
    val (scale, zero) = row.find("quantization")?.items ?: return value
    return ((value.toFloat() - zero.number.toFloat()) * scale.number.toFloat()).toDouble()
}

/** The same of all numbers of a tensor. */
fun real(tensor: Tensor, row: Json): Tensor {
    if (!row.has("quantization")) return tensor
    val values = DoubleArray(tensor.values.size) { real(tensor.values[it], row) }
    return Tensor("float32", tensor.shape, values, tensor.every)
}

/** Real numbers as the bytes that a file takes, and back by `real`. row: the input's, of contract.json. */
fun typed(values: DoubleArray, row: Json): ByteArray {
    val dtype = row["dtype"].text
    val (scale, zero) = row.find("quantization")?.items ?: return toBytes(dtype, values)
    val (low, high) = when (dtype) {
        "int8" -> -128.0 to 127.0
        "int16" -> -32768.0 to 32767.0
        else -> 0.0 to 255.0
    }
    val step = scale.number.toFloat()
    return toBytes(dtype, DoubleArray(values.size) {
        min(max(round((values[it].toFloat() / step).toDouble()) + zero.number, low), high)
    })
}

/** sha256 of bytes, in hexadecimal digits. */
fun sha256(bytes: ByteArray) = MessageDigest.getInstance("SHA-256").digest(bytes).joinToString("") { "%02x".format(it) }
