"""The practice model's process: `python -m config.practice MODEL_FILE PORT` speaks OpenAI's format until stopped."""

from __future__ import annotations

import os
import signal
import sys

import xllamacpp

from config.embedded import PRACTICE_MODEL

SLOTS = 2
TOKENS_PER_SLOT = 8192
ERRORS_ONLY = 1


def serve(model_file: str, port: int) -> xllamacpp.Server:
    params = xllamacpp.CommonParams()
    params.model.path = model_file
    params.model_alias = {PRACTICE_MODEL}
    params.hostnames = ["127.0.0.1"]
    params.port = port
    params.n_parallel = SLOTS
    params.n_ctx = SLOTS * TOKENS_PER_SLOT
    params.verbosity = ERRORS_ONLY
    # Half of the cores, and no spinning: threads that wait for each other on busy cores crawl, ten times slower.
    for cpu in (params.cpuparams, params.cpuparams_batch):
        cpu.n_threads = max(1, (os.cpu_count() or 2) // 2)
        cpu.poll = 0
    return xllamacpp.Server(params)


if __name__ == "__main__":
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    server = serve(sys.argv[1], int(sys.argv[2]))
    print(f"listening on {server.listening_address}", flush=True)
    signal.sigwait({signal.SIGTERM})
