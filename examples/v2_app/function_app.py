import azure.functions as func
from orders import orders

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
app.register_functions(orders)


@app.route(route="hello/{name?}", methods=["GET"])
async def hello(req: func.HttpRequest) -> str:
    return f"Hello, {req.route_params.get('name', 'world')}."
