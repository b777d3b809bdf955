import azure.functions as func

app = func.FunctionApp()


@app.route()
def hello(req: func.HttpRequest) -> str
    return "Hello"
