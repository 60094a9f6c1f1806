// A picture to what a file takes, by `preprocess` of contract.json: float32, in the order of operations that it says.
package io.kerasvision.edge

import kotlin.math.ceil
import kotlin.math.floor
import kotlin.math.max
import kotlin.math.min
import kotlin.math.round

/** Pixels, RGB, three bytes each, row by row. */
class Picture(val height: Int, val width: Int, val rgb: ByteArray)

/** Where the original went: graph = original * scale + offset, in pixels from the outer corner of the first one. */
class Geometry(
    val scaleY: Float, val scaleX: Float, val offsetY: Float, val offsetX: Float, val height: Int, val width: Int,
)

/** What a file takes, uint8 [h, w, 3], and where the original went. */
class Prepared(val image: ByteArray, val height: Int, val width: Int, val geometry: Geometry)

private val FITS = setOf("stretch", "letterbox", "center_crop")
private val WAYS = setOf("bilinear", "nearest")

/** What of a contract's preparation this client does not do, in words, or null where it does all of it. */
fun whyNotPrepared(rules: Json): String? = when {
    rules["version"].number != 1.0 -> "preprocess version ${rules["version"].number.toInt()} is not 1"
    rules["kind"].text != "image" -> "it takes a ${rules["kind"].text}, and this client prepares pictures"
    rules.has("present") -> "it is told which pixels are missing"
    rules["resize"].text !in FITS -> "resize ${rules["resize"].text} is not one of ${FITS.joinToString()}"
    rules["resample"].text !in WAYS -> "resample ${rules["resample"].text} is not one of ${WAYS.joinToString()}"
    else -> null
}

/** A picture as a file takes it. Throws EdgeError where the contract asks for what this client does not do. */
fun prepare(picture: Picture, rules: Json): Prepared {
    whyNotPrepared(rules)?.let { throw EdgeError("the picture cannot be prepared: $it") }
    val (height, width) = rules["size_hw"].integers.toList()
    return when (rules["resize"].text) {
        "stretch" -> stretched(picture, height, width, rules)
        "letterbox" -> letterboxed(picture, height, width, rules)
        else -> cropped(picture, height, width, rules)
    }
}

private fun stretched(picture: Picture, height: Int, width: Int, rules: Json): Prepared {
    val down = height.toFloat() / picture.height
    val across = width.toFloat() / picture.width
    val geometry = Geometry(down, across, 0f, 0f, picture.height, picture.width)
    return Prepared(resized(picture, height, width, rules), height, width, geometry)
}

/** The whole picture, centered on gray; an odd pixel of padding is at the bottom or the right. */
private fun letterboxed(picture: Picture, height: Int, width: Int, rules: Json): Prepared {
    val (h, w) = picture.height.toFloat() to picture.width.toFloat()
    val scale = min(height / h, width / w)
    val innerH = min(max(halfEven(h * scale), 1), height)
    val innerW = min(max(halfEven(w * scale), 1), width)
    val (top, left) = (height - innerH) / 2 to (width - innerW) / 2
    val inner = resized(picture, innerH, innerW, rules)
    val page = ByteArray(3 * height * width) { rules["letterbox"]["gray"].number.toInt().toByte() }
    for (y in 0 until innerH) inner.copyInto(page, 3 * ((top + y) * width + left), 3 * y * innerW, 3 * (y + 1) * innerW)
    val geometry = Geometry(innerH / h, innerW / w, top.toFloat(), left.toFloat(), picture.height, picture.width)
    return Prepared(page, height, width, geometry)
}

/** A centered window of the graph's proportions, `crop_fraction` of the largest one that fits. */
private fun cropped(picture: Picture, height: Int, width: Int, rules: Json): Prepared {
    val fit = min(picture.height.toFloat() / height, picture.width.toFloat() / width)
    val step = fit * rules["crop_fraction"].number.toFloat()
    val windowH = max(halfEven(height * step), 1)
    val windowW = max(halfEven(width * step), 1)
    val (top, left) = (picture.height - windowH) / 2 to (picture.width - windowW) / 2
    val rgb = ByteArray(3 * windowH * windowW)
    for (y in 0 until windowH) {
        val begin = 3 * ((top + y) * picture.width + left)
        picture.rgb.copyInto(rgb, 3 * y * windowW, begin, begin + 3 * windowW)
    }
    val (down, across) = height.toFloat() / windowH to width.toFloat() / windowW
    val geometry = Geometry(down, across, -(top * down), -(left * across), picture.height, picture.width)
    return Prepared(resized(Picture(windowH, windowW, rgb), height, width, rules), height, width, geometry)
}

internal fun halfEven(value: Float) = round(value.toDouble()).toInt()

private class Floats(val height: Int, val width: Int, val values: FloatArray = FloatArray(3 * height * width))

private fun resized(picture: Picture, height: Int, width: Int, rules: Json): ByteArray {
    val stored = FloatArray(picture.rgb.size) { (picture.rgb[it].toInt() and 255).toFloat() }
    var held = Floats(picture.height, picture.width, stored)
    if (rules.find("antialias")?.value == "area") {
        val h = if (held.height > 2 * height) height else held.height
        val w = if (held.width > 2 * width) width else held.width
        if (h != held.height || w != held.width) held = area(held, h, w)
    }
    held = if (rules["resample"].text == "nearest") nearest(held, height, width) else bilinear(held, height, width)
    return ByteArray(held.values.size) { min(max(halfEven(held.values[it]), 0), 255).toByte() }
}

private class Pair(val lower: Int, val upper: Int, val share: Float)

private fun pairOf(index: Int, count: Int, length: Int): Pair {
    val at = (index + 0.5f) * (length.toFloat() / count) - 0.5f
    val upper = min(ceil(at).toInt(), length - 1)
    return Pair(min(max(floor(at).toInt(), 0), upper), upper, at - floor(at))
}

/** Half-pixel centers, the border repeats: along a row first, then between two rows. */
private fun bilinear(from: Floats, height: Int, width: Int): Floats {
    val into = Floats(height, width)
    val held = from.values
    val columns = Array(width) { pairOf(it, width, from.width) }
    for (y in 0 until height) {
        val rows = pairOf(y, height, from.height)
        val above = 3 * from.width * rows.lower
        val below = 3 * from.width * rows.upper
        for (x in 0 until width) for (c in 0 until 3) {
            val left = 3 * columns[x].lower + c
            val right = 3 * columns[x].upper + c
            val share = columns[x].share
            val upper = held[above + left] + (held[above + right] - held[above + left]) * share
            val lower = held[below + left] + (held[below + right] - held[below + left]) * share
            into.values[3 * (y * width + x) + c] = upper + (lower - upper) * rows.share
        }
    }
    return into
}

private fun nearest(from: Floats, height: Int, width: Int): Floats {
    fun place(index: Int, count: Int, length: Int): Int {
        val at = (index + 0.5f) * (length.toFloat() / count) - 0.5f
        return min(max(floor(at + 0.5f).toInt(), 0), length - 1)
    }
    val into = Floats(height, width)
    for (y in 0 until height) for (x in 0 until width) {
        val begin = 3 * (place(y, height, from.height) * from.width + place(x, width, from.width))
        from.values.copyInto(into.values, 3 * (y * width + x), begin, begin + 3)
    }
    return into
}

/** The pixels from `first` on that a pixel of the output lies over, and how much of each. */
private class Field(val first: Int, val shares: FloatArray)

private fun fields(count: Int, length: Int): Array<Field> {
    val scale = length.toFloat() / count
    return Array(count) { i ->
        val low = i * scale
        val high = (i + 1f) * scale
        val first = floor(low).toInt()
        Field(first, FloatArray(ceil(high).toInt() - first) {
            val left = (first + it).toFloat()
            val right = (first + it + 1).toFloat()
            when {
                left < low -> if (right > high) scale else right - low
                right > high -> high - left
                else -> 1f
            }
        })
    }
}

/** The mean of the field of each pixel: columns first, then rows. */
private fun area(from: Floats, height: Int, width: Int): Floats {
    val into = Floats(height, width)
    val rows = fields(height, from.height)
    val columns = fields(width, from.width)
    val every = 1f / (from.height.toFloat() / height * (from.width.toFloat() / width))
    for (y in 0 until height) for (x in 0 until width) for (c in 0 until 3) {
        var total = 0f
        for (down in rows[y].shares.indices) {
            val along = along(from, min(rows[y].first + down, from.height - 1), columns[x], c) * rows[y].shares[down]
            total = if (down == 0) along else total + along
        }
        into.values[3 * (y * width + x) + c] = total * every
    }
    return into
}

private fun along(from: Floats, row: Int, field: Field, channel: Int): Float {
    var total = 0f
    for (across in field.shares.indices) {
        val column = min(field.first + across, from.width - 1)
        total += from.values[3 * (row * from.width + column) + channel] * field.shares[across]
    }
    return total
}
