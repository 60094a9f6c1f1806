package androidx.activity.result.contract

import android.net.Uri

abstract class ActivityResultContract<I, O>

class ActivityResultContracts {
    class GetContent : ActivityResultContract<String, Uri?>()

    class RequestPermission : ActivityResultContract<String, Boolean>()
}
