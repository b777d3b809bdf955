import azure.functions as func
from orders import bp

app = func.FunctionApp()
app.register_functions(bp)


@app.route(route="hello")
def hello(req: func.HttpRequest) -> str:
    return "Hello"
