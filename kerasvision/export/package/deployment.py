"""Files that put exported models onto TensorFlow Serving: compose, KServe, its batches, and alerts for Prometheus."""

from kerasvision.export.package.labels import CONFIG, MOUNTED

REST_PORT, GRPC_PORT = 8501, 8500
BATCHING_FILE = "batching.config"
SERVING = "2.19.0"  # a version that knows every operator of the graphs: tests/export/test_serving_operators.py

# a batch is made of what waits; it is off unless asked for, as that server joins inputs of one shape alone
BATCHING = """max_batch_size { value: 32 }
batch_timeout_micros { value: 1000 }
num_batch_threads { value: 2 }
max_enqueued_batches { value: 8 }
"""

COMPOSE = f"""# docker compose up, from this folder
#
# Where clients send encoded images (serving_bytes), or raw ones of one size only, requests may be answered in batches:
# add --enable_batching=true --batching_parameters_file={MOUNTED}/{BATCHING_FILE} to the command.
services:
  serving:
    image: tensorflow/serving:{SERVING}
    command: >-
      --model_config_file={MOUNTED}/{CONFIG} --model_config_file_poll_wait_seconds=30
      --allow_version_labels_for_unavailable_models=true
    ports:
      - "127.0.0.1:{REST_PORT}:8501"
      - "127.0.0.1:{GRPC_PORT}:8500"
    volumes:
      - .:{MOUNTED}:ro
    healthcheck:
      test: ["CMD", "bash", "-c", "echo > /dev/tcp/127.0.0.1/8501"]
      interval: 10s
      start_period: 60s
    restart: unless-stopped
    stop_grace_period: 30s
    deploy:
      resources:
        limits: {{cpus: "2", memory: 2G}}
"""

ALERTS = """# rule_files of Prometheus, for the embedded server's /metrics
groups:
  - name: kerasvision
    rules:
      - alert: ModelInputsShifted
        expr: max by (model, version, statistic) (kerasvision_drift_shifted) > 0
        for: 5m
        annotations:
          summary: "{{ $labels.model }} {{ $labels.version }}: {{ $labels.statistic }} is not what it was judged on"
      - alert: ModelErrors
        expr: sum by (model) (rate(kerasvision_requests_total{code=~"INTERNAL|UNAVAILABLE"}[5m])) > 0.1
        for: 5m
      - alert: ModelOverloaded
        expr: sum(rate(kerasvision_requests_total{code="RESOURCE_EXHAUSTED"}[5m])) > 0
        for: 5m
"""


def kserve(name):
    """KServe's InferenceService of a model, as a text of YAML. name: of the model."""
    return f"""# kubectl apply -f {name}.yaml, after putting the folder {name}/ into the volume claim named below
#
# For batches, see the comment in compose.yaml; {BATCHING_FILE} goes into the volume too, and the flags below `model`
# as args.
apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata:
  name: {name.replace("_", "-").lower()}
spec:
  predictor:
    model:
      modelFormat:
        name: tensorflow
      storageUri: pvc://models/{name}
      resources:
        requests: {{cpu: "1", memory: 1Gi}}
        limits: {{cpu: "2", memory: 2Gi}}
      readinessProbe:
        httpGet: {{path: /v1/models/{name.replace("_", "-").lower()}, port: 8080}}
        periodSeconds: 5
      livenessProbe:
        tcpSocket: {{port: 8080}}
        initialDelaySeconds: 60
        periodSeconds: 10
"""
