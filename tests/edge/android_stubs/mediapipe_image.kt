@file:Suppress("UNUSED_PARAMETER", "unused")

package com.google.mediapipe.framework.image

import android.graphics.Bitmap
import java.nio.ByteBuffer

class MPImage

class BitmapImageBuilder(bitmap: Bitmap) {
    fun build(): MPImage = TODO()
}

object ByteBufferExtractor {
    @JvmStatic fun extract(image: MPImage): ByteBuffer = TODO()
}
