import azure.functions as func

bp = func.Blueprint()


@bp.route()
def hello(req: func.HttpRequest) -> str:
    return "Hello"
