"""Lines of printed pages found, of one to three columns, turned by up to 10 degrees.

Shows: text detection for `kerasvision read`: pages are seen at the size that the detector has, so that a letter is some
pixels high.
Commands: kerasvision train pipelines/detect_page_lines.py --out runs/pages
          kerasvision read runs/pages runs/lines page.png     (runs/lines as of pipelines/read_lines_latin.py)
Not measured yet: what it reaches. `pipelines/measure_reading.py` is for that.
"""

from kerasvision import Recipe, create

recipe = Recipe(
    name="page_lines",
    model=create(
        "text_detection/db",
        image_size=(768, 576),
        backbone=create("backbones/efficientnet_lite", weights="imagenet"),
        neck=create("necks/fpn", width=32, first=2, last=5),
        width=32,
        shrink=0.6,  # lines of 12 to 20 pixels, as in pipelines/detect_text.py
        max_quads=256,
    ),
    data=create("sources/rendered_page", pages=(1200, 20, 60), image_size=(768, 576), size=(14, 19), skew_deg=10.0),
    optimizer=create("optimizers/adamw", learning_rate=2e-3, clip_norm=5.0),
    epochs=4,
    batch_size=4,
    exports=(create("exporters/saved_model"), create("exporters/tflite"), create("exporters/onnx")),
)
