// LiteRT 2.1's Kotlin interface, as far as the app uses it.
@file:Suppress("UNUSED_PARAMETER", "unused")

package com.google.ai.edge.litert

import android.content.res.AssetManager

enum class Accelerator { CPU, GPU, NPU }

class TensorBuffer : AutoCloseable {
    fun writeInt(data: IntArray): Unit = TODO()

    fun writeFloat(data: FloatArray): Unit = TODO()

    fun writeInt8(data: ByteArray): Unit = TODO()

    fun writeBoolean(data: BooleanArray): Unit = TODO()

    fun readInt(): IntArray = TODO()

    fun readFloat(): FloatArray = TODO()

    fun readInt8(): ByteArray = TODO()

    fun readBoolean(): BooleanArray = TODO()

    override fun close(): Unit = TODO()
}

class CompiledModel : AutoCloseable {
    data class CpuOptions(val numThreads: Int? = null)

    class Options(vararg accelerators: Accelerator) {
        var cpuOptions: CpuOptions? = null
    }

    fun createInputBuffer(inputName: String, signature: String? = null): TensorBuffer = TODO()

    fun createOutputBuffer(outputName: String, signature: String? = null): TensorBuffer = TODO()

    fun run(inputs: Map<String, TensorBuffer>, outputs: Map<String, TensorBuffer>, signature: String? = null): Unit = TODO()

    override fun close(): Unit = TODO()

    companion object {
        fun create(assetManager: AssetManager, assetName: String, options: Options = Options()): CompiledModel = TODO()
    }
}
