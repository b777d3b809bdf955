import azure.functions as func

bp = func.Blueprint()


@bp.route(route="orders")
@bp.function_name("hello")
def list_orders(req: func.HttpRequest) -> str:
    return "no orders"
