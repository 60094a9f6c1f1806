// Which way up a picture was taken: the EXIF tag of JPEG and PNG, and its pixels turned by it (EXIF 2.3, table 4).
package io.kerasvision.edge

import java.nio.ByteBuffer
import java.nio.ByteOrder

private const val TAG = 0x0112
private const val SHORT = 3

/** 1 to 8, of encoded bytes; 1 where nothing is said or what is said is damaged. */
fun orientationOf(encoded: ByteArray): Int = try {
    val exif = if (encoded.size > 8 && encoded[1] == 'P'.code.toByte()) ofPng(encoded) else ofJpeg(encoded)
    exif?.let(::tagOf)?.takeIf { it in 1..8 } ?: 1
} catch (_: RuntimeException) { // bytes end where the tag should be
    1
}

private fun ofJpeg(bytes: ByteArray): ByteBuffer? {
    val held = ByteBuffer.wrap(bytes)
    var at = 2
    while (at + 4 <= bytes.size && bytes[at] == 0xFF.toByte()) {
        val marker = bytes[at + 1].toInt() and 255
        if (marker == 0xFF) {
            at++ // a byte that fills
            continue
        }
        if (marker == 0xDA) return null // the picture itself begins
        val length = held.getShort(at + 2).toInt() and 0xFFFF
        val begin = at + 4
        if (marker == 0xE1 && String(bytes, begin, 6, Charsets.ISO_8859_1) == "Exif\u0000\u0000") {
            return ByteBuffer.wrap(bytes, begin + 6, length - 8).slice()
        }
        at += 2 + length
    }
    return null
}

private fun ofPng(bytes: ByteArray): ByteBuffer? {
    val held = ByteBuffer.wrap(bytes)
    var at = 8
    while (at + 12 <= bytes.size) {
        val length = held.getInt(at)
        val name = String(bytes, at + 4, 4, Charsets.ISO_8859_1)
        if (name == "eXIf") return ByteBuffer.wrap(bytes, at + 8, length).slice()
        at += 12 + length
    }
    return null
}

private fun tagOf(exif: ByteBuffer): Int? {
    exif.order(if (exif.get(0) == 'I'.code.toByte()) ByteOrder.LITTLE_ENDIAN else ByteOrder.BIG_ENDIAN)
    val place = exif.getInt(4)
    val count = exif.getShort(place).toInt() and 0xFFFF
    for (entry in 0 until count) {
        val at = place + 2 + 12 * entry
        if ((exif.getShort(at).toInt() and 0xFFFF) != TAG) continue
        return if (exif.getShort(at + 2).toInt() == SHORT) exif.getShort(at + 8).toInt() and 0xFFFF else null
    }
    return null
}

/** A picture as it was seen. orientation: of `orientationOf`. */
fun upright(picture: Picture, orientation: Int): Picture {
    if (orientation == 1) return picture
    val (h, w) = picture.height to picture.width
    val isTurned = orientation >= 5
    val (height, width) = if (isTurned) w to h else h to w
    val rgb = ByteArray(picture.rgb.size)
    for (y in 0 until height) for (x in 0 until width) {
        val begin = 3 * when (orientation) {
            2 -> y * w + w - 1 - x
            3 -> (h - 1 - y) * w + w - 1 - x
            4 -> (h - 1 - y) * w + x
            5 -> x * w + y
            6 -> (h - 1 - x) * w + y
            7 -> (h - 1 - x) * w + w - 1 - y
            else -> x * w + w - 1 - y
        }
        picture.rgb.copyInto(rgb, 3 * (y * width + x), begin, begin + 3)
    }
    return Picture(height, width, rgb)
}
