import azure.functions as func

import hosting

app = hosting.extend(func.FunctionApp(), diagnostics_route="extensions")


@app.function_name("HttpTrigger")
@app.route(auth_level=func.AuthLevel.ANONYMOUS)
def greet(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(f"Hello, {req.params.get('name', 'world')}.")
