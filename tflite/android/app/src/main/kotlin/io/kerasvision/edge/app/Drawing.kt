// A prediction drawn over its picture: names, boxes, masks.
package io.kerasvision.edge.app

import android.graphics.Bitmap
import android.graphics.Canvas
import android.graphics.Color
import android.graphics.Paint
import io.kerasvision.edge.Answer
import io.kerasvision.edge.describe
import java.util.Locale

private const val LEAST_SCORE = 0.3 // of a box that is drawn
private const val THIN = 200f // parts of the longer side that a line is wide
private const val MASK_ALPHA = 110
private const val HUE = 67f // degrees from one class to the next

/** Final. What a prediction looks like: a bitmap as large as the picture, and a line of words. */
class Drawing(private val classes: List<String>) {
    /** picture: a bitmap that can be changed; it is drawn on. */
    fun draw(picture: Bitmap, values: Answer) {
        val canvas = Canvas(picture)
        values["mask"]?.let { mask ->
            val colors = IntArray(mask.values.size) { i -> colorOf(mask.values[i].toInt()) }
            val (height, width) = mask.shape.toList()
            canvas.drawBitmap(Bitmap.createBitmap(colors, width, height, Bitmap.Config.ARGB_8888), 0f, 0f, null)
        }
        if ("boxes_xyxy" in values) boxes(canvas, values)
    }

    /** The best classes, the objects counted, or what there is. */
    fun words(values: Answer): String {
        val held = describe(values, classes)
        val rows = (held["top"] ?: held["labels"]) as? List<*> ?: return counted(held)
        return rows.joinToString("\n") { row ->
            val (label, score) = (row as Map<*, *>).let { it["label"] to it["score"] as Double }
            "$label ${String.format(Locale.ROOT, "%.3f", score)}"
        }
    }

    private fun counted(held: Map<String, Any?>): String {
        val objects = held["objects"] as? List<*> ?: return held.keys.joinToString()
        val sure = objects.map { it as Map<*, *> }.filter { it["score"] as Double >= LEAST_SCORE }
        return sure.groupingBy { it["label"] }.eachCount().entries.joinToString { "${it.value} ${it.key}" }
    }

    private fun boxes(canvas: Canvas, values: Answer) {
        val width = maxOf(canvas.width, canvas.height) / THIN
        val paint = Paint().apply { strokeWidth = width; textSize = 6 * width; isAntiAlias = true }
        val (boxes, scores, labels) = listOf("boxes_xyxy", "scores", "labels").map { values.getValue(it).values }
        for (i in 0 until values.getValue("count").single.toInt()) {
            if (scores[i] < LEAST_SCORE) continue
            val (left, top, right, bottom) = List(4) { boxes[4 * i + it].toFloat() }
            val label = labels[i].toInt()
            paint.color = colorOf(label + 1, 255)
            paint.style = Paint.Style.STROKE
            canvas.drawRect(left, top, right, bottom, paint)
            paint.style = Paint.Style.FILL
            val name = "${classes[label]} ${String.format(Locale.ROOT, "%.2f", scores[i])}"
            canvas.drawText(name, left + width, top + 6 * width, paint)
        }
    }
}

/** Of a class; class 0, the background, is not colored. */
private fun colorOf(index: Int, alpha: Int = MASK_ALPHA): Int =
    if (index == 0) Color.TRANSPARENT else Color.HSVToColor(alpha, floatArrayOf(index * HUE % 360, 1f, 1f))
