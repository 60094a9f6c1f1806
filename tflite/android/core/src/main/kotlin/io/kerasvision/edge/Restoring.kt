// What a file gave for a prepared picture, as the prediction in the pixels of the original: `restore` of contract.json.
package io.kerasvision.edge

import kotlin.math.floor
import kotlin.math.max
import kotlin.math.min

/** outputs: real numbers without batch axis. Throws EdgeError of a rule that this client does not know. */
fun restore(rule: Json, outputs: Answer, geometry: Geometry): Answer = when (rule["rule"].text) {
    "none" -> outputs
    "boxes" -> boxes(rule, outputs, geometry)
    "quads" -> quads(rule, outputs, geometry)
    "class_map" -> classMap(rule, outputs, geometry)
    "labels" -> labels(rule, outputs)
    else -> throw EdgeError("restore rule ${rule["rule"].text} is not described")
}

private fun held(outputs: Answer, key: String) =
    outputs[key] ?: throw EdgeError("the file gives no $key, and contract.json needs it; $AGAIN")

private fun across(x: Float, g: Geometry) = (x - g.offsetX) / g.scaleX

private fun down(y: Float, g: Geometry) = (y - g.offsetY) / g.scaleY

/** Corners x0, y0, x1, y1 of the graph in the original's pixels. */
private fun original(corners: FloatArray, g: Geometry) =
    floatArrayOf(across(corners[0], g), down(corners[1], g), across(corners[2], g), down(corners[3], g))

private fun cut(corners: FloatArray, g: Geometry) =
    FloatArray(4) { min(max(corners[it], 0f), (if (it % 2 == 0) g.width else g.height).toFloat()) }

private fun tensor(dtype: String, shape: IntArray, value: (Int) -> Number) =
    Tensor(dtype, shape, DoubleArray(shape.fold(1, Int::times)) { value(it).toDouble() })

/** Boxes cut at the original's borders; rows beyond the count are 0, their label -1. */
private fun boxes(rule: Json, outputs: Answer, g: Geometry): Answer {
    val keys = rule["keys"].fields.mapValues { it.value.text }
    val count = held(outputs, keys.getValue("count")).single.toInt()
    val (given, scores, labels) = listOf("boxes_xyxy", "scores", "labels").map { held(outputs, keys.getValue(it)) }
    val rows = scores.values.size
    val wholes = List(rows) { original(cornersOf(rule, given.values, it), g) }
    val cuts = wholes.mapIndexed { i, box -> if (i < count) cut(box, g) else FloatArray(4) }
    val prediction = mutableMapOf(
        "boxes_xyxy" to tensor("float32", intArrayOf(rows, 4)) { cuts[it / 4][it % 4] },
        "scores" to tensor("float32", intArrayOf(rows)) { if (it < count) scores.values[it] else 0.0 },
        "labels" to tensor("int32", intArrayOf(rows)) { if (it < count) labels.values[it] else -1 },
        "count" to tensor("int32", intArrayOf()) { count },
    )
    keys["outer_xyxy"]?.let { key ->
        val kept = held(outputs, keys.getValue("outer_count")).single.toInt()
        val outer = held(outputs, key).values
        val wider = List(rows) { if (it < kept) cut(original(cornersOf(rule, outer, it), g), g) else FloatArray(4) }
        prediction["outer_xyxy"] = tensor("float32", intArrayOf(rows, 4)) { wider[it / 4][it % 4] }
        prediction["outer_count"] = tensor("int32", intArrayOf()) { kept }
    }
    keys["masks"]?.let { key ->
        prediction["masks"] = recut(held(outputs, key), wholes, cuts, rule["least_side_px"].number.toFloat())
        prediction["image_hw"] = tensor("int32", intArrayOf(2)) { if (it == 0) g.height else g.width }
    }
    return outputs.filterKeys { it !in keys.values } + prediction
}

private fun cornersOf(rule: Json, values: DoubleArray, row: Int): FloatArray {
    val corner = { i: Int -> values[4 * row + i].toFloat() }
    if (rule["format"].text != "tlbr_shares") return FloatArray(4, corner)
    val (h, w) = rule["size_hw"].integers.map { it.toFloat() }
    val share = { i: Int -> min(max(corner(i), 0f), 1f) }
    return floatArrayOf(share(1) * w, share(0) * h, share(3) * w, share(2) * h)
}

/** Masks [N, m, m] in the frame of boxes -> in the frame of the part of each that lies in the picture; 0 beyond. */
private fun recut(masks: Tensor, wholes: List<FloatArray>, cuts: List<FloatArray>, least: Float): Tensor {
    val side = masks.shape.last()
    val padded = side + 2
    val moved = DoubleArray(masks.values.size)
    for (n in wholes.indices) {
        val framed = FloatArray(padded * padded)
        for (i in 0 until side * side) {
            framed[(i / side + 1) * padded + i % side + 1] = masks.values[n * side * side + i].toFloat()
        }
        val (rows, columns) = listOf(1, 0).map { axis ->
            val length = max(wholes[n][axis + 2] - wholes[n][axis], least)
            FloatArray(side) {
                val at = cuts[n][axis] + (cuts[n][axis + 2] - cuts[n][axis]) * ((it + 0.5f) / side) - wholes[n][axis]
                min(max(at / length * side - 0.5f, -1f), side.toFloat()) + 1
            }
        }
        for (y in 0 until side) for (x in 0 until side) {
            val seen = between(rows[y], columns[x], padded, padded) { r, c -> framed[r * padded + c] }
            moved[(n * side + y) * side + x] = seen.toDouble()
        }
    }
    return Tensor("float32", masks.shape, moved)
}

/** Bilinear at a row and a column that lie inside. */
private inline fun between(down: Float, across: Float, height: Int, width: Int, at: (Int, Int) -> Float): Float {
    val top = floor(down).toInt()
    val left = floor(across).toInt()
    val bottom = min(top + 1, height - 1)
    val right = min(left + 1, width - 1)
    val low = down - top
    val near = across - left
    val upper = (1 - near) * at(top, left) + near * at(top, right)
    val lower = (1 - near) * at(bottom, left) + near * at(bottom, right)
    return (1 - low) * upper + low * lower
}

/** Corners in original pixels, not cut; rows beyond the count are 0. */
private fun quads(rule: Json, outputs: Answer, g: Geometry): Answer {
    val (corners, scores, counted) = listOf("quads_xy", "scores", "count").map { held(outputs, rule["keys"][it].text) }
    val (rows, count) = scores.values.size to counted.single.toInt()
    return mapOf(
        "quads_xy" to tensor("float32", intArrayOf(rows, 4, 2)) {
            val value = corners.values[it].toFloat()
            if (it / 8 >= count) 0f else if (it % 2 == 0) across(value, g) else down(value, g)
        },
        "scores" to tensor("float32", intArrayOf(rows)) { if (it < count) scores.values[it] else 0.0 },
        "count" to tensor("int32", intArrayOf()) { count },
    )
}

/** The likeliest class of each pixel of the original, uint8 [H, W], and its probability, float32 [H, W]. */
private fun classMap(rule: Json, outputs: Answer, g: Geometry): Answer {
    if (rule["enlarge"].text != "bilinear") {
        throw EdgeError("class maps are enlarged by ${rule["enlarge"].text}, which this client does not do")
    }
    val shares = held(outputs, rule["probabilities"].text)
    val (h, w, classes) = shares.shape.toList()
    val held = shares.values
    val least = rule.find("may_be_from")?.text?.let { it to held(outputs, it) }
    val mayBe = least?.let { ByteArray(g.height * g.width * classes) }
    val (mask, sure) = DoubleArray(g.height * g.width) to DoubleArray(g.height * g.width)
    val rows = List(g.height) { placed(it, g.scaleY, g.offsetY, h) }
    val columns = List(g.width) { placed(it, g.scaleX, g.offsetX, w) }
    val cell = DoubleArray(classes)
    for (y in 0 until g.height) for (x in 0 until g.width) {
        val pixel = y * g.width + x
        for (k in 0 until classes) {
            val value = between(rows[y], columns[x], h, w) { r, c -> held[(r * w + c) * classes + k].toFloat() }
            cell[k] = value.toDouble()
            if (mayBe != null && cell[k] >= least.second.values.run { if (size == 1) first() else get(k) }) {
                mayBe[pixel * classes + k] = 1
            }
        }
        val best = largest(cell, 0, classes)
        mask[pixel] = best.toDouble()
        sure[pixel] = cell[best]
    }
    val shape = intArrayOf(g.height, g.width)
    val found = mapOf("mask" to Tensor("uint8", shape, mask), "confidence" to Tensor("float32", shape, sure))
    if (mayBe == null) return found
    return found + mapOf("may_be" to tensor("uint8", shape + classes) { mayBe[it] }, least)
}

private fun placed(index: Int, scale: Float, offset: Float, side: Int) =
    min(max((index + 0.5f) * scale + offset - 0.5f, 0f), (side - 1).toFloat())

/** Which classes are on: the likeliest, of equal ones the first, or those that reach their thresholds. */
private fun labels(rule: Json, outputs: Answer): Answer {
    val shares = held(outputs, rule["probabilities"].text)
    val most = rule.find("top_k")?.number?.toInt()
    val on = if (most != null) {
        shares.values.indices.sortedByDescending { shares.values[it] }.take(most).toSet()
    } else {
        val least = rule["thresholds"].items.map { it.number.toFloat() }
        shares.values.indices.filter { shares.values[it] >= least[it] }.toSet()
    }
    return mapOf(
        "probabilities" to shares,
        "present" to tensor("int32", shares.shape) { if (it in on) 1 else 0 },
    )
}
