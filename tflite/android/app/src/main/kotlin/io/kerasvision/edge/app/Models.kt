// The models that lie in the app's assets, as `kerasvision export` wrote them: models/NAME/ with contract.json.
package io.kerasvision.edge.app

import android.content.res.AssetManager
import io.kerasvision.edge.Client
import io.kerasvision.edge.Package
import io.kerasvision.edge.Runtime
import io.kerasvision.edge.contractOf
import io.kerasvision.edge.rowOf
import java.io.FileNotFoundException

private const val FOLDER = "models"

/** A folder of the assets. */
class AssetFolder(private val assets: AssetManager, override val place: String) : Package {
    override fun read(name: String): ByteArray? = try {
        assets.open("$place/$name").use { it.readBytes() }
    } catch (_: FileNotFoundException) {
        null
    }

    val files get() = assets.list(place).orEmpty().filter { it.endsWith(".tflite") }.sorted()
}

/** One file of one model. */
class Choice(val folder: AssetFolder, val file: String) {
    private val contract by lazy { contractOf(folder) }

    val classes get() = contract["classes"].strings

    /** What MediaPipe Tasks can be asked about, or null. */
    val mediaPipeTask get() = if ("mediapipe" in file) contract["task"].text else null

    val asset get() = "${folder.place}/$file"

    override fun toString() = "${folder.place.removePrefix("$FOLDER/")}/$file"

    fun runtime(assets: AssetManager, threads: Int): Runtime =
        CompiledRuntime(assets, asset, rowOf(folder, file, contract), threads)

    /** What answers; `runtime` is to be closed after it. */
    fun client(runtime: Runtime) = Client(contract, rowOf(folder, file, contract), runtime, Bitmaps)
}

/** All files of all models that take prepared pictures; those for MediaPipe Tasks are among them. */
fun choices(assets: AssetManager): List<Choice> = assets.list(FOLDER).orEmpty().sorted()
    .map { AssetFolder(assets, "$FOLDER/$it") }
    .filter { it.read("contract.json") != null }
    .flatMap { folder -> folder.files.map { Choice(folder, it) } }
    .filter { rowOf(it.folder, it.file, contractOf(it.folder)).find("takes")?.value == "prepared" }
