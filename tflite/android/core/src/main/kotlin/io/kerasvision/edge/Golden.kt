// Whether answers are those of golden.json: tolerances and decisions, as the Python client says them.
package io.kerasvision.edge

import kotlin.math.abs
import kotlin.math.max
import kotlin.math.min

typealias Answer = Map<String, Tensor>

private const val LEAST_SCORE = 0.3
private const val LEAST_IOU = 0.99
private const val TRAINED_IOU = 0.5

/** The largest difference of an answer, in parts of its tolerance, in real numbers, and the tolerance. */
data class Worst(val parts: Double, val away: Double, val tolerance: Double) : Comparable<Worst> {
    override fun compareTo(other: Worst) = compareValuesBy(this, other, { it.parts }, { it.away }, { it.tolerance })
}

/** Recorded answers: {output: tensor}. */
fun answerOf(tensors: Json): Answer = tensors.fields.mapValues { unpacked(it.value) }

/** Answers thinned as recorded ones of the same names are; what these do not have is left out. */
fun heldAlike(mine: Answer, theirs: Answer): Answer =
    theirs.filterKeys { it in mine }.mapValues { (key, tensor) -> mine.getValue(key).thinned(tensor.every) }

/** How far an answer is from the recorded one. outputs: rows of contract.json. */
fun apart(mine: Answer, theirs: Answer, tolerance: Json, outputs: Json): Worst {
    var worst = Worst(0.0, 0.0, 0.0)
    for ((key, allowed) in tolerance.fields) {
        val (a, b) = named(mine, key).values to named(theirs, key).values
        var away = if (a.size == b.size) 0.0 else Double.POSITIVE_INFINITY
        for (i in 0 until min(a.size, b.size)) {
            val one = abs(real(a[i], outputs[key]) - real(b[i], outputs[key]))
            away = if (one.isNaN()) Double.POSITIVE_INFINITY else max(away, one)
        }
        val most = allowed.number
        val parts = if (most != 0.0) away / most else if (away != 0.0) Double.POSITIVE_INFINITY else 0.0
        worst = maxOf(worst, Worst(parts, away, most))
    }
    return worst
}

private fun named(answer: Answer, key: String) =
    answer[key] ?: throw EdgeError("golden.json is not of this file: it has no answer $key; $AGAIN")

/** Whether an answer decides as the recorded one of the same file. */
fun decidesAlike(mine: Answer, theirs: Answer, decision: Json) =
    alike(mine, theirs, decision, LEAST_IOU, decision.find("score")?.number)

/** Whether an answer decides as the trained model's; true where its outputs are others, as of MediaPipe's files. */
fun decidesAsTrained(mine: Answer, theirs: Answer, decision: Json): Boolean {
    val rule = decision["rule"].text
    if (rule == "objects" && decision["order"].text == "yxyx") return true
    val needed = when (rule) {
        "objects" -> decision["keys"].fields.values.map { it.text }
        "largest" -> listOf(decision["key"].text)
        "equal" -> decision["keys"].strings
        else -> emptyList()
    }
    return needed.any { it !in theirs } || alike(heldAlike(mine, theirs), theirs, decision, TRAINED_IOU, null)
}

private fun alike(a: Answer, b: Answer, decision: Json, iou: Double, score: Double?) = when (decision["rule"].text) {
    "objects" -> {
        val (mine, theirs) = found(a, decision) to found(b, decision)
        allFound(mine, theirs, iou, score) && allFound(theirs, mine, iou, score)
    }
    "largest" -> {
        val key = decision["key"].text
        largestAlike(named(a, key), named(b, key), decision["share"].number)
    }
    "equal" -> decision["keys"].strings.all { named(a, it).values.contentEquals(named(b, it).values) }
    else -> true
}

/** box: x0, y0, x1, y1. */
private class Found(val box: DoubleArray, val label: Double, val score: Double)

private fun found(answer: Answer, decision: Json): List<Found> {
    fun values(name: String) = named(answer, decision["keys"][name].text).values
    val order = if (decision["order"].text == "yxyx") intArrayOf(1, 0, 3, 2) else intArrayOf(0, 1, 2, 3)
    val (boxes, labels, scores) = listOf("boxes_xyxy", "labels", "scores").map(::values)
    return List(values("count").first().toInt()) { i ->
        Found(DoubleArray(4) { boxes[4 * i + order[it]] }, labels[i], scores[i])
    }
}

/** score: how far that of a partner may be; null: any. */
private fun allFound(wanted: List<Found>, among: List<Found>, iou: Double, score: Double?) = wanted
    .filter { it.score >= LEAST_SCORE + (score ?: 0.0) }
    .all { one ->
        among.any {
            val isNear = score == null || abs(it.score - one.score) <= score
            it.label == one.label && isNear && overlap(one.box, it.box) >= iou
        }
    }

/** IoU of two boxes; 1 where both are the same point or line. */
fun overlap(a: DoubleArray, b: DoubleArray): Double {
    var (common, mine, theirs) = Triple(1.0, 1.0, 1.0)
    for (i in 0 until 2) {
        common *= max(0.0, min(a[i + 2], b[i + 2]) - max(a[i], b[i]))
        mine *= a[i + 2] - a[i]
        theirs *= b[i + 2] - b[i]
    }
    val every = mine + theirs - common
    return if (every > 0) common / every else if (a.contentEquals(b)) 1.0 else 0.0
}

private fun largestAlike(a: Tensor, b: Tensor, share: Double): Boolean {
    if (a.values.size != b.values.size) return false
    val last = a.last
    val positions = a.values.size / last
    val alike = (0 until positions).count { largest(a.values, it * last, last) == largest(b.values, it * last, last) }
    return alike.toDouble() / positions >= share
}

/** The place of the first of the largest of some numbers in a row, counted from the first of them. */
internal fun largest(values: DoubleArray, from: Int, count: Int): Int {
    var best = 0
    for (i in 1 until count) if (values[from + i] > values[from + best]) best = i
    return best
}
