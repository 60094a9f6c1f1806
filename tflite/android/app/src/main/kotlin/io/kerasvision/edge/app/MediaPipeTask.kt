// A file that `kerasvision export --to mediapipe` wrote, asked through MediaPipe Tasks, which prepares pictures itself.
package io.kerasvision.edge.app

import android.content.Context
import android.graphics.Bitmap
import com.google.mediapipe.framework.image.BitmapImageBuilder
import com.google.mediapipe.framework.image.ByteBufferExtractor
import com.google.mediapipe.framework.image.MPImage
import com.google.mediapipe.tasks.components.containers.Category
import com.google.mediapipe.tasks.core.BaseOptions
import com.google.mediapipe.tasks.vision.imageclassifier.ImageClassifier
import com.google.mediapipe.tasks.vision.imagesegmenter.ImageSegmenter
import com.google.mediapipe.tasks.vision.objectdetector.ObjectDetector
import io.kerasvision.edge.EdgeError
import java.util.Locale

private const val MOST = 5

/** Final. asset: the file's path in the assets. task: of contract.json. classes: its names. */
class MediaPipeTask(
    private val context: Context,
    asset: String,
    private val task: String,
    private val classes: List<String>,
) {
    private val base = BaseOptions.builder().setModelAssetPath(asset).build()

    /** What the task answers to a bitmap, a line an answer. Throws EdgeError of a task that MediaPipe does not have. */
    fun words(bitmap: Bitmap): String {
        val image = BitmapImageBuilder(bitmap).build()
        val rows = when (task) {
            "classification" -> classified(image)
            "detection" -> detected(image)
            "semantic_segmentation" -> segmented(image)
            else -> throw EdgeError("MediaPipe has no task for $task here; choose a file of tflite")
        }
        return (listOf("MediaPipe:") + rows).joinToString("\n")
    }

    private fun classified(image: MPImage): List<String> {
        val options = ImageClassifier.ImageClassifierOptions.builder().setBaseOptions(base).setMaxResults(MOST).build()
        ImageClassifier.createFromOptions(context, options).use { classifier ->
            return classifier.classify(image).classificationResult().classifications().first().categories().map(::line)
        }
    }

    private fun detected(image: MPImage): List<String> {
        val options = ObjectDetector.ObjectDetectorOptions.builder().setBaseOptions(base).setMaxResults(MOST).build()
        ObjectDetector.createFromOptions(context, options).use { detector ->
            return detector.detect(image).detections().map { line(it.categories().first()) }
        }
    }

    private fun segmented(image: MPImage): List<String> {
        val builder = ImageSegmenter.ImageSegmenterOptions.builder().setBaseOptions(base)
        val options = builder.setOutputCategoryMask(true).build()
        ImageSegmenter.createFromOptions(context, options).use { segmenter ->
            val mask = ByteBufferExtractor.extract(segmenter.segment(image).categoryMask().get())
            val found = List(mask.remaining()) { mask.get(it).toInt() and 255 }.groupingBy { it }.eachCount()
            val order = found.entries.sortedByDescending { it.value }
            return order.map { "${classes.getOrElse(it.key) { "?" }} ${it.value} pixels" }
        }
    }

    private fun line(row: Category) = "${row.categoryName()} ${String.format(Locale.ROOT, "%.3f", row.score())}"
}
