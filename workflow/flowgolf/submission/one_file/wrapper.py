"""train_gpt.py in a wrapper: a small program that holds the readable file compressed, and runs it."""

import ast
import base64
import lzma

PROGRAM = "import base64, lzma\nexec(compile(lzma.decompress(base64.b85decode({packed!r})), __file__, 'exec'))\n"
FILTERS = [{"id": lzma.FILTER_LZMA1, "preset": 9 | lzma.PRESET_EXTREME, "pb": 0}]  # text has no alignment


def wrapped(text: str) -> str:
    """A program that does what the file of this text does, `__file__` being its own."""
    packed = lzma.compress(text.encode(), lzma.FORMAT_ALONE, filters=FILTERS)  # the frame with the least around it
    return PROGRAM.format(packed=base64.b85encode(packed).decode())


def unwrapped(program: str) -> str:
    """The text that was wrapped, byte for byte, without running anything; ValueError for another program."""
    for node in ast.walk(ast.parse(program)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "b85decode":
            (packed,) = node.args
            if isinstance(packed, ast.Constant) and isinstance(packed.value, str):
                return lzma.decompress(base64.b85decode(packed.value)).decode()
    raise ValueError("not a train_gpt.py in a wrapper: no packed source in it")
