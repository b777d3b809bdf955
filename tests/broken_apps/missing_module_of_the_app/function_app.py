import azure.functions as func
import shared.texts

app = func.FunctionApp()


@app.route()
def hello(req: func.HttpRequest) -> str:
    return shared.texts.HELLO
