package tgan_tf.app

import android.app.Activity
import android.graphics.Bitmap
import android.graphics.Canvas
import android.graphics.Rect
import android.graphics.drawable.BitmapDrawable
import android.os.Bundle
import android.text.Editable
import android.text.TextWatcher
import android.view.View
import android.widget.AdapterView
import android.widget.ArrayAdapter
import android.widget.Button
import android.widget.EditText
import android.widget.ImageView
import android.widget.SeekBar
import android.widget.Spinner
import android.widget.TextView
import java.util.concurrent.ExecutorService
import java.util.concurrent.Executors
import java.util.concurrent.RejectedExecutionException
import java.util.concurrent.atomic.AtomicInteger

/** A grid of samples; class, first seed, truncation and guidance to choose. */
class MainActivity : Activity() {
    // One thread owns the model, so that the screen never waits for it.
    private val worker: ExecutorService = Executors.newSingleThreadExecutor()
    private val asked = AtomicInteger()
    private var generator: Generator? = null // of the worker
    private lateinit var info: ModelInfo

    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        setContentView(R.layout.activity_main)
        try {
            info = ModelInfo.read(assets)
        } catch (error: Exception) {
            showError(error)
            return
        }
        title = info.title
        findViewById<View>(R.id.class_row).visibility = visible(info.classNames.isNotEmpty())
        findViewById<View>(R.id.guidance).visibility = visible(info.guided)
        findViewById<View>(R.id.guidance_value).visibility = visible(info.guided)
        findViewById<Spinner>(R.id.class_choice).adapter =
            ArrayAdapter(this, android.R.layout.simple_spinner_dropdown_item, info.classNames)
        findViewById<Button>(R.id.next).setOnClickListener {
            findViewById<EditText>(R.id.seed).setText((seed() + COUNT).toString())
        }
        listen()
        draw()
    }

    override fun onDestroy() {
        asked.incrementAndGet() // ends what is being drawn
        worker.execute { generator?.close() }
        worker.shutdown()
        super.onDestroy()
    }

    private fun draw() {
        val truncation = findViewById<SeekBar>(R.id.truncation).progress / 100f
        val guidance = findViewById<SeekBar>(R.id.guidance).progress / 100f
        val label = maxOf(0, findViewById<Spinner>(R.id.class_choice).selectedItemPosition)
        val first = seed()
        val mine = asked.incrementAndGet()
        findViewById<TextView>(R.id.truncation_value).text =
            getString(R.string.truncation_label, truncation)
        findViewById<TextView>(R.id.guidance_value).text =
            getString(R.string.guidance_label, guidance)
        findViewById<TextView>(R.id.status).setText(R.string.working)
        try {
            worker.execute {
                try {
                    val ready = generator ?: Generator(assets, info).also { generator = it }
                    val start = System.nanoTime()
                    val samples = ArrayList<Bitmap>()
                    while (samples.size < COUNT && mine == asked.get()) {
                        samples.add(ready.sample(first + samples.size, label, truncation, guidance))
                    }
                    val ms = (System.nanoTime() - start) / 1e6 / COUNT
                    if (samples.size == COUNT) runOnUiThread { show(samples, ms, mine) }
                } catch (error: Exception) {
                    runOnUiThread { showError(error) }
                }
            }
        } catch (closed: RejectedExecutionException) {
            // The screen is going away.
        }
    }

    private fun show(samples: List<Bitmap>, ms: Double, mine: Int) {
        if (mine != asked.get()) return
        val scale = maxOf(1, CELL / maxOf(info.width, info.height))
        val (width, height) = Pair(info.width * scale, info.height * scale)
        val rows = (COUNT + COLUMNS - 1) / COLUMNS
        val grid = Bitmap.createBitmap(
            COLUMNS * (width + GAP), rows * (height + GAP), Bitmap.Config.ARGB_8888
        )
        val canvas = Canvas(grid)
        samples.forEachIndexed { index, sample ->
            val left = index % COLUMNS * (width + GAP)
            val top = index / COLUMNS * (height + GAP)
            // Without a Paint pixels stay sharp.
            canvas.drawBitmap(sample, null, Rect(left, top, left + width, top + height), null)
        }
        val drawable = BitmapDrawable(resources, grid)
        drawable.isFilterBitmap = false
        findViewById<ImageView>(R.id.grid).setImageDrawable(drawable)
        findViewById<TextView>(R.id.status).text = getString(R.string.done, COUNT, ms)
    }

    private fun showError(error: Exception) {
        findViewById<TextView>(R.id.status).text =
            getString(R.string.failed, error.message ?: error.toString())
    }

    /** The number in the field; what is outside of int32, or not yet a number, counts as 0. */
    private fun seed(): Int = findViewById<EditText>(R.id.seed).text.toString().toIntOrNull() ?: 0

    private fun visible(yes: Boolean): Int = if (yes) View.VISIBLE else View.GONE

    private fun listen() {
        findViewById<EditText>(R.id.seed).addTextChangedListener(object : TextWatcher {
            override fun beforeTextChanged(s: CharSequence?, start: Int, count: Int, after: Int) {}
            override fun onTextChanged(s: CharSequence?, start: Int, before: Int, count: Int) {}
            override fun afterTextChanged(s: Editable?) = draw()
        })
        findViewById<Spinner>(R.id.class_choice).onItemSelectedListener =
            object : AdapterView.OnItemSelectedListener {
                override fun onItemSelected(p: AdapterView<*>?, v: View?, at: Int, id: Long) = draw()
                override fun onNothingSelected(p: AdapterView<*>?) {}
            }
        val moved = object : SeekBar.OnSeekBarChangeListener {
            override fun onProgressChanged(bar: SeekBar?, value: Int, byUser: Boolean) = draw()
            override fun onStartTrackingTouch(bar: SeekBar?) {}
            override fun onStopTrackingTouch(bar: SeekBar?) {}
        }
        findViewById<SeekBar>(R.id.truncation).setOnSeekBarChangeListener(moved)
        findViewById<SeekBar>(R.id.guidance).setOnSeekBarChangeListener(moved)
    }

    private companion object {
        const val COUNT = 24
        const val COLUMNS = 4
        const val CELL = 224 // pixels
        const val GAP = 8
    }
}
