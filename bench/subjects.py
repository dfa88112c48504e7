"""What is measured: our program, its peers, and how they are started, on loopback, in a folder of their own."""
import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = ROOT / "build" / "bench"
ROUTER = ROOT / "build" / "siprouter"
FIRST = 10000  # number of the first user; the password of N is "pwN"
USERS = 2000
CALLERS = 100  # the first users of a media benchmark; the next ones are called
ROOM = 8000  # number of the first conference
MEDIA_PORTS = 6000  # four a call
CORES = sorted(os.sched_getaffinity(0))
SUBJECT_CORE = CORES[0]
GENERATOR_CORE = CORES[1] if len(CORES) > 1 else CORES[0]


class Failed(Exception):
    """A subject did not start or a program could not measure; the text says why."""


def free_ports(count, kinds=(socket.SOCK_DGRAM, socket.SOCK_STREAM), start=5070, end=9900):
    """The first of `count` ports in a row that nobody holds."""
    port = start
    while port + count < end:
        for offset in range(count):
            if not all(is_free(port + offset, kind) for kind in kinds):
                port += offset + 1
                break
        else:
            return port
    raise Failed(f"no {count} free ports in a row between {start} and {end}")


def is_free(port, kind):
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, kind == socket.SOCK_STREAM)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def media_ports(count):
    return free_ports(count, (socket.SOCK_DGRAM,), 16000, 32700)


def pinned(core):
    return lambda: os.sched_setaffinity(0, {core})


def wait_until(is_ready, seconds, what, child, log):
    end = time.monotonic() + seconds
    while not is_ready():
        if child.poll() is not None or time.monotonic() > end:
            raise Failed(f"{what} did not start:\n{log.read_text(errors='replace')[-2000:]}")
        time.sleep(0.05)


@contextlib.contextmanager
def process(command, folder, is_ready, seconds=10):
    """Runs a subject in the foreground on its core; ends it by its process id."""
    log = folder / "log"
    name = Path(command[0]).name
    with open(log, "wb") as out:
        child = subprocess.Popen(command, cwd=folder, stdout=out, stderr=out, stdin=subprocess.DEVNULL,
                                 preexec_fn=pinned(SUBJECT_CORE), start_new_session=True)
    try:
        wait_until(is_ready, seconds, name, child, log)
        yield child.pid
        if child.poll() is not None:
            raise Failed(f"{name} ended by itself with {child.returncode}:\n"
                         f"{log.read_text(errors='replace')[-2000:]}")
    finally:
        child.terminate()
        try:
            child.wait(8)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


@contextlib.contextmanager
def temp_folder():
    path = Path(tempfile.mkdtemp(prefix="siprouter-bench-"))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def router_config(port, web, media, media_count, codecs, rooms):
    """Loopback only, defaults elsewhere. `codecs` of callers and of everybody else."""
    return {
        "proxy": {
            "bind": ["127.0.0.1"], "lanIp": "127.0.0.1", "publicIp": "127.0.0.1", "lanPort": port,
            "tlsPort": 0, "webrtcPort": web + 1,
            "rtpPortRange": {"min": media, "max": media + media_count - 1},
        },
        "server": {"webUiPort": web, "webUiBind": "127.0.0.1", "webUiTlsBind": "", "drainSec": 0,
                   "mediaThreads": 1},
        "security": {"allow": ["127.0.0.0/8"]},
        "devices": [
            {"id": f"d{n}", "displayName": f"Phone {n}", "extension": str(n), "password": f"pw{n}",
             "codecs": [codecs[n >= FIRST + CALLERS]], "maxCalls": 1000}
            for n in range(FIRST, FIRST + USERS)],
        "conferences": [{"id": f"room{n}", "extension": str(ROOM + n)} for n in range(rooms)],
    }


@contextlib.contextmanager
def router(codecs=("PCMA", "PCMA"), rooms=0):
    if not ROUTER.exists():
        raise Failed("build/siprouter is not there: make build")
    with temp_folder() as folder:
        port = free_ports(3)
        media = media_ports(MEDIA_PORTS)
        config = folder / "config.json"
        config.write_text(json.dumps(router_config(port, port + 1, media, MEDIA_PORTS, codecs, rooms)))
        config.chmod(0o600)

        command = [str(ROUTER), "run", "--config", str(config), "--data", str(folder / "data"),
                   "--log-level", os.environ.get("BENCH_LOG_LEVEL", "warn")]
        with process(command, folder, lambda: answers_options(port)) as pid:
            yield {"name": "ours", "pid": pid, "target": f"127.0.0.1:{port}"}


def kamailio_modules():
    found = [path.parent for path in Path("/usr/lib").glob("*/kamailio/modules/tm.so")]
    if not found or not shutil.which("kamailio"):
        raise Failed("kamailio is not installed: tools/deps.sh bench")
    return found[0]


@contextlib.contextmanager
def kamailio():
    modules = kamailio_modules()
    with temp_folder() as folder:
        port = free_ports(1)
        text = (ROOT / "bench/peers/kamailio.cfg").read_text()
        for key, value in (("PORT", port), ("MODULES", modules), ("FIRST", FIRST), ("LAST", FIRST + USERS)):
            text = text.replace(f"@{key}@", str(value))
        config = folder / "kamailio.cfg"
        config.write_text(text)
        command = [shutil.which("kamailio"), "-DD", "-E", "-f", str(config), "-w", str(folder), "-Y",
                   str(folder), "-m", "2048", "-M", "64"]

        with process(command, folder, lambda: answers_options(port)) as pid:
            yield {"name": "kamailio", "pid": pid, "target": f"127.0.0.1:{port}"}


def answers_options(port):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.settimeout(0.2)
        probe.connect(("127.0.0.1", port))
        own = probe.getsockname()[1]
        try:
            probe.send(f"OPTIONS sip:siprouter SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{own};branch=z9hG4bKo;rport\r\n"
                       f"Max-Forwards: 70\r\nFrom: <sip:b@siprouter>;tag=1\r\nTo: <sip:siprouter>\r\n"
                       f"Call-ID: o@bench\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n".encode())
            return probe.recv(2000).startswith(b"SIP/2.0")
        except OSError:
            return False


@contextlib.contextmanager
def rtpengine():
    program = shutil.which("rtpengine")
    if not program:
        raise Failed("rtpengine is not installed: tools/deps.sh bench")
    with temp_folder() as folder:
        port = free_ports(1)
        media = media_ports(MEDIA_PORTS)
        command = [program, "-f", "-E", "-L", "3", "--table=-1", "-i", "127.0.0.1",
                   f"--listen-ng=127.0.0.1:{port}", "--num-threads=1", "--media-num-threads=1",
                   "-m", str(media), "-M", str(media + MEDIA_PORTS - 1)]

        def is_ready():
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
                probe.settimeout(0.2)
                probe.connect(("127.0.0.1", port))
                try:
                    probe.send(b"ready d7:command4:pinge")  # replies are kept by cookie: not a number of the generator
                    return b"pong" in probe.recv(2000)
                except OSError:
                    return False

        with process(command, folder, is_ready) as pid:
            yield {"name": "rtpengine", "pid": pid, "target": f"127.0.0.1:{port}"}


JANUS_CONFIG = """general: {{
    configs_folder = "{folder}"
    plugins_folder = "{folder}/plugins"
    transports_folder = "{folder}/transports"
    events_folder = "{folder}/none"
    loggers_folder = "{folder}/none"
    interface = "127.0.0.1"
    session_timeout = 0
    debug_level = 3
}}
media: {{ ipv6 = false }}
nat: {{ ice_enforce_list = "lo" }}
"""
JANUS_ROOM = """general: {{
    rtp_port_range = "{first}-{last}"
    local_ip = "127.0.0.1"
}}
room-1: {{
    sampling_rate = 48000
    allow_rtp_participants = true
}}
"""


class Janus:
    """Requests over its Unix socket; replies and events come in any order."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.settimeout(5)
        self.socket.connect(str(path))
        self.session = self.ask({"janus": "create"})["data"]["id"]

    def ask(self, request, is_done=lambda reply: reply["janus"] == "success"):
        request["transaction"] = os.urandom(6).hex()
        self.socket.send(json.dumps(request).encode())
        while True:
            reply = json.loads(self.socket.recv(65536))
            if reply.get("transaction") != request["transaction"]:
                continue
            if reply["janus"] == "error" or "error" in reply.get("plugindata", {}).get("data", {}):
                raise Failed(f"janus: {reply}")
            if is_done(reply):
                return reply

    def join(self, port, codec, payload_type):
        """One more participant, which listens at `port`; gives the port it sends to."""
        handle = self.ask({"janus": "attach", "session_id": self.session,
                           "plugin": "janus.plugin.audiobridge"})["data"]["id"]
        body = {"request": "join", "room": 1, "display": str(port), "codec": codec,
                "rtp": {"ip": "127.0.0.1", "port": port, "payload_type": payload_type, "audiolevel_ext": 0}}
        reply = self.ask({"janus": "message", "session_id": self.session, "handle_id": handle, "body": body},
                         lambda reply: reply["janus"] == "event")
        return reply["plugindata"]["data"]["rtp"]["port"]


@contextlib.contextmanager
def janus():
    """AudioBridge alone, one room at 48 kHz, plain RTP."""
    program = shutil.which("janus")
    found = list(Path("/usr/lib").glob("*/janus/plugins/libjanus_audiobridge.so"))
    if not program or not found:
        raise Failed("janus is not installed: tools/deps.sh bench")
    with temp_folder() as folder:
        for kind, library in (("plugins", "libjanus_audiobridge.so"), ("transports", "libjanus_pfunix.so")):
            (folder / kind).mkdir()
            (folder / kind / library).symlink_to(found[0].parent.parent / kind / library)
        (folder / "none").mkdir()
        first = media_ports(1000)
        path = folder / "api"
        (folder / "janus.jcfg").write_text(JANUS_CONFIG.format(folder=folder))
        (folder / "janus.plugin.audiobridge.jcfg").write_text(JANUS_ROOM.format(first=first, last=first + 999))
        (folder / "janus.transport.pfunix.jcfg").write_text(f'general: {{ enabled = true, path = "{path}" }}\n')

        with process([program, "-F", str(folder)], folder, path.exists) as pid:
            yield {"name": "janus", "pid": pid, "api": Janus(path)}


@contextlib.contextmanager
def floor(calls):
    with temp_folder() as folder:
        base = media_ports(calls * 4)
        command = [str(BIN / "relay_floor"), "--calls", str(calls), "--base", str(base)]
        with process(command, folder, lambda: b"ready" in (folder / "log").read_bytes()) as pid:
            yield {"name": "floor", "pid": pid, "base": base}


def program_version(command, pattern):
    """First match of the pattern in what a program says about itself; "" when it is not there."""
    if not shutil.which(command[0]):
        return ""
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    match = re.search(pattern, done.stdout + done.stderr)
    return match.group(1) if match else ""


def core_ticks(core):
    """Busy ticks without steal, and steal, of a core so far."""
    for line in Path("/proc/stat").read_text().splitlines():
        if line.startswith(f"cpu{core} "):
            user, nice, system, _, _, irq, softirq, steal = map(int, line.split()[1:9])
            return user + nice + system + irq + softirq, steal
    return 0, 0


def generate(name, subject, **options):
    """Runs a generator on its core; gives its figures, and how far the subject's core was disturbed."""
    command = [str(BIN / name)]
    for key, value in options.items():
        command += [f"--{key.replace('_', '-')}", str(value)]
    if subject:
        command += ["--pid", str(subject["pid"])]
    busy, steal = core_ticks(SUBJECT_CORE)
    begin = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, timeout=180, check=False,
                          preexec_fn=pinned(GENERATOR_CORE if subject else SUBJECT_CORE))
    wall = time.monotonic() - begin
    if done.returncode != 0:
        raise Failed(f"{name} with {subject['name'] if subject else 'nothing'}: {done.stderr.strip()}")
    result = json.loads(done.stdout)
    busy_now, steal_now = core_ticks(SUBJECT_CORE)
    ticks = os.sysconf("SC_CLK_TCK") * wall
    result["core_busy"] = (busy_now - busy) / ticks
    result["core_steal"] = (steal_now - steal) / ticks
    return result
