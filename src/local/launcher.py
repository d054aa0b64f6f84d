"""Starts MiniStack when a line arrives on standard input.

If the program that started this is killed before the process is recorded, no line arrives and the process ends, so no
unrecorded emulator keeps running.
"""
import sys

if not sys.stdin.readline():
    sys.exit('the program that started this emulator has gone')

import glob
import json
import os
import shutil
import time

# A stop saves everything in these files, which the next start loads and removes. So if there are none, the emulator crashed,
# and starts empty: what an earlier stop saved would be older than what the stacks' states record.
saved = os.path.join(os.environ['STATE_DIR'], '*.json')
if not glob.glob(saved):
    shutil.rmtree(os.environ['S3_DATA_DIR'], ignore_errors=True)

from ministack import app
from ministack.core import iam_evaluator, lambda_runtime
from ministack.services import apigateway_v1, iam

# There is no TLS here, and only this machine reaches the emulator. Requests count as sent over TLS, as those of AWS's SDKs
# are: otherwise policies that demand it would deny everything, and the stack's functions would fail.
pin_request_origin = app.pin_request_origin
app.pin_request_origin = lambda address, secure: pin_request_origin(address, True)

# At AWS, aws:PrincipalArn of a session is the ARN of its role. MiniStack compares that of the session.
resolve = iam_evaluator._resolve_condition_key


def resolve_as_aws_does(key, context):
    if key.lower() == 'aws:principalarn' and context.principal_type == 'AssumedRole':
        name = iam_evaluator._role_name_from_assumed_arn(context.principal_arn)
        role = iam._roles.get_scoped(context.principal_account, None, name) or {}
        return role.get('Arn', context.principal_arn)
    return resolve(key, context)


iam_evaluator._resolve_condition_key = resolve_as_aws_does

# Functions in Python see what Lambda's runtime has, and nothing of the emulator's own packages.
find_program = lambda_runtime._detect_runtime_binary


def find_program_of_functions(runtime):
    program, worker = find_program(runtime)
    if runtime.startswith('python'):
        program = os.path.join(os.path.dirname(sys.prefix), 'functions', 'bin', 'python')
    return program, worker


lambda_runtime._detect_runtime_binary = find_program_of_functions

# Updates of REST APIs, usage plans and API keys give every value as text, and change lists one item at a time. MiniStack
# keeps the text and replaces the lists, and then AWS's SDKs cannot read its answers.
apply_patch = apigateway_v1._apply_patch
VALUES = {
    '/apiKeyRequired': lambda text: text == 'true',
    '/disableExecuteApiEndpoint': lambda text: text == 'true',
    '/enabled': lambda text: text == 'true',
    '/authorizerResultTtlInSeconds': int,
    '/minimumCompressionSize': int,
    '/quota/limit': int,
    '/quota/offset': int,
    '/throttle/burstLimit': int,
    '/throttle/rateLimit': float,
    '/timeoutInMillis': int,
}
# Lists whose items are the values of updates.
ITEMS = {
    '/apiStages': lambda text: dict(zip(('apiId', 'stage'), text.split(':', 1))),
    '/authorizationScopes': str,
    '/providerARNs': str,
}
# Lists whose items are the last part of an update's path.
NAMED_ITEMS = ('/binaryMediaTypes/', '/endpointConfiguration/types/')


def item_of(path, value):
    """The list that an update changes, the item as it is found there, and the item that takes its place."""
    if path in ITEMS and isinstance(value, str):
        return path, ITEMS[path](value), ITEMS[path](value)
    for at in NAMED_ITEMS:
        if path.startswith(at):
            name = path[len(at):].replace('~1', '/').replace('~0', '~')
            return at.rstrip('/'), name, value or name
    return None


def apply_patch_as_aws_does(changed, patches):
    for patch in patches:
        path, value = patch.get('path', ''), patch.get('value')
        if item := item_of(path, value):
            *parents, last = item[0].strip('/').split('/')
            holder = changed
            for parent in parents:
                holder = holder.setdefault(parent, {})
            # What tells the stages of a plan apart is a part of them: they may have limits of their own.
            is_item = lambda one: item[1].items() <= one.items() if isinstance(one, dict) else one == item[1]
            kept = [one for one in holder.get(last) or [] if not is_item(one)]
            holder[last] = kept if patch.get('op') == 'remove' else [*kept, item[2]]
            continue
        if path in VALUES and isinstance(value, str):
            patch = {**patch, 'value': VALUES[path](value)}
        apply_patch(changed, [patch])
    return changed


apigateway_v1._apply_patch = apply_patch_as_aws_does

# API Gateway evaluates the template of a mock's answer, and an answer without one is empty. MiniStack sends the template as it
# is, and `{}`. What it knows of Velocity's language has no conditions: those stay text.
invoke_mock = apigateway_v1._invoke_mock_v1


def invoke_mock_as_aws_does(integration):
    status, headers, body = invoke_mock(integration)
    if not (answer := (integration.get('integrationResponses') or {}).get(str(status))):
        return status, headers, body
    template = (answer.get('responseTemplates') or {}).get('application/json') or ''
    return status, headers, apigateway_v1._render_request_template_v1(template, '', {}).encode()


apigateway_v1._invoke_mock_v1 = invoke_mock_as_aws_does

# A REST API answers 502 if a function's answer has another form than these keys, a whole number as the status and a text as
# the body. MiniStack sends whatever a function answers, and 200.
shape_answer = apigateway_v1._lambda_proxy_response
KEYS_OF_ANSWERS = {'statusCode', 'headers', 'multiValueHeaders', 'body', 'isBase64Encoded'}


def is_answer(payload):
    if isinstance(payload, (str, bytes)):
        try:
            payload = json.loads(payload)
        except ValueError:
            return False
    if not isinstance(payload, dict) or not payload.keys() <= KEYS_OF_ANSWERS:
        return False
    if not all(isinstance(values, list) for values in (payload.get('multiValueHeaders') or {}).values()):
        return False
    return str(payload.get('statusCode')).isdigit() and isinstance(payload.get('body'), (str, type(None)))


def refuse_other_answers(result):
    if not result.get('error') and not result.get('throttle') and not is_answer(result.get('body')):
        return None, 'Internal server error'
    return shape_answer(result)


apigateway_v1._lambda_proxy_response = refuse_other_answers

load_what_was_saved = app._load_persisted_state


def load_once():
    load_what_was_saved()
    for file in glob.glob(saved):
        os.remove(file)


app._load_persisted_state = load_once

# A line for each request to an API, for `securelambda dev`. Query strings are left out, because they may have secrets.
requests = open(os.environ['REQUESTS_LOG'], 'a', encoding='utf-8', buffering=1)
handle_request = app._handle_execute_api_request


async def handle_request_and_log_it(host, path, method, *arguments, **options):
    began = time.time()
    answer = await handle_request(host, path, method, *arguments, **options)
    if answer:
        milliseconds = round((time.time() - began) * 1000)
        line = {'at_ms': round(began * 1000), 'method': method, 'path': path, 'status': answer[0], 'ms': milliseconds}
        requests.write(json.dumps(line) + '\n')
    return answer


app._handle_execute_api_request = handle_request_and_log_it

sys.argv = ['ministack']
app.main()
