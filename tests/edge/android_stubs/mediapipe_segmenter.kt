@file:Suppress("UNUSED_PARAMETER", "unused")

package com.google.mediapipe.tasks.vision.imagesegmenter

import android.content.Context
import com.google.mediapipe.framework.image.MPImage
import com.google.mediapipe.tasks.core.BaseOptions
import java.util.Optional

abstract class ImageSegmenterResult {
    abstract fun categoryMask(): Optional<MPImage>
}

class ImageSegmenter : AutoCloseable {
    class ImageSegmenterOptions {
        class Builder {
            fun setBaseOptions(options: BaseOptions): Builder = TODO()

            fun setOutputCategoryMask(isWanted: Boolean): Builder = TODO()

            fun build(): ImageSegmenterOptions = TODO()
        }

        companion object {
            @JvmStatic fun builder(): Builder = TODO()
        }
    }

    fun segment(image: MPImage): ImageSegmenterResult = TODO()

    override fun close(): Unit = TODO()

    companion object {
        @JvmStatic fun createFromOptions(context: Context, options: ImageSegmenterOptions): ImageSegmenter = TODO()
    }
}
