#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures mopt and ONNX Runtime side by side and prints a Markdown table.

Both run in this process, in turns (A B A B) of about 0.3 s, with the same inputs and the same number of
threads. ONNX Runtime takes its best level of basic, extended and all, mopt its best of -O2 and -O0;
which one is found out first. Outputs are compared with those of ONNX Runtime without optimization
before anything is timed: for floats |a - b| <= atol * max|b| + rtol * |b| with the tolerances of zoo.py,
with weights in bfloat16 a signal-to-noise ratio of at least 35 dB (roundings of up to 2^-9 give 59 dB
a layer), for integers one of at least 20 dB, or one that is at most 1 dB below that of
ONNX Runtime's own optimized run (its unoptimized run computes QDQ graphs in floats). The ratio is the median over pairs of turns
of (median of ONNX Runtime's turn / median of ours); its interval (at least 95 %) comes from the
order statistics of the pairs. When it spans 1.0 nobody has won.

    cmake --preset release && cmake --build build/release
    build/bench-venv/bin/python benchmarks/models/compare.py --build build/release \\
        --models build/bench-models --models build/models --models tests/models
"""
import argparse
import dataclasses
import datetime
import gc
import json
import math
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import time

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
sys.dont_write_bytecode = True  # the tree stays clean

import numpy as np  # noqa: E402
import onnx  # noqa: E402

import engines  # noqa: E402
import variants  # noqa: E402
import zoo  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
TURNS_MIN = 7  # pairs; below six the interval of a median does not reach 95 %
NOISE_DB = 20
BF16_DB = 35  # weights rounded by up to 2^-9 are 59 dB above their error; a hundred layers: 39 dB


# ---- Statistics ---------------------------------------------------------------------------------


def median_interval(values):
    """Interval of the median with at least 95 % by binomial order statistics."""
    ordered = sorted(values)
    n = len(ordered)
    tail, k = 0.0, 0  # P(fewer than k+1 of n below the median)
    while True:
        step = math.comb(n, k) / 2.0**n
        if 2 * (tail + step) > 0.05:
            break
        tail += step
        k += 1
    k = max(k, 1)
    return ordered[k - 1], ordered[n - k]


def verdict(low, high):
    if low > 1:
        return "mopt faster"
    if high < 1:
        return "ORT faster"
    return "no difference shown"


# ---- Outputs ------------------------------------------------------------------------------------


def signal_to_noise(found, expected):
    noise = float(np.sum(np.square(found.astype(np.float64) - expected)))
    signal = float(np.sum(np.square(expected.astype(np.float64))))
    return 10 * math.log10(signal / noise) if noise > 0 and signal > 0 else math.inf


def same_form(found, expected):
    """None when number, shapes and types of the outputs agree, else what is wrong."""
    if len(found) != len(expected):
        return f"{len(found)} outputs, not {len(expected)}"
    for index, (a, b) in enumerate(zip(found, expected)):
        if a.shape != b.shape or a.dtype != b.dtype:
            return f"output {index} is {a.dtype}{list(a.shape)}, not {b.dtype}{list(b.shape)}"
    return None


def differ(network, found, expected):
    """None when float outputs agree within the tolerances, else what is wrong."""
    for index, (a, b) in enumerate(zip(found, expected)):
        if not np.all(np.isfinite(b)):
            continue
        if network.scores >= 0:  # nearly equal scores may change places
            a, b = a[..., network.scores], b[..., network.scores]
        scale = float(np.max(np.abs(b))) if b.size else 0.0
        limit = network.atol * scale + network.rtol * np.abs(b)
        excess = np.abs(a.astype(np.float64) - b) > limit
        if not np.all(np.isfinite(a)) or np.any(excess):
            return f"output {index}: {int(np.sum(excess))} of {b.size} elements differ"
    return None


def noisier(found, peer, expected):
    """None when our integer outputs are as near to the expected ones as they must be."""
    for index, (a, p, b) in enumerate(zip(found, peer, expected)):
        ours, theirs = signal_to_noise(a, b), signal_to_noise(p, b)
        if not ours >= min(NOISE_DB, theirs - 1):
            return f"output {index}: {ours:.1f} dB, ONNX Runtime {theirs:.1f} dB"
    return None


def beyond_bf16(found, expected):
    """None when our outputs are as near to the expected ones as rounded weights let them be."""
    for index, (a, b) in enumerate(zip(found, expected)):
        if np.issubdtype(b.dtype, np.floating) and not signal_to_noise(a, b) >= BF16_DB:
            return f"output {index}: {signal_to_noise(a, b):.1f} dB"
    return None


def judge_outputs(network, variant, ort, ours, expected):
    """What is wrong with the outputs of either side; "" when nothing is."""
    theirs, found = ort.outputs(), ours.outputs()
    wrong = []
    for engine, outputs in ((ort, theirs), (ours, found)):
        fault = same_form(outputs, expected)
        if fault is None and variant.bf16 and engine is ours:
            fault = beyond_bf16(outputs, expected)
        elif fault is None and variant.exact:
            fault = differ(network, outputs, expected)
        if fault is not None:
            wrong.append(f"{engine.name}: {fault}")
    if not wrong and not variant.exact:
        fault = noisier(found, theirs, expected)
        wrong += [f"mopt: {fault}"] if fault else []
    return "; ".join(wrong)


# ---- Times --------------------------------------------------------------------------------------


def timed(run):
    start = time.perf_counter_ns()
    run()
    return (time.perf_counter_ns() - start) * 1e-9


def turn(engine, seconds, options):
    """Times of enough runs and `seconds`; the first tenth only warms up and is dropped."""
    wall = time.perf_counter_ns
    clock = time.thread_time_ns if options.cpu_time else wall
    run = engine.run
    end = wall() + int(seconds * 1e8)
    run()
    while wall() < end:
        run()
    samples = []
    end = wall() + int(seconds * 9e8)
    while len(samples) < options.turn_runs or wall() < end:
        start = clock()
        run()
        samples.append(clock() - start)
    return [s * 1e-9 for s in samples]


def best_level(kind, path, threads, feed, options, **more):
    """(level, engine) with the lowest median; raises Refused when none can run the file."""
    best = None
    refused = None
    for level in kind.choices:
        try:
            engine = kind(path, threads, level, feed, **more)
        except engines.Refused as error:
            refused = error
            continue
        median = statistics.median(turn(engine, options.burst, options))
        if best is None or median < best[0] * 0.99:
            if best is not None:
                best[2].close()
            best = (median, level, engine)
        else:
            engine.close()
    if best is None:
        raise refused
    return best[1], best[2]


@dataclasses.dataclass
class Row:
    network: str
    variant: str
    threads: int
    note: str = ""
    ort_level: str = ""
    mopt_level: str = ""
    ort_ms: float = math.nan
    mopt_ms: float = math.nan
    ratio: float = math.nan
    low: float = math.nan
    high: float = math.nan
    pairs: int = 0
    ort_ready_ms: float = math.nan
    mopt_ready_ms: float = math.nan
    pressure: float = math.nan  # per cent of the time that somebody waited for a processor


def pressure_us():
    try:
        line = pathlib.Path("/proc/pressure/cpu").read_text(encoding="ascii").splitlines()[0]
        return int(line.rsplit("=", 1)[1])
    except (OSError, ValueError, IndexError):
        return None


def ready_times(variant, threads, feed, levels):
    """Medians of loading, preparing and the first run together, warm file cache, three each."""
    times = ([], [])
    kinds = ((engines.OnnxRuntime, {}), (engines.Mopt, {"bf16": variant.bf16}))
    for _ in range(3):
        for place, (kind, more), level in zip(times, kinds, levels):
            made = []
            place.append(timed(lambda k=kind, l=level, o=more, m=made: m.append(
                k(variant.path, threads, l, feed, **o))))
            made[0].close()
            gc.collect()
    return [statistics.median(t) * 1e3 for t in times]


def pairs_of(ort, ours, options):
    """Turns of both in alternation: ([times of ort], [times of ours]) per pair."""
    pairs = []
    end = time.monotonic() + options.seconds
    while len(pairs) < TURNS_MIN or time.monotonic() < end:
        a, b = (ort, ours) if len(pairs) % 2 == 0 else (ours, ort)
        first = turn(a, options.burst, options)
        second = turn(b, options.burst, options)
        pairs.append((first, second) if a is ort else (second, first))
    return pairs


def probe(variant, options):
    """A run in a process of its own: a crash must not take the whole comparison with it."""
    command = [options.mopt, "bench", variant.path, "--time", "0", "--runs", "1", "--warmup", "0", "-q"]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode < 0 or done.returncode == 70:
        raise engines.Refused("mopt crashes")


def measure(network, variant, threads, options):
    row = Row(network.name, variant.label, threads)
    feed = zoo.feeds(network, onnx.load(variant.path), 1)[0]
    try:
        probe(variant, options)
        plain = engines.OnnxRuntime(variant.reference, threads, "none", feed)
        expected = plain.outputs()
        plain.close()
        row.ort_level, ort = best_level(engines.OnnxRuntime, variant.path, threads, feed, options)
        row.mopt_level, ours = best_level(engines.Mopt, variant.path, threads, feed, options,
                                          bf16=variant.bf16)
    except engines.Refused as error:
        row.note = str(error)
        return row
    row.note = judge_outputs(network, variant, ort, ours, expected)
    before, start = pressure_us(), time.monotonic()
    pairs = pairs_of(ort, ours, options)
    after = pressure_us()
    if before is not None and after is not None:
        row.pressure = (after - before) / (time.monotonic() - start) * 1e-4
    row.ort_ms = statistics.median([t for a, _ in pairs for t in a]) * 1e3
    row.mopt_ms = statistics.median([t for _, b in pairs for t in b]) * 1e3
    ratios = [statistics.median(a) / statistics.median(b) for a, b in pairs]
    row.ratio, row.pairs = statistics.median(ratios), len(ratios)
    row.low, row.high = median_interval(ratios)
    ort.close()
    ours.close()
    if options.ready:
        row.ort_ready_ms, row.mopt_ready_ms = ready_times(
            variant, threads, feed, (row.ort_level, row.mopt_level))
    return row


# ---- Report -------------------------------------------------------------------------------------


def number(value, digits=3):
    return "-" if math.isnan(value) else f"{value:.{digits}g}" if value < 100 else f"{value:.0f}"


def table(rows):
    yield ("| network | variant | threads | ORT ms (level) | mopt ms (level) | ratio "
           "| interval | verdict | ready ORT / mopt ms | waiting | note |")
    yield "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |"
    for r in rows:
        wrong = bool(r.note)
        spread = "-" if math.isnan(r.low) else f"{r.low:.2f} .. {r.high:.2f}"
        judged = "none" if wrong or math.isnan(r.low) else verdict(r.low, r.high)
        wait = "-" if math.isnan(r.pressure) else f"{r.pressure:.0f} %"
        yield (f"| {r.network} | {r.variant} | {r.threads} | {number(r.ort_ms)} ({r.ort_level}) "
               f"| {number(r.mopt_ms)} ({r.mopt_level}) | {number(r.ratio)} | {spread} | {judged} "
               f"| {number(r.ort_ready_ms)} / {number(r.mopt_ready_ms)} | {wait} "
               f"| {r.note.replace('|', '/')} |")


def scaling(rows):
    """Two threads against one, of both sides."""
    one = {(r.network, r.variant): r for r in rows if r.threads == 1}
    two = [r for r in rows if r.threads == 2 and (r.network, r.variant) in one]
    if not two:
        return
    yield ""
    yield "| network | variant | ORT 1T / 2T | mopt 1T / 2T |"
    yield "| --- | --- | --- | --- |"
    for r in two:
        base = one[r.network, r.variant]
        yield (f"| {r.network} | {r.variant} | {number(base.ort_ms / r.ort_ms)} "
               f"| {number(base.mopt_ms / r.mopt_ms)} |")


def cpu_name():
    try:
        for line in pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or "unknown"


def commit():
    done = subprocess.run(["git", "-C", str(ROOT), "describe", "--always", "--dirty"],
                          capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def heading(options):
    done = subprocess.run([str(options.mopt), "version"], capture_output=True, text=True,
                          check=False)
    version = (done.stdout.splitlines() or ["unknown"])[0]
    yield f"CPU: {cpu_name()}, {len(os.sched_getaffinity(0))} processors  "
    yield f"commit: {options.commit or commit()}  "
    yield f"versions: {version}; onnxruntime {engines.OnnxRuntime.version}  "
    yield f"command: {' '.join(sys.argv)}  "
    clock = "processor time of the calling thread" if options.cpu_time else "wall clock"
    now = datetime.datetime.now(datetime.timezone.utc)
    yield f"date: {now:%Y-%m-%d %H:%M} UTC, load average {os.getloadavg()[0]:.1f}; times: {clock}"
    yield ""


def parse():
    parser = argparse.ArgumentParser(description="mopt and ONNX Runtime side by side.")
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build/release",
                        help="build folder with mopt and src/libmopt.so")
    parser.add_argument("--models", type=pathlib.Path, action="append",
                        help="folder searched for model files; may be repeated")
    parser.add_argument("--work", type=pathlib.Path, default=ROOT / "build/bench-work",
                        help="where fixed and quantized files are kept")
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--variants",
                        default="fp32,bf16,int8-static,int8-qoperator,int8-dynamic,int8-odd")
    parser.add_argument("--only", default="", help="names of networks, separated by commas")
    parser.add_argument("--seconds", type=float, default=6, help="per network, variant, threads")
    parser.add_argument("--burst", type=float, default=0.3, help="seconds of one turn")
    parser.add_argument("--turn-runs", type=int, default=3, help="least runs of one turn")
    parser.add_argument("--cpu-time", action="store_true",
                        help="time the processor time of the calling thread, for one thread on a "
                             "busy machine")
    parser.add_argument("--no-ready", dest="ready", action="store_false",
                        help="do not measure loading")
    parser.add_argument("--json", type=pathlib.Path, help="also write every row here")
    parser.add_argument("--commit", help="what was built, when it is not this tree")
    options = parser.parse_args()
    if options.cpu_time and options.threads != "1":
        parser.error("--cpu-time needs --threads 1")
    options.mopt = options.build / "mopt"
    options.models = options.models or [ROOT / "build/bench-models", ROOT / "build/models",
                                        ROOT / "tests/models"]
    return options


def measure_all(options):
    files = variants.Files(options.models, options.work, options.mopt)
    wanted = options.variants.split(",")
    names = [n for n in options.only.split(",") if n]
    known = {network.name for network in zoo.NETWORKS}
    if not known.issuperset(names):
        raise SystemExit("no such network: " + " ".join(sorted(set(names) - known)))
    for network in zoo.NETWORKS:
        if names and network.name not in names:
            continue
        found, failed = files.variants(network, wanted)
        for label, reason in failed:
            yield Row(network.name, label, 0, note=reason)
        for variant in found:
            for threads in map(int, options.threads.split(",")):
                yield measure(network, variant, threads, options)


def main():
    options = parse()
    engines.Mopt.library = engines.Library(options.build / "src/libmopt.so")
    rows = []
    for row in measure_all(options):
        rows.append(row)
        print(f"{row.network}, {row.variant}, {row.threads} threads: {number(row.ratio)} "
              f"{row.note}", file=sys.stderr, flush=True)
        if options.json:
            options.json.write_text(json.dumps([dataclasses.asdict(r) for r in rows], indent=1),
                                    encoding="utf-8")
    print(*heading(options), *table(rows), *scaling(rows), sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
