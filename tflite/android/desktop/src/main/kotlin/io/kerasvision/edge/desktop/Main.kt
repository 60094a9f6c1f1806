// kerasvision-edge on a JVM: the phone's own code over LiteRT's C interface. 0: done, 1: failed, 2: wrong usage.
package io.kerasvision.edge.desktop

import io.kerasvision.edge.Client
import io.kerasvision.edge.EdgeError
import io.kerasvision.edge.EdgeUsageError
import io.kerasvision.edge.Package
import io.kerasvision.edge.contractOf
import io.kerasvision.edge.inWords
import io.kerasvision.edge.rowOf
import io.kerasvision.edge.toJson
import io.kerasvision.edge.verify
import java.io.File
import java.io.IOException
import kotlin.system.exitProcess

private const val USAGE =
    "usage: kerasvision-edge [--litert libLiteRt.so] verify FOLDER | predict FILE.tflite IMAGE... | bench FILE IMAGE"
private const val REPETITIONS = 50

/** A folder of an export. */
private class Folder(private val folder: File) : Package {
    override val place: String = folder.path

    override fun read(name: String): ByteArray? = File(folder, name).takeIf { it.isFile }?.readBytes()
}

fun main(words: Array<String>) {
    val code = try {
        run(words.toList())
    } catch (error: EdgeError) {
        System.err.println("kerasvision-edge: ${error.message}")
        if (error is EdgeUsageError) 2 else 1
    }
    System.out.flush()
    exitProcess(code)
}

private fun run(words: List<String>): Int {
    val named = if (words.firstOrNull() == "--litert" && words.size > 1) words[1] else null
    val given = if (named == null) words else words.drop(2)
    val verb = given.firstOrNull()
    if (given.size == 2 && verb == "verify") return verifyFolder(File(given[1]), named)
    if (given.size > 2 && verb == "predict") return predict(File(given[1]), given.drop(2), named)
    if (given.size == 3 && verb == "bench") return bench(File(given[1]), File(given[2]), named)
    System.err.println(USAGE)
    return 2
}

/** The library's path: --litert, KERASVISION_LITERT, or that of the wheel that python3 finds. */
private fun library(named: String?): LiteRt {
    val ask = "import ai_edge_litert as found; print(found.__path__[0])"
    val path = named ?: System.getenv("KERASVISION_LITERT") ?: try {
        val asked = ProcessBuilder("python3", "-c", ask).redirectError(ProcessBuilder.Redirect.DISCARD).start()
        asked.inputStream.bufferedReader().readText().trim().takeIf { it.startsWith('/') }?.let { "$it/libLiteRt.so" }
    } catch (_: IOException) { // no python3
        null
    } ?: throw EdgeError("LiteRT was not found: pip install ai-edge-litert, or name its library: --litert libLiteRt.so")
    return LiteRt.load(path)
}

private fun verifyFolder(folder: File, named: String?): Int {
    var litert: LiteRt? = null
    val open = { name: String -> (litert ?: library(named).also { litert = it }).open(File(folder, name)) }
    val findings = verify(Folder(folder), Pictures, open) { System.err.println("kerasvision-edge: $it") }
    println(inWords(findings).joinToString("\n"))
    return if (findings.all { it.passes }) 0 else 1
}

private fun <T> opened(file: File, named: String?, use: (Client) -> T): T {
    if (!file.isFile) throw EdgeUsageError("no file at $file")
    if (file.extension != "tflite") throw EdgeUsageError("$file: this client opens .tflite files")
    val held = Folder(file.absoluteFile.parentFile)
    val contract = contractOf(held)
    val row = rowOf(held, file.name, contract)
    return library(named).open(file).use { use(Client(contract, row, it, Pictures)) }
}

private fun encoded(path: String): ByteArray = try {
    File(path).readBytes()
} catch (_: IOException) {
    throw EdgeError("$path cannot be read")
}

private fun predict(file: File, images: List<String>, named: String?): Int = opened(file, named) { client ->
    var failed = 0
    for (path in images) {
        val line = try {
            mapOf("input" to path, "prediction" to client.describe(client.predict(encoded(path))))
        } catch (error: EdgeError) {
            failed++
            mapOf("input" to path, "error" to error.message)
        }
        println(toJson(line))
    }
    if (failed > 0) 1 else 0
}

/** Milliseconds from decoded pixels to the answer in the picture's own. */
private fun bench(file: File, image: File, named: String?): Int = opened(file, named) { client ->
    val picture = Pictures.decode(encoded(image.path))
    val times = List(REPETITIONS + 1) {
        val start = System.nanoTime()
        client.predict(picture)
        (System.nanoTime() - start) / 1e6
    }.drop(1).sorted()
    val row = mapOf("file" to file.path, "repetitions" to REPETITIONS, "median_ms" to times[REPETITIONS / 2])
    println(toJson(row + mapOf("p95_ms" to times[REPETITIONS * 95 / 100], "least_ms" to times.first())))
    0
}
