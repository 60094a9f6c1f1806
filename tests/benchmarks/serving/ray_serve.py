"""Ray Serve with its dynamic batches: `python -m tests.benchmarks.serving.ray_serve SAVED_MODEL PORT`."""

import base64
import sys
import time

import ray
from ray import serve


@serve.deployment(max_ongoing_requests=256)
class Classifier:
    def __init__(self, path):
        import tensorflow as tf

        self._model = tf.saved_model.load(path)
        self._signature = self._model.signatures["serving_bytes"]

    @serve.batch(max_batch_size=32, batch_wait_timeout_s=0.005)
    async def predict(self, encoded):
        import tensorflow as tf

        outputs = self._signature(image_bytes=tf.constant(encoded))
        return next(iter(outputs.values())).numpy().tolist()

    async def __call__(self, request):
        rows = (await request.json())["instances"]
        return {"predictions": [await self.predict(base64.b64decode(row["b64"])) for row in rows]}


if __name__ == "__main__":
    ray.init(num_cpus=2, include_dashboard=False, logging_level="error")
    serve.start(http_options={"host": "127.0.0.1", "port": int(sys.argv[2])})
    serve.run(Classifier.bind(sys.argv[1]), route_prefix="/predict")
    while True:
        time.sleep(1)
