import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)


@app.function_name("HttpTrigger")
@app.route()
def greet(req: func.HttpRequest) -> func.HttpResponse:
    name = req.params.get("name")
    if name is None:
        return func.HttpResponse("Say who you are: add ?name=Ada to the address.", status_code=400)
    return func.HttpResponse(f"Hello, {name}. This HTTP triggered function executed successfully.")
