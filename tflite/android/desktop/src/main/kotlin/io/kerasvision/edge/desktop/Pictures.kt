// Encoded pictures to stored pixels by the JVM's own readers, by the rules "kv1" of a contract: gray becomes three
// equal channels, 16 bits keep their high byte, transparency lies over white.
package io.kerasvision.edge.desktop

import io.kerasvision.edge.Decoder
import io.kerasvision.edge.EdgeError
import io.kerasvision.edge.Picture
import java.awt.image.BufferedImage
import java.awt.image.IndexColorModel
import java.io.ByteArrayInputStream
import java.io.IOException
import javax.imageio.ImageIO

private const val WHITE = 255

/** Final. Throws EdgeError of bytes that are no picture. */
object Pictures : Decoder {
    override fun decode(encoded: ByteArray): Picture {
        val image = try {
            ImageIO.read(ByteArrayInputStream(encoded))
        } catch (error: IOException) {
            throw EdgeError("the image cannot be decoded: ${error.message?.lines()?.first()}")
        } catch (error: RuntimeException) { // what a reader throws at bytes that it trusts too far
            throw EdgeError("the image cannot be decoded: ${error.message?.lines()?.first()}")
        } ?: throw EdgeError("the image cannot be decoded: it is no PNG, JPEG, GIF or BMP")
        val pixel = if (image.colorModel is IndexColorModel) ofPalette(image) else ofSamples(image)
        val rgb = ByteArray(3 * image.width * image.height)
        for (y in 0 until image.height) for (x in 0 until image.width) {
            val (red, green, blue, alpha) = pixel(x, y)
            val begin = 3 * (y * image.width + x)
            for ((c, value) in listOf(red, green, blue).withIndex()) {
                rgb[begin + c] = ((value * alpha + WHITE * (255 - alpha) + 127) / 255).toByte()
            }
        }
        return Picture(image.height, image.width, rgb)
    }

    private data class Pixel(val red: Int, val green: Int, val blue: Int, val alpha: Int)

    private fun ofPalette(image: BufferedImage): (Int, Int) -> Pixel = { x, y ->
        val held = image.getRGB(x, y)
        Pixel(held shr 16 and 255, held shr 8 and 255, held and 255, held ushr 24)
    }

    /** By the samples themselves: `getRGB` would bend gray ones, which it takes for linear. */
    private fun ofSamples(image: BufferedImage): (Int, Int) -> Pixel {
        val raster = image.raster
        val (bits, bands) = raster.sampleModel.getSampleSize(0) to raster.numBands
        val shift = if (bits == 16) 8 else 0
        val spread = 255 / ((1 shl minOf(bits, 8)) - 1) // gray of 1, 2 or 4 bits
        val sample = { x: Int, y: Int, band: Int -> (raster.getSample(x, y, band) shr shift) * spread }
        return { x, y ->
            val (green, blue) = if (bands < 3) 0 to 0 else 1 to 2
            val alpha = if (bands == 2 || bands == 4) sample(x, y, bands - 1) else 255
            Pixel(sample(x, y, 0), sample(x, y, green), sample(x, y, blue), alpha)
        }
    }
}
