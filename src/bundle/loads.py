"""Whether a Python function can be loaded. It is parsed, never run.

Reads a JSON object from standard input: the function's own sources by path, all paths of the package, the handler, the
minor version of Python on Lambda, whether layers may have modules, and what the runtime provides. Writes an object with a
`flaw`; with what makes it `unsure`; or an empty one.
"""
import ast
import json
import sys

# Modules of Python's library that some of Lambda's versions lack, and that this Python may not know.
SOME = set('tomllib graphlib zoneinfo annotationlib compression asynchat asyncore distutils imp smtpd aifc audioop cgi cgitb '
           'chunk crypt imghdr lib2to3 mailcap msilib nis nntplib ossaudiodev pipes sndhdr spwd sunau telnetlib uu xdrlib '
           'binhex formatter parser symbol macpath'.split())

package = json.load(sys.stdin)
sources, paths = package['sources'], package['paths']
tops = {path.split('/')[0].split('.')[0] for path in paths}
library = set(getattr(sys, 'stdlib_module_names', ())) | set(sys.builtin_module_names) | SOME
provided = set(package['provided'].split())
seen = {}


class Flaw(Exception):
    pass


class Unsure(Exception):
    pass


def candidates(module):
    name = module.replace('.', '/')
    return [name + '.py', name + '/__init__.py']


def load(path):
    """The names that a module binds, or None if it may have others."""
    if path in seen:
        return seen[path]
    seen[path] = None
    try:
        tree = ast.parse(sources[path], path)
    except SyntaxError as error:
        if sys.version_info[1] < package['version']:
            version = '.'.join(str(part) for part in sys.version_info[:2])
            raise Unsure(f'Python {version} cannot parse {path}')  # The syntax may be newer.
        raise Flaw(f'{path}, line {error.lineno}: {error.msg}')
    for statement in tree.body:
        imports(path, statement)
    seen[path] = names(path, tree.body)
    return seen[path]


def imports(path, statement):
    # Only statements that always run: not those in `try`, `if` and functions.
    if isinstance(statement, ast.Import):
        for alias in statement.names:
            absolute(path, statement.lineno, alias.name)
    elif isinstance(statement, ast.ImportFrom) and statement.level == 0:
        absolute(path, statement.lineno, statement.module)
    elif isinstance(statement, ast.ImportFrom) and statement.module and path.count('/') >= statement.level:
        folder = path.rsplit('/', statement.level)[0]
        own(f'{folder}/{statement.module}')


def own(module):
    found = next((path for path in candidates(module) if path in paths), None)
    if found in sources:
        load(found)
    return found is not None


def absolute(path, line, module):
    top = module.split('.')[0]
    if top in tops:
        own(module)
    elif not (top.startswith('_') or top in library or top in provided or package['layers']):
        raise Flaw(f'{path}, line {line}: it imports {top}, which neither the package nor the runtime has')


def names(path, body):
    bound = set()
    for statement in body:
        for node in ast.walk(statement):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                bound.add(node.name)
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                bound.add(node.id)
            elif isinstance(node, ast.alias):
                if node.name == '*':
                    return None
                bound.add((node.asname or node.name).split('.')[0])
            elif hasattr(ast, 'Match') and isinstance(node, ast.Match):
                return None
    opened = ('globals', 'exec', 'vars', 'setattr', '__getattr__', '__dict__')
    return None if any(word in sources[path] for word in opened) else bound


def check():
    module, function = package['handler'].rsplit('.', 1)
    first = next((path for path in candidates(module) if path in sources), None)
    bound = load(first) if first else None
    if bound is not None and function not in bound:
        raise Flaw(f'{first} has no {function}, which the handler {package["handler"]} needs')


try:
    check()
    print('{}')
except Flaw as flaw:
    print(json.dumps({'flaw': str(flaw)}))
except Unsure as unsure:
    print(json.dumps({'unsure': str(unsure)}))
