import azure.functions as func
from shared_code.wording import greeting


def main(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    name = req.params.get("name", "world")
    return func.HttpResponse(greeting(name), headers={"X-Function": context.function_name})
