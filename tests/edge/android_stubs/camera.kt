@file:Suppress("UNUSED_PARAMETER", "unused")

package androidx.camera.core

import android.graphics.Bitmap
import java.util.concurrent.Executor

class CameraSelector {
    companion object {
        @JvmField val DEFAULT_BACK_CAMERA = CameraSelector()
    }
}

abstract class UseCase

interface ImageInfo {
    val rotationDegrees: Int
}

interface ImageProxy : AutoCloseable {
    val imageInfo: ImageInfo

    fun toBitmap(): Bitmap
}

class ImageAnalysis : UseCase() {
    fun interface Analyzer {
        fun analyze(image: ImageProxy)
    }

    fun setAnalyzer(executor: Executor, analyzer: Analyzer): Unit = TODO()

    class Builder {
        fun setOutputImageFormat(format: Int): Builder = TODO()

        fun setBackpressureStrategy(strategy: Int): Builder = TODO()

        fun build(): ImageAnalysis = TODO()
    }

    companion object {
        const val OUTPUT_IMAGE_FORMAT_RGBA_8888 = 2
        const val STRATEGY_KEEP_ONLY_LATEST = 0
    }
}
