"""What the checkers share: finding files, and blanking comments and texts without moving a line."""
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

_TOKEN = re.compile(
    r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)


def files(*patterns):
    """Files known to git, or new and not ignored, that match the shell patterns; sorted."""
    out = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "--", *patterns],
        cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return sorted({ROOT / line for line in out.splitlines() if (ROOT / line).is_file()})


def name(path):
    return str(path.relative_to(ROOT))


def read(path):
    return path.read_text(encoding="utf-8", errors="replace")


def blank(text, keep_line_comments=False):
    """The text with comments and the insides of literals as spaces; lines and columns stay."""
    def cover(match):
        token = match.group(0)
        if token.startswith("//") and keep_line_comments:
            return token
        if token[0] in "\"'":
            return token[0] + re.sub(r"[^\n]", " ", token[1:-1]) + token[0]
        return re.sub(r"[^\n]", " ", token)
    return _TOKEN.sub(cover, text)


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1
