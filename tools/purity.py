#!/usr/bin/env python3
"""Reads with nm what the pure rooms need from outside: no socket, clock, thread, log, allocation.

usage: purity.py BUILDFOLDER
"""
import re
import subprocess
import sys
from pathlib import Path

# made by the compiler and the C library's checked variants
COMPILER = (r"_GLOBAL_OFFSET_TABLE_|__stack_chk_fail|__(asan|ubsan|tsan|sanitizer|gcov|llvm)_\w+|"
            r"__\w+_chk|__popcount\w*|__udivti3|__umodti3|__isoc\w+|__cpu_\w+")
MEMORY_AND_TEXT = (r"mem(cpy|move|set|cmp|chr|rchr|mem)|str(len|nlen|cmp|ncmp|casecmp|ncasecmp|chr|"
                   r"rchr|str|spn|cspn|pbrk)|v?snprintf|bsearch|qsort")
# base without logging, the system's randomness and the heap
BASE = r"sr_(?!log|random|alloc|zalloc|realloc|free|strdup|str_cdup)\w+"
MATH = (r"(sin|cos|tan|exp|exp2|log|log2|log10|pow|sqrt|fabs|floor|ceil|round|lround|lrint|rint|fmod|"
        r"atan2|atan|tanh|fmin|fmax|hypot|ldexp|frexp|sincos|cbrt|expm1|log1p|nearbyint|trunc)f?")
ALLOWED = {
    "sip": [],
    "media": [MATH, r"opus_\w+", r"rnnoise_\w+", r"sr_free|sr_z?alloc"],
    "rtc": [MATH, r"EVP_\w+", r"HMAC\w*", r"CRYPTO_memcmp", r"OPENSSL_cleanse", r"OSSL_\w+", r"SHA1_\w+",
            r"sr_free|sr_free_secret|sr_z?alloc"],
}


def symbols(library):
    out = subprocess.run(["nm", str(library)], check=True, capture_output=True, text=True).stdout
    wanted, defined = {}, set()
    member = "?"
    for line in out.splitlines():
        if line.endswith(":"):
            member = line[:-1]
        match = re.match(r"[0-9a-f ]{16,} ([A-Za-z]) (\S+)$", line)
        if match and match.group(1) in "Uw":
            wanted.setdefault(match.group(2), member)
        elif match:
            defined.add(match.group(2))
    return {name: member for name, member in wanted.items() if name not in defined}


def main():
    build = Path(sys.argv[1])
    count = 0
    for room, extra in ALLOWED.items():
        library = build / "src" / room / f"lib{room}.a"
        if not library.exists():
            continue
        allowed = re.compile("|".join(f"(?:{part})" for part in
                                      [COMPILER, MEMORY_AND_TEXT, BASE, *extra]))
        for symbol, member in sorted(symbols(library).items()):
            if not allowed.fullmatch(symbol):
                print(f"src/{room} ({member}) is not pure: it needs {symbol}")
                count += 1
    return 1 if count else 0


sys.exit(main())
