// One screen: choose a model, show it a photograph or the camera, verify it, time it.
package io.kerasvision.edge.app

import android.Manifest
import android.graphics.Bitmap
import android.net.Uri
import android.os.Bundle
import android.view.View
import android.widget.AdapterView
import android.widget.ArrayAdapter
import android.widget.Button
import android.widget.ImageView
import android.widget.LinearLayout
import android.widget.Spinner
import android.widget.TextView
import androidx.activity.ComponentActivity
import androidx.activity.result.contract.ActivityResultContracts
import androidx.camera.core.CameraSelector
import androidx.camera.core.ImageAnalysis
import androidx.camera.core.ImageProxy
import androidx.camera.lifecycle.ProcessCameraProvider
import androidx.core.content.ContextCompat
import io.kerasvision.edge.EdgeError
import io.kerasvision.edge.Picture
import io.kerasvision.edge.orientationOf
import io.kerasvision.edge.upright
import java.util.Locale
import java.util.concurrent.Executors

/** Turns of a camera's frame by degrees, as EXIF numbers them. */
private val TURNS = mapOf(0 to 1, 90 to 6, 180 to 3, 270 to 8)

class MainActivity : ComponentActivity() {
    private val frames = Executors.newSingleThreadExecutor()
    private lateinit var answering: Answering
    private lateinit var models: Spinner
    private lateinit var shown: ImageView
    private lateinit var words: TextView

    @Volatile private var chosen: Choice? = null
    @Volatile private var last: Picture? = null

    private val photograph = registerForActivityResult(ActivityResultContracts.GetContent()) { it?.let(::look) }
    private val camera = registerForActivityResult(ActivityResultContracts.RequestPermission()) { isAllowed ->
        if (isAllowed) watch() else words.setText(R.string.no_camera)
    }

    override fun onCreate(state: Bundle?) {
        super.onCreate(state)
        answering = Answering(assets, Runtime.getRuntime().availableProcessors().coerceAtMost(4), ::tell)
        models = Spinner(this)
        shown = ImageView(this)
        words = TextView(this)
        val found = choices(assets)
        models.adapter = ArrayAdapter(this, android.R.layout.simple_spinner_dropdown_item, found)
        models.onItemSelectedListener = object : AdapterView.OnItemSelectedListener {
            override fun onItemSelected(parent: AdapterView<*>?, view: View?, position: Int, id: Long) {
                chosen = found[position]
            }

            override fun onNothingSelected(parent: AdapterView<*>?) {
                chosen = null
            }
        }
        if (found.isEmpty()) words.setText(R.string.no_models)
        val page = LinearLayout(this).apply { orientation = LinearLayout.VERTICAL }
        page.addView(models)
        page.addView(buttons())
        page.addView(words)
        page.addView(shown)
        setContentView(page)
    }

    override fun onDestroy() {
        answering.close()
        frames.shutdown()
        super.onDestroy()
    }

    private fun buttons() = LinearLayout(this).apply {
        addView(button(R.string.photograph) { photograph.launch("image/*") })
        addView(button(R.string.camera) { camera.launch(Manifest.permission.CAMERA) })
        addView(button(R.string.verify) { chosen?.let(answering::verify) })
        addView(button(R.string.benchmark) { time() })
        addView(button(R.string.mediapipe) { askMediaPipe() })
    }

    private fun button(text: Int, act: () -> Unit) = Button(this).apply {
        setText(text)
        setOnClickListener { act() }
    }

    private fun time() {
        val (choice, picture) = (chosen ?: return) to last
        if (picture == null) words.setText(R.string.no_picture) else answering.benchmark(choice, picture)
    }

    private fun askMediaPipe() {
        val (choice, picture) = (chosen ?: return) to last
        val task = choice.mediaPipeTask
        if (task == null) return words.setText(R.string.no_task)
        if (picture == null) return words.setText(R.string.no_picture)
        answering.ask(MediaPipeTask(this, choice.asset, task, choice.classes), Bitmaps.bitmap(picture))
    }

    private fun tell(text: String) = runOnUiThread { words.text = text }

    private fun look(place: Uri) {
        try {
            val encoded = contentResolver.openInputStream(place)?.use { it.readBytes() } ?: return
            show(upright(Bitmaps.decode(encoded), orientationOf(encoded)))
        } catch (error: EdgeError) {
            tell(error.message.orEmpty())
        }
    }

    private fun show(picture: Picture) {
        last = picture
        val choice = chosen ?: return
        answering.ask(choice, picture) { values, milliseconds ->
            val drawing = Drawing(choice.classes)
            val page = Bitmaps.bitmap(picture).copy(Bitmap.Config.ARGB_8888, true)
            drawing.draw(page, values)
            val text = "${drawing.words(values)}\n${String.format(Locale.ROOT, "%.1f ms", milliseconds)}"
            runOnUiThread {
                shown.setImageBitmap(page)
                words.text = text
            }
        }
    }

    private fun watch() {
        val asked = ProcessCameraProvider.getInstance(this)
        asked.addListener({
            val analysis = ImageAnalysis.Builder()
                .setOutputImageFormat(ImageAnalysis.OUTPUT_IMAGE_FORMAT_RGBA_8888)
                .setBackpressureStrategy(ImageAnalysis.STRATEGY_KEEP_ONLY_LATEST)
                .build()
            analysis.setAnalyzer(frames, ::seen)
            asked.get().unbindAll()
            asked.get().bindToLifecycle(this, CameraSelector.DEFAULT_BACK_CAMERA, analysis)
        }, ContextCompat.getMainExecutor(this))
    }

    private fun seen(frame: ImageProxy) = frame.use {
        show(upright(Bitmaps.picture(it.toBitmap()), TURNS.getValue(it.imageInfo.rotationDegrees)))
    }
}
