import azure.functions as func

from greetings import greet

app = func.FunctionApp()


@app.route()
def hello(req: func.HttpRequest) -> str:
    return greet("Ada")
