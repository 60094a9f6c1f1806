plugins {
    kotlin("jvm")
    application
}

kotlin {
    jvmToolchain(25) // java.lang.foreign is final from 22 on
}

dependencies {
    implementation(project(":core"))
}

application {
    mainClass.set("io.kerasvision.edge.desktop.MainKt")
    applicationDefaultJvmArgs = listOf("--enable-native-access=ALL-UNNAMED")
}
