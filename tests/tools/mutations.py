"""The small wrong changes that a test suite should notice, and where the source has room for them."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

OPPOSITES: dict[type[ast.AST], ast.AST] = {
    ast.Eq: ast.NotEq(),
    ast.NotEq: ast.Eq(),
    ast.Lt: ast.LtE(),
    ast.LtE: ast.Lt(),
    ast.Gt: ast.GtE(),
    ast.GtE: ast.Gt(),
    ast.In: ast.NotIn(),
    ast.NotIn: ast.In(),
    ast.Is: ast.IsNot(),
    ast.IsNot: ast.Is(),
    ast.And: ast.Or(),
    ast.Or: ast.And(),
    ast.Add: ast.Sub(),
    ast.Sub: ast.Add(),
    ast.Mult: ast.FloorDiv(),
    ast.FloorDiv: ast.Mult(),
}
QUIET_CALLS = {"debug", "info", "warning", "error", "exception", "overload", "cast", "option", "argument", "command"}
"""Calls whose texts and flags people read; other tests than those of behavior hold them."""

CODECS = {"utf-8", "ascii", "latin-1", "idna"}
"""Names that Python finds with a dash behind them too."""


@dataclass(frozen=True)
class Mutation:
    """One place of one file, and the source that replaces it."""

    path: Path
    line: int
    start: int
    end: int
    before: str
    after: str

    @property
    def is_statement(self) -> bool:
        """Return whether a whole statement is replaced, not an expression."""
        return self.after in {"pass", "break", "continue", "return None"}

    def apply(self) -> None:
        """Write the file with the change in it."""
        source = self.path.read_bytes()
        assert source[self.start : self.end] == self.before.encode(), "the file changed since it was read"
        self.path.write_bytes(source[: self.start] + self.after.encode() + source[self.end :])


def mutations(path: Path) -> Iterator[Mutation]:
    """Yield every change that can be made to a Python file, in the order of its lines."""
    source = path.read_bytes()
    starts = [0]
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    for node, after in _replacements(ast.parse(source)):
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        start = starts[node.lineno - 1] + node.col_offset
        end = starts[node.end_lineno - 1] + node.end_col_offset
        yield Mutation(path, node.lineno, start, end, source[start:end].decode(), after)


Replacement = tuple[ast.expr | ast.stmt, str]


def _replacements(node: ast.AST) -> Iterator[Replacement]:
    """Yield nodes with the source to put in their place, through all that runs: no annotation, decorator or message."""
    if isinstance(node, ast.expr | ast.stmt):
        yield from ((node, after) for after in _afters(node))
    for field, value in ast.iter_fields(node):
        if field in {"annotation", "returns", "decorator_list", "type_params", "format_spec"}:
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST) and not _is_for_readers(child):
                yield from _replacements(child)


def _is_for_readers(node: ast.AST) -> bool:
    """Return whether a node is only read by people or by a type checker."""
    match node:
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
            return name in QUIET_CALLS or name.endswith(("Error", "Warning"))
        case ast.Expr(value=value):
            return isinstance(value, ast.Constant) or _is_for_readers(value)
        case ast.Subscript(value=ast.Name(id=name)):
            return name in {"Literal", "Annotated", "Callable"}
        case ast.Assign(targets=[ast.Name(id=name)]):
            return name in {"__all__", "__slots__"}
        case ast.If(test=ast.Name(id=name)):
            return name == "TYPE_CHECKING"
    return isinstance(node, ast.JoinedStr | ast.Import | ast.ImportFrom)


def _afters(node: ast.expr | ast.stmt) -> Iterator[str]:
    """Yield the sources that may stand in a node's place."""
    match node:
        case ast.Constant(value=value):
            yield from _other_constants(value)
        case ast.expr():
            yield from _opposites(node)
        case ast.Return(value=value) if value is not None and not _is_none(value):
            yield "return None"
        case ast.Expr(value=ast.Call() | ast.Await()) | ast.Raise() | ast.AugAssign():
            yield "pass"
        case ast.Break():
            yield "continue"
        case ast.Continue():
            yield "break"


def _other_constants(value: object) -> Iterator[str]:
    match value:
        case bool(flag):
            yield repr(not flag)
        case int(number):
            yield repr(number + 1)
        case str(text) if text and " " not in text and text not in CODECS:  # text with spaces is for people
            yield repr(f"{text}-")


def _opposites(node: ast.expr) -> Iterator[str]:
    match node:
        case ast.Compare(left=left, ops=[op], comparators=rights) if type(op) in OPPOSITES:
            yield ast.unparse(ast.Compare(left, [OPPOSITES[type(op)]], rights))  # type: ignore[list-item]
        case ast.BoolOp(op=op, values=values):
            yield f"({ast.unparse(ast.BoolOp(OPPOSITES[type(op)], values))})"  # type: ignore[arg-type]
        case ast.BinOp(left=left, op=op, right=right) if type(op) in OPPOSITES:
            yield f"({ast.unparse(ast.BinOp(left, OPPOSITES[type(op)], right))})"  # type: ignore[arg-type]
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield f"bool({ast.unparse(operand)})"
        case ast.IfExp(test=test, body=body, orelse=orelse):
            yield f"({ast.unparse(ast.IfExp(test, orelse, body))})"


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None
