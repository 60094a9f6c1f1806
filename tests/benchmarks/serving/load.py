"""Concurrent clients, each with a connection that it keeps: `python -m tests.benchmarks.serving.load`.

Prints one JSON object: answers by status (0: the connection broke), answers a second, and quantiles of milliseconds.
"""

import argparse
import collections
import http.client
import json
import pathlib
import threading
import time


def client(address, path, body, ends, statuses, times):
    """Asks until the end; a broken connection counts as status 0 and is opened again."""
    host, _, port = address.partition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=120)
    while time.monotonic() < ends:
        started = time.perf_counter()
        try:
            connection.request("POST", path, body, {"Content-Type": "application/json"})
            response = connection.getresponse()
            response.read()
            status = response.status
        except (OSError, http.client.HTTPException):
            status = 0
            connection.close()
        statuses[status] += 1
        if status == 200:
            times.append(time.perf_counter() - started)
        elif status == 429:
            time.sleep(0.02)  # who is refused does not spin


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("address", help="host:port")
    parser.add_argument("path")
    parser.add_argument("body", help="a file with the request's bytes")
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=60.0)
    options = parser.parse_args()
    body, ends = pathlib.Path(options.body).read_bytes(), time.monotonic() + options.seconds
    held = [(collections.Counter(), []) for _ in range(options.clients)]
    threads = [
        threading.Thread(target=client, args=(options.address, options.path, body, ends, *rows)) for rows in held
    ]
    started = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    statuses = sum((rows[0] for rows in held), collections.Counter())
    times = sorted(t for rows in held for t in rows[1])
    answer = {"statuses": dict(statuses), "per_second": statuses[200] / (time.monotonic() - started)}
    for name, share in (("p50_ms", 0.5), ("p99_ms", 0.99)):
        answer[name] = 1000 * times[int(share * (len(times) - 1))] if times else None
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
