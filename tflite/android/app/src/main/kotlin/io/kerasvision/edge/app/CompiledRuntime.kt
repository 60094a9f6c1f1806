// A file in LiteRT's CompiledModel, on the processor: integers and floats as the file has them.
package io.kerasvision.edge.app

import android.content.res.AssetManager
import com.google.ai.edge.litert.Accelerator
import com.google.ai.edge.litert.CompiledModel
import com.google.ai.edge.litert.TensorBuffer
import io.kerasvision.edge.EdgeError
import io.kerasvision.edge.Json
import io.kerasvision.edge.Runtime
import java.nio.ByteBuffer
import java.nio.ByteOrder

private const val SIGNATURE = "serving_default"

/** asset: the file's path in the assets. row: the file's, of contract.json. */
class CompiledRuntime(assets: AssetManager, asset: String, private val row: Json, threads: Int) : Runtime {
    private val model = CompiledModel.create(
        assets, asset, CompiledModel.Options(Accelerator.CPU).apply { cpuOptions = CompiledModel.CpuOptions(threads) },
    )
    private val inputs = row["inputs"].fields.mapValues { model.createInputBuffer(it.key, SIGNATURE) }
    private val outputs = row["outputs"].fields.mapValues { model.createOutputBuffer(it.key, SIGNATURE) }

    override fun infer(feed: Map<String, ByteArray>): Map<String, ByteArray> {
        for ((key, buffer) in inputs) write(buffer, row["inputs"][key]["dtype"].text, feed.getValue(key))
        model.run(inputs, outputs, SIGNATURE)
        return outputs.mapValues { (key, buffer) -> read(buffer, row["outputs"][key]["dtype"].text) }
    }

    override fun close() {
        (inputs.values + outputs.values).forEach { it.close() }
        model.close()
    }
}

private fun write(buffer: TensorBuffer, dtype: String, bytes: ByteArray) {
    val held = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN)
    when (dtype) {
        "uint8", "int8" -> buffer.writeInt8(bytes) // bytes as they are: LiteRT does not look at their sign
        "bool" -> buffer.writeBoolean(BooleanArray(bytes.size) { bytes[it].toInt() != 0 })
        "int32" -> buffer.writeInt(IntArray(bytes.size / 4) { held.getInt(4 * it) })
        "float32" -> buffer.writeFloat(FloatArray(bytes.size / 4) { held.getFloat(4 * it) })
        else -> throw EdgeError("LiteRT's Kotlin interface takes no $dtype; export the model to tflite or tflite:int8")
    }
}

private fun read(buffer: TensorBuffer, dtype: String): ByteArray = when (dtype) {
    "uint8", "int8" -> buffer.readInt8()
    "bool" -> buffer.readBoolean().let { held -> ByteArray(held.size) { if (held[it]) 1 else 0 } }
    "int32" -> buffer.readInt().let { held -> packed(held.size) { held.forEach(it::putInt) } }
    "float32" -> buffer.readFloat().let { held -> packed(held.size) { held.forEach(it::putFloat) } }
    else -> throw EdgeError("LiteRT's Kotlin interface gives no $dtype; export the model to tflite or tflite:int8")
}

private fun packed(count: Int, fill: (ByteBuffer) -> Unit): ByteArray =
    ByteBuffer.allocate(4 * count).order(ByteOrder.LITTLE_ENDIAN).also(fill).array()
