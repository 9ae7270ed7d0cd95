"""What the import contracts can't see: calls in the engine that read the clock, a file or chance."""

import ast
from pathlib import Path

_CLOCKS = {"now", "utcnow", "today"}
_BUILTINS = {"open", "input", "print", "eval", "exec"}


def impure_calls(source: str) -> list[str]:
    """The calls in a module that its arguments do not decide, as `line: call`."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            called = node.func
            if (isinstance(called, ast.Attribute) and called.attr in _CLOCKS) or (
                isinstance(called, ast.Name) and called.id in _BUILTINS
            ):
                found.append(f"{node.lineno}: {ast.unparse(called)}")
    return found


def test_engine_reads_no_clock_and_no_file(repository: Path) -> None:
    """Time is an argument: the same state and activity give the same effects, whenever and wherever."""
    engine = repository / "stream_app" / "engine"
    found = {str(path.relative_to(engine)): impure_calls(path.read_text()) for path in engine.rglob("*.py")}
    assert len(found) > 5
    assert {name: calls for name, calls in found.items() if calls} == {}


def test_impure_calls_are_found() -> None:
    """The check itself sees what it is to see."""
    source = "from datetime import datetime\ndef f():\n    open('x')\n    return datetime.now()\n"
    assert impure_calls(source) == ["3: open", "4: datetime.now"]
