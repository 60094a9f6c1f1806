// The few classes of Android that the app uses, without what they do: the compiler checks the app against them.
@file:Suppress("UNUSED_PARAMETER", "unused")

package android

object Manifest {
    object permission {
        const val CAMERA = "android.permission.CAMERA"
    }
}

object R {
    object layout {
        const val simple_spinner_dropdown_item = 1
    }
}
