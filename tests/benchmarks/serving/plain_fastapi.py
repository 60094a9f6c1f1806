"""The handler that everybody writes first: `python -m tests.benchmarks.serving.plain_fastapi SAVED_MODEL PORT`.

A third word, `threads`, has it call the model in FastAPI's threads, so that it does not stop the event loop.
"""

import base64
import sys

import tensorflow as tf
import uvicorn
from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool

model = tf.saved_model.load(sys.argv[1])
signature = model.signatures["serving_bytes"]
app = FastAPI()


def answer(rows):
    encoded = [base64.b64decode(row["b64"]) for row in rows]
    outputs = signature(image_bytes=tf.constant(encoded))
    return {"predictions": next(iter(outputs.values())).numpy().tolist()}


@app.post("/predict")
async def predict(request: Request):
    rows = (await request.json())["instances"]
    return await run_in_threadpool(answer, rows) if "threads" in sys.argv else answer(rows)


if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[2]), log_level="warning", access_log=False)
