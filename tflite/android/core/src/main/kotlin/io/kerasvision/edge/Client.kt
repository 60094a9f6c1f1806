// A file that answers, by its contract: a picture in, a prediction in the picture's own pixels out.
package io.kerasvision.edge

/** What runs one file: LiteRT on a phone (`app`), over its C interface on a JVM (`desktop`). One example at a time. */
interface Runtime : AutoCloseable {
    /** {input: little-endian bytes of the file's own dtype} -> {output: the same}. */
    fun infer(feed: Map<String, ByteArray>): Map<String, ByteArray>
}

/** Encoded bytes to stored pixels; transparent ones lie over white. Throws EdgeError of what it cannot read. */
fun interface Decoder {
    fun decode(encoded: ByteArray): Picture
}

/** Final. contract: of contract.json. row: the file's, of its `artifacts`. */
class Client(contract: Json, private val row: Json, private val runtime: Runtime, private val decoder: Decoder) {
    private val rules = contract["preprocess"]

    val classes = contract["classes"].strings

    /** The prediction of encoded bytes, in the pixels of the picture as the contract has it shown. */
    fun predict(encoded: ByteArray): Answer = predict(pictureOf(encoded, rules, decoder))

    /** The prediction of pixels, in their own places: {key: tensor without batch axis}. */
    fun predict(picture: Picture): Answer {
        val takes = row["takes"].text
        if (takes != "prepared") throw EdgeError("the file takes $takes inputs, and this client gives prepared ones")
        val prepared = prepare(picture, rules)
        return restore(row["restore"], inferred(prepared), prepared.geometry)
    }

    /** A prediction as lists, maps, strings and numbers, as `kerasvision predict --json` has it. */
    fun describe(values: Answer): Map<String, Any?> = describe(values, classes, row.find("promise"))

    private fun inferred(prepared: Prepared): Answer {
        val constants = rules.find("constant_inputs")?.fields ?: emptyMap()
        val feed = row["inputs"].fields.mapValues { (key, held) ->
            val constant = constants[key]
            when {
                key == "image" -> imageOf(prepared, held)
                constant != null -> typed(constantOf(constant), held)
                else -> throw EdgeError("the file takes $key, which this client does not prepare")
            }
        }
        return answered(runtime, feed, row["outputs"]).mapValues { (key, tensor) ->
            val whole = real(tensor, row["outputs"][key])
            Tensor(whole.dtype, whole.shape.drop(1).toIntArray(), whole.values)
        }
    }
}

private fun imageOf(prepared: Prepared, row: Json): ByteArray {
    if (row["dtype"].text == "uint8" && !row.has("quantization")) return prepared.image // the bytes themselves
    return typed(DoubleArray(prepared.image.size) { (prepared.image[it].toInt() and 255).toDouble() }, row)
}

private fun constantOf(rule: Json): DoubleArray {
    val size = rule["shape"].integers.fold(1, Int::times)
    return DoubleArray(size) { rule["value"].number }
}

/** Stored pixels, turned as the contract says. */
internal fun pictureOf(encoded: ByteArray, rules: Json, decoder: Decoder): Picture {
    if (encoded.isEmpty()) throw EdgeError("the image is empty (0 bytes)")
    val picture = decoder.decode(encoded)
    return if (rules["exif_orientation"].text == "applied") upright(picture, orientationOf(encoded)) else picture
}

/** What a file gives, {output: tensor of its own dtype}. outputs: rows of contract.json. */
internal fun answered(runtime: Runtime, feed: Map<String, ByteArray>, outputs: Json): Answer =
    runtime.infer(feed).mapValues { (key, bytes) ->
        val shape = outputs[key]["shape"].integers
        val size = shape.fold(widthOf(outputs[key]["dtype"].text), Int::times)
        if (bytes.size < size) {
            throw EdgeError("the file gives ${bytes.size} bytes of $key, and contract.json says $size; $AGAIN")
        }
        fromBytes(outputs[key]["dtype"].text, shape, bytes.copyOf(size))
    }
