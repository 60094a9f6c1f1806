@file:Suppress("UNUSED_PARAMETER", "unused")

package android.content.res

import java.io.InputStream

class AssetManager {
    fun open(name: String): InputStream = TODO()

    fun list(path: String): Array<String>? = TODO()
}
