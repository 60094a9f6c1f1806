package com.google.mediapipe.tasks.components.containers

abstract class Category {
    abstract fun categoryName(): String

    abstract fun score(): Float
}

abstract class Classifications {
    abstract fun categories(): List<Category>
}

abstract class ClassificationResult {
    abstract fun classifications(): List<Classifications>
}

abstract class Detection {
    abstract fun categories(): List<Category>
}
