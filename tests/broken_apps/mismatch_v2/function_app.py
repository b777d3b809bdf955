import azure.functions as func

app = func.FunctionApp()


@app.route()
def healthy(req: func.HttpRequest) -> str:
    return "fine"


@app.route()
def hello(request: func.HttpRequest) -> str:
    return "Hello"
