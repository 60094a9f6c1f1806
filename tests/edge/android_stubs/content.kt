@file:Suppress("UNUSED_PARAMETER", "unused")

package android.content

import android.content.res.AssetManager
import java.io.InputStream

open class Context {
    val assets: AssetManager get() = TODO()
    val contentResolver: ContentResolver get() = TODO()
}

class ContentResolver {
    fun openInputStream(uri: android.net.Uri): InputStream? = TODO()
}
