// JSON as contract.json and golden.json have it (RFC 8259), and what a client prints. Numbers are doubles.
package io.kerasvision.edge

/** What is said of bad input: one clear line. */
open class EdgeError(message: String) : Exception(message)

/** The same of a command that is asked wrongly. */
class EdgeUsageError(message: String) : EdgeError(message)

const val AGAIN = "export the model again"

/** A value of a document: null, Boolean, Double, String, List or Map. */
class Json(val value: Any?) {
    val isNull get() = value == null
    val text get() = value as? String ?: throw EdgeError("a JSON value is no string; $AGAIN")
    val number get() = value as? Double ?: throw EdgeError("a JSON value is no number; $AGAIN")
    val isTrue get() = value == true
    val items get() = (value as? List<*> ?: throw EdgeError("a JSON value is no array; $AGAIN")).map(::Json)
    val fields: Map<String, Json>
        get() = (value as? Map<*, *> ?: throw EdgeError("a JSON value is no object; $AGAIN"))
            .entries.associate { (key, held) -> key as String to Json(held) }
    val integers get() = IntArray(items.size) { items[it].number.toInt() }
    val strings get() = items.map { it.text }

    fun has(key: String) = (value as? Map<*, *>)?.containsKey(key) == true

    operator fun get(key: String): Json {
        val held = value as? Map<*, *> ?: throw EdgeError("a JSON value is no object; $AGAIN")
        if (!held.containsKey(key)) throw EdgeError("a JSON object has no \"$key\"; $AGAIN")
        return Json(held[key])
    }

    /** The field, or null where there is none or it is null. */
    fun find(key: String): Json? = (value as? Map<*, *>)?.get(key)?.let(::Json)

    companion object {
        /** A document's value. Throws EdgeError of what is no JSON. */
        fun read(text: String) = Json(JsonReader(text).whole())
    }
}

private const val DEEPEST = 200

private class JsonReader(private val text: String) {
    private var at = 0

    fun whole(): Any? {
        val held = value(0)
        blanks()
        if (at != text.length) wrong()
        return held
    }

    private fun wrong(): Nothing = throw EdgeError("it is no JSON")

    private fun blanks() {
        while (at < text.length && text[at] in " \n\r\t") at++
    }

    private fun next(): Char = if (at < text.length) text[at++] else wrong()

    private fun take(wanted: Char): Boolean {
        blanks()
        val found = at < text.length && text[at] == wanted
        if (found) at++
        return found
    }

    private fun word(letters: String, meant: Any?): Any? {
        if (!text.startsWith(letters, at)) wrong()
        at += letters.length
        return meant
    }

    private fun value(depth: Int): Any? {
        if (depth > DEEPEST) wrong()
        blanks()
        return when (text.getOrNull(at)) {
            '{' -> fields(depth)
            '[' -> items(depth)
            '"' -> string()
            't' -> word("true", true)
            'f' -> word("false", false)
            'n' -> word("null", null)
            else -> number()
        }
    }

    private fun number(): Double {
        val begin = at
        while (at < text.length && text[at] in "+-.eE0123456789") at++
        return text.substring(begin, at).toDoubleOrNull() ?: wrong()
    }

    private fun items(depth: Int): List<Any?> {
        at++
        if (take(']')) return emptyList()
        val held = ArrayList<Any?>()
        do held.add(value(depth + 1)) while (take(','))
        if (!take(']')) wrong()
        return held
    }

    private fun fields(depth: Int): Map<String, Any?> {
        at++
        if (take('}')) return emptyMap()
        val held = LinkedHashMap<String, Any?>()
        do {
            blanks()
            if (text.getOrNull(at) != '"') wrong()
            val key = string()
            if (!take(':')) wrong()
            held[key] = value(depth + 1)
        } while (take(','))
        if (!take('}')) wrong()
        return held
    }

    private fun string(): String {
        val begin = ++at
        while (at < text.length && text[at] != '"' && text[at] != '\\') at++
        if (at < text.length && text[at] == '"') return text.substring(begin, at++)
        val held = StringBuilder(text.substring(begin, at))
        while (true) {
            when (val c = next()) {
                '"' -> return held.toString()
                '\\' -> held.append(escaped())
                else -> held.append(c)
            }
        }
    }

    private fun escaped(): Char = when (val c = next()) {
        'n' -> '\n'
        't' -> '\t'
        'r' -> '\r'
        'b' -> '\b'
        'f' -> '\u000c'
        'u' -> {
            if (at + 4 > text.length) wrong()
            val code = text.substring(at, at + 4).toIntOrNull(16) ?: wrong()
            at += 4
            code.toChar()
        }
        '"', '\\', '/' -> c
        else -> wrong()
    }
}

/** A value made of Map, List, String, Number, Boolean and null, as one line of JSON, as Python has it. */
fun toJson(value: Any?): String = when (value) {
    null -> "null"
    is Map<*, *> -> value.entries.joinToString(", ", "{", "}") { "${quoted(it.key as String)}: ${toJson(it.value)}" }
    is Iterable<*> -> value.joinToString(", ", "[", "]") { toJson(it) }
    is String -> quoted(value)
    is Double -> if (value.isNaN()) "NaN" else if (value.isInfinite()) infinite(value) else value.toString()
    else -> value.toString()
}

private fun infinite(value: Double) = if (value > 0) "Infinity" else "-Infinity"

private fun quoted(text: String) = text.map { c ->
    when {
        c == '"' || c == '\\' -> "\\$c"
        c == '\n' -> "\\n"
        c == '\t' -> "\\t"
        c == '\r' -> "\\r"
        c < ' ' || c > '~' -> "\\u" + c.code.toString(16).padStart(4, '0')
        else -> c.toString()
    }
}.joinToString("", "\"", "\"")
