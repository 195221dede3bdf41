"""The rules of the architecture: arrows point down, everything public is documented.

Each rule is a function from source text to a list of complaints; the table BROKEN holds
a small offender for each, so that every rule is shown to be able to fail.
"""

import ast
import fnmatch
import importlib
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CORE_FILES = sorted((ROOT / "csrc" / "core").rglob("*.[ch]"))
CORE_HEADERS = [
    path
    for path in (ROOT / "csrc" / "core").glob("*.h")
    if not path.stem.endswith("_tpl")  # templates are code that is included twice
]
BIND_FILES = sorted((ROOT / "csrc" / "bind").rglob("*.[ch]"))
PYTHON_FILES = sorted((ROOT / "rgdl").rglob("*.py"))
PUBLIC_MODULES = [
    path
    for path in PYTHON_FILES
    if path.stem == "__init__" or not path.stem.startswith("_")
]
TEST_FILES = sorted((ROOT / "tests").rglob("*.py"))
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


# --------------------------------------------------------------------------- C sources

C11_HEADERS = set(
    "assert complex ctype errno fenv float inttypes limits math setjmp stdalign "
    "stdarg stdatomic stdbool stddef stdint stdlib string tgmath".split()
)
POSIX_HEADERS = {"pthread", "sched", "signal"}
INTRINSICS = {"immintrin", "arm_neon"}
CORE_HEADERS_ALLOWED = C11_HEADERS | POSIX_HEADERS | INTRINSICS


def blank(match: re.Match[str]) -> str:
    """The same number of lines and columns, without the text."""
    return re.sub(r"[^\n]", " ", match.group())


def without_comments(text: str) -> str:
    text = re.sub(r"/\*.*?\*/", blank, text, flags=re.DOTALL)
    text = re.sub(r"//[^\n]*", blank, text)
    return re.sub(r'"(\\.|[^"\\\n])*"', '""', text)


def without_test_hooks(text: str) -> str:
    return re.sub(r"#ifdef RG_TEST\n.*?#endif", blank, text, flags=re.DOTALL)


def without_directives(text: str) -> str:
    return re.sub(r"^[ \t]*#(.*\\\n)*.*$", blank, text, flags=re.MULTILINE)


def without_bodies(text: str) -> str:
    """File scope only: each {...} becomes one semicolon and blanks."""
    while True:
        shorter = re.sub(r"\{[^{}]*\}", lambda m: ";" + blank(m)[1:], text)
        if shorter == text:
            return text
        text = shorter


def includes(text: str) -> list[str]:
    """What is included, with its brackets; comments keep, strings matter here."""
    text = re.sub(r"/\*.*?\*/", blank, text, flags=re.DOTALL)
    return re.findall(r'^\s*#\s*include\s*([<"][^>"]+[>"])', text, flags=re.MULTILINE)


def core_include_complaints(text: str) -> list[str]:
    return [
        f"csrc/core includes {name}"
        for name in includes(text)
        if not re.fullmatch(r'"(kernels/)?rg_\w+\.h"', name)
        and not (name[0] == "<" and name[1:-3] in CORE_HEADERS_ALLOWED)
    ]


def bind_include_complaints(text: str) -> list[str]:
    found = includes(text)
    is_common = "#define RGB_COMMON_H" in text
    first = "<Python.h>" if is_common else '"rgb_common.h"'
    complaints = [] if found[:1] == [first] else [f"the first include is not {first}"]
    return complaints + [
        f"csrc/bind includes {name}"
        for name in found
        if name[0] == '"' and not re.fullmatch(r'"(rgb_common|rg_\w+)\.h"', name)
    ]


def is_constant(declaration: str) -> bool:
    """Whether the object itself is const: behind the last star, or anywhere."""
    return bool(re.search(r"\bconst\b", declaration.rsplit("*", 1)[-1]))


def is_function(declaration: str) -> bool:
    return re.search(r"\w\s*\((?!\s*\*)", declaration) is not None


def mutable_global_complaints(text: str) -> list[str]:
    """Variables with static storage that are neither const nor the kernel table."""
    text = without_directives(without_test_hooks(without_comments(text)))
    text = re.sub(r"__attribute__\s*\(\(.*?\)\)", blank, text, flags=re.DOTALL)
    text = re.sub(r"_Alignas\s*\([^)]*\)", blank, text)
    local = re.findall(r"\bstatic\b[^;{=]*", text)
    top = [part.split("=")[0].strip() for part in without_bodies(text).split(";")]
    keyword = r"(typedef|extern|static|enum\b|(struct|union)\s+\w+$|_Static_assert)"
    local += [
        part for part in top if re.search(r"\s", part) and not re.match(keyword, part)
    ]
    return [
        f"mutable global: {' '.join(part.split())}"
        for part in local
        if not (is_function(part) or is_constant(part) or "rg_kernels_t" in part)
        or re.search(r"\(\s*\*(?!\s*const)", part)
    ]


def undocumented_declaration_complaints(text: str) -> list[str]:
    """A declaration needs a comment at the head of its paragraph."""
    lines = text.split("\n")
    code = without_bodies(without_directives(without_comments(text)))
    complaints = []
    pattern = r"^(?!typedef\b)[A-Za-z][^;{}]*?\b(\w+)\s*\([^;]*?;"
    for match in re.finditer(pattern, code, flags=re.MULTILINE):
        line = code.count("\n", 0, match.start()) - 1
        while line >= 0 and lines[line].strip() and "*/" not in lines[line]:
            line -= 1
        if line < 0 or not lines[line].rstrip().endswith("*/"):
            complaints.append(f"{match.group(1)} has no comment above it")
    return complaints


MOST_LINES = 80


def long_function_complaints(text: str) -> list[str]:
    """Bodies open and close with a brace in the first column (clang-format's work)."""
    complaints = []
    start = 0
    for number, line in enumerate(text.splitlines(), 1):
        if line == "{":
            start = number
        elif line == "}" and number - start + 1 > MOST_LINES:
            complaints.append(f"the function from line {start} has more lines")
    return complaints


# --------------------------------------------------------------------- Python sources

# Tests of the private layer itself; everything else sees the public names only.
MAY_USE_CORE = (
    "conftest.py",
    "test_module.py",
    "test_binding*.py",
    "test_kernels*.py",
    "test_reference*.py",
)


def core_use_complaints(text: str) -> list[str]:
    """Uses of the extension module, by import or by attribute."""
    complaints = []
    for node in ast.walk(ast.parse(text)):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Attribute):
            names = [f".{node.attr}"]
        if any("_core" in name.split(".") for name in names):
            complaints.append(f"line {node.lineno} uses rgdl._core")
    return complaints


def reference_import_complaints(text: str) -> list[str]:
    allowed = set(sys.stdlib_module_names) | {"numpy"}
    complaints = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            modules = ["." * node.level + (node.module or "")]
        else:
            continue
        complaints += [
            f"line {node.lineno} imports {module}"
            for module in modules
            if module.split(".")[0] not in allowed
            and not module.startswith("rgdl._reference.")
        ]
    return complaints


def words_in(node: ast.AST) -> set[str]:
    return {
        part.id if isinstance(part, ast.Name) else part.attr
        for part in ast.walk(node)
        if isinstance(part, ast.Name | ast.Attribute)
    }


SITE_COUNTS = {"n_sites", "num_sites"}
EXTENTS = {"shape", "extents", "lattice_shape", "L"}
SITE_ITERATORS = {"ndindex", "nditer", "ndenumerate", "flat"}


def iterables_in(body: list[ast.stmt]) -> list[ast.expr]:
    nodes = ast.walk(ast.Module(body, []))
    return [
        node.iter for node in nodes if isinstance(node, ast.For | ast.comprehension)
    ]


def is_range_over(iterable: ast.expr, words: set[str]) -> bool:
    """Whether it is range(stop) or range(start, stop): a step means slices."""
    return (
        isinstance(iterable, ast.Call)
        and isinstance(iterable.func, ast.Name)
        and iterable.func.id == "range"
        and len(iterable.args) < 3
        and any(words & words_in(argument) for argument in iterable.args)
    )


def is_site_iterator(iterable: ast.expr) -> bool:
    called = iterable.func if isinstance(iterable, ast.Call) else iterable
    return isinstance(called, ast.Attribute) and called.attr in SITE_ITERATORS


def site_loop_complaints(text: str) -> list[str]:
    """Loops that visit lattice sites one by one belong to C."""
    loops: list[tuple[ast.expr, list[ast.expr]]] = []  # what runs, and what runs inside
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.For):
            loops.append((node.iter, iterables_in(node.body)))
        elif isinstance(node, ast.ListComp | ast.SetComp | ast.GeneratorExp):
            iterables = [generator.iter for generator in node.generators]
            loops += [(it, iterables[i + 1 :]) for i, it in enumerate(iterables)]
    return [
        f"line {iterable.lineno} loops over sites"
        for iterable, inner in loops
        if is_range_over(iterable, SITE_COUNTS)
        or is_site_iterator(iterable)
        or (
            is_range_over(iterable, EXTENTS)
            and any(is_range_over(other, EXTENTS) for other in inner)
        )
    ]


def exported(tree: ast.Module) -> list[str] | None:
    for node in tree.body:
        if isinstance(node, ast.Assign) and any(
            isinstance(target, ast.Name) and target.id == "__all__"
            for target in node.targets
        ):
            return list(ast.literal_eval(node.value))
    return None


Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def decorators(node: Definition) -> set[str]:
    return {word for item in node.decorator_list for word in words_in(item)}


def definitions(body: list[ast.stmt]) -> list[Definition]:
    """Functions and classes, without the overloads that only type checkers read."""
    found = [node for node in body if isinstance(node, Definition)]
    return [node for node in found if "overload" not in decorators(node)]


def export_complaints(text: str) -> list[str]:
    tree = ast.parse(text)
    names = exported(tree)
    if names is None:
        return ["no __all__"]
    return [
        f"{node.name} is public but not in __all__"
        for node in definitions(tree.body)
        if not node.name.startswith("_") and node.name not in names
    ]


def parameters(node: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    args = node.args
    every = [*args.posonlyargs, *args.args, *args.kwonlyargs]
    every += [arg for arg in (args.vararg, args.kwarg) if arg is not None]
    names = [arg.arg for arg in every if not arg.arg.startswith("_")]
    return [name for name in names if name not in ("self", "cls")]


def section(docstring: str, title: str) -> str | None:
    """Text of a numpydoc section, None where there is none."""
    pattern = rf"^{title}\n-{{{len(title)}}}\n(.*?)(?=^\w[^\n]*\n-{{3,}}\n|\Z)"
    match = re.search(pattern, docstring, flags=re.MULTILINE | re.DOTALL)
    return match.group(1) if match else None


def parameter_complaints(docstring: str, names: list[str], where: str) -> list[str]:
    if not names:
        return []
    text = section(docstring, "Parameters") or section(docstring, "Attributes")
    if text is None:
        return [f"{where}: no Parameters section"]
    return [
        f"{where}: parameter {name} is not described"
        for name in names
        if not re.search(rf"(?<!\w){name}(?!\w)", text)
    ]


def function_complaints(
    node: ast.FunctionDef | ast.AsyncFunctionDef, where: str
) -> list[str]:
    docstring = ast.get_docstring(node)
    if docstring is None:
        return [f"{where}: no docstring"]
    if decorators(node) & {"property", "cached_property", "setter"}:
        return []
    complaints = parameter_complaints(docstring, parameters(node), where)
    returns = ast.unparse(node.returns) if node.returns else ""
    if returns not in ("None", "Self") and section(docstring, "Returns") is None:
        complaints.append(f"{where}: no Returns section")
    return complaints


def base_names(node: ast.ClassDef) -> list[str]:
    return [ast.unparse(base).split("[")[0].split(".")[-1] for base in node.bases]


def documented_in_bases(
    node: ast.ClassDef, classes: dict[str, ast.ClassDef]
) -> set[str]:
    """Methods that a base class of the module documents: overriding ones inherit it."""
    names: set[str] = set()
    for base in base_names(node):
        if base in classes:
            names |= {method.name for method in definitions(classes[base].body)}
            names |= documented_in_bases(classes[base], classes)
    return names


def class_complaints(node: ast.ClassDef, classes: dict[str, ast.ClassDef]) -> list[str]:
    docstring = ast.get_docstring(node)
    if docstring is None:
        return [f"{node.name}: no docstring"]
    bases = base_names(node)
    if any(base.endswith(("Error", "Warning", "Exception")) for base in bases):
        return []
    inherited = documented_in_bases(node, classes)
    complaints = []
    for method in definitions(node.body):
        where = f"{node.name}.{method.name}"
        if isinstance(method, ast.ClassDef):
            continue
        if method.name == "__init__":
            complaints += parameter_complaints(docstring, parameters(method), node.name)
        elif not method.name.startswith("_") and not (
            method.name in inherited and ast.get_docstring(method)
        ):
            complaints += function_complaints(method, where)
    if section(docstring, "Examples") is None and not {"ABC", "Protocol"} & set(bases):
        complaints.append(f"{node.name}: no Examples section")
    return complaints


def docstring_complaints(text: str) -> list[str]:
    """numpydoc parts of whatever the module exports and defines."""
    tree = ast.parse(text)
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    complaints = [] if ast.get_docstring(tree) else ["no module docstring"]
    for node in definitions(tree.body):
        if node.name not in (exported(tree) or []):
            continue
        if isinstance(node, ast.ClassDef):
            complaints += class_complaints(node, classes)
        else:
            complaints += function_complaints(node, node.name)
            if section(ast.get_docstring(node) or "", "Examples") is None:
                complaints.append(f"{node.name}: no Examples section")
    return complaints


# ------------------------------------------------------------------------- repository

AGREED = [
    "pyproject.toml",
    "setup.py",
    "csrc",
    "rgdl",
    "tests",
    "notebooks",
    "README.md",
    "LICENSE",
    ".*",
]


def top_level_complaints(text: str) -> list[str]:
    """Entries (one per line) outside the agreed shape and not ignored by git."""
    ignored = [
        line.strip("/")
        for line in (ROOT / ".gitignore").read_text().splitlines()
        if line and not line.startswith("#")
    ]
    return [
        f"{entry} is not one of the agreed top-level entries"
        for entry in text.splitlines()
        if not any(fnmatch.fnmatch(entry, p) for p in AGREED + ignored)
    ]


# ------------------------------------------------------------------------------ tests

Rule = Callable[[str], list[str]]


def reference_files() -> list[Path]:
    return [path for path in PYTHON_FILES if "_reference" in path.parts]


def outside(files: list[Path], *patterns: str) -> list[Path]:
    return [
        path
        for path in files
        if not any(fnmatch.fnmatch(path.name, pattern) for pattern in patterns)
    ]


RULES: list[tuple[Rule, list[Path]]] = [
    (core_include_complaints, CORE_FILES),
    (bind_include_complaints, BIND_FILES),
    (mutable_global_complaints, CORE_FILES),
    (undocumented_declaration_complaints, CORE_HEADERS),
    (long_function_complaints, CORE_FILES + BIND_FILES),
    (core_use_complaints, outside(TEST_FILES, *MAY_USE_CORE)),
    (reference_import_complaints, reference_files()),
    (site_loop_complaints, [p for p in PYTHON_FILES if "_reference" not in p.parts]),
    (export_complaints, PUBLIC_MODULES),
    (docstring_complaints, PUBLIC_MODULES),
]


@pytest.mark.parametrize(
    ("rule", "path"),
    [
        pytest.param(rule, path, id=f"{rule.__name__}-{name_of(path)}")
        for rule, files in RULES
        for path in files
    ],
)
def test_source_follows_rule(rule, path):
    assert rule(path.read_text(encoding="utf-8")) == []


def test_every_rule_has_files():
    assert [rule.__name__ for rule, files in RULES if not files] == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=name_of)
def test_notebook_does_not_use_the_extension(path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    for cell in cells:
        if cell["cell_type"] == "code":
            assert core_use_complaints("".join(cell["source"])) == []


def test_top_level_holds_only_the_agreed_entries():
    entries = "\n".join(sorted(path.name for path in ROOT.iterdir()))
    assert top_level_complaints(entries) == []


LONG_C = "int f(void)\n{\n" + "    g();\n" * 90 + "}\n"
LONG_C_SPLIT = "int f(int a,\n      int b)\n{\n" + "    g();\n" * 90 + "}\n"
DOCUMENTED = '''"""A module."""
__all__ = ["f"]
def f(x: int) -> int:
    """Add one.

    Parameters
    ----------
    x : int
        A number.

    Returns
    -------
    int
        Its successor.

    Examples
    --------
    >>> f(1)
    2
    """
    return x + 1
'''

BROKEN: list[tuple[Rule, str]] = [
    (core_include_complaints, "#include <Python.h>\n"),
    (core_include_complaints, "#  include <numpy/arrayobject.h>\n"),
    (core_include_complaints, "#include <stdio.h>\n"),
    (core_include_complaints, '#include "rgb_common.h"\n'),
    (bind_include_complaints, '#include "rg_base.h"\n#include "rgb_common.h"\n'),
    (bind_include_complaints, '#include "rgb_common.h"\n#include "other.h"\n'),
    (bind_include_complaints, "#define RGB_COMMON_H\n#include <stdint.h>\n"),
    (mutable_global_complaints, "static int counter;\n"),
    (mutable_global_complaints, "static const char *name = 0;\n"),
    (mutable_global_complaints, "static int (*callback)(int);\n"),
    (mutable_global_complaints, "int counter = 0;\nint f(void)\n{\n    return 1;\n}\n"),
    (mutable_global_complaints, "int f(void)\n{\n    static int n = 0;\n}\n"),
    (undocumented_declaration_complaints, "#define A 1\n\nint rg_f(int a);\n"),
    (undocumented_declaration_complaints, "/* About g. */\n\nint rg_f(int a);\n"),
    (undocumented_declaration_complaints, "static inline int rg_f(int a)\n{\n}\n"),
    (long_function_complaints, LONG_C),
    (long_function_complaints, LONG_C_SPLIT),
    (core_use_complaints, "from rgdl import _core\n"),
    (core_use_complaints, "import rgdl._core as c\n"),
    (core_use_complaints, "from rgdl._core import set_simd\n"),
    (core_use_complaints, "import rgdl\nrgdl._core.set_simd('avx2')\n"),
    (reference_import_complaints, "import scipy.special\n"),
    (reference_import_complaints, "from rgdl import bits\n"),
    (reference_import_complaints, "from . import bits\n"),
    (site_loop_complaints, "for i in range(model.n_sites):\n    s[i] = 1\n"),
    (site_loop_complaints, "for i in np.ndindex(shape):\n    s[i] = 1\n"),
    (site_loop_complaints, "for x in np.nditer(s):\n    pass\n"),
    (
        site_loop_complaints,
        "for i in range(s.shape[0]):\n"
        "    for j in range(s.shape[1]):\n        s[i, j] = 1\n",
    ),
    (site_loop_complaints, "for x in s.flat:\n    pass\n"),
    (site_loop_complaints, "a = [s[i, j] for i in range(L) for j in range(L)]\n"),
    (export_complaints, "def f():\n    pass\n"),
    (export_complaints, "__all__ = []\ndef f():\n    pass\n"),
    (docstring_complaints, DOCUMENTED.replace('"""A module."""', "")),
    (docstring_complaints, DOCUMENTED.replace("Parameters", "Arguments")),
    (docstring_complaints, DOCUMENTED.replace("x : int", "y : int")),
    (docstring_complaints, DOCUMENTED.replace("Returns", "Gives")),
    (docstring_complaints, DOCUMENTED.replace("Examples", "Samples")),
    (docstring_complaints, '"""M."""\n__all__ = ["A"]\nclass A:\n    pass\n'),
    (top_level_complaints, "README.md\nnotes.txt\n"),
]

GOOD: list[tuple[Rule, str]] = [
    (core_include_complaints, '#include "rg_base.h"\n#include <stdint.h>\n'),
    (bind_include_complaints, '#include "rgb_common.h"\n#include <stdlib.h>\n'),
    (mutable_global_complaints, "static const int a = 1;\nint f(int a);\n"),
    (mutable_global_complaints, "static const char *const names[] = {0};\n"),
    (mutable_global_complaints, "static const rg_kernels_t *chosen = 0;\n"),
    (mutable_global_complaints, "typedef struct {\n    int a;\n} rg_a_t;\n"),
    (undocumented_declaration_complaints, "/* Why. */\nint rg_f(int a);\n"),
    (long_function_complaints, LONG_C[: 9 * 60] + "}\n"),
    (site_loop_complaints, "for i in range(0, n_sites, 512):\n    f(i)\n"),
    (site_loop_complaints, "for name in names:\n    print(name)\n"),
    (docstring_complaints, DOCUMENTED),
    (top_level_complaints, "README.md\nrgdl\n.docs\nbuild\n"),
]


def sample_id(sample: object) -> str:
    return getattr(sample, "__name__", "").removesuffix("_complaints")


@pytest.mark.parametrize(("rule", "text"), BROKEN, ids=sample_id)
def test_rule_finds_the_offender(rule, text):
    assert len(rule(text)) > 0


@pytest.mark.parametrize(("rule", "text"), GOOD, ids=sample_id)
def test_rule_accepts_a_good_source(rule, text):
    assert rule(text) == []


def test_every_rule_has_an_offender():
    rules = {rule for rule, _ in RULES} | {top_level_complaints}
    assert rules == {rule for rule, _ in BROKEN}


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


@pytest.mark.parametrize("name", [module_name(path) for path in PUBLIC_MODULES])
def test_exported_names_resolve(name):
    module = importlib.import_module(name)
    missing = [item for item in module.__all__ if not hasattr(module, item)]
    assert missing == []
    assert len(set(module.__all__)) == len(module.__all__)


def test_import_does_not_load_heavy_packages():
    heavy = {"scipy", "sklearn", "matplotlib", "tqdm"}
    code = "import sys, rgdl; print(*{name.split('.')[0] for name in sys.modules})"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    loaded = set(done.stdout.split())
    assert "rgdl" in loaded
    assert loaded & heavy == set()
