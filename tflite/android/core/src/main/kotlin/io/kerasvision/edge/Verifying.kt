// `verify`: does this device prepare real examples as training did, and does each file answer here as where it was
// exported? Every client prints the same lines.
package io.kerasvision.edge

import java.math.BigDecimal
import java.math.MathContext
import java.math.RoundingMode
import java.util.Base64
import kotlin.math.abs
import kotlin.math.max

private const val MOST_GRAY = 1.0

/** Of one file. gray: largest difference of a prepared picture, in levels; null: nothing could be prepared. */
class Finding(
    private val path: String, private val kind: String, private val examples: Int, private val gray: Double?,
    private val worst: Worst, private val decisions: Int, private val trained: Int,
) {
    val passes get() = (gray ?: 0.0) <= MOST_GRAY && worst.parts <= 1 && decisions == examples

    /** What every client prints. */
    val line: String
        get() {
            val isJudged = worst.tolerance != 0.0 || worst.away != 0.0
            val answers = if (isJudged) "${short(worst.away)} of ${short(worst.tolerance)}" else "as decided"
            val prepared = gray?.let(::short) ?: "-"
            val counts = "decisions $decisions/$examples, trained $trained/$examples"
            return "$path $kind: prepared $prepared, answers $answers, $counts: ${if (passes) "pass" else "FAIL"}"
        }
}

/** Findings of the files of a package that its golden.json has. open: the runtime of a file, by its name. tell: takes a
 * line about what could not be judged. Throws EdgeError, one line, of what is missing, damaged or of another model.
 */
fun verify(held: Package, decoder: Decoder, open: (String) -> Runtime, tell: (String) -> Unit): List<Finding> {
    val golden = goldenOf(held)
    val contract = contractOf(held)
    checkLabels(held, contract)
    val rows = golden["artifacts"].items.map { rowOfArtifact(held, it, contract) }
    val gray = preparedApart(golden["examples"].items, contract["preprocess"], decoder, tell)
    return golden["artifacts"].items.zip(rows) { artifact, row ->
        open(artifact["path"].text).use { finding(it, artifact, row, golden["examples"].items, gray) }
    }
}

/** One line a file, and what all of them are. */
fun inWords(findings: List<Finding>): List<String> {
    val wrong = findings.count { !it.passes }
    val all = if (wrong > 0) "FAIL: $wrong of ${findings.size} files" else "pass: ${findings.size} files"
    return findings.map { it.line } + all
}

/** Largest difference of what is prepared here from what is recorded, in gray levels; null: nothing could be. */
private fun preparedApart(examples: List<Json>, rules: Json, decoder: Decoder, tell: (String) -> Unit): Double? {
    whyNotPrepared(rules)?.let {
        tell("the photographs of golden.json are not prepared here: $it")
        return null
    }
    var worst: Double? = null
    for (example in examples) {
        if (!example.has("encoded") || !example["is_whole"].isTrue) continue
        val mine = prepare(pictureOf(Base64.getDecoder().decode(example["encoded"].text), rules, decoder), rules).image
        val theirs = unpacked(example["prepared"]["image"]).values
        if (mine.size != theirs.size) return Double.POSITIVE_INFINITY
        for (i in mine.indices) worst = max(worst ?: 0.0, abs((mine[i].toInt() and 255) - theirs[i]))
    }
    return worst
}

private fun finding(runtime: Runtime, artifact: Json, row: Json, examples: List<Json>, gray: Double?): Finding {
    var worst = Worst(0.0, 0.0, 0.0)
    var (decisions, trained) = 0 to 0
    val decision = artifact["decision"]
    examples.forEachIndexed { i, example ->
        val feed = row["inputs"].fields.mapValues { typed(unpacked(example["prepared"][it.key]).values, it.value) }
        val mine = answered(runtime, feed, row["outputs"])
        val theirs = answerOf(artifact["answers"].items[i])
        val alike = heldAlike(mine, theirs)
        worst = maxOf(worst, apart(alike, theirs, artifact["tolerance"], row["outputs"]))
        if (decidesAlike(alike, theirs, decision)) decisions++
        if (decidesAsTrained(mine, answerOf(example["trained"]), decision)) trained++
    }
    return Finding(artifact["path"].text, artifact["kind"].text, examples.size, gray, worst, decisions, trained)
}

/** Two digits, as C's `%.2g` and Python's `.2g` have them. */
internal fun short(value: Double): String {
    if (value.isNaN()) return "nan"
    if (value.isInfinite()) return if (value > 0) "inf" else "-inf"
    if (value == 0.0) return "0"
    val rounded = BigDecimal(value).round(MathContext(2, RoundingMode.HALF_EVEN))
    val exponent = rounded.precision() - rounded.scale() - 1
    if (exponent in -4..1) return rounded.stripTrailingZeros().toPlainString()
    val digits = rounded.movePointLeft(exponent).stripTrailingZeros().toPlainString()
    return "${digits}e${if (exponent < 0) "-" else "+"}${abs(exponent).toString().padStart(2, '0')}"
}
