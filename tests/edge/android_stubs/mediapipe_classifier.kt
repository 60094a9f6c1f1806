@file:Suppress("UNUSED_PARAMETER", "unused")

package com.google.mediapipe.tasks.vision.imageclassifier

import android.content.Context
import com.google.mediapipe.framework.image.MPImage
import com.google.mediapipe.tasks.components.containers.ClassificationResult
import com.google.mediapipe.tasks.core.BaseOptions

abstract class ImageClassifierResult {
    abstract fun classificationResult(): ClassificationResult
}

class ImageClassifier : AutoCloseable {
    class ImageClassifierOptions {
        class Builder {
            fun setBaseOptions(options: BaseOptions): Builder = TODO()

            fun setMaxResults(count: Int): Builder = TODO()

            fun build(): ImageClassifierOptions = TODO()
        }

        companion object {
            @JvmStatic fun builder(): Builder = TODO()
        }
    }

    fun classify(image: MPImage): ImageClassifierResult = TODO()

    override fun close(): Unit = TODO()

    companion object {
        @JvmStatic fun createFromOptions(context: Context, options: ImageClassifierOptions): ImageClassifier = TODO()
    }
}
