"""Checks HTTP requests against botocore's models of AWS's services.

Each line of standard input is a JSON object: {"method", "path", "headers": {name: value}, "body": base64}. Its answer is a
line {"operation": "iam CreateRole", "broken": ["RoleName: ...", ...]}. The answer to {"ask": "uncheckable", "operations":
["iam CreateRole", ...]} lists the patterns of these operations that Python cannot parse.

A request is parsed back into parameters by its service's protocol (query, json, rest-json, rest-xml, CBOR). Patterns
must match a whole value, like Java's `matches`. Not checked, because the models do not contain it: rules across
members, formats inside a string, and rules that depend on the account.
"""

import base64, binascii, datetime, json, re, sys, unicodedata, urllib.parse, warnings, xml.etree.ElementTree
import botocore.parsers, botocore.session

SESSION = botocore.session.get_session()
MODELS, PATTERNS, CATEGORIES = {}, {}, {}
# The services of unsigned calls, by the prefix of the target header.
TARGETS = {"AWSCognitoIdentityProviderService": "cognito-idp"}
# botocore's names of services that sign with the name of their hosts.
SIGNING = {"monitoring": "cloudwatch"}


class Unreadable(Exception):
    """The request belongs to no operation."""


def model(service):
    if service not in MODELS:
        MODELS[service] = SESSION.get_service_model(service)
    return MODELS[service]


# Patterns: Java's regular expressions translated to Python's.


def category(name):
    """The characters of a Unicode category, such as L or Nd, as the contents of a character class."""
    if not re.fullmatch(r"[LMNPSZC][a-z]?", name):
        raise re.error(f"\\p{{{name}}} is not a category")
    if not CATEGORIES:
        ranges = {}
        for code in range(0x110000):
            kind = unicodedata.category(chr(code))
            for key in (kind, kind[0]):
                runs = ranges.setdefault(key, [])
                if runs and runs[-1][1] == code - 1:
                    runs[-1][1] = code
                else:
                    runs.append([code, code])
        for key, runs in ranges.items():
            CATEGORIES[key] = "".join(f"\\U{first:08x}-\\U{last:08x}" for first, last in runs)
    return CATEGORIES[name]


def translated(pattern):
    if "&&" in pattern:
        raise re.error("an intersection of classes")
    # Characters outside the basic plane, which may be written as surrogate pairs.
    pattern = pattern.replace(r"\uD800\uDC00-\uDBFF\uDFFF", r"\U00010000-\U0010FFFF")
    out, inside, at = [], False, 0
    while at < len(pattern):
        if pattern.startswith("\\p{", at):
            end = pattern.index("}", at)
            inner = category(pattern[at + 3 : end])
            out.append(inner if inside else f"[{inner}]")
            at = end + 1
        elif pattern[at] == "\\":
            out.append(pattern[at : at + 2])
            at += 2
        else:
            if pattern[at] == "[" and inside:
                out.append("\\[")
            else:
                inside = (inside or pattern[at] == "[") and pattern[at] != "]"
                out.append(pattern[at])
            at += 1
    return "".join(out)


def compiled(pattern):
    """The compiled pattern, or None if Python cannot parse it."""
    if pattern not in PATTERNS:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                PATTERNS[pattern] = re.compile(translated(pattern), re.ASCII)
        except (re.error, ValueError, Warning):
            PATTERNS[pattern] = None
    return PATTERNS[pattern]


# Constraints, for all protocols.


class Check:
    def __init__(self):
        self.broken = []

    def breaks(self, where, rule):
        self.broken.append(f"{where}: {rule}")

    def bounds(self, where, shape, size, unit):
        least, most = shape.metadata.get("min"), shape.metadata.get("max")
        if least is not None and size < least:
            self.breaks(where, f"{size}{unit}, at least {least}")
        if most is not None and size > most:
            self.breaks(where, f"{size}{unit}, at most {most}")

    def value(self, shape, value, where):
        """Checks a parsed value (str, int, float, bool, bytes, list or dict) and the members of a structure."""
        kind = shape.type_name
        if kind == "structure":
            if shape.metadata.get("document") or getattr(shape, "is_document_type", False):
                return
            if not isinstance(value, dict):
                return self.breaks(where, f"{type(value).__name__}, wants a structure")
            for name in shape.required_members:
                if value.get(name) is None:
                    self.breaks(f"{where}.{name}".lstrip("."), "required")
            given = [name for name, member in value.items() if member is not None]
            if getattr(shape, "is_tagged_union", False) and len(given) != 1:
                self.breaks(where, f"a union with {len(given)} members, wants one")
            for name in given:
                if name not in shape.members:
                    self.breaks(f"{where}.{name}".lstrip("."), "unknown member")
                else:
                    self.value(shape.members[name], value[name], f"{where}.{name}".lstrip("."))
        elif kind == "list":
            if not isinstance(value, list):
                return self.breaks(where, f"{type(value).__name__}, wants a list")
            self.bounds(where, shape, len(value), " items")
            for number, item in enumerate(value):
                self.value(shape.member, item, f"{where}[{number}]")
        elif kind == "map":
            if not isinstance(value, dict):
                return self.breaks(where, f"{type(value).__name__}, wants a map")
            self.bounds(where, shape, len(value), " entries")
            for key, item in value.items():
                self.value(shape.key, key, f"{where}.key({key})")
                self.value(shape.value, item, f"{where}.{key}")
        elif kind in ("string", "character"):
            if not isinstance(value, str):
                return self.breaks(where, f"{type(value).__name__}, wants a string")
            shown = "" if shape.metadata.get("sensitive") else f" {value[:80]!r}"
            self.bounds(where, shape, len(value), " characters")
            if shape.enum and value not in shape.enum:
                self.breaks(where, f"{shown.strip()} is none of {', '.join(shape.enum[:8])}")
            pattern = shape.metadata.get("pattern")
            expression = compiled(pattern) if pattern else None
            if expression and not expression.fullmatch(value):
                self.breaks(where, f"{shown.strip()} does not match {pattern}")
        elif kind == "blob":
            if not isinstance(value, bytes):
                return self.breaks(where, f"{type(value).__name__}, wants bytes")
            self.bounds(where, shape, len(value), " bytes")
        elif kind == "boolean":
            if not isinstance(value, bool):
                self.breaks(where, f"{value!r}, wants a boolean")
        elif kind in ("integer", "long"):
            if isinstance(value, bool) or not isinstance(value, int):
                return self.breaks(where, f"{value!r}, wants a whole number")
            self.bounds(where, shape, value, "")
        elif kind in ("float", "double"):
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                return self.breaks(where, f"{value!r}, wants a number")
            self.bounds(where, shape, value, "")
        elif kind == "timestamp":
            if not isinstance(value, datetime.datetime):
                self.breaks(where, f"{value!r}, wants a time")
        else:
            raise Unreadable(f"{where} is a {kind}, which is not known here")


# JSON bodies, for the protocols json and rest-json.


def wire_name(name, member):
    return member.serialization.get("name", name)


def from_json(shape, value):
    """Converts a JSON value to its shape. A value that does not fit is left unchanged, so that the check refuses it."""
    kind = shape.type_name
    if kind == "structure" and isinstance(value, dict) and not getattr(shape, "is_document_type", False):
        by_wire = {wire_name(name, member): name for name, member in shape.members.items()}
        return {
            by_wire.get(key, key): from_json(shape.members[by_wire[key]], item) if key in by_wire else item
            for key, item in value.items()
        }
    if kind == "list" and isinstance(value, list):
        return [from_json(shape.member, item) for item in value]
    if kind == "map" and isinstance(value, dict):
        return {key: from_json(shape.value, item) for key, item in value.items()}
    if kind == "blob" and isinstance(value, str):
        try:
            return base64.b64decode(value, validate=True)
        except binascii.Error:
            return value
    if kind == "timestamp":
        written = shape.serialization.get("timestampFormat", "unixTimestamp")
        return time(value, written)
    return value


def time(value, written):
    try:
        if written == "unixTimestamp" and isinstance(value, (int, float)) and not isinstance(value, bool):
            return datetime.datetime.fromtimestamp(value, datetime.timezone.utc)
        if written == "iso8601" and isinstance(value, str):
            return datetime.datetime.fromisoformat(value.replace("Z", "+00:00"))
    except (ValueError, OverflowError):
        pass
    return value


def json_body(body, what="the body"):
    try:
        value = json.loads(body)
    except ValueError as error:
        raise Unreadable(f"{what} is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise Unreadable(f"{what} is not a JSON object")
    return value


def unknown_nulls(value, where=""):
    """Members that are null. AWS treats them as absent, and our SDK never sends them."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from unknown_nulls(item, f"{where}.{key}".lstrip("."))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from unknown_nulls(item, f"{where}[{number}]")
    elif value is None:
        yield where


def parse_json(service, request):
    target = request["headers"].get("x-amz-target", "")
    prefix, _, name = target.partition(".")
    if prefix != service.metadata["targetPrefix"] or name not in service.operation_names:
        raise Unreadable(f"there is no operation {target!r}")
    operation = service.operation_model(name)
    wanted = f"application/x-amz-json-{service.metadata['jsonVersion']}"
    extra = []
    if request["headers"].get("content-type") != wanted:
        extra.append(f"content-type: {request['headers'].get('content-type')!r}, wants {wanted}")
    body = json_body(request["body"])
    extra += [f"{where}: null" for where in unknown_nulls(body)]
    return operation, from_json(operation.input_shape, body) if operation.input_shape else body, extra


# The query protocol.


def scalar(shape, text):
    kind = shape.type_name
    if kind in ("integer", "long"):
        return int(text) if re.fullmatch(r"-?\d+", text) else text
    if kind in ("float", "double"):
        try:
            return float(text)
        except ValueError:
            return text
    if kind == "boolean":
        return {"true": True, "false": False}.get(text, text)
    if kind == "timestamp":
        return time(text, shape.serialization.get("timestampFormat", "iso8601"))
    if kind == "blob":
        try:
            return base64.b64decode(text, validate=True)
        except binascii.Error:
            return text
    return text


def from_form(shape, form, prefix, used):
    """The value of a shape from the form's fields with a prefix; None if there are none."""
    under = any(key == prefix or key.startswith(prefix + ".") for key in form) if prefix else True
    if not under:
        return None
    if shape.type_name == "structure":
        members = {}
        for name, member in shape.members.items():
            wire = wire_name(name, member)
            # A flattened list has the name of its member.
            if member.type_name == "list" and member.serialization.get("flattened"):
                wire = member.member.serialization.get("name", wire)
            value = from_form(member, form, f"{prefix}.{wire}".lstrip("."), used)
            if value is not None:
                members[name] = value
        return members
    if shape.type_name in ("list", "map") and form.get(prefix) == "":
        used.add(prefix)
        return [] if shape.type_name == "list" else {}
    if shape.type_name == "list":
        flat = shape.serialization.get("flattened")
        base = prefix if flat else f"{prefix}.{shape.member.serialization.get('name', 'member')}"
        items = []
        while (item := from_form(shape.member, form, f"{base}.{len(items) + 1}", used)) is not None:
            items.append(item)
        return items
    if shape.type_name == "map":
        base = prefix if shape.serialization.get("flattened") else f"{prefix}.entry"
        key_name = shape.key.serialization.get("name", "key")
        value_name = shape.value.serialization.get("name", "value")
        entries, number = {}, 1
        while (key := from_form(shape.key, form, f"{base}.{number}.{key_name}", used)) is not None:
            entries[key] = from_form(shape.value, form, f"{base}.{number}.{value_name}", used)
            number += 1
        return entries
    if prefix not in form:
        return None
    used.add(prefix)
    return scalar(shape, form[prefix])


def parse_query(service, request):
    try:
        pairs = urllib.parse.parse_qsl(request["body"].decode(), keep_blank_values=True, strict_parsing=True)
    except ValueError as error:
        raise Unreadable(f"the body is not a form: {error}") from None
    form, extra = dict(pairs), []
    if len(form) != len(pairs):
        extra.append("the form: a field twice")
    name = form.pop("Action", "")
    if name not in service.operation_names:
        raise Unreadable(f"there is no operation {name!r}")
    if form.pop("Version", "") != service.metadata["apiVersion"]:
        extra.append(f"Version: wants {service.metadata['apiVersion']}")
    operation, used = service.operation_model(name), set()
    shape = operation.input_shape
    params = from_form(shape, form, "", used) if shape else {}
    extra += [f"{field}: unknown member" for field in form if field not in used]
    return operation, params, extra


# rest-json and rest-xml: the path, the query, the headers and the body.


def from_xml(shape, element, broken):
    """Converts an XML element to its shape. Elements that the shape does not have are named in `broken`."""
    plain = lambda element: element.tag.rpartition("}")[2]
    kind = shape.type_name
    if kind == "structure":
        by_wire = {wire_name(name, member): (name, member) for name, member in shape.members.items()}
        value = {}
        for child in element:
            if plain(child) not in by_wire:
                broken.append(f"{plain(child)}: unknown member of the body")
                continue
            name, member = by_wire[plain(child)]
            if member.type_name == "list" and member.serialization.get("flattened"):
                value.setdefault(name, []).append(from_xml(member.member, child, broken))
            else:
                value[name] = from_xml(member, child, broken)
        return value
    if kind == "list":
        wanted = shape.member.serialization.get("name", "member")
        broken += [f"{plain(child)}: no {wanted}" for child in element if plain(child) != wanted]
        return [from_xml(shape.member, child, broken) for child in element]
    if kind == "boolean":
        return {"true": True, "false": False}.get(element.text, element.text)
    return scalar(shape, element.text or "")


def xml_body(shape, body, broken):
    try:
        return from_xml(shape, xml.etree.ElementTree.fromstring(body), broken)
    except xml.etree.ElementTree.ParseError as error:
        raise Unreadable(f"the body is not XML: {error}") from None


def placed(service, request):
    """The operation with this method and path, and the labels in the path."""
    path, _, query = request["path"].partition("?")
    segments = path.strip("/").split("/")
    best = None
    for name in service.operation_names:
        operation = service.operation_model(name)
        template, _, fixed = operation.http["requestUri"].partition("?")
        wanted = template.strip("/").split("/")
        # A deprecated operation may have the method and path of the one that replaced it.
        if operation.http["method"] != request["method"] or operation.deprecated:
            continue
        greedy = wanted[-1].endswith("+}")
        if len(segments) < len(wanted) if greedy else len(segments) != len(wanted):
            continue
        if greedy:
            held = segments[: len(wanted) - 1] + ["/".join(segments[len(wanted) - 1 :])]
        else:
            held = segments
        given = dict(urllib.parse.parse_qsl(query, keep_blank_values=True))
        fixed = dict(urllib.parse.parse_qsl(fixed, keep_blank_values=True))
        # The SDKs add the name of the operation to calls of S3, because some have the same method and path.
        if "x-id" in given:
            fixed["x-id"] = name
        if any(given.get(key) != value for key, value in fixed.items()):
            continue
        labels, literal, fits = {}, 0, True
        for want, got in zip(wanted, held):
            if want.startswith("{"):
                labels[want.strip("{}+")] = urllib.parse.unquote(got)
            else:
                literal += 1
                fits = fits and want == got
        rank = (literal, len(fixed))
        if fits and (best is None or rank > best[0]):
            best = (rank, operation, labels, fixed)
    if best is None:
        raise Unreadable(f"no operation has {request['method']} {path}")
    return best[1:]


def parse_rest(service, request):
    operation, labels, fixed = placed(service, request)
    shape, extra, params = operation.input_shape, [], {}
    query = urllib.parse.parse_qsl(request["path"].partition("?")[2], keep_blank_values=True)
    query = [(key, value) for key, value in query if key not in fixed]
    members = shape.members if shape else {}
    taken, in_body = set(), {}
    for name, member in members.items():
        place, wire = member.serialization.get("location"), wire_name(name, member)
        if place == "uri":
            if wire in labels:
                params[name] = scalar(member, labels[wire])
                if labels[wire] == "":
                    extra.append(f"{name}: empty in the path")
        elif place == "querystring":
            values = [value for key, value in query if key == wire]
            taken.add(wire)
            if member.type_name == "list":
                params.update({name: [scalar(member.member, value) for value in values]} if values else {})
            elif member.type_name == "map":
                params[name] = {key: value for key, value in query if key not in taken}
                taken.update(params[name])
            elif len(values) > 1:
                extra.append(f"{name}: twice in the query")
            elif values:
                params[name] = scalar(member, values[0])
        elif place == "header":
            if wire.lower() in request["headers"]:
                params[name] = scalar(member, request["headers"][wire.lower()])
        elif place == "headers":
            held = {key: value for key, value in request["headers"].items() if key.startswith(wire.lower())}
            params.update({name: held} if held else {})
        elif place is None:
            in_body[name] = member
    extra += [f"{key}: unknown in the query" for key, _ in query if key not in taken]
    body = request["body"]
    payload = shape.serialization.get("payload") if shape else None
    if payload:
        held = members[payload]
        if held.type_name == "blob":
            params.update({payload: body} if body else {})
        elif held.type_name == "string":
            params.update({payload: body.decode()} if body else {})
        elif body and service.metadata["protocol"] == "rest-xml":
            params[payload] = xml_body(held, body, extra)
        elif body:
            params[payload] = from_json(held, json_body(body))
    elif body and service.metadata["protocol"] == "rest-xml":
        params.update(xml_body(shape, body, extra))
    elif body:
        value = json_body(body)
        extra += [f"{where}: null" for where in unknown_nulls(value)]
        by_wire = {wire_name(name, member): name for name, member in in_body.items()}
        for key, item in value.items():
            if key in by_wire:
                params[by_wire[key]] = from_json(in_body[by_wire[key]], item)
            else:
                extra.append(f"{key}: unknown member of the body")
        if request["headers"].get("content-type") != "application/json":
            extra.append(f"content-type: {request['headers'].get('content-type')!r}, wants application/json")
    return operation, params, extra


# CBOR: the operation in the path, the members by their names.


def parse_cbor(service, request):
    found = re.fullmatch(r"/service/([^/]*)/operation/([^/]*)", request["path"])
    target, name = found.groups() if found else ("", "")
    if target != service.metadata["targetPrefix"] or name not in service.operation_names:
        raise Unreadable(f"there is no operation {request['path']}")
    operation = service.operation_model(name)
    extra = [
        f"{header}: {request['headers'].get(header)!r}, wants {wanted}"
        for header, wanted in [("smithy-protocol", "rpc-v2-cbor"), ("content-type", "application/cbor")]
        if request["headers"].get(header) != wanted
    ]
    parser = botocore.parsers.RpcV2CBORParser()
    try:
        value = parser.parse_data_item(parser.get_peekable_stream_from_bytes(request["body"]))
    except botocore.parsers.ResponseParserError as error:
        raise Unreadable(f"the body is not CBOR: {error}") from None
    extra += [f"{where}: null" for where in unknown_nulls(value)]
    return operation, value, extra


PARSERS = {"json": parse_json, "query": parse_query, "rest-json": parse_rest, "rest-xml": parse_rest, "smithy-rpc-v2-cbor": parse_cbor}


def service_of(headers):
    signed = re.search(r"Credential=[^/]*/\d{8}/[^/]*/([^/]*)/aws4_request", headers.get("authorization", ""))
    if signed:
        return SIGNING.get(signed.group(1), signed.group(1))
    return TARGETS.get(headers.get("x-amz-target", "").partition(".")[0])


def check(request):
    request["body"] = base64.b64decode(request["body"])
    name = service_of(request["headers"])
    # Both versions of API Gateway have one signing name.
    if name == "apigateway" and request["path"].startswith("/v2/"):
        name = "apigatewayv2"
    if name is None:
        return {"operation": "", "broken": ["neither signed nor a sign-in call"]}
    try:
        service = model(name)
        parse = PARSERS.get(service.metadata["protocol"])
        if parse is None:
            raise Unreadable(f"{service.metadata['protocol']} is not read here")
        operation, params, extra = parse(service, request)
    except Unreadable as error:
        return {"operation": name, "broken": [str(error)]}
    except botocore.exceptions.UnknownServiceError:
        return {"operation": name, "broken": ["no such service"]}
    found = Check()
    found.broken += extra
    if operation.input_shape:
        found.value(operation.input_shape, params, "")
    return {"operation": f"{name} {operation.name}", "broken": found.broken}


def uncheckable(operations):
    patterns, seen = set(), set()

    def walk(shape):
        if shape.name in seen:
            return
        seen.add(shape.name)
        pattern = shape.metadata.get("pattern")
        if pattern and compiled(pattern) is None:
            patterns.add(f"{shape.name}: {pattern}")
        for member in [*getattr(shape, "members", {}).values()]:
            walk(member)
        for name in ("member", "key", "value"):
            if shape.type_name in ("list", "map") and hasattr(shape, name):
                walk(getattr(shape, name))

    for operation in operations:
        service, _, name = operation.partition(" ")
        seen.clear()
        shape = model(service).operation_model(name).input_shape
        if shape:
            walk(shape)
    return sorted(patterns)


def errors(service):
    """The error codes of each operation, with the HTTP status where the model has one."""
    return {
        name: {shape.error_code: shape.metadata.get("error", {}).get("httpStatusCode") for shape in operation.error_shapes}
        for name in service.operation_names
        for operation in [service.operation_model(name)]
    }


def main():
    for line in sys.stdin:
        request = json.loads(line)
        if request.get("ask") == "uncheckable":
            answer = uncheckable(request["operations"])
        elif request.get("ask") == "errors":
            answer = {service: errors(model(service)) for service in request["services"]}
        elif request.get("ask") == "operations":
            answer = {service: model(service).operation_names for service in request["services"]}
        else:
            answer = check(request)
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
