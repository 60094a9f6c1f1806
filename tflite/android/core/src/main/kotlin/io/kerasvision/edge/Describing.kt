// A prediction as lists, maps, strings and numbers, by what it holds: classes, objects, a vector, a class a pixel.
package io.kerasvision.edge

import java.math.BigDecimal
import java.math.MathContext
import java.math.RoundingMode
import kotlin.math.ceil
import kotlin.math.floor
import kotlin.math.max
import kotlin.math.min

private const val TOP = 5 // of the best classes
private const val MASK_FROM = 0.5

/** What `kerasvision predict --json` has. promise: of the file's row in contract.json, or null. */
fun describe(values: Answer, classes: List<String>, promise: Json? = null): Map<String, Any?> = when {
    "boxes_xyxy" in values && "path_score" !in values -> objects(values, classes, promise)
    "quads_xy" in values -> quads(values)
    "text_bytes" in values -> caption(values)
    "mask" in values -> segments(values, classes, promise)
    "embedding" in values -> mapOf("embedding" to values.getValue("embedding").values.map { digits(it, 7) })
    "present" in values && "probabilities" in values -> several(values, classes)
    values.keys.all { it in setOf("probabilities", "in_set", "heat") } -> best(values, classes, promise)
    else -> values.mapValues { it.value.values.toList() }
}

private fun rounded(value: Double, places: Int) =
    if (value.isFinite()) BigDecimal(value).setScale(places, RoundingMode.HALF_EVEN).toDouble() else value

private fun digits(value: Double, count: Int) =
    if (value.isFinite()) BigDecimal(value).round(MathContext(count, RoundingMode.HALF_EVEN)).toDouble() else value

private fun said(promise: Json?): Map<String, Any?> =
    promise?.let { mapOf("coverage" to it["coverage"].number, "of" to it["of"].text) } ?: emptyMap()

/** place: where the score of a class stands. */
private fun scoreRows(
    scores: DoubleArray, classes: List<String>, indices: List<Int>, place: (Int) -> Int = { it },
): List<Map<String, Any?>> =
    indices.map { mapOf("label" to classes[it], "index" to it, "score" to rounded(scores[place(it)], 6)) }

private fun ordered(scores: DoubleArray) = scores.indices.sortedByDescending { scores[it] }

private fun best(values: Answer, classes: List<String>, promise: Json?): Map<String, Any?> {
    val scores = values.getValue("probabilities").values
    val order = ordered(scores)
    val described = mapOf<String, Any?>("top" to scoreRows(scores, classes, order.take(TOP)))
    val inSet = values["in_set"]?.values ?: return described
    val labels = order.filter { inSet[it] != 0.0 }.map { classes[it] }
    return described + ("set" to mapOf("labels" to labels) + said(promise))
}

private fun several(values: Answer, classes: List<String>): Map<String, Any?> {
    val (scores, present) = values.getValue("probabilities").values to values.getValue("present").values
    return mapOf("labels" to scoreRows(scores, classes, ordered(scores).filter { present[it] != 0.0 }))
}

private fun box(tensor: Tensor, row: Int) = List(4) { rounded(tensor.values[4 * row + it], 2) }

private fun objects(values: Answer, classes: List<String>, promise: Json?): Map<String, Any?> {
    val (boxes, scores, labels) = listOf("boxes_xyxy", "scores", "labels").map(values::getValue)
    val rows = List(values.getValue("count").single.toInt()) { i ->
        val label = labels.values[i].toInt()
        val row = scoreRows(scores.values, classes, listOf(label)) { i }.single()
        (row + ("box_xyxy" to box(boxes, i))).toMutableMap()
    }
    values["masks"]?.let { masks ->
        val (h, w) = values.getValue("image_hw").values.map { it.toInt() }
        rows.forEachIndexed { i, row -> row["mask"] = runLengths(pasted(masks, boxes, i, h, w), h, w) }
    }
    val outer = values["outer_xyxy"] ?: return mapOf("objects" to rows)
    val kept = values.getValue("outer_count").single.toInt()
    rows.take(kept).forEachIndexed { i, row -> row["outer_xyxy"] = box(outer, i) }
    return mapOf("objects" to rows, "outer" to mapOf("boxes" to kept) + said(promise))
}

private fun quads(values: Answer): Map<String, Any?> {
    val (corners, scores) = values.getValue("quads_xy").values to values.getValue("scores").values
    return mapOf("quads" to List(values.getValue("count").single.toInt()) { i ->
        val quad = List(4) { c -> List(2) { axis -> rounded(corners[8 * i + 2 * c + axis], 2) } }
        mapOf("score" to rounded(scores[i], 6), "quad_xy" to quad)
    })
}

private fun caption(values: Answer): Map<String, Any?> {
    val bytes = values.getValue("text_bytes").values.map { it.toInt().toByte() }.toByteArray()
    val text = String(bytes, Charsets.UTF_8).trimEnd('\u0000')
    return mapOf("text" to text, "score" to rounded(values.getValue("caption_score").single, 6))
}

private fun segments(values: Answer, classes: List<String>, promise: Json?): Map<String, Any?> {
    val mask = values.getValue("mask")
    val (h, w) = mask.shape.toList()
    val there = mask.values.map { it.toInt() }.toSortedSet().filter { it < classes.size } // 255 is no class
    val rows = there.map { k ->
        val held = BooleanArray(h * w) { mask.values[it].toInt() == k }
        mapOf("label" to classes[k], "index" to k, "mask" to runLengths(held, h, w))
    }
    val counts = there.associate { k -> classes[k] to mask.values.count { it.toInt() == k } }
    val described = mapOf("classes" to counts, "segments" to rows)
    val mayBe = values["may_be"] ?: return described
    val possible = classes.indices.associate { k ->
        classes[k] to (k until mayBe.values.size step classes.size).count { mayBe.values[it] != 0.0 }
    }
    return described + ("may_be" to mapOf("classes" to possible.filterValues { it > 0 }) + said(promise))
}

/** Whether each pixel of the picture is of an object: its center lies in the box, and the mask there is 0.5 or more. */
private fun pasted(masks: Tensor, boxes: Tensor, row: Int, height: Int, width: Int): BooleanArray {
    val found = BooleanArray(height * width)
    val side = masks.shape.last()
    val (x0, y0, x1, y1) = List(4) { boxes.values[4 * row + it] }
    for (y in centers(y0, y1, height)) for (x in centers(x0, x1, width)) {
        val seen = between(place(y, y0, y1, side), place(x, x0, x1, side), side) { r, c ->
            masks.values[(row * side + r) * side + c]
        }
        found[y * width + x] = seen >= MASK_FROM
    }
    return found
}

private fun centers(low: Double, high: Double, most: Int) =
    max(0, ceil(low - 0.5).toInt())..min(most - 1, floor(high - 0.5).toInt())

private fun place(center: Int, low: Double, high: Double, side: Int) =
    min(max((center + 0.5 - low) / (high - low) * side - 0.5, 0.0), side - 1.0)

/** Bilinear, the border repeats. */
private inline fun between(down: Double, across: Double, side: Int, at: (Int, Int) -> Double): Double {
    val top = floor(down).toInt()
    val left = floor(across).toInt()
    val bottom = min(top + 1, side - 1)
    val right = min(left + 1, side - 1)
    val low = down - top
    val near = across - left
    val upper = (1 - near) * at(top, left) + near * at(top, right)
    val lower = (1 - near) * at(bottom, left) + near * at(bottom, right)
    return (1 - low) * upper + low * lower
}

/** COCO's RLE of a mask: lengths of runs down the columns, as `pycocotools.mask.encode` writes them. */
fun runLengths(mask: BooleanArray, height: Int, width: Int): Map<String, Any?> {
    val lengths = ArrayList<Int>()
    var (last, count) = false to 0
    for (x in 0 until width) for (y in 0 until height) {
        if (mask[y * width + x] != last) {
            lengths.add(count)
            count = 0
            last = !last
        }
        count++
    }
    lengths.add(count)
    val text = StringBuilder()
    lengths.forEachIndexed { i, length -> written(text, if (i > 2) length - lengths[i - 2] else length) }
    return mapOf("size" to listOf(height, width), "counts" to text.toString())
}

private fun written(text: StringBuilder, number: Int) {
    var rest = number
    do {
        val bits = rest and 31
        rest = rest shr 5
        val more = if (bits and 16 != 0) rest != -1 else rest != 0
        text.append((bits + (if (more) 32 else 0) + 48).toChar())
    } while (more)
}
