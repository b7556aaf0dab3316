"""Makes one file of the verifier, `verify.py`, that needs only Python and `cryptography`.

    python -m components.verifier.build > verify.py

It holds the modules one after the other, each after those that it imports. Other imports are once, at the top.
"""

import ast
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.resources import files

PACKAGE = "components.verifier"
MAIN = "verify"
LICENCE = "# SPDX-License-Identifier: Apache-2.0"


@dataclass(frozen=True, slots=True)
class Module:
    """A module of the verifier.

    `ours` are the verifier's modules that it imports, `imports` are its other imports as (module, name), with no
    module for a plain `import`. `body` is the source after the imports, `names` are the names that it defines.
    """

    docstring: str
    ours: tuple[str, ...]
    imports: frozenset[tuple[str, str]]
    body: str
    names: tuple[str, ...]


def build_verifier() -> bytes:
    """Return the file, the same bytes each time; raises ValueError if the modules cannot be joined into one."""
    modules: dict[str, Module] = {}
    _collect(MAIN, modules)
    imports = frozenset[tuple[str, str]]().union(*(each.imports for each in modules.values()))
    _require_one_meaning(imports, modules.values())
    main = modules.pop(MAIN)
    parts = [f'{LICENCE}\n"""{main.docstring}\n"""\n\n{_join_imports(imports)}']
    for number, module in enumerate(modules.values(), 1):
        heading = "\n".join(f"# {line}".rstrip() for line in module.docstring.splitlines())
        parts.append(f"{heading.replace('#', f'# {number}.', 1)}\n\n{module.body}")
    return "\n\n\n".join([*parts, main.body + "\n"]).encode()


def _collect(name: str, modules: dict[str, Module]) -> None:
    """Add a module after those that it imports."""
    if name not in modules:
        module = _parse(files(PACKAGE).joinpath(f"{name}.py").read_text("utf-8"), name)
        for each in module.ours:
            _collect(each, modules)
        modules[name] = module


def _parse(source: str, name: str) -> Module:
    tree = ast.parse(source)
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    if tree.body[1 : 1 + len(imports)] != imports:
        raise ValueError(f"{name}: imports something elsewhere than at its top")
    ours, others = [], set()
    for node in imports:
        origin = node.module or "" if isinstance(node, ast.ImportFrom) else ""
        if origin.startswith(f"{PACKAGE}."):
            ours.append(origin.removeprefix(f"{PACKAGE}."))
        others |= {(origin, alias.name) for alias in node.names if not origin.startswith(f"{PACKAGE}.")}
        if any(alias.asname for alias in node.names):
            raise ValueError(f"{name}: imports something under another name")
    body = "\n".join(source.splitlines()[tree.body[len(imports)].end_lineno :]).strip("\n")
    docstring = ast.get_docstring(tree) or ""
    return Module(docstring, tuple(ours), frozenset(others), body, tuple(_defined(tree)))


def _defined(tree: ast.Module) -> Iterator[str]:
    """Yield the names that a module's own statements define."""
    for node in tree.body:
        match node:
            case ast.FunctionDef() | ast.ClassDef():
                yield node.name
            case ast.Assign() | ast.AnnAssign():
                stored = (each for each in ast.walk(node) if isinstance(each, ast.Name))
                yield from (each.id for each in stored if isinstance(each.ctx, ast.Store))


def _require_one_meaning(imports: Iterable[tuple[str, str]], modules: Iterable[Module]) -> None:
    """Raise ValueError for a name with two meanings: in one file the later one would win."""
    imported = {(module or name.split(".")[0], name.split(".")[0]) for module, name in imports}
    meanings = Counter(name for _, name in imported)
    for module in modules:
        meanings.update(module.names)
    if twice := sorted(name for name, count in meanings.items() if count > 1):
        raise ValueError(f"these names mean two things: {', '.join(twice)}")


def _join_imports(imports: Iterable[tuple[str, str]]) -> str:
    names = defaultdict[str, list[str]](list)
    for module, name in sorted(imports):
        names[module].append(name)
    plain = [f"import {name}" for name in names.pop("", [])]
    return "\n".join([*plain, *(f"from {module} import {', '.join(names[module])}" for module in names)])


if __name__ == "__main__":
    sys.stdout.buffer.write(build_verifier())
