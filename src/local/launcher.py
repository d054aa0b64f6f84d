"""Starts MiniStack when a line arrives on standard input.

If the program that started this is killed before the process is recorded, no line arrives and the process ends, so no
unrecorded emulator keeps running.
"""
import sys

if not sys.stdin.readline():
    sys.exit('the program that started this emulator has gone')

import os

from ministack import app
from ministack.core import iam_evaluator, lambda_runtime
from ministack.services import iam

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

sys.argv = ['ministack']
app.main()
