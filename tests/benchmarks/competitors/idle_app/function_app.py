"""Twenty functions that wait for messages."""

import os
import time

import azure.functions as func

app = func.FunctionApp()


def note(message: func.QueueMessage) -> None:
    """Tell how long after it was sent a message arrived."""
    waited = time.time() - float(message.get_body())
    with open(os.environ["QUEUE_WAITS"], "a") as sink:
        sink.write(f"{waited}\n")


for number in range(20):
    named = app.function_name(f"idle{number}")
    triggered = app.queue_trigger(arg_name="message", queue_name=f"idle{number}", connection="AzureWebJobsStorage")
    named(triggered(note))
