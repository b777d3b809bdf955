import azure.functions as func
from call_counter import CallCounter
from timer_extension import TimerExtension

TimerExtension.configure(append_to_http_response=True)
CallCounter(__file__)


def main(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(f"Hello, {req.params.get('name', 'world')}.")
