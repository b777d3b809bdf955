"""Source templates of a hook chain; read from top to bottom, they are one invocation.

A template is Python code with placeholders in braces. A placeholder that has a line to itself stands for as many lines
as the compiler puts there, possibly none. ``hosting diag --chain FUNCTION`` prints a finished chain.

What the names in a chain mean:

=========================  =============================================================================================
``hook_N``, ``logger_N``   the hook with index N, and the logger of its extension
``around_N``               the generator of an around hook, once it has yielded
``result``, ``error``      how the invocation ends, as of now
``answer``                 the result or the cancellation with which a hook ends the way in; None if it does not end it
``stopped_at``             the index of the hook that ended the way in; if none did, the number of hooks on the way in
``started``                the number of this invocation, and the number of the next one whose hooks are timed
``skipped``, ``called``    for each hook how often it was skipped; for each error hook how often it was called
``ticks``, ``tick``        the watchdog's counter, and its value when the current sync hook was called
``invocation``, ``whole``  the id of the invocation, and the object that hooks get as ``invocation``
``value_N``                the value that the provider with the index N gives for a parameter of the function
``deadline``               what the watchdog knows of the current async hook; ``idle_deadlines`` are not in use
``failing``                the extensions with errors in recent invocations
``late``                   for each guard's hook that ran after another extension had answered: its generator, or
                           whether it let the invocation pass
``answering``              the hooks that have answered in the function's place, of which the last guard's counts
=========================  =============================================================================================

All other functions that a chain calls are methods of ``HookRuntime``, or stand before it in its source.
"""

from __future__ import annotations

# The function. Most invocations run it; some run a copy of it that measures the time of each hook.

CHAIN = """
{define} chain(context, func_args):
    started[0] = number = started[0] + 1
    if number >= started[1]:
        started[1] = number + min(number or 1, {interval})
        return {call_timed_chain}
    {invocation}
"""

TIMED_CHAIN = """
{define} timed_chain(context, func_args):
    {invocation}
"""

# The function where an extension observes the hooks of others: every invocation measures their time.

OBSERVED_CHAIN = """
{define} chain(context, func_args):
    started[0] += 1
    {invocation}
"""

# One invocation: with a deadline if it awaits hooks itself, else without.

INVOCATION = """
invocation = context.invocation_id
{read_invocation}
deadline = None
{body}
"""

INVOCATION_WITH_DEADLINE = """
invocation = context.invocation_id
{read_invocation}
task = current_task()
cancelled_before = task.cancelling()
try:
    deadline = idle_deadlines.pop()
except IndexError:
    deadline = new_deadline()
deadline.task = task
try:
    {body}
finally:
    deadline.coroutine = deadline.task = None
    idle_deadlines.append(deadline)
    deadline = task = None
"""

READ_INVOCATION = "whole = invocation_of(context, function, func_args)"

# The way in, the function, and the way out.

BODY = """
result = error = None
stopped_at = {way_in}
{around_is_none}
while True:  # once: 'break' ends the way in
    {hooks_in}
    {stop_if_cancelled}
    {run_function}
    break
tick = ticks[0]
{hooks_out}
if failing:
    end_invocation(invocation)
if error is not None:
    try:
        raise error
    finally:
        error = outcome = answer = None
return result
"""

RUN_FUNCTION = """
try:
    result = {call_function}
except GeneratorExit:
    raise
except BaseException as exception:
    error = exception
"""

# The function with values that extensions supply; what a provider raises before is part of the call.

INJECT = """
{generators_are_none}
is_provided = False
try:
    {provide}
    is_provided = True
    result = {call_function}
except GeneratorExit:
    raise
except BaseException as exception:
    result, error = (None, exception) if is_provided else on_provider_error(exception, context)
{close}
"""

GENERATOR_IS_NONE = "generator_{index} = None"
PROVIDE = """
value_{index} = {call}
{check}
"""
OPEN = """
generator = {call}
value_{index} = {value}
generator_{index} = generator
{check}
"""
CHECK_VALUE = """
if type(value_{index}) is CoroutineType:
    refuse_coroutine({index}, value_{index})
"""
CLOSE = """
if generator_{index} is not None:
    result, error = {call}
"""

AROUND_IS_NONE = "around_{index} = None"

STOP_IF_CANCELLED = """
deadline.coroutine = None
if task.cancelling() > cancelled_before:
    result, error = None, CancelledError()
    break
"""

# One hook. An error never leaves it, except the few that runtime.on_hook_error lets pass.

HOOK = """
# {name} of {extension}
{read_tick}
{start_timer}
try:
    {call}
except BaseException as exception:
    answer = {on_error}({index}, exception, invocation, deadline, error)
    if answer is not None:
        {check_deadline}
        {on_answer}
    {read_tick_again}
{stop_timer}
{check_deadline}
"""

# The same with observers, which are called before anything that follows from what the hook did.

OBSERVED_HOOK = """
# {name} of {extension}
{read_tick}
start = now()
try:
    {call}
except BaseException as exception:
    observe({index}, now() - start, {calls}, exception, context, func_args)
    answer = {on_error}({index}, exception, invocation, deadline, error)
    if answer is not None:
        {check_deadline}
        {on_answer}
    {read_tick_again}
else:
    observe({index}, now() - start, {calls}, None, context, func_args)
{check_deadline}
"""

READ_TICK = "tick = ticks[0]"
CHECK_DEADLINE = """
if ticks[0] != tick:
    tick = check_deadline({index}, tick, invocation)
"""
START_TIMER = "start = now()"
STOP_TIMER = "add_time_{index}(now() - start, {calls})"

# Its call: directly, awaited by the driver that runs a stepwise chain, or awaited here.

CALL = "value = {call}"

CALL_STEPWISE = "value = yield {call}"

CALL_ASYNC = """
deadline.since = ticks[0]
deadline.coroutine = {call}
value = await deadline.coroutine
if deadline.cancels:
    after_cancelled({index}, invocation, deadline)
"""

# What is done with the value it returns.

IGNORE_RESULT = """
{call}
if value is not None:
    check_no_result({index}, value)
"""

ACCEPT_RESULT = """
{call}
if value is not None:
    result = accept_result({index}, value, context)
"""

ENTER_AROUND = """
generator = {generator}
{call}
around_{index} = generator
"""

ENTER_LATE_AROUND = """
generator = {generator}
{call}
late[{index}] = generator
"""

CHECK_LATE = """
{call}
late[{index}] = True
"""

RESUME_AROUND = """
outcome = Outcome(result, error)
{call}
if outcome._replaced{unless_denied}:
    result, error = outcome._result, None
    mark_answered_by({index}, context)
"""

# How an invocation goes on after a hook that ends it: from the way in to the way out, or further out.

ANSWER_ON_WAY_IN = """
stopped_at, (result, error) = {index}, answer
mark_stopped_by({index}, context)
{skip_rest}
break
"""

# With a guard further in: no hook answers in the function's place before it has let the invocation pass.

ANSWER_BEFORE_GUARDS = """
stopped_at, late = {index}, {{}}
mark_stopped_by({index}, context)
{skip_rest}
result, error = {call_guards}
{take_around}
break
"""

TAKE_LATE_AROUND = "around_{index} = late.get({index}) or None"

GUARDS = """
{define} run_guards(stopped_at, answer, late, context, func_args, invocation, whole, deadline):
    ending, answering, error = answer, {{stopped_at}}, None
    {steps}
    try:
        return ending
    finally:
        ending = answer = None
"""

GUARD = """
if stopped_at < {index}:
    if ending[1] is None and answering.isdisjoint({own}):
        {hook}
    else:
        skipped[{index}] += 1
"""

ANSWER_OF_GUARD = """
ending, late[{index}] = answer, False
answering.add({index})
mark_stopped_by({index}, context)
"""

SKIP = "skipped[{index}] += 1"

ANSWER_ON_WAY_OUT = "result, error = answer"

# Which hooks run on the way out: those of extensions that were entered on the way in.

AFTER_RESULT = """
if error is None{was_entered}:
    {hook}
else:
    skipped[{index}] += 1
"""

AFTER_ERROR = """
if error is not None{was_entered}:
    called[{index}] += 1
    {hook}
"""

AFTER_AROUND = """
if around_{index} is not None:
    {hook}
"""

WAS_REACHED = " and stopped_at > {index}"
DID_NOT_ANSWER = " and stopped_at != {index}"
OR_ENTERED_LATE = " or {index} in late and late.get({answering}, True)"
UNLESS_DENIED = " and not is_denied(error)"


def fill(template: str, **parts: object) -> list[str]:
    """Return the lines of a template with its placeholders replaced.

    Args:
        template: one of this module.
        parts: what each placeholder stands for: lines for one that has a line to itself, text or a number for others.
    """
    lines: list[str] = []
    for line in template.strip().splitlines():
        text = line.lstrip()
        block = parts.get(text[1:-1])
        if isinstance(block, list) and text == f"{{{text[1:-1]}}}":
            indentation = line[: -len(text)]
            lines += [indentation + inner for inner in block]
        else:
            lines.append(line.format_map(parts))
    return lines
