package tgan_tf.app

import android.content.res.AssetManager
import android.graphics.Bitmap
import android.graphics.Color
import com.google.ai.edge.litert.CompiledModel
import com.google.ai.edge.litert.TensorBuffer
import org.json.JSONObject

/** What model.json says of the model; python -m export.android writes it. */
class ModelInfo(json: JSONObject) {
    val title: String = json.getString("title")
    val classNames: List<String> =
        json.getJSONArray("class_names").let { names -> List(names.length()) { names.getString(it) } }
    val guided: Boolean = json.getBoolean("guided")
    val height: Int = json.getJSONArray("sample_shape").getInt(0)
    val width: Int = json.getJSONArray("sample_shape").getInt(1)
    val channels: Int = json.getJSONArray("sample_shape").getInt(2)

    companion object {
        fun read(assets: AssetManager): ModelInfo =
            ModelInfo(JSONObject(assets.open("model.json").bufferedReader().use { it.readText() }))
    }
}

/**
 * A generator: seed, class and truncation in, a picture out, the same as in Python to one level.
 *
 * For one thread; inputs are found by their names, since their order differs between runtimes.
 */
class Generator(assets: AssetManager, private val info: ModelInfo) : AutoCloseable {
    private val model = CompiledModel.create(assets, "model.tflite")
    private val inputs: Map<String, TensorBuffer> =
        (listOf("seed", "truncation") +
            (if (info.classNames.isEmpty()) listOf() else listOf("label")) +
            (if (info.guided) listOf("guidance") else listOf()))
            .associateWith { model.createInputBuffer(it, SIGNATURE) }
    private val image: TensorBuffer = model.createOutputBuffer("image", SIGNATURE)

    fun sample(seed: Int, label: Int, truncation: Float, guidance: Float): Bitmap {
        inputs.getValue("seed").writeInt(intArrayOf(seed))
        inputs.getValue("truncation").writeFloat(floatArrayOf(truncation))
        inputs["label"]?.writeInt(intArrayOf(label))
        inputs["guidance"]?.writeFloat(floatArrayOf(guidance))
        model.run(inputs, mapOf("image" to image), SIGNATURE)
        // uint8 [1, H, W, C]; Kotlin's bytes are signed.
        return bitmap(image.readInt8())
    }

    override fun close() {
        inputs.values.forEach { it.close() }
        image.close()
        model.close()
    }

    private fun bitmap(bytes: ByteArray): Bitmap {
        fun level(pixel: Int, channel: Int) = bytes[pixel * info.channels + channel].toInt() and 0xFF
        val colors = IntArray(info.height * info.width) { pixel ->
            when (info.channels) {
                1 -> level(pixel, 0).let { Color.rgb(it, it, it) }
                3 -> Color.rgb(level(pixel, 0), level(pixel, 1), level(pixel, 2))
                else -> Color.argb(
                    level(pixel, 3), level(pixel, 0), level(pixel, 1), level(pixel, 2)
                )
            }
        }
        return Bitmap.createBitmap(colors, info.width, info.height, Bitmap.Config.ARGB_8888)
    }

    private companion object {
        const val SIGNATURE = "sample"
    }
}
