// LiteRT's C interface by java.lang.foreign: what an installed ai-edge-litert wheel (2.3) has as libLiteRt.so, without
// headers. All functions give a status, 0 where they did what they say, but those that destroy.
package io.kerasvision.edge.desktop

import io.kerasvision.edge.EdgeError
import io.kerasvision.edge.Runtime
import java.io.File
import java.lang.foreign.Arena
import java.lang.foreign.FunctionDescriptor
import java.lang.foreign.Linker
import java.lang.foreign.MemoryLayout
import java.lang.foreign.MemorySegment
import java.lang.foreign.SymbolLookup
import java.lang.foreign.ValueLayout.ADDRESS
import java.lang.foreign.ValueLayout.JAVA_BYTE
import java.lang.foreign.ValueLayout.JAVA_INT
import java.lang.foreign.ValueLayout.JAVA_LONG
import java.lang.invoke.MethodHandle

private const val WHEEL = "ai-edge-litert 2.3"
private const val TENSOR_TYPE_BYTES = 72L // of LiteRtRankedTensorType in LiteRT 2
private const val LONGEST = 4096L // bytes of a name
private const val CPU = 1
private const val READ = 0
private const val WRITE = 1
private const val SIGNATURE = "serving_default"

private val SIGNATURES: Map<String, List<MemoryLayout>> = mapOf(
    "CreateEnvironment" to listOf(JAVA_INT, ADDRESS, ADDRESS),
    "CreateModelFromFile" to listOf(ADDRESS, ADDRESS, ADDRESS),
    "GetNumModelSignatures" to listOf(ADDRESS, ADDRESS),
    "GetModelSignature" to listOf(ADDRESS, JAVA_LONG, ADDRESS),
    "GetSignatureKey" to listOf(ADDRESS, ADDRESS),
    "GetNumSignatureInputs" to listOf(ADDRESS, ADDRESS),
    "GetNumSignatureOutputs" to listOf(ADDRESS, ADDRESS),
    "GetSignatureInputName" to listOf(ADDRESS, JAVA_LONG, ADDRESS),
    "GetSignatureOutputName" to listOf(ADDRESS, JAVA_LONG, ADDRESS),
    "GetSignatureInputTensorByIndex" to listOf(ADDRESS, JAVA_LONG, ADDRESS),
    "GetSignatureOutputTensorByIndex" to listOf(ADDRESS, JAVA_LONG, ADDRESS),
    "GetRankedTensorType" to listOf(ADDRESS, ADDRESS),
    "CreateOptions" to listOf(ADDRESS),
    "SetOptionsHardwareAccelerators" to listOf(ADDRESS, JAVA_INT),
    "CreateCompiledModel" to listOf(ADDRESS, ADDRESS, ADDRESS, ADDRESS),
    "GetCompiledModelInputBufferRequirements" to listOf(ADDRESS, JAVA_LONG, JAVA_LONG, ADDRESS),
    "GetCompiledModelOutputBufferRequirements" to listOf(ADDRESS, JAVA_LONG, JAVA_LONG, ADDRESS),
    "CreateManagedTensorBufferFromRequirements" to listOf(ADDRESS, ADDRESS, ADDRESS, ADDRESS),
    "GetTensorBufferSize" to listOf(ADDRESS, ADDRESS),
    "LockTensorBuffer" to listOf(ADDRESS, ADDRESS, JAVA_INT),
    "UnlockTensorBuffer" to listOf(ADDRESS),
    "RunCompiledModel" to listOf(ADDRESS, JAVA_LONG, JAVA_LONG, ADDRESS, JAVA_LONG, ADDRESS),
    "DestroyTensorBuffer" to listOf(ADDRESS),
    "DestroyCompiledModel" to listOf(ADDRESS),
    "DestroyModel" to listOf(ADDRESS),
)

/** The functions of a library, and the process' environment. */
class LiteRt private constructor(private val functions: Map<String, MethodHandle>) {
    private val environment: MemorySegment = Arena.global().allocate(ADDRESS).also {
        check(call("CreateEnvironment", 0, MemorySegment.NULL, it), "make an environment")
    }.get(ADDRESS, 0)

    /** A file's runtime. Throws EdgeError of what is no .tflite, or cannot be compiled. */
    fun open(file: File): Runtime = LiteRtRuntime(this, environment, file)

    internal fun call(name: String, vararg given: Any): Int {
        val found = functions.getValue(name).invokeWithArguments(*given)
        return found as? Int ?: 0
    }

    internal fun check(status: Int, what: String) {
        if (status != 0) throw EdgeError("LiteRT could not $what (status $status)")
    }

    companion object {
        /** path: of libLiteRt.so. Throws EdgeError, one line, of a library that is none, or another version's. */
        fun load(path: String): LiteRt {
            val library = try {
                SymbolLookup.libraryLookup(path, Arena.global())
            } catch (error: IllegalArgumentException) {
                throw EdgeError("LiteRT cannot be opened: ${error.message}")
            }
            val places = SIGNATURES.keys.associateWith { library.find("LiteRt$it").orElse(null) }
            val missing = places.filterValues { it == null }.keys
            if (missing.isNotEmpty()) {
                val names = missing.joinToString { "LiteRt$it" }
                throw EdgeError("$path (${versionOf(path)}) has no $names; this client is for $WHEEL")
            }
            val linker = Linker.nativeLinker()
            val handles = SIGNATURES.mapValues { linker.downcallHandle(places[it.key], described(it.key, it.value)) }
            return LiteRt(handles)
        }

        private fun described(name: String, words: List<MemoryLayout>) =
            if (name.startsWith("Destroy")) FunctionDescriptor.ofVoid(*words.toTypedArray())
            else FunctionDescriptor.of(JAVA_INT, *words.toTypedArray())

        private fun versionOf(path: String): String {
            val beside = File(path).absoluteFile.parentFile?.parentFile?.list()?.sorted() ?: emptyList()
            val found = beside.firstOrNull { it.startsWith("ai_edge_litert-") && it.endsWith(".dist-info") }
            return found?.removePrefix("ai_edge_litert-")?.removeSuffix(".dist-info") ?: "of unknown version"
        }
    }
}

/** One file, its signature serving_default. */
private class LiteRtRuntime(private val litert: LiteRt, environment: MemorySegment, private val file: File) : Runtime {
    private class Buffer(val name: String, val handle: MemorySegment, val size: Long)

    private val arena = Arena.ofShared()
    private val model: MemorySegment
    private val compiled: MemorySegment
    private val index: Long
    private val inputs: List<Buffer>
    private val outputs: List<Buffer>

    init {
        val head = file.inputStream().use { it.readNBytes(8) }
        if (head.size < 8 || String(head, 4, 3, Charsets.ISO_8859_1) != "TFL") {
            throw EdgeError("$file is no .tflite, or is encrypted")
        }
        model = given("open") { litert.call("CreateModelFromFile", environment, arena.allocateFrom(file.path), it) }
        val signatures = List(count("GetNumModelSignatures", model).toInt()) { i ->
            given("read") { litert.call("GetModelSignature", model, i.toLong(), it) }
        }
        val keys = signatures.map { text(given("read") { place -> litert.call("GetSignatureKey", it, place) }) }
        if (keys.isEmpty()) throw EdgeError("$file has no signature; files that KerasVision exports have $SIGNATURE")
        index = maxOf(keys.indexOf(SIGNATURE), 0).toLong()
        val options = given("make options for") { litert.call("CreateOptions", it) }
        done("choose the processor for", litert.call("SetOptionsHardwareAccelerators", options, CPU))
        compiled = given("compile") { litert.call("CreateCompiledModel", environment, model, options, it) }
        inputs = buffers("Input", environment, signatures[index.toInt()])
        outputs = buffers("Output", environment, signatures[index.toInt()])
    }

    override fun infer(feed: Map<String, ByteArray>): Map<String, ByteArray> = Arena.ofConfined().use { own ->
        for (buffer in inputs) {
            val bytes = feed[buffer.name] ?: throw EdgeError("$file takes ${buffer.name}, which it was not given")
            if (bytes.size > buffer.size) {
                throw EdgeError("$file takes ${buffer.size} bytes of ${buffer.name}, not ${bytes.size}")
            }
            locked(own, buffer, WRITE) { MemorySegment.copy(bytes, 0, it, JAVA_BYTE, 0, bytes.size) }
        }
        val status = litert.call(
            "RunCompiledModel", compiled, index, inputs.size.toLong(), handles(own, inputs), outputs.size.toLong(),
            handles(own, outputs),
        )
        done("run", status)
        outputs.associate { it.name to locked(own, it, READ) { place -> place.toArray(JAVA_BYTE) } }
    }

    override fun close() {
        for (buffer in inputs + outputs) litert.call("DestroyTensorBuffer", buffer.handle)
        litert.call("DestroyCompiledModel", compiled)
        litert.call("DestroyModel", model)
        arena.close()
    }

    private fun done(what: String, status: Int) = litert.check(status, "$what $file")

    /** What a function writes to the place that it is given last. */
    private fun given(what: String, ask: (MemorySegment) -> Int): MemorySegment {
        val place = arena.allocate(ADDRESS)
        done(what, ask(place))
        return place.get(ADDRESS, 0)
    }

    private fun count(name: String, of: MemorySegment): Long {
        val place = arena.allocate(JAVA_LONG)
        done("read", litert.call(name, of, place))
        return place.get(JAVA_LONG, 0)
    }

    private fun text(place: MemorySegment) = place.reinterpret(LONGEST).getString(0)

    private fun buffers(way: String, environment: MemorySegment, signature: MemorySegment) =
        List(count("GetNumSignature${way}s", signature).toInt()) { number ->
            val i = number.toLong()
            val name = text(given("read") { litert.call("GetSignature${way}Name", signature, i, it) })
            val tensor = given("read") { litert.call("GetSignature${way}TensorByIndex", signature, i, it) }
            val type = arena.allocate(TENSOR_TYPE_BYTES, 8)
            done("read", litert.call("GetRankedTensorType", tensor, type))
            val needs = given("prepare") {
                litert.call("GetCompiledModel${way}BufferRequirements", compiled, index, i, it)
            }
            val handle = given("prepare") {
                litert.call("CreateManagedTensorBufferFromRequirements", environment, type, needs, it)
            }
            Buffer(name, handle, count("GetTensorBufferSize", handle))
        }

    private fun handles(own: Arena, buffers: List<Buffer>): MemorySegment {
        val held = own.allocate(ADDRESS, maxOf(buffers.size, 1).toLong())
        buffers.forEachIndexed { i, buffer -> held.setAtIndex(ADDRESS, i.toLong(), buffer.handle) }
        return held
    }

    private fun <T> locked(own: Arena, buffer: Buffer, way: Int, use: (MemorySegment) -> T): T {
        val place = own.allocate(ADDRESS)
        done("reach the memory of", litert.call("LockTensorBuffer", buffer.handle, place, way))
        try {
            return use(place.get(ADDRESS, 0).reinterpret(buffer.size))
        } finally {
            litert.call("UnlockTensorBuffer", buffer.handle)
        }
    }
}
