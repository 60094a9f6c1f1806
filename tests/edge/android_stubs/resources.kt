// What Gradle makes of app/src/main/res; the test holds its names to strings.xml.
package io.kerasvision.edge.app

object R {
    object string {
        const val app_name = 0
        const val photograph = 1
        const val camera = 2
        const val verify = 3
        const val benchmark = 4
        const val mediapipe = 5
        const val no_models = 6
        const val no_picture = 7
        const val no_task = 8
        const val no_camera = 9
    }
}
