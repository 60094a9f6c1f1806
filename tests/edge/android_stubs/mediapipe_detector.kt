@file:Suppress("UNUSED_PARAMETER", "unused")

package com.google.mediapipe.tasks.vision.objectdetector

import android.content.Context
import com.google.mediapipe.framework.image.MPImage
import com.google.mediapipe.tasks.components.containers.Detection
import com.google.mediapipe.tasks.core.BaseOptions

abstract class ObjectDetectorResult {
    abstract fun detections(): List<Detection>
}

class ObjectDetector : AutoCloseable {
    class ObjectDetectorOptions {
        class Builder {
            fun setBaseOptions(options: BaseOptions): Builder = TODO()

            fun setMaxResults(count: Int): Builder = TODO()

            fun build(): ObjectDetectorOptions = TODO()
        }

        companion object {
            @JvmStatic fun builder(): Builder = TODO()
        }
    }

    fun detect(image: MPImage): ObjectDetectorResult = TODO()

    override fun close(): Unit = TODO()

    companion object {
        @JvmStatic fun createFromOptions(context: Context, options: ObjectDetectorOptions): ObjectDetector = TODO()
    }
}
