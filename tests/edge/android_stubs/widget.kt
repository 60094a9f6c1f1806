@file:Suppress("UNUSED_PARAMETER", "unused")

package android.widget

import android.content.Context
import android.graphics.Bitmap
import android.view.View

open class TextView(context: Context) : View(context) {
    var text: CharSequence = ""

    fun setText(resource: Int): Unit = TODO()
}

class Button(context: Context) : TextView(context)

class ImageView(context: Context) : View(context) {
    fun setImageBitmap(bitmap: Bitmap): Unit = TODO()
}

class LinearLayout(context: Context) : View(context) {
    var orientation = 0

    fun addView(view: View): Unit = TODO()

    companion object {
        const val VERTICAL = 1
    }
}

class ArrayAdapter<T>(context: Context, resource: Int, objects: List<T>)

open class AdapterView<T>(context: Context) : View(context) {
    interface OnItemSelectedListener {
        fun onItemSelected(parent: AdapterView<*>?, view: View?, position: Int, id: Long)

        fun onNothingSelected(parent: AdapterView<*>?)
    }

    var onItemSelectedListener: OnItemSelectedListener? = null
}

class Spinner(context: Context) : AdapterView<ArrayAdapter<*>>(context) {
    var adapter: ArrayAdapter<*>? = null
}
