@file:Suppress("UNUSED_PARAMETER", "unused")

package android.graphics

class Bitmap {
    enum class Config { ARGB_8888 }

    val width: Int get() = TODO()
    val height: Int get() = TODO()

    fun getPixels(pixels: IntArray, offset: Int, stride: Int, x: Int, y: Int, width: Int, height: Int): Unit = TODO()

    fun copy(config: Config, isMutable: Boolean): Bitmap = TODO()

    companion object {
        @JvmStatic fun createBitmap(colors: IntArray, width: Int, height: Int, config: Config): Bitmap = TODO()
    }
}

object BitmapFactory {
    class Options {
        @JvmField var inScaled = true
        @JvmField var inPremultiplied = true
        @JvmField var inPreferredConfig: Bitmap.Config? = null
    }

    @JvmStatic fun decodeByteArray(data: ByteArray, offset: Int, length: Int, options: Options?): Bitmap? = TODO()
}

class Canvas(bitmap: Bitmap) {
    val width: Int get() = TODO()
    val height: Int get() = TODO()

    fun drawBitmap(bitmap: Bitmap, left: Float, top: Float, paint: Paint?): Unit = TODO()

    fun drawRect(left: Float, top: Float, right: Float, bottom: Float, paint: Paint): Unit = TODO()

    fun drawText(text: String, x: Float, y: Float, paint: Paint): Unit = TODO()
}

object Color {
    const val TRANSPARENT = 0

    @JvmStatic fun HSVToColor(alpha: Int, hsv: FloatArray): Int = TODO()
}

class Paint {
    enum class Style { FILL, STROKE }

    var strokeWidth = 0f
    var textSize = 0f
    var isAntiAlias = false
    var color = 0
    var style = Style.FILL
}
