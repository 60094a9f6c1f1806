// contract.json as a client reads it, and the files that it describes.
package io.kerasvision.edge

/** Where an exported model lies: a folder, an app's assets. Names are those beside contract.json. */
interface Package {
    /** Of the folder, for messages. */
    val place: String

    /** All bytes of a file, or null where there is none. */
    fun read(name: String): ByteArray?
}

private const val VERSION = 1.0 // of `preprocess`, and of golden.json

internal fun bytesOf(held: Package, name: String) =
    held.read(name) ?: throw EdgeError("${held.place}/$name cannot be read: No such file or directory; $AGAIN")

internal fun jsonOf(held: Package, name: String): Json {
    val text = String(bytesOf(held, name), Charsets.UTF_8)
    try {
        return Json.read(text).also { it.fields }
    } catch (error: EdgeError) {
        throw EdgeError("${held.place}/$name is damaged: ${error.message}")
    }
}

/** contract.json of a package. Throws EdgeError: it is missing, damaged or of another version. */
fun contractOf(held: Package): Json {
    val contract = jsonOf(held, "contract.json")
    val version = contract.find("preprocess")?.find("version")?.value
    if (version != VERSION) {
        val place = "${held.place}/contract.json"
        throw EdgeError("$place has another version of preprocess, and this client knows 1; $AGAIN")
    }
    if (contract.find("classes")?.value !is List<*> || contract.find("artifacts")?.value !is List<*>) {
        throw EdgeError("${held.place}/contract.json is damaged: it has no classes or no artifacts; $AGAIN")
    }
    return contract
}

/** Throws EdgeError unless labels.txt has the classes of the contract. */
fun checkLabels(held: Package, contract: Json) {
    val text = String(bytesOf(held, "labels.txt"), Charsets.UTF_8).removePrefix("\uFEFF").trimEnd('\n')
    if (text != contract["classes"].strings.joinToString("\n").trimEnd('\n')) {
        throw EdgeError("${held.place}/labels.txt has other names than contract.json; $AGAIN")
    }
}

/** The row of a contract's `artifacts` for a file, found by its sha256. Throws EdgeError where there is none. */
fun rowOf(held: Package, name: String, contract: Json): Json {
    val sum = sha256(bytesOf(held, name))
    val row = contract["artifacts"].items.firstOrNull { it.find("sha256")?.value == sum }
    val seen = "(sha256 ${sum.take(12)}...)"
    return row ?: throw EdgeError("${held.place}/$name is none of the files of its contract.json $seen; $AGAIN")
}

/** The row of contract.json of a file that golden.json has answers of. */
internal fun rowOfArtifact(held: Package, artifact: Json, contract: Json): Json {
    val (name, said) = artifact["path"].text to artifact["sha256"].text
    val bytes = held.read(name)
        ?: throw EdgeError("${held.place}/$name is missing, and golden.json has answers of it; $AGAIN")
    val seen = sha256(bytes)
    if (seen != said) {
        throw EdgeError(
            "${held.place}/$name is not the file that golden.json has answers of: its sha256 is ${seen.take(12)}... " +
                "and not ${said.take(12)}...; the answers are another model's: $AGAIN",
        )
    }
    return rowOf(held, name, contract)
}

/** golden.json of a package. Throws EdgeError: it is missing, damaged, empty or of another version. */
internal fun goldenOf(held: Package): Json {
    val golden = jsonOf(held, "golden.json")
    if (golden.find("version")?.value != VERSION) {
        throw EdgeError("${held.place}/golden.json has another version, and this client knows 1; $AGAIN")
    }
    for (part in listOf("examples", "artifacts")) {
        if ((golden.find(part)?.value as? List<*>).isNullOrEmpty()) {
            throw EdgeError("${held.place}/golden.json has no $part; $AGAIN")
        }
    }
    return golden
}
