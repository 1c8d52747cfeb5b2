"""The practice model's process: `python -m config.practice MODEL_FILE PORT` speaks OpenAI's format until stopped."""

from __future__ import annotations

import os
import signal
import sys

import xllamacpp

from config.embedded import PRACTICE_MODEL

SLOTS = 4
TOKENS = 16_384
"""For all slots together; the model itself reads at most 8,192."""
MOST_THREADS = 8
ERRORS_ONLY = 1


def serve(model_file: str, port: int) -> xllamacpp.Server:
    params = xllamacpp.CommonParams()
    params.model.path = model_file
    params.model_alias = {PRACTICE_MODEL}
    params.hostnames = ["127.0.0.1"]
    params.port = port
    params.n_parallel = SLOTS
    params.kv_unified = True
    params.n_ctx = TOKENS
    params.verbosity = ERRORS_ONLY
    for cpu in (params.cpuparams, params.cpuparams_batch):
        cpu.n_threads = min(MOST_THREADS, os.cpu_count() or 2)
        cpu.poll = 0
    return xllamacpp.Server(params)


if __name__ == "__main__":
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    server = serve(sys.argv[1], int(sys.argv[2]))
    print(f"listening on {server.listening_address}", flush=True)
    signal.sigwait({signal.SIGTERM})
