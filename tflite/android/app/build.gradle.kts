plugins {
    id("com.android.application")
    kotlin("android")
}

android {
    namespace = "io.kerasvision.edge.app"
    compileSdk = 36

    defaultConfig {
        applicationId = "io.kerasvision.edge.app"
        minSdk = 26 // java.util.Base64
        targetSdk = 36
        versionCode = 1
        versionName = "1.0"
    }

    compileOptions {
        sourceCompatibility = JavaVersion.VERSION_11
        targetCompatibility = JavaVersion.VERSION_11
    }

    kotlinOptions {
        jvmTarget = "11"
    }

    androidResources {
        noCompress += "tflite" // LiteRT maps the file as it lies in the package
    }
}

dependencies {
    implementation(project(":core"))
    implementation("androidx.activity:activity-ktx:1.10.1")
    implementation("androidx.camera:camera-camera2:1.5.0")
    implementation("androidx.camera:camera-lifecycle:1.5.0")
    implementation("com.google.ai.edge.litert:litert:2.1.0")
    implementation("com.google.mediapipe:tasks-vision:0.10.29")
}
