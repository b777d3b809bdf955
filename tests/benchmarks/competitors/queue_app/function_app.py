"""A function that does what the hand-written loop does."""

import azure.functions as func

from tests.benchmarks.competitors.queue_work import work

app = func.FunctionApp()


@app.queue_trigger(arg_name="message", queue_name="%QUEUE_NAME%", connection="AzureWebJobsStorage")
async def worker(message: func.QueueMessage) -> None:
    await work(message.get_body().decode())
