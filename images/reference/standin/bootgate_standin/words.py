"""Words for people, as bootc's libraries make them: sizes (glib), layer lists (ostree-ext), durations (indicatif), guesses (clap)."""

_UNITS = ("kB", "MB", "GB", "TB")
_SPACE = "\u00a0"  # glib's g_format_size puts a no-break space before a unit


def human_size(count: int) -> str:
    """Bytes by powers of 1000, with one decimal from 1 kB on."""
    if count < 1000:
        return f"{count} byte" if count == 1 else f"{count} bytes"
    size, unit = count / 1000, 0
    while size >= 1000 and unit < len(_UNITS) - 1:
        size, unit = size / 1000, unit + 1
    return f"{size:.1f}{_SPACE}{_UNITS[unit]}"


def sizes(layers: list[dict]) -> str:
    return human_size(sum(layer["size"] for layer in layers))


def manifest_diff(old: list[dict], new: list[dict]) -> str:
    """The three lines that compare two lists of layers."""
    old_digests, new_digests = {layer["digest"] for layer in old}, {layer["digest"] for layer in new}
    removed = [layer for layer in old if layer["digest"] not in new_digests]
    added = [layer for layer in new if layer["digest"] not in old_digests]
    return (
        f"Total new layers: {len(new):<4}  Size: {sizes(new)}\n"
        f"Removed layers:   {len(removed):<4}  Size: {sizes(removed)}\n"
        f"Added layers:     {len(added):<4}  Size: {sizes(added)}"
    )


def human_seconds(seconds: float) -> str:
    """A duration in whole seconds."""
    whole = round(seconds)
    return "1 second" if whole == 1 else f"{whole} seconds"


def _jaro(first: str, second: str) -> float:
    """Jaro's similarity of two words, from 0 to 1."""
    if not first or not second:
        return float(first == second)
    window = max(max(len(first), len(second)) // 2 - 1, 0)
    taken = [False] * len(second)
    matched: list[str] = []
    for at, letter in enumerate(first):
        for other in range(max(0, at - window), min(len(second), at + window + 1)):
            if not taken[other] and second[other] == letter:
                taken[other] = True
                matched.append(letter)
                break
    if not matched:
        return 0.0
    others = [letter for letter, used in zip(second, taken) if used]
    swapped = sum(one != other for one, other in zip(matched, others)) // 2
    count = len(matched)
    return (count / len(first) + count / len(second) + (count - swapped) / count) / 3


def similar(word: str, choices: tuple[str, ...]) -> str | None:
    """The most similar choice that clap would name as a tip, or None."""
    score, choice = max((_jaro(word, choice), choice) for choice in choices)
    return choice if score > 0.7 else None
