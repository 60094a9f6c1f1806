// Android's bitmaps as pictures: encoded bytes, frames of the camera.
package io.kerasvision.edge.app

import android.graphics.Bitmap
import android.graphics.BitmapFactory
import io.kerasvision.edge.Decoder
import io.kerasvision.edge.EdgeError
import io.kerasvision.edge.Picture

/** Final. Stored pixels at their own size: not scaled to the screen, colors not multiplied by their transparency. */
object Bitmaps : Decoder {
    override fun decode(encoded: ByteArray): Picture {
        val options = BitmapFactory.Options().apply {
            inScaled = false
            inPremultiplied = false
            inPreferredConfig = Bitmap.Config.ARGB_8888
        }
        val bitmap = BitmapFactory.decodeByteArray(encoded, 0, encoded.size, options)
            ?: throw EdgeError("the image cannot be decoded: it is damaged, or of a kind that Android does not know")
        return picture(bitmap)
    }

    /** RGB; what is transparent lies over white. */
    fun picture(bitmap: Bitmap): Picture {
        val (width, height) = bitmap.width to bitmap.height
        val pixels = IntArray(width * height)
        bitmap.getPixels(pixels, 0, width, 0, 0, width, height)
        val rgb = ByteArray(3 * pixels.size)
        for ((i, pixel) in pixels.withIndex()) {
            val alpha = pixel ushr 24
            for (c in 0 until 3) {
                val value = pixel shr (16 - 8 * c) and 255
                rgb[3 * i + c] = ((value * alpha + 255 * (255 - alpha) + 127) / 255).toByte()
            }
        }
        return Picture(height, width, rgb)
    }

    /** A picture to be shown. */
    fun bitmap(picture: Picture): Bitmap {
        val pixels = IntArray(picture.width * picture.height) { i ->
            (0 until 3).fold(255) { held, c -> held shl 8 or (picture.rgb[3 * i + c].toInt() and 255) }
        }
        return Bitmap.createBitmap(pixels, picture.width, picture.height, Bitmap.Config.ARGB_8888)
    }
}
