@file:Suppress("UNUSED_PARAMETER", "unused")

package androidx.activity

import android.content.Context
import android.os.Bundle
import android.view.View
import androidx.activity.result.ActivityResultLauncher
import androidx.activity.result.contract.ActivityResultContract
import androidx.lifecycle.LifecycleOwner

open class ComponentActivity : Context(), LifecycleOwner {
    protected open fun onCreate(state: Bundle?): Unit = TODO()

    protected open fun onDestroy(): Unit = TODO()

    fun setContentView(view: View): Unit = TODO()

    fun runOnUiThread(action: Runnable): Unit = TODO()

    fun <I, O> registerForActivityResult(
        contract: ActivityResultContract<I, O>, callback: (O) -> Unit,
    ): ActivityResultLauncher<I> = TODO()
}
