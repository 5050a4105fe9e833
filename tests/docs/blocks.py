"""The blocks of a Markdown or man page, what kind each is, and the lines that a reader would type."""
import re

COMMANDS = {
    "apt", "bash", "cd", "cp", "curl", "docker", "docker-compose", "deploy/setup", "export", "flightspan", "git", "go", "journalctl", "kill", "kubectl",
    "make", "mkdir", "mv", "printf", "sqlite3", "sudo", "systemctl", "timeout", "./record.sh",
}  # fmt: skip
SECTIONS = "service|sources|triggers|sampling|mapping|exporters|queue|admin|log"


def blocks(text):
    """(line number, language or "", text) of each fenced or indented block, outside of comments."""
    lines = text.split("\n")
    i = 0
    while i < len(lines):
        fence = re.match(r"^\s*```\s*(\w*)", lines[i])
        if fence:
            start = i + 1
            i = start
            while i < len(lines) and not lines[i].strip().startswith("```"):
                i += 1
            yield start + 1, fence[1], "\n".join(lines[start:i])
        elif lines[i].startswith("    ") and (i == 0 or not lines[i - 1].strip()):
            start = i
            while i < len(lines) and (lines[i].startswith("    ") or not lines[i].strip()):
                i += 1
            yield start + 1, "", "\n".join(line[4:] for line in lines[start:i]).rstrip()
        i += 1


def man_blocks(text):
    """The same of a man page in mdoc: each .Dl line, and what stands between .Bd and .Ed."""
    inside = None
    for number, line in enumerate(text.split("\n"), 1):
        plain = line.replace("\\-", "-").replace("\\&", "").replace("\\e", "\\")
        if line.startswith(".Bd"):
            inside = (number + 1, [])
        elif line == ".Ed" and inside:
            yield inside[0], "", "\n".join(inside[1])
            inside = None
        elif inside:
            inside[1].append(plain)
        elif line.startswith(".Dl "):
            yield number, "", plain[4:]


def first_word(line):
    words = [w for w in line.split() if not re.fullmatch(r"[A-Z_]+=\S*", w)]
    return words[0] if words else ""


def kind(language, text):
    """commands, yaml, or other: what a block is for."""
    line = next((l for l in text.split("\n") if l.strip()), "")
    if language in ("sh", "bash", "shell") or (not language and first_word(line) in COMMANDS):
        return "commands"
    if language == "yaml" or (not language and re.match(rf"({SECTIONS}):( |$)", line)):
        return "yaml"
    return "other"


def commands(text):
    """Each command of a block, comments removed, continued lines joined."""
    for line in text.replace("\\\n", " ").split("\n"):
        line = re.sub(r"(^|\s+)#\s.*$", "", line).strip()
        if line:
            yield re.sub(r"\s+", " ", line)


def links(text):
    """(line number, target) of each link and picture, outside of code."""
    fenced = False
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip().startswith("```"):
            fenced = not fenced
        if fenced or line.startswith("    "):
            continue
        for target in re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`]*`", "", line)):
            yield number, target


def anchors(text):
    """The anchors of a page's headings, as GitHub makes them."""
    found = set()
    for line in text.split("\n"):
        if line.startswith("#"):
            word = re.sub(r"[^\w\- ]", "", line.lstrip("#").strip().lower())
            found.add(word.replace(" ", "-"))
    return found
