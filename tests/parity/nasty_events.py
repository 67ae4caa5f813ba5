"""Events as bad as producers send them: what each means, and its many spellings.

Meaning and spelling are made apart: an event is a dict of Python values first, and is then written
as JSON in one of the ways that JSON allows. So the expected values never go through a parser.
"""

import json
import random
from datetime import datetime, timedelta, timezone
from decimal import ROUND_HALF_UP, Decimal, localcontext

TEXTS = [
    "", "a", "A", " a ", "é", "e\u0301", "É", "日本", "日本語-本-", "🪁", "👨\u200d👩\u200d👧", "\u0000", "a\u0000b",
    'quote " and \\ and /', "tab\tline\nreturn\r", "a_b", "_", "%", "a-b-c", "-", "12", "-7", "12a",
    "null", "NaN", "\u2028", "\ufeffbom", "ﷺ", "x" * 10_000, "x" * 9_999 + "y",
]  # fmt: skip
WHOLES = [0, 1, 2, 5, 6, -1, -5, 10, 999, 2**31, 2**53 + 1, 2**63 - 1, -(2**63), -(2**63) + 1]
REALS = [
    0.0, -0.0, 1.5, -1.5, 0.1, 0.2, 0.30000000000000004, 1e-7, -1e-7, 123.456, 5e-324, -2.5e-310,
    1e15, 1e16 + 2, -1e16, 1e100, -1e100, 1e290, 2.2250738585072014e-308, 3.0, 1000000.5,
]  # fmt: skip
MONEYS = ["0", "0.0001", "-0.0001", "1.5", "-1.5", "19.99", "0.00005", "-0.00005", "0.000049999",
          "99999999999999.9999", "-99999999999999.9999", "1e3", "2.5e-3", "12.34567"]  # fmt: skip
WIDES = ["0", "1e-10", "-1e-10", "12345678901234567890.0123456789", "-9999999999999999.99999999995",
         "0.1", "3", "1E+15"]  # fmt: skip
DAY = datetime(2026, 3, 29, tzinfo=timezone.utc)
# Early and late, where Python can still tell the start of the week in every time zone.
FAR = [
    datetime(1, 1, 8, tzinfo=timezone.utc),
    datetime(1582, 10, 10, 12, tzinfo=timezone.utc),
    datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=timezone.utc),
    datetime(9999, 12, 30, 23, 59, 59, 999_999, tzinfo=timezone.utc),
]
REJECTED = [
    ("invalid_json", b'{"ts":"2026-03-29T00:00:00Z"'),
    ("invalid_json", b'{"ts":"2026-03-29T00:00:00Z",}'),
    ("invalid_json", b'{"ts":"2026-03-29T00:00:00Z","real":NaN}'),
    ("invalid_json", b'{"ts":"2026-03-29T00:00:00Z","real":-Infinity}'),
    ("invalid_json", b'{"ts":"2026-03-29T00:00:00Z","whole":007}'),
    ("invalid_json", b'{"ts":"2026-03-29T00:00:00Z","whole":+1}'),
    ("invalid_json", b'{"ts":"2026-03-29T00:00:00Z","text":"\x01"}'),
    ("invalid_json", b'{"ts":"2026-03-29T00:00:00Z","text":"\\x41"}'),
    ("invalid_json", b'{"ts":"2026-03-29T00:00:00Z"} {}'),
    ("invalid_json", b"{'ts':'2026-03-29T00:00:00Z'}"),
    ("invalid_json", b"\xef\xbb\xbf" + b'{"ts":"2026-03-29T00:00:00Z"}'),
    ("invalid_json", b"ts=2026-03-29T00:00:00Z"),
    ("not_an_object", b'["2026-03-29T00:00:00Z"]'),
    ("not_an_object", b"null"),
    ("invalid_utf8", b'{"ts":"2026-03-29T00:00:00Z","other":"caf\xe9"}'),
    ("invalid_utf8", b'{"ts":"2026-03-29T00:00:00Z","other":"\xed\xa0\x80"}'),
    ("invalid_utf8", b'{"ts":"2026-03-29T00:00:00Z","text":"\\ud800"}'),
    ("missing_event_time", b"{}"),
    ("missing_event_time", b'{"ts":null,"whole":1}'),
    ("missing_event_time", b'{"Ts":"2026-03-29T00:00:00Z"}'),
    ("wrong_type", b'{"ts":"yesterday"}'),
    ("wrong_type", b'{"ts":true}'),
    ("wrong_type", b'{"ts":"2026-03-29T00:00:00Z","whole":"1"}'),
    ("wrong_type", b'{"ts":"2026-03-29T00:00:00Z","real":"1.5"}'),
    ("wrong_type", b'{"ts":"2026-03-29T00:00:00Z","flag":"true"}'),
    ("wrong_type", b'{"ts":"2026-03-29T00:00:00Z","flag":1}'),
    ("wrong_type", b'{"ts":"2026-03-29T00:00:00Z","text":5}'),
    ("wrong_type", b'{"ts":"2026-03-29T00:00:00Z","money":"1,50"}'),
    ("wrong_type", b'{"ts":"2026-03-29T00:00:00Z","deep":5}'),
    ("wrong_type", b'{"ts":"2026-03-29T00:00:00Z","deep":{"one":[]}}'),
    ("out_of_range", b'{"ts":"0000-01-01T00:00:00Z"}'),
    ("wrong_type", b'{"ts":"10000-01-01T00:00:00Z"}'),
    ("out_of_range", b'{"ts":"2026-03-29T00:00:00Z","whole":9223372036854775808}'),
    ("out_of_range", b'{"ts":"2026-03-29T00:00:00Z","whole":1.5}'),
    ("out_of_range", b'{"ts":"2026-03-29T00:00:00Z","real":1e309}'),
    ("out_of_range", b'{"ts":"2026-03-29T00:00:00Z","money":100000000000000}'),
    ("out_of_range", b'{"ts":"2026-03-29T00:00:00Z","wide":"1e300"}'),
    ("duplicate_key", b'{"ts":"2026-03-29T00:00:00Z","whole":1,"whole":1}'),
    ("duplicate_key", b'{"ts":"2026-03-29T00:00:00Z","ts":"2026-03-29T00:00:00Z"}'),
    ("duplicate_key", b'{"ts":"2026-03-29T00:00:00Z","deep":{},"deep":{}}'),
    ("too_deep", b'{"ts":"2026-03-29T00:00:00Z","other":' + b"[" * 10_000 + b"]" * 10_000 + b"}"),
]
COLUMNS = ("ts", "flag", "whole", "real", "money", "wide", "text", "Größe", "three", "name")


def events(count, seed):
    """Pairs of a line and what it means: a dict by COLUMNS, or the reason why it is rejected."""
    chance = random.Random(seed)
    pairs = [accepted(chance) for _ in range(count)]
    pairs += [(line, reason) for reason, line in REJECTED]
    chance.shuffle(pairs)
    return pairs


def accepted(chance):
    meaning = {
        "ts": instant(chance),
        "flag": some(chance, [True, False]),
        "whole": some(chance, WHOLES) if chance.random() < 0.7 else chance.randrange(-20, 20),
        "real": some(chance, REALS),
        "money": some(chance, MONEYS),
        "wide": some(chance, WIDES),
        "text": some(chance, TEXTS),
        "Größe": some(chance, [1, 2, 3]),
        "three": some(chance, [1, 2, 2**40]),
        "name": some(chance, ["n", "ñ", ""]),
    }
    fields = [(name, spell(chance, name, value)) for name, value in meaning.items() if name not in ("three", "name")]
    leaves = [(name, spell(chance, name, meaning[name])) for name in ("three", "name")]
    fields.append(("deep", nest(chance, ["one", "two"], leaves)))
    fields.append((f"other{chance.randrange(3)}", chance.choice(IGNORED)))
    # A missing field means the same as null.
    fields = [field for field in fields if field[1] != "null" or chance.random() < 0.5]
    chance.shuffle(fields)
    meaning["money"] = rounded(meaning["money"], 4)
    meaning["wide"] = rounded(meaning["wide"], 10)
    return spell_object(chance, fields).encode(), meaning


# What no column is declared for: anything that is JSON.
IGNORED = ["1e999", "[[[[]]]]", '{"a":1,"a":2}', '"\\ud83e\\ude81"', "[" * 100 + "]" * 100, "-0", '"ts"']


def some(chance, values):
    return None if chance.random() < 0.15 else chance.choice(values)


def rounded(text, scale):
    with localcontext(prec=60):
        return text and Decimal(text).quantize(Decimal(1).scaleb(-scale), ROUND_HALF_UP)


def instant(chance):
    if chance.random() < 0.01:
        return chance.choice(FAR)
    return DAY + timedelta(microseconds=chance.randrange(6 * 3600 * 10**6))


def spell(chance, name, value):
    """One of the ways to write `value` in JSON."""
    if value is None:
        return "null"
    if name == "ts":
        return f'"{spell_time(chance, value)}"'
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return chance.choice([str(value), f"{value}.0", f"{value}e0", f"{value * 10}E-1", f"{value}.000e+0"])
    if isinstance(value, float):
        return chance.choice([repr(value), repr(value).upper(), f"{value:.17e}", f"{value:.60e}"])
    if name in ("money", "wide"):
        return chance.choice([value, f'"{value}"'])
    return spell_text(chance, value)


def spell_time(chance, time):
    offset = timedelta(minutes=chance.choice([0, 0, 0, 120, -210, 345]))
    if not DAY <= time <= DAY + timedelta(days=1):
        offset = timedelta()
    text = time.astimezone(timezone(offset)).isoformat(sep=chance.choice("T "), timespec="microseconds")
    text, zone = text[:26], text[26:]
    text += chance.choice(["", "999", "000"])  # Nanoseconds are cut.
    if zone == "+00:00":
        zone = chance.choice(["Z", "", "+00:00"])
    return text + zone


def spell_text(chance, text):
    style = chance.randrange(3)
    if style < 2 or len(text) > 100:
        return json.dumps(text, ensure_ascii=bool(style))
    units = text.encode("utf-16-be")
    return '"' + "".join(f"\\u{high:02x}{low:02X}" for high, low in zip(units[::2], units[1::2])) + '"'


def spell_object(chance, fields):
    space = lambda: chance.choice(["", "", "", " ", "\t", "  "])  # noqa: E731
    parts = [f"{space()}{spell_text(chance, name)}{space()}:{space()}{text}{space()}" for name, text in fields]
    return "{" + ",".join(parts) + "}" + chance.choice(["", "", " ", "\r"])


def nest(chance, path, leaves):
    """The leaves under a path of objects; where no leaf has a value, any level may be null."""
    if all(text == "null" for _, text in leaves) and chance.random() < 0.5:
        return "null"
    if not path:
        return "{" + ",".join(f'"{name}":{text}' for name, text in leaves) + "}"
    return f'{{"{path[0]}":{nest(chance, path[1:], leaves)}}}'
