// What the screen asks for, off its thread: one question at a time; a frame that comes meanwhile is left out.
package io.kerasvision.edge.app

import android.content.res.AssetManager
import android.graphics.Bitmap
import io.kerasvision.edge.Answer
import io.kerasvision.edge.EdgeError
import io.kerasvision.edge.Picture
import io.kerasvision.edge.Runtime
import io.kerasvision.edge.inWords
import io.kerasvision.edge.verify
import java.util.Locale
import java.util.concurrent.Executors
import java.util.concurrent.atomic.AtomicBoolean

private const val REPETITIONS = 50

/** Final. tell: takes words for the screen, on this class' own thread. */
class Answering(
    private val assets: AssetManager, private val threads: Int, private val tell: (String) -> Unit,
) : AutoCloseable {
    private val worker = Executors.newSingleThreadExecutor()
    private val isBusy = AtomicBoolean()
    private var open: Pair<Choice, Runtime>? = null

    /** show: takes the prediction and the milliseconds from pixels to it. */
    fun ask(choice: Choice, picture: Picture, show: (Answer, Double) -> Unit) = once {
        val client = choice.client(runtimeOf(choice))
        val start = System.nanoTime()
        val values = client.predict(picture)
        show(values, (System.nanoTime() - start) / 1e6)
    }

    /** The words of a task of MediaPipe, beside our own answer. */
    fun ask(task: MediaPipeTask, bitmap: Bitmap) = once { tell(task.words(bitmap)) }

    /** Whether this phone answers as the machine that exported the model: all files of its folder. */
    fun verify(choice: Choice) = once {
        val lines = ArrayList<String>()
        val open = { name: String -> Choice(choice.folder, name).runtime(assets, threads) }
        val findings = verify(choice.folder, Bitmaps, open) { lines.add(it) }
        tell((lines + inWords(findings)).joinToString("\n"))
    }

    /** Median milliseconds from pixels to the answer. */
    fun benchmark(choice: Choice, picture: Picture) = once {
        val client = choice.client(runtimeOf(choice))
        val times = List(REPETITIONS + 1) {
            val start = System.nanoTime()
            client.predict(picture)
            (System.nanoTime() - start) / 1e6
        }.drop(1).sorted()
        val (median, late) = times[REPETITIONS / 2] to times[REPETITIONS * 95 / 100]
        val said = "%s: median %.1f ms, 95 %% within %.1f ms, %d threads"
        tell(String.format(Locale.ROOT, said, choice, median, late, threads))
    }

    override fun close() {
        worker.execute { open?.second?.close() }
        worker.shutdown()
    }

    private fun runtimeOf(choice: Choice): Runtime {
        open?.let { (held, runtime) -> if (held === choice) return runtime else runtime.close() }
        open = null
        return choice.runtime(assets, threads).also { open = choice to it }
    }

    private fun once(work: () -> Unit) {
        if (!isBusy.compareAndSet(false, true)) return
        worker.execute {
            try {
                work()
            } catch (error: EdgeError) {
                tell(error.message.orEmpty())
            } finally {
                isBusy.set(false)
            }
        }
    }
}
