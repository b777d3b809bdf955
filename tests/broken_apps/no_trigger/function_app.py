import azure.functions as func

app = func.FunctionApp()


@app.queue_output(arg_name="message", queue_name="outbox", connection="AzureWebJobsStorage")
def hello(message: func.Out[str]) -> None:
    message.set("Hello")
