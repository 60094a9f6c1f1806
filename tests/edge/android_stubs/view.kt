@file:Suppress("UNUSED_PARAMETER", "unused")

package android.view

import android.content.Context

open class View(context: Context) {
    fun setOnClickListener(act: (View) -> Unit): Unit = TODO()
}
