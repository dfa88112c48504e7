#!/usr/bin/env python3
"""Every figure beside a peer's in the same run: a table, and bench/results.json.

usage: bench/run.sh [--only parse,srtp,register,call,relay,transcode,room] [--peers-only] [--repeats N]
       BENCH_QUICK=1: about a minute, one repeat, no search for the highest rate's last few per cent
"""
import argparse
import json
import os
import platform
import statistics
import sys
import time
from pathlib import Path

import subjects
from subjects import Failed, generate

QUICK = os.environ.get("BENCH_QUICK", "") not in ("", "0")
RESULTS = subjects.ROOT / "bench" / "results.json"

# goals: (value, True when lower is better)
GOALS = {
    "parse_ns": (300, True), "parse_ratio": (0.10, True),
    "srtp_cm80_ns": (2500, True), "srtp_gcm128_ns": (1700, True),
    "register_core": (12000, False), "call_core": (2500, False), "call_p99_us": (2000, True),
    "overload": (0.9, False), "steady": (0.999, False),
    "relay_ratio_500": (0.65, True), "relay_ratio_1000": (0.75, True), "relay_floor": (1.25, True),
    "relay_median_us": (1000, True), "relay_loss": (0.0001, True), "relay_bytes": (65536, True),
    "opus_core": (120, False), "g722_core": (400, False), "audio_loss": (0.0001, True), "hearing": (1, False),
    "room_opus_core": (300, False), "room_pcma_core": (1000, False),
}


class Table:
    """The figures: lines for people, all raw results for JSON."""

    def __init__(self):
        self.rows = []
        self.raw = []
        self.faults = []

    def add(self, what, unit, ours, peer_name="", peer=None, goal=None, ratio_goal=None):
        ratio = ours / peer if ours is not None and peer else None
        row = {"what": what, "unit": unit, "ours": ours, "peer": peer, "peerName": peer_name, "ratio": ratio,
               "goal": None, "toGoal": None, "met": None, "goalIsRatio": False}
        measured = ours
        if ratio_goal:
            goal, measured, row["goalIsRatio"] = ratio_goal, ratio, True
        if goal:
            value, is_lower = GOALS[goal]
            row["goal"] = value
            if measured is not None:
                row["toGoal"] = measured / value
                row["met"] = measured <= value if is_lower else measured >= value
        self.rows.append(row)

    def fault(self, text):
        print(f"  {text}", file=sys.stderr, flush=True)
        self.faults.append(text)

    def show(self):
        print(f"\n{'what':<64}{'ours':>10} {'unit':<9}{'peer':>10} {'':<11}{'ratio':>7}  {'goal':<14}")
        for row in self.rows:
            goal = ""
            if row["goal"] is not None:
                goal = ("ratio " if row["goalIsRatio"] else "") + number(row["goal"])
                if row["met"] is not None:
                    goal += " met" if row["met"] else f" MISSED ({row['toGoal']:.2f} of it)"
            print(f"{row['what']:<64}{number(row['ours']):>10} {row['unit']:<9}{number(row['peer']):>10} "
                  f"{row['peerName']:<11}{number(row['ratio']):>7}  {goal}")


def number(value):
    if value is None:
        return "-"
    if value == 0:
        return "0"
    if abs(value) >= 1000:
        return f"{value:.0f}"
    return f"{value:.3g}"


def median(results, key):
    values = [result[key] for result in results if key in result]
    return statistics.median(values) if values else None


def keep(table, results, area, subject, result):
    """Files a result under its subject and in the raw list."""
    table.raw.append({"area": area, "subject": subject, **result})
    results.setdefault(subject, []).append(result)


# --- parse ------------------------------------------------------------------------------------------


def bench_parse(table, options):
    results = {}
    for _ in range(options.repeats):
        for name in ("ours", "osip2", "sofia", "libre"):
            keep(table, results, "parse", name,
                 generate(f"parse_{name}", None, seconds=0.3 if QUICK else 1))
    for step, what in (("parse_ns", "parse and validate INVITE, 810 B"), ("build_ns", "build its 180")):
        ours = median(results["ours"], step)
        peers = {name: median(results[name], step) for name in ("osip2", "sofia", "libre")}
        best = min(peers, key=peers.get)
        is_parse = step == "parse_ns"
        for name, value in peers.items():
            table.add(what, "ns", ours, name, value, goal="parse_ns" if is_parse and name == best else None)
        if is_parse:
            table.add(f"{what}: to the best peer", "ns", ours, best, peers[best], ratio_goal="parse_ratio")


# --- srtp -------------------------------------------------------------------------------------------


def bench_srtp(table, options):
    results = {}
    for _ in range(options.repeats):
        for name in ("ours", "libsrtp2"):
            keep(table, results, "srtp", name,
                 generate(f"srtp_{name}", None, seconds=0.3 if QUICK else 1))
    for suite, what in (("cm80", "AES_CM_128_HMAC_SHA1_80"), ("gcm128", "AEAD_AES_128_GCM")):
        for step in ("protect", "unprotect", "both"):
            key = f"{suite}_{step}_ns"
            table.add(f"SRTP {what}: {step}, 160 B", "ns", median(results["ours"], key),
                      "libsrtp2", median(results["libsrtp2"], key),
                      goal=f"srtp_{suite}_ns" if step == "both" else None)


# --- rates ------------------------------------------------------------------------------------------


def is_clean(result):
    """Everything completed, without a growing backlog, hardly anything sent twice."""
    return (result["completed"] >= 0.999 * result["offered"] and result["in_time"] >= 0.97 * result["offered"]
            and result["retransmitted"] <= 0.005 * result["offered"])


def highest_clean(run, start):
    """Steps up to the highest rate that stays clean. @return its result, or None"""
    best, rate, step = None, start, 1.6 if QUICK else 1.3
    for _ in range(10 if QUICK else 24):
        result = run(rate)
        if not is_clean(result):
            result = run(rate)  # the host may have been busy: once more
        if is_clean(result):
            best = result
        elif best is None:
            rate /= 2
            continue
        elif step < (1.4 if QUICK else 1.1):
            break
        else:
            step = 1 + (step - 1) / 2
        rate = best["rate"] * step
    return best


def start_rate(result):
    """Below what the CPU cost of a slow run lets expect."""
    return max(200, 0.5e6 / result["cpu_us_each"])


def hold(subject, tops, program, options):
    """Three quarters of the highest clean rate for a time in which everything kept for a while is there at once."""
    rate = 0.75 * tops.get(subject["name"], 100)
    result = generate(program, subject, target=subject["target"], rate=rate, seconds=45, first=subjects.FIRST,
                      port=options.port)
    result["completed_part"] = result["completed"] / result["offered"]
    return result


def add_steady(table, results, what):
    ours, peer = results.get("ours-steady", []), results.get("kamailio-steady", [])
    for key, label, unit in (("completed_part", "completed", ""), ("rss_bytes", "memory at the end", "B")):
        table.add(f"{what}, 45 s at 3/4 of the clean rate: {label}", unit, median(ours, key), "kamailio",
                  median(peer, key), goal="steady" if key == "completed_part" else None)


def rounds(table, options, area, peers, once, repeats=None):
    """Each repeat: every subject in turn, freshly started. Results by subject."""
    results = {}
    for _ in range(repeats or options.repeats):
        for make in peers:
            try:
                with make() as subject:
                    once(subject, lambda kind, result, name=subject["name"]:
                         keep(table, results, f"{area}-{kind}", f"{name}-{kind}", result))
            except Failed as failed:
                table.fault(str(failed))
    return results


def sip_peers(options):
    return [subjects.kamailio] if options.peers_only else [subjects.router, subjects.kamailio]


def add_cost(table, results, what, unit_each):
    for kind, label in (("fixed", unit_each), ("top", "at the highest clean rate")):
        table.add(f"{what}, CPU, {label}", "us", median(results.get(f"ours-{kind}", []), "cpu_us_each"),
                  "kamailio", median(results.get(f"kamailio-{kind}", []), "cpu_us_each"))


def per_core(results):
    each = median(results, "cpu_us_each")
    return 1e6 / each if each else None


def add_rates(table, results, what, goal):
    table.add(f"{what}/s, a core by CPU", "1/s", per_core(results.get("ours-top", [])), "kamailio",
              per_core(results.get("kamailio-top", [])), goal=goal)
    table.add(f"{what}/s, highest clean", "1/s", median(results.get("ours-top", []), "rate"), "kamailio",
              median(results.get("kamailio-top", []), "rate"), goal=goal)


def bench_register(table, options):
    fixed = 1000 if QUICK else 2000
    tops = {}

    def once(subject, note):
        def run(rate, seconds=1 if QUICK else 2):
            return generate("regload", subject, target=subject["target"], rate=rate, seconds=seconds,
                            users=subjects.USERS, first=subjects.FIRST, port=options.port)
        run(subjects.USERS, 1)  # everybody is there once: from now on refreshes
        result = run(fixed, 1 if QUICK else 3)
        note("fixed", result)
        top = highest_clean(run, start_rate(result))
        if top:
            note("top", top)
            tops[subject["name"]] = top["rate"]

    def steady(subject, note):
        note("steady", hold(subject, tops, "regload", options))

    results = rounds(table, options, "register", sip_peers(options), once)
    if not QUICK:
        results |= rounds(table, options, "register", sip_peers(options), steady, 1)
        add_steady(table, results, "REGISTER")
    add_cost(table, results, "REGISTER with digest", f"at {fixed}/s")
    add_rates(table, results, "registrations", "register_core")
    table.add(f"REGISTER, both round trips, median at {fixed}/s", "us",
              median(results.get("ours-fixed", []), "median_us"), "kamailio",
              median(results.get("kamailio-fixed", []), "median_us"))


def bench_call(table, options):
    fixed = 200 if QUICK else 500
    tops = {}

    def once(subject, note):
        def run(rate, seconds=1 if QUICK else 2):
            return generate("callload", subject, target=subject["target"], rate=rate, seconds=seconds,
                            first=subjects.FIRST, port=options.port)
        result = run(fixed, 1 if QUICK else 3)
        note("fixed", result)
        top = highest_clean(run, start_rate(result))
        if top:
            note("top", top)
            tops[subject["name"]] = top["rate"]

    def overload(subject, note):
        """On a fresh subject: what the search left behind is not part of it."""
        top = tops.get(subject["name"])
        if not top:
            return
        over = generate("callload", subject, target=subject["target"], rate=2 * top, seconds=3 if QUICK else 8,
                        first=subjects.FIRST, port=options.port)
        over["kept_part"] = over["in_time"] / over["seconds"] / top
        over["offered_part"] = over["offered"] / over["seconds"] / top
        over["refused_part"] = over["refused"] / over["offered"]
        note("over", over)

    def steady(subject, note):
        note("steady", hold(subject, tops, "callload", options))

    results = rounds(table, options, "call", sip_peers(options), once)
    results |= rounds(table, options, "call", sip_peers(options), overload)
    if not QUICK:
        results |= rounds(table, options, "call", sip_peers(options), steady, 1)
    add_cost(table, results, "call", f"at {fixed}/s")
    add_rates(table, results, "calls", "call_core")
    for key, what in (("median_us", "median"), ("p99_us", "p99")):
        table.add(f"INVITE to 180, {what} at {fixed}/s", "us", median(results.get("ours-fixed", []), key),
                  "kamailio", median(results.get("kamailio-fixed", []), key),
                  goal="call_p99_us" if key == "p99_us" else None)
    if not QUICK:
        add_steady(table, results, "calls")
    over, peer = results.get("ours-over", []), results.get("kamailio-over", [])
    table.add("twice the clean rate: offered, as part of it", "", median(over, "offered_part"), "kamailio",
              median(peer, "offered_part"))
    table.add("twice the clean rate: part of it kept", "", median(over, "kept_part"), "kamailio",
              median(peer, "kept_part"), goal="overload")
    table.add("twice the clean rate: refused early (503)", "", median(over, "refused_part"), "kamailio",
              median(peer, "refused_part"))


# --- relay ------------------------------------------------------------------------------------------


def bench_relay(table, options):
    """Packets spread evenly over time: each wakes the relay; or let go once a millisecond."""
    for calls, tick_us in ((100, 0),) if QUICK else ((200, 0), (500, 0), (1000, 0), (500, 1000), (1000, 1000)):
        results = {}
        makers = [("ng", subjects.rtpengine), ("floor", lambda: subjects.floor(calls))]
        if not options.peers_only:
            makers.insert(0, ("sip", subjects.router))
        for _ in range(options.repeats):
            for mode, make in makers:
                try:
                    with make() as subject:
                        more = {"floor_base": subject["base"]} if mode == "floor" else {"target": subject["target"]}
                        keep(table, results, f"relay-{calls}-{tick_us}", subject["name"], generate(
                            "rtpload", subject, mode=mode, calls=calls, tick_us=tick_us, seconds=2 if QUICK else 4,
                            base=subjects.free_ports(calls * 4, (2,), 10000, 20000), first=subjects.FIRST,
                            port=options.port, **more))
                except Failed as failed:
                    table.fault(str(failed))
        add_relay(table, calls, tick_us, results)


def add_relay(table, calls, tick_us, results):
    ours = results.get("ours", [])
    cost = median(ours, "cpu_us_packet")
    goal = f"relay_ratio_{calls}" if f"relay_ratio_{calls}" in GOALS else None
    what = f"relay G.711, {calls} calls" + (f", {tick_us} us ticks" if tick_us else "")
    table.add(f"{what}, CPU a packet", "us", cost, "rtpengine", median(results.get("rtpengine", []), "cpu_us_packet"),
              ratio_goal=goal)
    table.add(f"{what}, CPU a packet", "us", cost, "floor", median(results.get("floor", []), "cpu_us_packet"),
              ratio_goal="relay_floor")
    if tick_us:
        return  # delays are those of the ticks
    for key, label, unit, goal in (("loss_part", "loss", "", "relay_loss"),
                                   ("median_us", "delay, median", "us", "relay_median_us"),
                                   ("p99_us", "delay, p99", "us", None),
                                   ("bytes_per_call", "memory a call", "B", "relay_bytes")):
        table.add(f"{what}, {label}", unit, median(ours, key), "rtpengine",
                  median(results.get("rtpengine", []), key), goal=goal)


# --- transcode and room -----------------------------------------------------------------------------


def bench_audio(table, area, cases, options):
    """Each case: what, goal, how many at once beside the peer, how many alone, a function that measures."""
    for what, goal, beside, alone, measure in cases:
        results = {}
        for count, makers in ((beside, ("ours", "peer")), (alone, ("ours",))):
            if not count or (count == alone and (QUICK or options.peers_only)):
                continue
            for _ in range(options.repeats):
                for maker in makers[options.peers_only:]:
                    try:
                        name, result = measure(maker == "ours", count)
                        keep(table, results, f"{area}-{what}-{count}", f"{name}-{count}", result)
                        if result["hearing"] < result["legs"]:
                            table.fault(f"{what}, {name}: {result['legs'] - result['hearing']} of "
                                        f"{result['legs']} legs heard nothing")
                    except Failed as failed:
                        table.fault(str(failed))
        add_audio(table, what, goal, beside, alone, results)


def add_audio(table, what, goal, beside, alone, results):
    unit = "legs" if what.startswith("room") else "calls"
    ours = results.get(f"ours-{beside}", [])
    peer_name = next((key.split("-")[0] for key in results if not key.startswith("ours")), "")
    peer = results.get(f"{peer_name}-{beside}", []) if peer_name else []
    for label, key, row_unit, row_goal in (("CPU each, 20 ms", "cpu_us_frame", "us", None),
                                           (f"{unit} a core by CPU", "per_core", unit, goal),
                                           ("loss", "loss_part", "", "audio_loss"),
                                           ("packets a frame, leg with fewest", "least_part", "", None),
                                           ("part of the legs that hear", "hearing_part", "", "hearing")):
        for result in ours + peer:
            result["hearing_part"] = result["hearing"] / result["legs"]
        table.add(f"{what}, {beside} {unit}: {label}", row_unit, median(ours, key), peer_name, median(peer, key),
                  goal=row_goal)
    many = results.get(f"ours-{alone}", [])
    if many:
        table.add(f"{what}, {alone} {unit}, ours alone: {unit} a core by CPU", unit, median(many, "per_core"), goal=goal)
        table.add(f"{what}, {alone} {unit}, ours alone: loss", "", median(many, "loss_part"), goal="audio_loss")


def audio_options(options, legs):
    return {"seconds": 2 if QUICK else 5, "base": subjects.free_ports(legs * 2, (2,), 10000, 15900),
            "first": subjects.FIRST, "port": options.port}


def bench_transcode(table, options):
    def measure(codec, is_ours, calls):
        maker = (lambda: subjects.router(("PCMA", codec))) if is_ours else subjects.rtpengine
        with maker() as subject:
            return subject["name"], generate("audioload", subject, mode="sip" if is_ours else "ng", calls=calls,
                                             callee_codec=codec, target=subject["target"],
                                             **audio_options(options, calls * 2))
    bench_audio(table, "transcode", (
        ("G.711 <-> Opus", "opus_core", 20, 100, lambda *more: measure("opus", *more)),
        ("G.711 <-> G.722", "g722_core", 50, 300, lambda *more: measure("G722", *more))), options)


def bench_room(table, options):
    """A room beside the peer's; then many rooms. Of each room three talk."""
    def measure(codec, size, is_dtx, is_ours, legs):
        more = audio_options(options, legs) | {"calls": legs, "codec": codec, "room": size, "talkers": 3,
                                               "dtx": int(is_dtx)}
        if is_ours:
            with subjects.router((codec, codec), legs // size) as subject:
                return subject["name"], generate("audioload", subject, mode="room", dial=subjects.ROOM,
                                                 target=subject["target"], **more)
        with subjects.janus() as subject:
            ports = [subject["api"].join(more["base"] + 2 * i, codec.lower(), 111 if codec == "opus" else 8)
                     for i in range(legs)]
            return subject["name"], generate("audioload", subject, mode="ports", ports=",".join(map(str, ports)),
                                             **more)
    bench_audio(table, "room", (
        ("room of Opus, 3 of 40 talk", "room_opus_core", 40, 160, lambda *more: measure("opus", 40, True, *more)),
        ("room of Opus, silence sent too", None, 40, 0, lambda *more: measure("opus", 40, False, *more)),
        ("room of G.711, 3 of 50 talk", "room_pcma_core", 50, 600, lambda *more: measure("PCMA", 50, True, *more))),
        options)


# --- the run ----------------------------------------------------------------------------------------


def machine():
    model = next((line.split(":", 1)[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
                  if line.startswith("model name")), platform.machine())
    return {"cpu": model, "cores": len(subjects.CORES), "kernel": platform.release(),
            "kamailio": subjects.program_version(["kamailio", "-v"], r"kamailio (\S+)"),
            "rtpengine": subjects.program_version(["rtpengine", "--version"], r"[Vv]ersion: (\S+)"),
            "janus": subjects.program_version(["janus", "--version"], r"[Jj]anus.*?(\d+\.\d+\.\d+)")}


def disturbance(table):
    """How much of the subject's core went to the host and to other programs: the trust in the figures."""
    steal = [raw["core_steal"] for raw in table.raw]
    others = [max(0.0, raw["core_busy"] - raw["cpu_share"]) for raw in table.raw if "cpu_share" in raw]
    return {"stealMedian": statistics.median(steal) if steal else None,
            "stealMax": max(steal, default=None),
            "othersMedian": statistics.median(others) if others else None,
            "othersMax": max(others, default=None)}


AREAS = {"parse": bench_parse, "srtp": bench_srtp, "register": bench_register, "call": bench_call, "relay": bench_relay,
         "transcode": bench_transcode, "room": bench_room}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", default=",".join(AREAS), help="areas, comma separated")
    parser.add_argument("--peers-only", action="store_true", help="leave our program out")
    parser.add_argument("--repeats", type=int, default=1 if QUICK else 5)
    options = parser.parse_args()
    options.port = subjects.free_ports(2, (2,), 9900, 9990)
    wanted = options.only.split(",")
    for name in wanted:
        if name not in AREAS:
            parser.error(f"no such area: {name} (there are {', '.join(AREAS)})")
    table = Table()
    begin = time.monotonic()
    about = machine()
    print(f"{about['cores']} cores, {about['cpu']}; medians of {options.repeats}"
          + ("; one core only: subject and generator share it" if about["cores"] < 2 else ""), flush=True)
    for name in wanted:
        print(f"{name} ...", flush=True)
        try:
            AREAS[name](table, options)
        except Failed as failed:
            table.fault(f"{name}: {failed}")
    table.show()
    disturbed = disturbance(table)
    RESULTS.write_text(json.dumps({
        "machine": about, "quick": QUICK, "repeats": options.repeats, "seconds": time.monotonic() - begin,
        "disturbance": disturbed, "rows": table.rows, "faults": table.faults, "raw": table.raw}, indent=1) + "\n")
    if disturbed["stealMax"] is not None:
        print(f"\nthe subject's core was taken by the host {disturbed['stealMedian']:.0%} (at most "
              f"{disturbed['stealMax']:.0%}), by other programs {disturbed['othersMedian'] or 0:.0%} (at most "
              f"{disturbed['othersMax'] or 0:.0%}); {time.monotonic() - begin:.0f} s; all in {RESULTS.name}")
    for fault in table.faults:
        print(f"FAILED: {fault.splitlines()[0]}")
    return 1 if table.faults else 0


if __name__ == "__main__":
    sys.exit(main())
